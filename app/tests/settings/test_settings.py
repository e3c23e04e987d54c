"""Settings: sources and their order, every refusal with what to do, and nothing secret anywhere."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

import pytest
from pydantic import SecretStr

from meschain.domain.roles import Role
from meschain.services.options import Kept, RetentionOptions
from meschain.settings import KEPT_TABLES, KEYS, Settings, SettingsError, load_settings

SECRET = "kP3vX9rTq2LmN8sYw5Bz7HcJf4Dg6AeU"
OTHER_SECRET = "Zu7TnR4eWq9XcVb2Lk6Hj5Gf3Ds8Ap1M"
SHOP = {"MESCHAIN_OPENCART_URL": "mysql://reader:hunter2@db/shop", "MESCHAIN_SECRET": SECRET}


class Environment:
    """The environment without any setting, to set some."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch
        for name in os.environ:
            if name.upper().startswith("MESCHAIN_"):
                patch.delenv(name)

    def set(self, variables: Mapping[str, str]) -> None:
        for name, value in variables.items():
            self._patch.setenv(name, value)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Environment:
    return Environment(monkeypatch)


def refusal(config: Path | None = None, overrides: Mapping[str, object] | None = None) -> str:
    with pytest.raises(SettingsError) as refused:
        load_settings(config, overrides)
    text = str(refused.value)
    for secret in ("hunter2", SECRET, OTHER_SECRET):
        assert secret not in text
    return text


def test_without_any_the_demo_is_served_on_loopback(environment: Environment) -> None:
    settings = load_settings().settings
    assert settings.demo
    assert settings.host == "127.0.0.1"
    assert settings.public_url == "http://localhost:8000"
    assert settings.state_url == f"sqlite:///{Path.cwd()}/meschain-data/demo.db"


def test_the_demos_own_state_is_never_a_shops(environment: Environment) -> None:
    demo = load_settings().settings.state_url
    environment.set(SHOP)
    assert load_settings().settings.state_url == f"sqlite:///{Path.cwd()}/meschain-data/meschain.db" != demo


def test_command_line_over_environment_over_file_over_default(environment: Environment, tmp_path: Path) -> None:
    config = tmp_path / "meschain.toml"
    config.write_text('port = 1\nhost = "10.0.0.1"\nlog_level = "debug"\n')
    environment.set({"MESCHAIN_PORT": "2", "MESCHAIN_HOST": "10.0.0.2"})
    loaded = load_settings(config, {"port": 3, "host": None})
    settings = loaded.settings
    assert (settings.port, settings.host, settings.log_level) == (3, "10.0.0.2", "debug")
    shown = {setting.key: setting for setting in loaded.effective()}
    assert shown["port"].source == "command line"
    assert shown["host"].source == "environment MESCHAIN_HOST"
    assert shown["log_level"].source == f"file {config}"
    assert shown["log_format"].source == "default"
    assert tuple(shown) == KEYS


def test_the_file_may_be_named_by_the_environment(environment: Environment, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("port = 5")
    environment.set({"MESCHAIN_CONFIG": str(tmp_path / "a.toml")})
    assert load_settings().settings.port == 5


def test_arguments_alone_read_no_environment(environment: Environment) -> None:
    environment.set({"MESCHAIN_PORT": "2"})
    assert Settings().port == 8000


def test_an_empty_variable_is_none(environment: Environment) -> None:
    environment.set({"MESCHAIN_OPENCART_URL": "", "MESCHAIN_PORT": ""})
    assert load_settings().settings.demo


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("MESCHAIN_PRT", "MESCHAIN_PORT"),
        ("MESCHAIN_OPENCART_URI", "MESCHAIN_OPENCART_URL"),
        ("meschain_secrets", "MESCHAIN_SECRET"),
        ("MESCHAIN_PORT__X", "MESCHAIN_PORT"),
        ("MESCHAIN_CONFIGS", "MESCHAIN_CONFIG"),
    ],
)
def test_unknown_variables_are_refused_with_the_nearest(environment: Environment, name: str, nearest: str) -> None:
    environment.set({name: "hunter2"})
    text = refusal()
    assert name in text
    assert f"did you mean {nearest}?" in text


def test_unknown_keys_of_the_file_are_refused_with_the_nearest(environment: Environment, tmp_path: Path) -> None:
    config = tmp_path / "a.toml"
    config.write_text("prot = 1\nsecrt = 'hunter2'")
    text = refusal(config)
    assert "did you mean port?" in text
    assert "did you mean secret?" in text
    config.write_text("[sync_endpoints.n11]\nurl = 'https://shop.example.com'\nsecert = 'hunter2'")
    assert "did you mean secret?" in refusal(config)


