"""Where the hub is, whom clients believe and what lets them in. Knows Azure's connection strings, no sockets."""

from __future__ import annotations

import ssl
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from hubwire.azure.client_url import client_url
from hubwire.azure.connection_string import ConnectionString, InvalidConnectionString
from hubwire.azure.jwt import ClientTokens
from hubwire.cli.bench.scenario import Scenario
from hubwire.cli.failures import UsageFailed

_TOKEN_SPARE_SECONDS = 3600.0
"""A token must last until the last reconnect."""
_SHOWN_PARAMETERS = frozenset({"hub"})


def address_of(url: str | None, connection_string: str | None, hub: str | None) -> str:
    """Return the hub's address, given as such or by a connection string.

    Raises: UsageFailed.
    """
    if connection_string is None:
        if url is None:
            raise UsageFailed("There is no address; give one like http://127.0.0.1:8000/bench, or --connection-string.")
        if hub is not None:
            raise UsageFailed("--hub goes with --connection-string; an address names its hub already.")
    else:
        if hub is None:
            raise UsageFailed("--connection-string needs to know the hub; give --hub NAME.")
        endpoint = _parsed(connection_string).client_url
        try:
            url = url or client_url(endpoint, hub)
        except ValueError as error:
            raise UsageFailed(f"The connection string and --hub give no address: {error}") from None
    parts = urlsplit(url)
    if parts.scheme.lower() not in ("http", "https", "ws", "wss") or not parts.hostname:
        raise UsageFailed(f"{shown_url(url)!r} is no address of a hub; give one like http://127.0.0.1:8000/bench.")
    return url


def shown_url(url: str) -> str:
    """Return an address without what may be secret in its query."""
    parts = urlsplit(url)
    query = urlencode([(name, value if name in _SHOWN_PARAMETERS else "…") for name, value in parse_qsl(parts.query)])
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, query, ""))


def tls_context(scenario: Scenario) -> ssl.SSLContext:
    """Return whom to believe, where it is TLS.

    Raises: UsageFailed.
    """
    try:
        context = ssl.create_default_context(cafile=scenario.ca)
    except OSError as error:
        raise UsageFailed(f"--ca: {scenario.ca} cannot be used: {error}; give a PEM file with certificates.") from None
    if scenario.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class Tokens:
    """The token of each connection."""

    __slots__ = ("_scenario", "_signer")

    def __init__(self, scenario: Scenario) -> None:
        """Raises: UsageFailed."""
        self._scenario = scenario
        self._signer: ClientTokens | None = None
        if scenario.connection_string is not None:
            self._signer = _signer(scenario.connection_string)

    def of(self, index: int) -> str | None:
        """Return the token of a connection; None: it has none."""
        scenario = self._scenario
        if self._signer is None:
            return scenario.tokens[index] if scenario.tokens else scenario.access_token
        lifetime = scenario.connections / scenario.ramp + scenario.warmup + scenario.duration + _TOKEN_SPARE_SECONDS
        return self._signer.sign(scenario.hub or "", user_id=scenario.user_of(index), lifetime_seconds=lifetime)


def _signer(connection_string: str) -> ClientTokens:
    parsed = _parsed(connection_string)
    if parsed.access_key is None:
        raise UsageFailed("The connection string has no AccessKey, by which tokens are signed; give one that has.")
    try:
        return ClientTokens([parsed.access_key], [parsed.endpoint])
    except ValueError as error:
        raise UsageFailed(f"The connection string cannot be used: {error}") from None


def _parsed(connection_string: str) -> ConnectionString:
    try:
        return ConnectionString.parse(connection_string)
    except InvalidConnectionString as error:
        raise UsageFailed(str(error)) from None
