"""The settings of the application, their checks and their sources; the only reader of the environment.

`load_settings` merges the command line, the environment (`MESCHAIN_*`) and a TOML file, in this order of precedence.
`Settings(...)` itself reads nothing but its arguments, so tests and commands can make one.
"""

from __future__ import annotations

import difflib
import ipaddress
import json
import os
import re
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

from meschain.alert_settings import AlertRuleSettings, AlertWebhook, Level, changed_rules
from meschain.auth.issuers import TokenIssuer
from meschain.auth.keys import secret_weakness
from meschain.database_url import BadDatabaseUrl, async_url, without_password
from meschain.domain.alert_rules import AlertRule
from meschain.domain.marketplaces import MARKETPLACES
from meschain.domain.roles import Role
from meschain.legacy_settings import LegacyListener
from meschain.smtp_url import mail_server
from meschain.vendor_settings.amazon import AmazonStore
from meschain.vendor_settings.base import StoreSettings
from meschain.vendor_settings.ebay import EbaySoapStore, EbayStore
from meschain.vendor_settings.etsy import EtsyStore
from meschain.vendor_settings.hepsiburada import HepsiburadaStore
from meschain.vendor_settings.n11 import N11Store
from meschain.vendor_settings.ozon import OzonStore
from meschain.vendor_settings.trendyol import TrendyolStore

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


def _named(value: object) -> object:
    """One text is one entry without a name; in the environment several are written as JSON."""
    if not isinstance(value, str):
        return value
    if not value.lstrip().startswith("{"):
        return {"": value}
    try:
        return json.loads(value)
    except ValueError:
        raise ValueError('several are written as JSON, {"name": "Endpoint=…;AccessKey=…"}') from None


_ENDPOINT_NAME: Final = re.compile(r"[^:]*(:(primary|secondary))?", re.IGNORECASE)
_REDIS_SCHEMES: Final = frozenset({"redis", "rediss", "unix"})
_STORE_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_RECEIVER_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,40}")
_MAIL_ADDRESS: Final = re.compile(r"[^@\s<>,]{1,64}@[^@\s<>,]{1,190}")
_HIGHEST_PORT: Final = 65535
KEPT_TABLES: Final = frozenset(
    {
        "alerts",
        "activity",
        "audit",
        "notifications",
        "sync_jobs",
        "webhooks",
        "events",
        "connections",
        "publications",
        "legacy_use",
        "rollout_counts",
    }
)
"""What retention knows, as `bootstrap.stores.make_retention` names it."""
_LONGEST_DAYS: Final = 3650
_FEWEST_ROWS: Final = 100

