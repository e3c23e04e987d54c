"""The settings of the application, their checks and their sources; the only reader of the environment.

`load_settings` merges the command line, the environment (`MESCHAIN_*`) and a TOML file, in this order of precedence.
`Settings(...)` itself reads nothing but its arguments, so tests and commands can make one.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, EnvSettingsSource, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as SourceError

from meschain.auth.issuers import TokenIssuer
from meschain.auth.keys import secret_weakness
from meschain.database_url import BadDatabaseUrl, async_url, without_password
from meschain.domain.marketplaces import MARKETPLACES
from meschain.domain.roles import Role

ENV_PREFIX: Final = "MESCHAIN_"
CONFIG_VARIABLE: Final = "MESCHAIN_CONFIG"
"""Path of the TOML file, when the command line gives none."""


class SettingsError(Exception):
    """The settings cannot be used. One sentence per problem, each with what to do; none repeats a secret."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


def _split(value: object) -> object:
    """A list from the environment is written with commas."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


class SyncEndpoint(BaseModel):
    """The shop's own address that syncs one marketplace when asked to."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: str
    secret: SecretStr
    """Signs our requests, so that the shop can tell them from others."""

    @field_validator("url")
    @classmethod
    def _http(cls, url: str) -> str:
        return _http_url(url)

    @field_validator("secret")
    @classmethod
    def _strong(cls, secret: SecretStr) -> SecretStr:
        return _strong_secret(secret)


