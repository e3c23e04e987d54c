"""The options of `hubwire service`: one table for the command line, the TOML file and the reference. Starts nothing."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hubwire.azure.client_url import checked_base_url
from hubwire.cli.failures import UsageFailed
from hubwire.cli.values import Option, add_groups, read_integer, read_options_file, read_switch, read_text, read_words

DEFAULT_PORT = 8888
"""The official emulator's."""

GROUPS: dict[str, tuple[Option, ...]] = {
    "address": (
        Option("host", read_text, "ADDRESS", "address to listen on (default: 127.0.0.1, this machine alone)"),
        Option("port", read_integer, "N", f"port to listen on; 0: any that is free (default: {DEFAULT_PORT})"),
        Option("public_url", read_text, "URL", "how clients and applications reach it (default: http://ADDRESS:PORT)"),
        Option("also_url", read_words, "URL", "further addresses that tokens may be made for", is_repeated=True),
        Option("certificate", read_text, "PEM", "serve TLS with this certificate chain"),
        Option("private_key", read_text, "PEM", "its key"),
    ),
    "keys": (
        Option(
            "access_key_file",
            read_text,
            "FILE",
            "access keys, one in each line, the primary one first; made at random when it is not there, and read again "
            "when it changes (default: hubwire-service.keys)",
        ),
    ),
    "the application": (
        Option("upstream", read_text, "URL", "where events go, with {hub}, {category} and {event} for names"),
        Option(
            "settings", read_text, "FILE", "the official emulator's settings.json instead; read again when it changes"
        ),
        Option(
            "close_refused", read_switch, "", "end connections whose `connected` the application answers by 401 or 403"
        ),
    ),
    "clients": (
        Option(
            "allowed_origin",
            read_words,
            "ORIGIN",
            "sites whose pages may connect, e.g. https://admin.example.com (default: any, as in Azure: a page needs a "
            "token, and cookies count for nothing)",
            is_repeated=True,
        ),
        Option("trusted_proxy", read_words, "CIDR", "proxies whose X-Forwarded-For counts", is_repeated=True),
        Option("maximum_connections", read_integer, "N", "of each process; above it 429 (default: none)"),
        Option("connects_per_second", read_integer, "N", "negotiates and connects; above it 429 (default: none)"),
        Option(
            "address_connects_per_second",
            read_integer,
            "N",
            "the same from one address that is not this machine; 0: any number (default: 100)",
        ),
        Option("maximum_hubs", read_integer, "N", "hubs in use at once; above it 429 (default: 1000)"),
    ),
    "what stays, and several processes": (
        Option("data", read_text, "FILE", "SQLite file of users' groups (default: in memory, gone with the process)"),
        Option("redis_url", read_text, "URL", "one service of several processes and machines; keeps users' groups too"),
        Option("workers", read_integer, "N", "processes on this machine; needs --redis-url (default: 1)"),
        Option("internal_host", read_text, "ADDRESS", "where the other machines reach this one (default: 127.0.0.1)"),
        Option("cluster_key_file", read_text, "FILE", "secret of all machines of one service, 16 bytes or more"),
        Option("namespace", read_text, "NAME", "begins all names in Redis (default: hubwire)"),
    ),
    "operators": (
        Option("metrics_network", read_words, "CIDR", "who reads /metrics (default: this machine)", is_repeated=True),
        Option("log_level", read_text, "LEVEL", "debug, info, warning, error (default: info)"),
    ),
}
OPTIONS = {option.name: option for group in GROUPS.values() for option in group}
_EVERYWHERE = ("0.0.0.0", "::")
_LOG_LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class Settings:
    """What was asked for, checked as far as no file and no socket is needed."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    public_url: str | None = None
    also_url: tuple[str, ...] = ()
    certificate: str | None = None
    private_key: str | None = None
    access_key_file: Path = Path("hubwire-service.keys")
    upstream: str | None = None
    settings: Path | None = None
    close_refused: bool = False
    allowed_origin: tuple[str, ...] = ()
    trusted_proxy: tuple[str, ...] = ()
    maximum_connections: int | None = None
    connects_per_second: int | None = None
    address_connects_per_second: int | None = 100
    maximum_hubs: int = 1_000
    data: Path | None = None
    redis_url: str | None = None
    workers: int = 1
    internal_host: str = "127.0.0.1"
    cluster_key_file: Path | None = None
    namespace: str = "hubwire"
    metrics_network: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    log_level: str = "info"

    def __post_init__(self) -> None:
        """Raises: UsageFailed."""
        if not 0 <= self.port < 65536:
            raise UsageFailed(f"--port is {self.port}; give a number from 0 to 65535.")
        if self.workers < 1:
            raise UsageFailed(f"--workers is {self.workers}; give a number from 1.")
        if self.upstream is not None and self.settings is not None:
            raise UsageFailed("--upstream and --settings say both where events go; give one of them.")
        if (self.certificate is None) is not (self.private_key is None):
            raise UsageFailed("--certificate and --private-key go together; give both, or neither.")
        if self.redis_url is None and self.workers > 1:
            raise UsageFailed("Several --workers act as one by Redis; give --redis-url too.")
        if self.redis_url is None and self.cluster_key_file is not None:
            raise UsageFailed("--cluster-key-file is for several machines that act as one by Redis; give --redis-url.")
        if self.redis_url is not None and self.data is not None:
            raise UsageFailed("With --redis-url users' groups are kept in Redis; leave --data out.")
        if self.log_level not in _LOG_LEVELS:
            raise UsageFailed(f"--log-level is {self.log_level!r}; give one of {', '.join(_LOG_LEVELS)}.")
        for url in (*self.also_url, *(() if self.public_url is None else (self.public_url,))):
            try:
                checked_base_url(url)
            except ValueError as error:
                raise UsageFailed(str(error)) from None

    def base_urls(self, port: int) -> list[str]:
        """Return the addresses that tokens may be made for, the public one first.

        Args:
            port: that is listened on.
        """
        scheme = "http" if self.certificate is None else "https"
        host = f"[{self.host}]" if ":" in self.host else self.host
        names = (*(() if self.host in _EVERYWHERE else (host,)), "127.0.0.1", "localhost")
        own = [f"{scheme}://{name}:{port}" for name in names]
        first = self.public_url or own[0]
        return list(dict.fromkeys((first.rstrip("/"), *self.also_url, *own)))


def add_options(parser: argparse.ArgumentParser) -> None:
    """Tell a parser of the command line."""
    add_groups(parser, GROUPS)


def read_settings(arguments: argparse.Namespace) -> Settings:
    """Return what the command line and its file ask for.

    Raises: UsageFailed.
    """
    given = vars(arguments)
    values: dict[str, Any] = {}
    if given.get("config"):
        values = read_options_file(given["config"], OPTIONS, "service")
    for name, value in given.items():
        if name in OPTIONS:
            values[name] = OPTIONS[name].read(OPTIONS[name].flag, value)
    for name in ("access_key_file", "settings", "data", "cluster_key_file"):
        if name in values:
            values[name] = Path(values[name])
    if values.get("address_connects_per_second") == 0:
        values["address_connects_per_second"] = None
    return Settings(**values)


def connection_string(public_url: str, key: str) -> str:
    """Return what applications are configured with. The port stands by itself, as in the emulator's."""
    parts = urlsplit(public_url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = f"Port={parts.port};" if parts.port is not None else ""
    return f"Endpoint={parts.scheme}://{host}{parts.path};{port}AccessKey={key};Version=1.0;"