@pytest.mark.parametrize("content", ["port = ", "\xff"])
def test_a_file_that_is_not_toml(environment: Environment, tmp_path: Path, content: str) -> None:
    (tmp_path / "a.toml").write_bytes(content.encode("latin-1"))
    assert "is not TOML" in refusal(tmp_path / "a.toml")


def test_a_file_that_is_not_there(environment: Environment, tmp_path: Path) -> None:
    assert "cannot be read" in refusal(tmp_path / "none.toml")


def test_a_shop_needs_a_secret(environment: Environment) -> None:
    environment.set({"MESCHAIN_OPENCART_URL": SHOP["MESCHAIN_OPENCART_URL"]})
    assert "set MESCHAIN_SECRET" in refusal()
    environment.set(SHOP)
    assert not load_settings().settings.demo


@pytest.mark.parametrize(
    "secret",
    ["changeme", "secret", "default", "your-secret-key", "x" * 40, "changeme-changeme-changeme-changeme", SECRET[:31]],
)
def test_weak_secrets_are_refused_even_for_the_demo(environment: Environment, secret: str) -> None:
    for name in ("MESCHAIN_SECRET", "MESCHAIN_PREVIOUS_SECRET"):
        environment.set({"MESCHAIN_SECRET": SECRET, name: secret})
        assert "use a random one" in refusal()


def test_the_previous_secret_is_another(environment: Environment) -> None:
    environment.set({"MESCHAIN_SECRET": SECRET, "MESCHAIN_PREVIOUS_SECRET": SECRET})
    assert "equals secret" in refusal()
    environment.set({"MESCHAIN_PREVIOUS_SECRET": OTHER_SECRET})
    load_settings()


WRONG: tuple[tuple[dict[str, str], str], ...] = (
    ({"MESCHAIN_PORT": "80a"}, "port"),
    ({"MESCHAIN_PORT": "70000"}, "port"),
    ({"MESCHAIN_DATABASE_URL": "oracle://u:hunter2@h/d"}, "database_url"),
    ({"MESCHAIN_OPENCART_URL": "hunter2", "MESCHAIN_SECRET": SECRET}, "opencart_url"),
    ({"MESCHAIN_OPENCART_PREFIX": "oc_; drop"}, "opencart_prefix"),
    ({"MESCHAIN_OPENCART_VERSION": "2.3"}, "opencart_version"),
    ({"MESCHAIN_PUBLIC_URL": "shop.example.com"}, "public_url"),
    ({"MESCHAIN_PUBLIC_URL": "ftp://shop.example.com"}, "public_url"),
    ({"MESCHAIN_PUBLIC_URL": "https://shop.example.com/live"}, "public_url"),
    ({"MESCHAIN_PUBLIC_URL": "https://me:hunter2@shop.example.com"}, "public_url"),
    ({"MESCHAIN_PUBLIC_URL": "https://shop.example.com:port"}, "public_url"),
    ({"MESCHAIN_ALLOWED_ORIGINS": "*"}, "allowed_origins"),
    ({"MESCHAIN_ALLOWED_ORIGINS": "https://*.example.com"}, "allowed_origins"),
    ({"MESCHAIN_ALLOWED_HOSTS": "https://shop.example.com"}, "allowed_hosts"),
    ({"MESCHAIN_TRUSTED_PROXIES": "10.0.0.0/33"}, "trusted_proxies"),
    ({"MESCHAIN_METRICS_NETWORKS": "everybody"}, "metrics_networks"),
    ({"MESCHAIN_TRUSTED_NETWORKS": "the office"}, "trusted_networks"),
    ({"MESCHAIN_MAXIMUM_CONNECTIONS": "0"}, "maximum_connections"),
    ({"MESCHAIN_CONNECTIONS_PER_ADDRESS": "0"}, "connections_per_address"),
    ({"MESCHAIN_LOG_FORMAT": "xml"}, "log_format"),
    ({"MESCHAIN_LOG_LEVEL": "loud"}, "log_level"),
    ({"MESCHAIN_DASHBOARD_INTERVAL_SECONDS": "0"}, "dashboard_interval_seconds"),
    ({"MESCHAIN_LOGIN_FAILURES_PER_USER": "0"}, "login_failures_per_user"),
    ({"MESCHAIN_GROUP_ROLES": '{"1": "emperor"}'}, "group_roles"),
    ({"MESCHAIN_GROUP_ROLES": '{"1": "service"}'}, "group_roles"),
    ({"MESCHAIN_HEALTH_ENDPOINTS": '{"shop": "file:///etc/passwd"}'}, "health_endpoints"),
    ({"MESCHAIN_SYNC_ENDPOINTS": f'{{"nowhere": {{"url": "https://a.b", "secret": "{SECRET}"}}}}'}, "sync_endpoints"),
    ({"MESCHAIN_SYNC_ENDPOINTS": '{"n11": {"url": "https://a.b", "secret": "hunter2"}}'}, "sync_endpoints"),
    ({"MESCHAIN_KEPT_DAYS__EVENTS": "3"}, "kept_days"),
    ({"MESCHAIN_KEPT_DAYS__AUDIT": "0"}, "kept_days"),
    ({"MESCHAIN_KEPT_ROWS__AUDITS": "1000"}, "kept_rows"),
    ({"MESCHAIN_KEPT_ROWS__AUDIT": "99"}, "kept_rows"),
    ({"MESCHAIN_PRESENCE_GRACE_SECONDS": "-1"}, "presence_grace_seconds"),
    ({"MESCHAIN_IDLE_CONNECTION_HOURS": "-1"}, "idle_connection_hours"),
    ({"MESCHAIN_TOKEN_ISSUERS": "[{"}, "token_issuers"),
    ({"MESCHAIN_TOKEN_ISSUERS": '[{"issuer": "a", "audience": "b", "algorithms": ["none"]}]'}, "token_issuers"),
    ({"MESCHAIN_TLS_CERTIFICATE": "/no/such/file"}, "tls_certificate"),
)