class Settings(BaseSettings):
    """Every setting, with unit and the reason of its default."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    # --- where things are ---
    data_dir: Path = Path("meschain-data")
    """Folder of our own files: the default database, the demo shop and its accounts."""
    database_url: SecretStr | None = None
    """Our own state: sqlite:///file, mysql://, mariadb:// or postgresql://. None: SQLite in `data_dir`."""
    opencart_url: SecretStr | None = None
    """The shop's database, best by an account that may only read. None: the embedded demo shop."""
    opencart_prefix: str = Field(default="oc_", pattern=r"^[A-Za-z0-9_]*$")
    """Prefix of the shop's tables (`DB_PREFIX` in its config.php)."""
    opencart_version: Literal["auto", "3.0", "4.0", "4.1"] = "auto"
    """The shop's version; auto: told from its tables."""

    # --- the listening server ---
    host: str = "127.0.0.1"
    """Address to listen on. Loopback: whoever wants to be reachable says so."""
    port: int = Field(default=8000, ge=0, le=65535)
    """Port to listen on; 0: any free one."""
    tls_certificate: Path | None = None
    """PEM file with the certificate chain; with `tls_key`."""
    tls_key: Path | None = None
    """PEM file with the private key."""
    public_url: str = ""
    """The address that browsers use, without a path. Empty: http(s)://localhost:<port>."""
    allowed_origins: Words = ()
    """Origins of other sites whose pages may call us, e.g. https://admin.example.com. Our own is always allowed."""
    allowed_hosts: Words = ()
    """Further host names that are answered, beside that of `public_url` and this machine's own."""
    trusted_proxies: Words = ()
    """Addresses or networks whose X-Forwarded-For and X-Forwarded-Proto are believed."""
    metrics_networks: Words = ("127.0.0.0/8", "::1/128")
    """Networks that may read /metrics. Loopback: figures of the business are nobody else's."""

    # --- identity ---
    secret: SecretStr | None = None
    """Signs our tokens; random, at least 32 characters. The demo makes its own."""
    previous_secret: SecretStr | None = None
    """Still believed while keys rotate; remove it once the tokens that it signed have expired."""
    login_token_seconds: int = Field(default=900, ge=60, le=86_400)
    """Life of a bearer token. 15 minutes: what a stolen one is worth."""
    login_session_seconds: int = Field(default=12 * 3600, ge=300, le=90 * 86_400)
    """How long a log-in can be refreshed. 12 hours: a working day."""
    client_token_seconds: int = Field(default=3600, ge=60, le=86_400)
    """Life of a hub token. One hour: the default of Azure SignalR's kits."""
    login_failures_per_user: int = Field(default=10, ge=1)
    """Failed log-ins of one user name within the window; above it, 429."""
    login_failures_per_address: int = Field(default=50, ge=1)
    """Failed log-ins from one address within the window; more than per user, because an office shares one."""
    login_window_seconds: float = Field(default=300.0, gt=0)
    """The window in which failed log-ins count."""
    negotiations_per_user: int = Field(default=120, ge=1)
    """Negotiations of one user per minute; each reconnect of each open page is one."""
    negotiations_per_address: int = Field(default=1200, ge=1)
    """Negotiations from one address per minute; a whole office reconnects at once after a restart."""
    group_roles: dict[int, Role] = Field(default_factory=dict)
    """OpenCart's user groups by id -> our roles; the others follow from their rights."""
    token_issuers: tuple[TokenIssuer, ...] = ()
    """Who else may issue tokens for us."""

    # --- figures ---
    dashboard_interval_seconds: float = Field(default=5.0, gt=0)
    """How often open dashboards get new figures."""
    order_poll_seconds: float = Field(default=0.5, gt=0)
    """How often the shop is asked for new orders. Half a second: an order shows within one."""
    window_seconds: float = Field(default=60.0, gt=0, le=3600)
    """The sliding window of response time, throughput and error rate; at most an hour, which is kept in memory."""
    session_minutes: int = Field(default=15, ge=1)
    """A shop session counts as active when it was seen within that time."""
    revenue_rule: Literal["gross", "net", "opencart"] = "gross"
    """gross: confirmed and not void; net: processing and complete only; opencart: exactly as its sales report."""
    low_stock_threshold: int = Field(default=5, ge=0)
    """A product with at most that many pieces is short."""
    sync_endpoints: dict[str, SyncEndpoint] = Field(default_factory=dict)
    """Marketplace code -> the shop's address that syncs it."""
    health_endpoints: dict[str, str] = Field(default_factory=dict)
    """Name -> address that is probed for `apiHealth`."""

    # --- logs ---
    log_format: Literal["console", "json"] = "console"
    """console: for people; json: one object per line."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important entries that are written."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only arguments: `load_settings` merges the other sources itself, because it must name them."""
        return (init_settings,)

    @property
    def demo(self) -> bool:
        """Whether the embedded demo shop is served."""
        return self.opencart_url is None

    @property
    def state_url(self) -> str:
        """Address of our own database. May hold a password: never log it.

        The demo has a file of its own: its accounts, sync jobs and activity are not to be met in a real shop.
        """
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        name = "demo.db" if self.demo else "meschain.db"
        return f"sqlite:///{self.data_dir.expanduser().absolute() / name}"

    @property
    def secure(self) -> bool:
        """Whether browsers reach us by https."""
        return self.public_url.startswith("https://")

    @field_validator("database_url", "opencart_url")
    @classmethod
    def _database(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            try:
                async_url(value.get_secret_value())
            except BadDatabaseUrl as error:
                raise ValueError(str(error)) from None
        return value

    @field_validator("secret", "previous_secret")
    @classmethod
    def _strong(cls, value: SecretStr | None) -> SecretStr | None:
        return None if value is None else _strong_secret(value)

    @field_validator("allowed_origins")
    @classmethod
    def _origins(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_origin(value) for value in values)

    @field_validator("allowed_hosts")
    @classmethod
    def _hosts(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            if "/" in value or "*" in value:
                raise ValueError(f"{value!r} is not a host name; write it as in shop.example.com")
        return tuple(value.lower() for value in values)

    @field_validator("trusted_proxies", "metrics_networks")
    @classmethod
    def _networks(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            try:
                ipaddress.ip_network(value, strict=False)
            except ValueError:
                raise ValueError(f"{value!r} is neither an address nor a network such as 10.0.0.0/8") from None
        return values

    @field_validator("health_endpoints")
    @classmethod
    def _health(cls, values: dict[str, str]) -> dict[str, str]:
        return {name: _http_url(url) for name, url in values.items()}

    @field_validator("sync_endpoints")
    @classmethod
    def _marketplaces(cls, values: dict[str, SyncEndpoint]) -> dict[str, SyncEndpoint]:
        for code in values:
            if code not in MARKETPLACES:
                raise ValueError(f"{code!r} is not a marketplace; they are {', '.join(MARKETPLACES)}")
        return values

    @field_validator("group_roles")
    @classmethod
    def _no_service(cls, values: dict[int, Role]) -> dict[int, Role]:
        if Role.SERVICE in values.values():
            raise ValueError("the role service is issued by `meschain token --service` only")
        return values

    @field_validator("token_issuers")
    @classmethod
    def _told_apart(cls, values: tuple[TokenIssuer, ...]) -> tuple[TokenIssuer, ...]:
        if len({issuer.issuer for issuer in values}) < len(values):
            raise ValueError("two entries have the same issuer")
        names = {issuer.name for issuer in values}
        if len(values) > 1 and ("" in names or len(names) < len(values)):
            raise ValueError("several issuers need a different name each, or their users could not be told apart")
        return values

    @field_validator("tls_certificate", "tls_key")
    @classmethod
    def _file(cls, value: Path | None) -> Path | None:
        if value is not None and not (value.is_file() and os.access(value, os.R_OK)):
            raise ValueError(f"{value} is not a file that can be read")
        return value

    @model_validator(mode="before")
    @classmethod
    def _public_url(cls, values: dict[str, object]) -> dict[str, object]:
        if not values.get("public_url"):
            scheme = "https" if values.get("tls_certificate") else "http"
            return {**values, "public_url": f"{scheme}://localhost:{values.get('port', 8000)}"}
        return values

    @field_validator("public_url")
    @classmethod
    def _public(cls, value: str) -> str:
        return _origin(value)

    @model_validator(mode="after")
    def _together(self) -> Settings:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key go together: give both or none")
        if self.tls_certificate is not None and not self.secure:
            raise ValueError("with a TLS certificate public_url must begin with https://")
        if self.previous_secret is not None and self.previous_secret == self.secret:
            raise ValueError("previous_secret equals secret; give the one that was used before")
        if not self.demo and self.secret is None:
            raise ValueError(
                "secret is missing; set MESCHAIN_SECRET to a random text, for instance the output of "
                "`python3 -c 'import secrets; print(secrets.token_urlsafe(48))'`"
            )
        return self


def _strong_secret(value: SecretStr) -> SecretStr:
    weakness = secret_weakness(value.get_secret_value())
    if weakness:
        raise ValueError(
            f"the secret {weakness}; use a random one, for instance the output of "
            "`python3 -c 'import secrets; print(secrets.token_urlsafe(48))'`"
        )
    return value


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("write an address that begins with http:// or https://")
    return value


def _origin(value: str) -> str:
    """Scheme, host and port as a browser writes an Origin header. Raises: ValueError."""
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise ValueError(f"{value!r} is not an address") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or "*" in value:
        raise ValueError(f"{value!r} is not an address such as https://admin.example.com")
    if parts.path not in {"", "/"} or parts.query or parts.fragment or parts.username is not None:
        raise ValueError(f"{parts.scheme}://{parts.hostname} must come without path, query and user name")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    is_default = port is None or (parts.scheme, port) in {("http", 80), ("https", 443)}
    return f"{parts.scheme}://{host}" if is_default else f"{parts.scheme}://{host}:{port}"


# --- loading --------------------------------------------------------------------------------------------------------

KEYS: Final = tuple(Settings.model_fields)
_TABLES: Final = frozenset({"sync_endpoints", "health_endpoints", "group_roles"})
"""What may also be given entry by entry, as in MESCHAIN_HEALTH_ENDPOINTS__SHOP."""
_DATABASE_KEYS: Final = frozenset({"database_url", "opencart_url"})


@dataclass(frozen=True, slots=True)
class EffectiveSetting:
    """One line of `meschain config check`; `value` is masked where it is secret."""

    key: str
    value: str
    source: str


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Settings, and where each that is not a default came from."""

    settings: Settings
    sources: Mapping[str, str] = field(default_factory=dict)

    def effective(self) -> tuple[EffectiveSetting, ...]:
        """Every setting as it counts."""
        return tuple(
            EffectiveSetting(key, _shown(key, getattr(self.settings, key)), self.sources.get(key, "default"))
            for key in KEYS
        )


def load_settings(config: Path | None = None, overrides: Mapping[str, object] | None = None) -> LoadedSettings:
    """Settings from the command line (`overrides`; None counts as not given), the environment and a TOML file.

    Raises: SettingsError, which names every problem.
    """
    given = {key: value for key, value in (overrides or {}).items() if value is not None}
    path = config
    if path is None and os.environ.get(CONFIG_VARIABLE):
        path = Path(os.environ[CONFIG_VARIABLE])
    problems = [*_unknown_variables(os.environ)]
    from_file: dict[str, object] = {}
    if path is not None:
        from_file = _read_toml(path)
        problems += [_unknown(key, KEYS, f"in {path}") for key in from_file if key not in KEYS]
    if problems:
        raise SettingsError(problems)
    try:
        from_environment = EnvSettingsSource(Settings)()
    except SourceError as error:
        raise SettingsError([f"The environment cannot be read: {error}; write JSON for lists and tables."]) from None
    sources = {key: f"file {path}" for key in from_file}
    sources |= {key: f"environment {ENV_PREFIX}{key.upper()}" for key in from_environment}
    sources |= dict.fromkeys(given, "command line")
    try:
        settings = Settings(**{**from_file, **from_environment, **given})
    except ValidationError as error:
        raise SettingsError(_sentences(error, sources)) from None
    return LoadedSettings(settings, sources)


def _read_toml(path: Path) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise SettingsError([f"The settings file {path} cannot be read: {error.strerror}."]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError([f"The settings file {path} is not TOML: {error}."]) from None


def _unknown_variables(environment: Mapping[str, str]) -> Iterable[str]:
    known = [f"{ENV_PREFIX}{key.upper()}" for key in KEYS]
    for name in environment:
        folded = name.upper()
        variable, _, inner = folded.partition("__")
        is_known = variable in known and (not inner or variable.removeprefix(ENV_PREFIX).lower() in _TABLES)
        if folded.startswith(ENV_PREFIX) and folded != CONFIG_VARIABLE and not is_known:
            yield _unknown(name, [*known, CONFIG_VARIABLE], "in the environment")


def _unknown(name: str, known: Iterable[str], where: str) -> str:
    by_folded = {key.casefold(): key for key in known}
    nearest = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.0)
    return f"There is no setting {name} ({where}); did you mean {by_folded[nearest[0]]}?"


def _sentences(error: ValidationError, sources: Mapping[str, str]) -> Iterable[str]:
    for detail in error.errors(include_url=False, include_input=False):
        message = detail["msg"].removeprefix("Value error, ")
        if not detail["loc"]:
            yield f"{message[:1].upper()}{message[1:]}."
            continue
        key = str(detail["loc"][0])
        name = ".".join(str(part) for part in detail["loc"])
        if detail["type"] == "extra_forbidden":
            within = detail["loc"][-1]
            known = (*KEYS, *TokenIssuer.model_fields, *SyncEndpoint.model_fields)
            yield _unknown(str(within), known, name)
            continue
        yield f"The setting {name} ({sources.get(key, 'default')}) is wrong: {message}."


def _without_credentials(url: str) -> str:
    """The address without user name, password and query, where keys of APIs stand."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="***" if parts.query else "").geturl()


def _shown(key: str, value: object) -> str:
    if isinstance(value, SecretStr):
        return without_password(value.get_secret_value()) if key in _DATABASE_KEYS else "***"
    if value is None:
        return "(none)"
    if isinstance(value, tuple):
        return ", ".join(_shown("", item) for item in value) or "(none)"
    if isinstance(value, dict):
        return ", ".join(f"{name} = {_shown('', item)}" for name, item in value.items()) or "(none)"
    if key == "" and isinstance(value, str) and "://" in value:
        return _without_credentials(value)
    if isinstance(value, SyncEndpoint):
        return _without_credentials(value.url)
    if isinstance(value, TokenIssuer):
        return f"{value.issuer} ({', '.join(value.algorithms)})"
    return str(value)
