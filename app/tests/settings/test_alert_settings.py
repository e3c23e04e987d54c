"""What the settings say of alerts: what is refused, with what to do, and what counts."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from meschain.domain.alert_rules import RULES
from meschain.settings import Settings, SettingsError, load_settings
from meschain.smtp_url import MailServer, mail_server

SECRET = "kP3vX9rTq2LmN8sYw5Bz7HcJf4Dg6AeU"


def refusal(tmp_path: Path, text: str) -> str:
    config = tmp_path / "meschain.toml"
    config.write_text(text)
    with pytest.raises(SettingsError) as refused:
        load_settings(config)
    assert "hunter2" not in str(refused.value)
    return str(refused.value)


def test_a_rule_is_changed_where_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESCHAIN_ALERT_RULES__ERROR_RATE__THRESHOLD", "10")
    monkeypatch.setenv("MESCHAIN_ALERT_RULES__STOCK_LOW__ENABLED", "false")
    loaded = load_settings()
    rules = loaded.settings.watched_rules
    assert rules.keys() == RULES.keys() - {"stock_low"}
    changed = rules["error_rate"]
    # What is not named stays; the lower limit keeps its share of the higher one.
    assert (changed.threshold, changed.clear_at, changed.for_seconds, changed.level) == (10, 4, 120, "error")
    shown = {setting.key: setting.value for setting in loaded.effective()}
    assert shown["alert_rules"] == "error_rate = threshold=10.0, stock_low = enabled=False"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[alert_rules.eror_rate]\nthreshold = 5", "there is no rule 'eror_rate'; they are error_rate, "),
        ("[alert_rules.error_rate]\ntreshold = 5", "did you mean threshold?"),
        ("[alert_rules.error_rate]\nclear_at = 5", "clear_at of the rule error_rate is not below its threshold, 5"),
        ("[alert_rules.error_rate]\nthreshold = 0", "alert_rules.error_rate.threshold"),
        ("[alert_rules.error_rate]\nthreshold = inf", "alert_rules.error_rate.threshold"),
        ("[alert_rules.error_rate]\nlevel = 'fatal'", "alert_rules.error_rate.level"),
        ("smtp_url = 'smtp://u:hunter2@mail.example.com'", "give both"),
        ("alert_mail_to = ['a@example.com']", "need smtp_url"),
        ("smtp_url = 'mail.example.com:25'", "write smtp://"),
        ("smtp_url = 'smtp://mail.example.com:hunter2'", "cannot be read"),
        ("smtp_url = 'smtp+plain://u:hunter2@mail.example.com'", "a password does not go over smtp+plain"),
        ("alert_mail_from = 'the shop'", "no mail address"),
        ("alert_mail_to = ['a@example.com', 'b@example.com>, <c@example.com']", "no mail address"),
        (f"[alert_webhooks.ops]\nurl = 'ftp://x'\nsecret = '{SECRET}'", "http://"),
        ("[alert_webhooks.ops]\nurl = 'https://x'\nsecret = 'hunter2'", "use a random one"),
        (f"[alert_webhooks.'o p s']\nurl = 'https://x'\nsecret = '{SECRET}'", "no name of a receiver"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, text: str, said: str) -> None:
    assert said in refusal(tmp_path, text)


def test_secrets_are_masked(tmp_path: Path) -> None:
    config = tmp_path / "meschain.toml"
    config.write_text(
        "smtp_url = 'smtps://shop:hunter2@mail.example.com'\n"
        "alert_mail_from = 'shop@example.com'\nalert_mail_to = ['a@example.com']\n"
        f"[alert_webhooks.ops]\nurl = 'https://ops.example.com/hook?key=hunter2'\nsecret = '{SECRET}'\n"
    )
    text = str(load_settings(config).effective())
    assert "mail.example.com" in text
    assert "ops.example.com" in text
    assert "hunter2" not in text
    assert SECRET not in text


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example.com", MailServer("mail.example.com", 587, "starttls")),
        ("smtps://u%40x:p%2Fw@mail.example.com:4650", MailServer("mail.example.com", 4650, "tls", "u@x", "p/w")),
        ("smtp+plain://localhost", MailServer("localhost", 25, "plain")),
    ],
)
def test_addresses_of_mail_servers(url: str, server: MailServer) -> None:
    assert mail_server(url) == server
    assert "p/w" not in repr(mail_server(url))


def test_by_default_nothing_leaves() -> None:
    settings = Settings(smtp_url=None)
    assert settings.alert_webhooks == {}
    assert settings.watched_rules == RULES
    with pytest.raises(ValueError, match="give both"):
        Settings(smtp_url=SecretStr("smtp://mail.example.com"))
