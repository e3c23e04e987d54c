"""The demo's random secret and passwords, and the file that keeps them."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from pydantic import SecretStr

from meschain.auth.keys import secret_weakness
from meschain.settings import Settings
from meschain.state.demo_file import DemoFileBroken, demo_credentials, signing_secrets


def test_they_are_random_and_used_again(tmp_path: Path) -> None:
    first = demo_credentials(tmp_path / "data", ["admin", "manager"])
    assert secret_weakness(first.secret) is None
    assert len(set(first.passwords.values())) == 2
    assert demo_credentials(tmp_path / "data", ["admin", "manager"]) == first
    assert demo_credentials(tmp_path / "other", ["admin", "manager"]) != first


def test_a_new_user_gets_a_password_and_the_others_keep_theirs(tmp_path: Path) -> None:
    first = demo_credentials(tmp_path, ["admin"])
    second = demo_credentials(tmp_path, ["admin", "viewer"])
    assert second.secret == first.secret
    assert second.passwords["admin"] == first.passwords["admin"]
    assert second.passwords["viewer"]


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    demo_credentials(tmp_path / "data", ["admin"])
    assert stat.S_IMODE((tmp_path / "data/demo.json").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["demo.json"]


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"secret": 1, "passwords": {}}', '{"secret": "x", "passwords": []}']
)
def test_a_broken_file_says_what_to_do(tmp_path: Path, content: str) -> None:
    (tmp_path / "demo.json").write_text(content)
    with pytest.raises(DemoFileBroken, match="delete it"):
        demo_credentials(tmp_path)


def test_nothing_secret_is_in_the_repr(tmp_path: Path) -> None:
    credentials = demo_credentials(tmp_path, ["admin"])
    assert credentials.secret not in repr(credentials)
    assert credentials.passwords["admin"] not in repr(credentials)


def test_the_secrets_of_the_settings_come_first(tmp_path: Path) -> None:
    secret, previous = "kP3vX9rTq2LmN8sYw5Bz7HcJf4Dg6AeU", "Zu7TnR4eWq9XcVb2Lk6Hj5Gf3Ds8Ap1M"
    secrets = signing_secrets(
        Settings(data_dir=tmp_path, secret=SecretStr(secret), previous_secret=SecretStr(previous))
    )
    assert (secrets.current, secrets.previous) == (secret, previous)
    assert not list(tmp_path.iterdir())


def test_a_demo_without_a_secret_has_its_own(tmp_path: Path) -> None:
    secrets = signing_secrets(Settings(data_dir=tmp_path))
    assert secrets.current == demo_credentials(tmp_path).secret