Named = Annotated[dict[str, SecretStr], NoDecode, BeforeValidator(_named)]
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

    # --- several processes ---
    workers: int = Field(default=1, ge=1, le=64)
    """Processes that serve the port together, one for each core at most. More than one needs `redis_url`."""
    redis_url: SecretStr | None = None
    """What the processes of one service talk through, on one machine or several: redis://, rediss:// or unix://."""
    internal_host: str = "127.0.0.1"
    """Address on which the processes of one service take each other's requests. Of several machines: one that only
    they reach."""
    metrics_port: int = Field(default=0, ge=0, le=65535)
    """Port on `internal_host` by which the first process alone is asked, for /metrics; the others have those after it.
    0: none."""

    # --- a service that holds the connections ---
    azure_signalr: Named = Field(default_factory=dict)
    """Connection string of Azure SignalR Service or of `hubwire service`, where that holds the clients' connections;
    several by name, a name ending in :secondary for one that is used when no other answers. None: we hold them."""
    upstream_path: str = Field(default="/api/upstream", pattern=r"^/[^?#\s]+$")
    """Where that service sends its events to us; its upstream template is <our address><this path>?code=<code>."""
    upstream_code: SecretStr | None = None
    """The `code` of that address; random, at least 32 characters. The signature of an event says nothing of its
    content, so an address that others cannot guess is worth having. None: the signature decides alone."""

    # --- a roll-out to another service ---
    green_signalr: Named = Field(default_factory=dict)
    """Connection string of the service that is to take the clients over, written as `azure_signalr` is; who is sent
    there when, `meschain rollout` says. None: there is one side only."""
    green_upstream_path: str = Field(default="/api/upstream-green", pattern=r"^/[^?#\s]+$")
    """Where that service sends its events to us, with the same `upstream_code`."""
    green_connects_per_second: int = Field(default=400, ge=1, le=100_000)
    """Clients that all processes together send to that service in a second at most; those above it come again a moment
    later. 400: a thousand clients change sides within some four seconds."""
    move_seconds: float = Field(default=10.0, ge=1, le=600)
    """How long a client that is to change sides may take to do so by itself before its connection is closed."""
    rollout_guards: Literal["act", "watch"] = "act"
    """act: a green side that does much worse than the blue one is held or rolled back at once; watch: it is only
    reported."""

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
    maximum_connections: int | None = Field(default=None, ge=1)
    """Open hub connections; above it, 503. Each costs some 10 KiB. None: as many as there are descriptors."""
    connections_per_address: int = Field(default=2000, ge=1)
    """Open hub connections from one address; above it, 429. More than a large office behind one address has."""
    trusted_networks: Words = ("127.0.0.0/8", "::1/128")
    """Networks whose clients have no hub limits per address. Loopback: a proxy beside us that forwards no addresses."""
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
    published_events_per_minute: int = Field(default=6_000, ge=100)
    """Events that one key may publish per minute, in each process; above it, 429. A hundred a second: a shop's whole
    stock is through in minutes. 100: one request's."""
    group_roles: dict[int, Role] = Field(default_factory=dict)
    """OpenCart's user groups by id -> our roles; the others follow from their rights."""
    token_issuers: tuple[TokenIssuer, ...] = ()
    """Who else may issue tokens for us."""

    # --- figures ---
    dashboard_interval_seconds: float = Field(default=5.0, gt=0)
    """How often open dashboards get new figures."""
    order_poll_seconds: float = Field(default=0.5, gt=0)
    """How often the shop is asked for new orders and log-ins. Half a second: an order shows within one."""
    stock_poll_seconds: float = Field(default=1.0, gt=0)
    """How often the shop's stock is compared with what was told; a look reads all quantities."""
    capture: Literal["polling", "binlog"] = "polling"
    """How changes of the shop are found. polling: by SELECT, on any host; binlog: by its server's binary log."""
    binlog_server_id: int = Field(default=1_297_433_416, ge=1, le=2**32 - 1)
    """Our number among the replicas of the shop's server; no other may have it. One that nobody chooses by chance."""
    event_hours: float = Field(default=24.0, gt=0, le=24 * 31)
    """How long events are kept, so that pages that were away get what they missed; a million of them at most."""
    event_window_seconds: float = Field(default=0.05, ge=0, le=1)
    """In a burst, events of so long are told together and share frames; one that comes alone is told at once."""
    window_seconds: float = Field(default=60.0, gt=0, le=3600)
    """The sliding window of response time, throughput and error rate; at most an hour, which is kept in memory."""
    session_minutes: int = Field(default=15, ge=1)
    """A shop session counts as active when it was seen within that time."""
    revenue_rule: Literal["gross", "net", "opencart"] = "gross"
    """gross: confirmed and not void; net: processing and complete only; opencart: exactly as its sales report."""
    low_stock_threshold: int = Field(default=5, ge=0)
    """A product with at most that many pieces is short."""
    stock_risk_days: int = Field(default=14, ge=1, le=365)
    """A product whose stock lasts less than so many days, as it sold in the last 30, is at risk."""
    sync_endpoints: dict[str, SyncEndpoint] = Field(default_factory=dict)
    """Marketplace code -> the shop's address that syncs it."""
    syncs_per_process: int = Field(default=4, ge=1, le=64)
    """Syncs that each process runs at once; more only compete for the shop's database."""
    syncs_per_marketplace: int = Field(default=1, ge=1, le=8)
    """Unfinished syncs of one marketplace; a further request joins the newest of them. 1: two at once would do the same
    work twice."""
    health_endpoints: dict[str, str] = Field(default_factory=dict)
    """Name -> address that is probed for `apiHealth`."""

    # --- people, and what is kept ---
    presence_grace_seconds: float = Field(default=45.0, ge=0, le=3600)
    """Whoever has no open page for so long has left. 45 s: a page that is loaded anew or loses its network is back."""
    idle_connection_hours: float = Field(default=24.0, ge=0, le=24 * 31)
    """A hub connection on which nothing was called for so long is closed, and may come again; 0: never."""
    kept_days: dict[str, float] = Field(default_factory=dict)
    """Table -> days that its rows are kept, of: alerts, activity, audit, notifications, sync_jobs, webhooks,
    connections, publications, legacy_use, rollout_counts. Of others the default; events are kept by `event_hours`."""
    kept_rows: dict[str, int] = Field(default_factory=dict)
    """Table -> its newest rows that are kept at most, of the same and of events."""

    # --- marketplaces that send to us ---
    ebay_stores: dict[str, EbayStore] = Field(default_factory=dict)
    """Stores at eBay that hear by its Notification API, by a name of yours; each is reached at
    /webhooks/ebay/<name>."""
    ebay_soap_stores: dict[str, EbaySoapStore] = Field(default_factory=dict)
    """Stores at eBay that hear by platform notifications of the Trading API, at /webhooks/ebay-soap/<name>."""
    etsy_stores: dict[str, EtsyStore] = Field(default_factory=dict)
    """Shops at Etsy, at /webhooks/etsy/<name>."""
    ozon_stores: dict[str, OzonStore] = Field(default_factory=dict)
    """Accounts at Ozon, at /webhooks/ozon/<name>/<path_secret>."""
    trendyol_stores: dict[str, TrendyolStore] = Field(default_factory=dict)
    """Sellers at Trendyol, at /webhooks/trendyol/<name>."""
    hepsiburada_stores: dict[str, HepsiburadaStore] = Field(default_factory=dict)
    """Merchants at Hepsiburada; /webhooks/hepsiburada/<name> is the base of their addresses."""
    amazon_stores: dict[str, AmazonStore] = Field(default_factory=dict)
    """Sellers at Amazon, whose notifications are taken out of a queue; nothing is sent to us. It needs the extra
    amazon."""
    n11_stores: dict[str, N11Store] = Field(default_factory=dict)
    """Sellers at n11, which is asked; nothing is sent to us."""
    webhooks_per_address: int = Field(default=20_000, ge=1)
    """Webhooks from one address within ten seconds; above it, 429. All stores of a vendor may come from one."""
    webhook_silence_hours: float = Field(default=6.0, gt=0)
    """A store that sends nothing for so long, while the shop gets orders of its marketplace, raises an alert."""

    # --- alerts ---
    alert_rules: dict[str, AlertRuleSettings] = Field(default_factory=dict)
    """What of a rule over figures is another than by default, by its name."""
    alert_interval_seconds: float = Field(default=10.0, gt=0, le=3600)
    """How often the rules look at their figures."""
    alert_again_seconds: float = Field(default=300.0, ge=0, le=86_400)
    """After a rule raised an alert it raises no other for so long, so that one that comes and goes is no flood."""
    alert_send_level: Level = "warning"
    """Alerts of this level and above leave by mail and webhook; the book and the pages have all."""
    smtp_url: SecretStr | None = None
    """Where mail is handed in: smtp://user:password@host:587 with STARTTLS, smtps:// with TLS, smtp+plain://localhost
    for a relay on this machine. None: no mail."""
    alert_mail_from: str = ""
    """Sender of the mails; with `smtp_url`."""
    alert_mail_to: Words = ()
    """Who gets them; with `smtp_url`."""
    alert_webhooks: dict[str, AlertWebhook] = Field(default_factory=dict)
    """Receivers of signed requests about alerts, by a name of yours."""

    # --- old pages ---
    legacy_listeners: dict[str, LegacyListener] = Field(default_factory=dict)
    """Ports on which pages of the old WebSocket servers are still served, by a name of yours. None: off."""

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

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and urlsplit(value.get_secret_value()).scheme not in _REDIS_SCHEMES:
            raise ValueError("write an address that begins with redis://, rediss:// or unix://")
        return value

    @field_validator("azure_signalr", "green_signalr")
    @classmethod
    def _endpoints(cls, values: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, value in values.items():
            if not _ENDPOINT_NAME.fullmatch(name):
                raise ValueError(
                    f"{name!r} is no name of an endpoint; write it as west, west:primary or west:secondary"
                )
            if "endpoint=" not in value.get_secret_value().lower():
                raise ValueError("write a connection string, Endpoint=https://…;AccessKey=…;Version=1.0;")
        return values

    @field_validator("secret", "previous_secret", "upstream_code")
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

    @field_validator("trusted_proxies", "trusted_networks", "metrics_networks")
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

    @property
    def watched_rules(self) -> Mapping[str, AlertRule]:
        """The rules over figures as they count, by name."""
        return changed_rules(self.alert_rules)

    @field_validator("alert_rules")
    @classmethod
    def _rules(cls, values: dict[str, AlertRuleSettings]) -> dict[str, AlertRuleSettings]:
        changed_rules(values)
        return values

    @field_validator("alert_webhooks")
    @classmethod
    def _receivers(cls, values: dict[str, AlertWebhook]) -> dict[str, AlertWebhook]:
        for name, webhook in values.items():
            if not _RECEIVER_NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name of a receiver; it has 1 to 40 letters, digits, _ and -")
            _http_url(webhook.url)
            _strong_secret(webhook.secret)
        return values

    @field_validator("smtp_url")
    @classmethod
    def _smtp(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            mail_server(value.get_secret_value())
        return value

    @field_validator("alert_mail_from", "alert_mail_to")
    @classmethod
    def _addresses(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        for address in (value,) if isinstance(value, str) else value:
            if address and not _MAIL_ADDRESS.fullmatch(address):
                raise ValueError(f"{address!r} is no mail address such as shop@example.com")
        return value

    @field_validator("kept_days")
    @classmethod
    def _days(cls, values: dict[str, float]) -> dict[str, float]:
        _check_tables(values, KEPT_TABLES - {"events"})
        if any(not 0 < days <= _LONGEST_DAYS for days in values.values()):
            raise ValueError(f"days are above 0 and at most {_LONGEST_DAYS}, ten years")
        return values

    @field_validator("kept_rows")
    @classmethod
    def _rows(cls, values: dict[str, int]) -> dict[str, int]:
        _check_tables(values, KEPT_TABLES)
        if any(rows < _FEWEST_ROWS for rows in values.values()):
            raise ValueError(f"rows are at least {_FEWEST_ROWS}, so that pages have something to show")
        return values

    @field_validator("sync_endpoints")
    @classmethod
    def _marketplaces(cls, values: dict[str, SyncEndpoint]) -> dict[str, SyncEndpoint]:
        for code in values:
            if code not in MARKETPLACES:
                raise ValueError(f"{code!r} is not a marketplace; they are {', '.join(MARKETPLACES)}")
        return values

    @field_validator(
        "ebay_stores",
        "ebay_soap_stores",
        "etsy_stores",
        "ozon_stores",
        "trendyol_stores",
        "hepsiburada_stores",
        "amazon_stores",
        "n11_stores",
    )
    @classmethod
    def _stores(cls, values: dict[str, StoreSettings]) -> dict[str, StoreSettings]:
        for name in values:
            if not _STORE_NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name of a store; it has 1 to 64 letters, digits, _ and -")
        return values

    @field_validator("legacy_listeners")
    @classmethod
    def _listeners(cls, values: dict[str, LegacyListener]) -> dict[str, LegacyListener]:
        for name in values:
            if not _STORE_NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name of a listener; it has 1 to 64 letters, digits, _ and -")
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
        if self.workers > 1 and self.redis_url is None:
            raise ValueError(
                f"{self.workers} workers need redis_url, through which they talk; give --redis-url "
                "redis://127.0.0.1:6379/0 with a Redis that runs there, or serve with one worker"
            )
        if self.green_signalr and f"{self.green_upstream_path}/".startswith(f"{self.upstream_path.rstrip('/')}/"):
            raise ValueError("green_upstream_path lies within upstream_path; the events of both sides need a path each")
        if self.metrics_port and self.metrics_port + self.workers - 1 > _HIGHEST_PORT:
            raise ValueError("metrics_port and the ports after it, one for each worker, end at 65535; give a lower one")
        if self.smtp_url is not None and not (self.alert_mail_from and self.alert_mail_to):
            raise ValueError("with smtp_url, alert_mail_from and alert_mail_to say who writes to whom: give both")
        if self.smtp_url is None and (self.alert_mail_from or self.alert_mail_to):
            raise ValueError("alert_mail_from and alert_mail_to need smtp_url, where mail is handed in")
        for name, listener in self.legacy_listeners.items():
            if listener.tls and self.tls_certificate is None:
                raise ValueError(f"legacy_listeners.{name} has tls, which needs tls_certificate and tls_key")
            if self.workers > 1 and not listener.port:
                raise ValueError(f"legacy_listeners.{name} needs a port that all workers share; 0 is another for each")
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


def _check_tables(names: Iterable[str], tables: Iterable[str]) -> None:
    """Raises: ValueError."""
    for name in names:
        if name not in tables:
            raise ValueError(f"{name!r} is none of these tables; they are {', '.join(sorted(tables))}")


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
STORES: Final[dict[str, type[StoreSettings]]] = {
    "ebay_stores": EbayStore,
    "ebay_soap_stores": EbaySoapStore,
    "etsy_stores": EtsyStore,
    "ozon_stores": OzonStore,
    "trendyol_stores": TrendyolStore,
    "hepsiburada_stores": HepsiburadaStore,
    "amazon_stores": AmazonStore,
    "n11_stores": N11Store,
}
"""Settings of stores by name, with what each store of them has."""
_TABLES: Final = frozenset(
    {
        "azure_signalr",
        "green_signalr",
        "sync_endpoints",
        "health_endpoints",
        "group_roles",
        "alert_rules",
        "alert_webhooks",
        "legacy_listeners",
        "kept_days",
        "kept_rows",
        *STORES,
    }
)
"""What may also be given entry by entry, as in MESCHAIN_HEALTH_ENDPOINTS__SHOP."""
_ADDRESS_KEYS: Final = frozenset({"database_url", "opencart_url", "redis_url", "smtp_url"})
"""Addresses that may hold a password, which alone is masked."""


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
            stores = STORES[key].model_fields if key in STORES else ()
            alerts = (*AlertRuleSettings.model_fields, *AlertWebhook.model_fields)
            known = (
                *KEYS,
                *TokenIssuer.model_fields,
                *SyncEndpoint.model_fields,
                *LegacyListener.model_fields,
                *alerts,
                *stores,
            )
            yield _unknown(str(within), known, name)
            continue
        yield f"The setting {name} ({sources.get(key, 'default')}) is wrong: {message}."


def _without_credentials(url: str) -> str:
    """The address without user name, password and query, where keys of APIs stand."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="***" if parts.query else "").geturl()


def _shown(key: str, value: object) -> str:
    if isinstance(value, SecretStr):
        return without_password(value.get_secret_value()) if key in _ADDRESS_KEYS else "***"
    if value is None:
        return "(none)"
    if isinstance(value, tuple):
        return ", ".join(_shown("", item) for item in value) or "(none)"
    if isinstance(value, dict):
        shown = (f"{name} = {_shown('', item)}" if name else _shown("", item) for name, item in value.items())
        return ", ".join(shown) or "(none)"
    if key == "" and isinstance(value, str) and "://" in value:
        return _without_credentials(value)
    if isinstance(value, SyncEndpoint | AlertWebhook):
        return _without_credentials(value.url)
    if isinstance(value, AlertRuleSettings):
        return " ".join(f"{name}={each}" for name, each in value.model_dump(exclude_unset=True).items()) or "as it is"
    if isinstance(value, StoreSettings):
        return "given"
    if isinstance(value, LegacyListener):
        return f"{value.host}:{value.port}"
    if isinstance(value, TokenIssuer):
        return f"{value.issuer} ({', '.join(value.algorithms)})"
    return str(value)