@pytest.mark.parametrize(
    ("variables", "key"), WRONG, ids=[f"{next(iter(given))}-{n}" for n, (given, _) in enumerate(WRONG)]
)
def test_wrong_values_are_refused_by_name(environment: Environment, variables: dict[str, str], key: str) -> None:
    environment.set(variables)
    assert key in refusal()


def test_what_is_kept_is_set_table_by_table(environment: Environment) -> None:
    environment.set(
        {"MESCHAIN_KEPT_DAYS__AUDIT": "30", "MESCHAIN_KEPT_ROWS": '{"events": 1000, "audit": 500}'},
    )
    settings = load_settings().settings
    assert (settings.kept_days, settings.kept_rows) == ({"audit": 30.0}, {"events": 1000, "audit": 500})


def test_all_that_is_kept_for_a_while_can_be_set() -> None:
    options = RetentionOptions()
    assert {each.name for each in fields(options) if isinstance(getattr(options, each.name), Kept)} == KEPT_TABLES


def test_all_problems_are_told_at_once(environment: Environment) -> None:
    environment.set({"MESCHAIN_LOG_FORMAT": "xml", "MESCHAIN_LOG_LEVEL": "loud"})
    assert len(refusal().splitlines()) == 2


def test_certificate_and_key_go_together(environment: Environment, tmp_path: Path) -> None:
    pem = tmp_path / "a.pem"
    pem.write_text("pem")
    environment.set({"MESCHAIN_TLS_CERTIFICATE": str(pem)})
    assert "go together" in refusal()
    environment.set({"MESCHAIN_TLS_KEY": str(pem)})
    assert load_settings().settings.public_url == "https://localhost:8000"
    environment.set({"MESCHAIN_PUBLIC_URL": "http://shop.example.com"})
    assert "must begin with https://" in refusal()


def test_lists_and_tables_from_the_environment(environment: Environment) -> None:
    environment.set(
        {
            "MESCHAIN_ALLOWED_ORIGINS": "https://Admin.example.com, https://b.example.com:443/",
            "MESCHAIN_TRUSTED_PROXIES": "10.0.0.0/8,::1",
            "MESCHAIN_GROUP_ROLES": '{"1": "super_admin", "12": "viewer"}',
            "MESCHAIN_HEALTH_ENDPOINTS__SHOP": "https://shop.example.com/health",
            "MESCHAIN_SYNC_ENDPOINTS__N11__URL": "https://shop.example.com/sync",
            "MESCHAIN_SYNC_ENDPOINTS__N11__SECRET": SECRET,
            "MESCHAIN_TOKEN_ISSUERS": '[{"issuer": "shop", "audience": "m", "algorithms": ["HS256"], "secret": "'
            f'{SECRET}"}}]',
        }
    )
    settings = load_settings().settings
    assert settings.allowed_origins == ("https://admin.example.com", "https://b.example.com")
    assert settings.trusted_proxies == ("10.0.0.0/8", "::1")
    assert settings.group_roles == {1: Role.SUPER_ADMIN, 12: Role.VIEWER}
    assert settings.health_endpoints == {"shop": "https://shop.example.com/health"}
    assert settings.sync_endpoints["n11"].secret.get_secret_value() == SECRET
    assert settings.token_issuers[0].issuer == "shop"


