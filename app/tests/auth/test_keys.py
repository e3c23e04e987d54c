"""Secrets: which are refused, and the keys that come from one."""

from __future__ import annotations

import secrets as random

import pytest
from app.tests.auth.rig import OTHER_SECRET, SECRET

from meschain.auth.keys import CLIENT_KEYS, LOGIN_KEYS, Secrets, secret_weakness


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "secret",
        "changeme",
        "default",
        "your-secret-key",
        "short-but-random-9Xk2",
        "changeme-changeme-changeme-changeme",
        "meschain-sync-jwt-secret-2024-production",
        "your_jwt_secret_key_here_please_set_it_1",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "abababababababababababababababababababab",
        "0123456789abcdef0123456789abcdef",
    ],
)
def test_defaults_copies_and_short_texts_are_weak(secret: str) -> None:
    weakness = secret_weakness(secret)
    assert weakness
    assert len(secret) < 20 or secret not in weakness


def test_random_texts_are_not_weak() -> None:
    for _ in range(200):
        assert secret_weakness(random.token_urlsafe(32)) is None
        assert secret_weakness(random.token_hex(32)) is None
    assert secret_weakness(SECRET) is None


def test_each_purpose_has_its_own_key() -> None:
    secrets = Secrets(SECRET)
    assert secrets.keys(LOGIN_KEYS)[0].value != secrets.keys(CLIENT_KEYS)[0].value
    assert secrets.keys(LOGIN_KEYS)[0].id != secrets.keys(CLIENT_KEYS)[0].id


def test_the_previous_secret_gives_the_second_key() -> None:
    keys = Secrets(SECRET, OTHER_SECRET).keys(LOGIN_KEYS)
    assert [key.id for key in keys] == [
        Secrets(SECRET).keys(LOGIN_KEYS)[0].id,
        Secrets(OTHER_SECRET).keys(LOGIN_KEYS)[0].id,
    ]


def test_access_keys_are_text_of_64_characters() -> None:
    keys = Secrets(SECRET, OTHER_SECRET).access_keys(CLIENT_KEYS)
    assert [len(key) for key in keys] == [64, 64]


def test_nothing_secret_is_in_a_repr() -> None:
    secrets = Secrets(SECRET, OTHER_SECRET)
    key = secrets.keys(LOGIN_KEYS)[0]
    text = repr(secrets) + repr(key)
    assert SECRET not in text
    assert OTHER_SECRET not in text
    assert repr(key.value) not in text