def test_issuers_must_be_told_apart(environment: Environment, tmp_path: Path) -> None:
    entry = '[[token_issuers]]\nissuer = "{}"\nname = "{}"\naudience = "m"\nalgorithms = ["HS256"]\n'
    entry += f'secret = "{SECRET}"\n'
    config = tmp_path / "a.toml"
    for first, second in ((("a", "x"), ("a", "y")), (("a", "x"), ("b", "x")), (("a", ""), ("b", "x"))):
        config.write_text(entry.format(*first) + entry.format(*second))
        assert "issuer" in refusal(config)
    config.write_text(entry.format("a", "x") + entry.format("b", "y"))
    assert len(load_settings(config).settings.token_issuers) == 2


def test_nothing_secret_is_shown(environment: Environment) -> None:
    environment.set(
        {
            **SHOP,
            "MESCHAIN_PREVIOUS_SECRET": OTHER_SECRET,
            "MESCHAIN_DATABASE_URL": "postgresql://me:hunter2@db/state",
            "MESCHAIN_SYNC_ENDPOINTS": f'{{"n11": {{"url": "https://me:letmein@a.b/c", "secret": "{SECRET}"}}}}',
            "MESCHAIN_HEALTH_ENDPOINTS": '{"erp": "https://erp.example/health?key=letmein"}',
            "MESCHAIN_TOKEN_ISSUERS": '[{"issuer": "shop", "audience": "m", "algorithms": ["HS256"], "secret": "'
            f'{SECRET}"}}]',
        }
    )
    loaded = load_settings()
    shown = {setting.key: setting.value for setting in loaded.effective()}
    assert shown["opencart_url"] == "mysql://reader:***@db/shop"
    assert shown["secret"] == "***"
    assert shown["sync_endpoints"] == "n11 = https://a.b/c"
    assert shown["health_endpoints"] == "erp = https://erp.example/health?***"
    assert shown["token_issuers"] == "shop (HS256)"
    for text in (repr(loaded), str(loaded.settings), repr(shown), loaded.settings.model_dump_json()):
        assert "hunter2" not in text
        assert SECRET not in text
        assert OTHER_SECRET not in text


def test_settings_can_be_made_by_hand_and_do_not_change(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, opencart_url=SecretStr("mysql://u:p@h/d"), secret=SecretStr(SECRET), port=0)
    assert not settings.demo
    with pytest.raises(ValueError, match="frozen"):
        settings.port = 1


def test_several_workers_need_a_redis(environment: Environment) -> None:
    environment.set({"MESCHAIN_WORKERS": "4"})
    assert "4 workers need redis_url" in refusal()
    environment.set({"MESCHAIN_REDIS_URL": "redis://:hunter2@127.0.0.1:6379/0"})
    assert load_settings().settings.workers == 4


@pytest.mark.parametrize("address", ["http://127.0.0.1", "127.0.0.1:6379", "redis"])
def test_what_is_no_redis_is_refused_unrepeated(environment: Environment, address: str) -> None:
    environment.set({"MESCHAIN_REDIS_URL": f"{address}?password=hunter2"})
    assert "redis://, rediss:// or unix://" in refusal()


def test_the_password_of_a_redis_is_masked(environment: Environment) -> None:
    environment.set({"MESCHAIN_REDIS_URL": "redis://u:hunter2@cache:6379/0?password=hunter2"})
    shown = {each.key: each.value for each in load_settings().effective()}
    assert shown["redis_url"] == "redis://u:***@cache:6379/0"


def test_metrics_ports_have_to_be_there(environment: Environment) -> None:
    environment.set({"MESCHAIN_WORKERS": "3", "MESCHAIN_REDIS_URL": "redis://cache", "MESCHAIN_METRICS_PORT": "65534"})
    assert "one for each worker, end at 65535" in refusal()
    environment.set({"MESCHAIN_METRICS_PORT": "65533"})
    assert load_settings().settings.metrics_port == 65533


CONNECTION = f"Endpoint=https://panel.service.signalr.net;AccessKey={SECRET};Version=1.0;"


def test_a_service_that_holds_the_connections_is_one_text_or_several_by_name(
    environment: Environment, tmp_path: Path
) -> None:
    environment.set({"MESCHAIN_AZURE_SIGNALR": CONNECTION})
    loaded = load_settings()
    assert {name: value.get_secret_value() for name, value in loaded.settings.azure_signalr.items()} == {"": CONNECTION}
    environment.set({"MESCHAIN_AZURE_SIGNALR": f'{{"west": "{CONNECTION}", "east:secondary": "{CONNECTION}"}}'})
    loaded = load_settings()
    assert list(loaded.settings.azure_signalr) == ["west", "east:secondary"]
    (shown,) = [each.value for each in loaded.effective() if each.key == "azure_signalr"]
    assert shown == "west = ***, east:secondary = ***"
    assert SECRET not in repr(loaded)
    environment.set({"MESCHAIN_AZURE_SIGNALR": "", "MESCHAIN_AZURE_SIGNALR__BLUE": CONNECTION})
    assert list(load_settings().settings.azure_signalr) == ["blue"]
    environment.set({"MESCHAIN_AZURE_SIGNALR": "", "MESCHAIN_AZURE_SIGNALR__BLUE": ""})
    config = tmp_path / "meschain.toml"
    config.write_text(f'azure_signalr = "{CONNECTION}"\nupstream_path = "/runtime/webhooks/signalr"')
    assert list(load_settings(config).settings.azure_signalr) == [""]
    config.write_text(f'[azure_signalr]\n"west:primary" = "{CONNECTION}"')
    assert list(load_settings(config).settings.azure_signalr) == ["west:primary"]


@pytest.mark.parametrize(
    ("variables", "text"),
    [
        ({"AZURE_SIGNALR": SECRET}, "write a connection string"),
        ({"AZURE_SIGNALR": f'{{"west": {SECRET}'}, "several are written as JSON"),
        ({"AZURE_SIGNALR": f'{{"west:third": "{CONNECTION}"}}'}, "'west:third' is no name of an endpoint"),
        ({"UPSTREAM_PATH": "api/upstream"}, "upstream_path"),
        ({"UPSTREAM_PATH": "/api/upstream?code=1"}, "upstream_path"),
        ({"UPSTREAM_CODE": "guessable"}, "shorter than 32 characters"),
    ],
)
def test_a_service_that_cannot_be_meant_is_refused(
    environment: Environment, variables: Mapping[str, str], text: str
) -> None:
    environment.set({f"MESCHAIN_{name}": value for name, value in variables.items()})
    assert text in refusal()


def test_listeners_of_old_pages_are_given_entry_by_entry(environment: Environment) -> None:
    environment.set(
        {
            "MESCHAIN_LEGACY_LISTENERS__PANEL__PORT": "8080",
            "MESCHAIN_LEGACY_LISTENERS__PANEL__ROLE": "admin",
            "MESCHAIN_LEGACY_LISTENERS__PANEL__ALLOWED_ORIGINS": '["https://old.example.com"]',
        }
    )
    loaded = load_settings()
    panel = loaded.settings.legacy_listeners["panel"]
    assert (panel.port, panel.role, panel.allowed_origins) == (8080, "admin", ("https://old.example.com",))
    assert {each.key: each.value for each in loaded.effective()}["legacy_listeners"] == "panel = 127.0.0.1:8080"


def test_a_listener_of_old_pages_that_cannot_be_is_refused(environment: Environment) -> None:
    for wrong, expected in (
        ({"port": 8080, "tls": True}, "needs tls_certificate"),
        ({"port": 8080, "role": "super_admin"}, "above ceiling"),
        ({"prot": 8080}, "did you mean port"),
    ):
        assert expected in refusal(overrides={"legacy_listeners": {"panel": wrong}})
    several = {"legacy_listeners": {"panel": {"port": 0}}, "workers": 2, "redis_url": "redis://127.0.0.1:6379/0"}
    assert "a port that all workers share" in refusal(overrides=several)
    assert "no name of a listener" in refusal(overrides={"legacy_listeners": {"a b": {"port": 1}}})
