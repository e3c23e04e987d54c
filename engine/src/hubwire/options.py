"""All options of the engine, with units and the reason of each default. Reads no environment.

Options that make no sense are refused where they are made. What a number may be follows from its type and the end of
its name, so that no new option goes without a check.
"""

from __future__ import annotations

import enum
import ipaddress
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from types import UnionType
from typing import TypeGuard

ALL_TRANSPORTS = frozenset({"WebSockets", "ServerSentEvents", "LongPolling"})
ALL_PROTOCOLS = frozenset({"json", "messagepack"})


class PropertyNames(enum.Enum):
    """How fields of dataclasses and msgspec structs are named on the wire. Keys of dictionaries stay as they are."""

    AS_DECLARED = "as declared"
    """As in the Python class, in and out."""
    CAMEL_CASE = "camelCase"
    """Out: `unit_price` as `unitPrice`. In: any case, with or without underscores, as the reference server's JSON."""


@dataclass(frozen=True, slots=True)
class ConnectionOptions:
    """How the connections of one path are made and kept. Times in seconds, sizes in bytes."""

    transports: frozenset[str] = ALL_TRANSPORTS
    """Which of WebSockets, ServerSentEvents and LongPolling are offered. All: clients choose the best they can."""
    minimum_negotiate_version: int = 0
    """Lowest negotiate version served. 0: both Python clients speak only that; with 1 connection ids are no secrets."""
    poll_timeout_seconds: float = 90.0
    """How long a poll waits for data. 90 s: the reference server's; clients give up after 100 s."""
    disconnect_timeout_seconds: float = 15.0
    """How long a connection may have no request or socket (between polls, before a stateful reconnect), and a POST
    bring nothing more of its body. 15 s: the reference server's for the former."""
    close_timeout_seconds: float = 5.0
    """Wait for the peer's WebSocket close frame before TCP is aborted, and for calls that still run when the client
    has broken the protocol. 5 s: the reference server's for the former."""
    write_timeout_seconds: float = 10.0
    """How long a client may leave our unsent data where it is before it is cut off. 10 s: the reference server's."""
    maximum_receive_frame_bytes: int = 1024 * 1024
    """Fast lane: largest WebSocket frame, which is held whole; no less than one hub message. 1 MiB: the JavaScript
    client joins everything that it sends in one turn into one frame, say 2,000 calls of 500 bytes."""
    receive_buffer_bytes: int = 64 * 1024
    """Raw connections: what may have arrived before the handler reads it; behind it the connection is not read. 64 KiB:
    the reference server's."""
    outbox_limit_bytes: int = 1024 * 1024
    """What may wait for one slow reader before it is cut off. 1 MiB: some seconds of dashboards."""
    close_on_expiration: bool = False
    """Whether a connection ends, with leave to come again, when its token expires. Off: the reference server's."""

    def __post_init__(self) -> None:
        """Raises: ValueError."""
        _check_values(self)
        _check_names(self, "transports", self.transports, ALL_TRANSPORTS)
        if self.minimum_negotiate_version > 1:
            raise _refused(self, "minimum_negotiate_version", "give 0 or 1, which are all that there are")


@dataclass(frozen=True, slots=True)
class HubOptions(ConnectionOptions):
    """How one hub treats its connections. Times in seconds, sizes in bytes."""

    protocols: frozenset[str] = ALL_PROTOCOLS
    """Which of json and messagepack a handshake may choose."""
    property_names: PropertyNames = PropertyNames.AS_DECLARED
    """Names of object fields in messages. As declared: what is written is what arrives."""
    keep_alive_seconds: float = 15.0
    """How often a ping is sent. 15 s: the reference server's keep-alive; clients give up after 30 s of silence."""
    client_timeout_seconds: float = 30.0
    """Silence after which a client that has pinged once is given up. 30 s: the reference server's."""
    handshake_timeout_seconds: float = 15.0
    """Time for a complete handshake request. 15 s: the reference server's."""
    maximum_receive_message_bytes: int | None = 32 * 1024
    """Largest single hub message, framing included. 32 KiB: the reference server's. None: unlimited."""
    detailed_errors: bool = False
    """Whether exception types and texts reach clients. Off: they may hold secrets."""
    maximum_parallel_invocations: int = 1
    """Plain invocations of one connection that run at once. 1: the reference server's, which keeps their order."""
    maximum_streams: int = 100
    """Streams of one connection at once, both directions counted; as many plain calls may wait for a client's answer
    without a place among the parallel ones. 100: the reference server has no limit, so a client could open streams, or
    leave questions unanswered, until memory ends."""
    stream_buffer_items: int = 10
    """Items of one upload that wait for the hub method; behind them the connection is not read. 10: the reference's."""
    stream_buffer_bytes: int = 1024 * 1024
    """All items of a connection's uploads that wait, as received; behind them it is not read. One item of each upload
    may wait all the same. 1 MiB: the items of 100 streams would be 32 MiB."""
    client_result_timeout_seconds: float = 30.0
    """How long `ask` waits for a client's answer unless told otherwise. 30 s: some clients cannot answer at all."""
    stateful_reconnect: bool = False
    """Whether clients that ask for it keep their connection over a lost WebSocket. Off: the reference server's."""
    stateful_reconnect_buffer_bytes: int = 100_000
    """Unacknowledged messages kept for a stateful reconnect; more wait in the outbox. 100,000: the reference's."""

    def __post_init__(self) -> None:
        """Raises: ValueError."""
        ConnectionOptions.__post_init__(self)  # `super()` does not know the class that slots=True makes
        _check_names(self, "protocols", self.protocols, ALL_PROTOCOLS)
        if not isinstance(self.property_names, PropertyNames):
            raise _refused(self, "property_names", "give a member of PropertyNames")
        if self.client_timeout_seconds <= self.keep_alive_seconds:
            # Our pings remind JavaScript clients to send theirs: between two of ours there may be none.
            raise _refused(
                self,
                "client_timeout_seconds",
                f"give more than keep_alive_seconds ({self.keep_alive_seconds!r}), best twice as much, or clients that "
                "answer each ping of the server are given up",
            )
        if self.transports == {"ServerSentEvents"} and self.protocols == {"messagepack"}:
            raise _refused(self, "protocols", "add json, for ServerSentEvents carries only text")


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How a `HubServer` accepts connections. Times in seconds."""

    allowed_origins: frozenset[str] | None = frozenset()
    """Origins of other sites whose browsers may connect, e.g. `https://admin.example.com`. The server's own origin is
    always allowed; None allows every origin (only for servers without credentials)."""
    allowed_hosts: frozenset[str] | None = None
    """Host headers that are answered; None: any."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks (CIDR) whose X-Forwarded-For and X-Forwarded-Proto are believed. None by default."""
    client_path: str | None = None
    """Path under which every hub is reached as `?hub=<name>`, e.g. `/client/`, as in Azure SignalR. None: there is
    none, and each hub needs a path of its own."""
    connect_timeout_seconds: float = 15.0
    """Life of a negotiated id that nobody uses. 15 s: the reference server's."""
    maximum_pending_negotiations: int = 10_000
    """Negotiated ids that may wait at once; above it negotiate answers 429. They cost memory for 15 s each."""
    maximum_connections: int | None = None
    """Open connections; above it an upgrade is answered with 503. None: as many as there are descriptors."""
    request_timeout_seconds: float = 15.0
    """On the fast lane's port: time for the head of a request, for one that waits behind another on its
    socket, and in which a client may take nothing of an answer. 15 s: as for the handshake."""
    drain_seconds: float = 5.0
    """Over how long a graceful stop spreads its Close messages. 5 s: softens the storm of reconnecting clients."""

    def __post_init__(self) -> None:
        """Raises: ValueError."""
        _check_values(self)
        for origin in _texts(self, "allowed_origins", self.allowed_origins or ()):
            if origin != "null" and not _ORIGIN.fullmatch(origin):
                raise _refused(
                    self,
                    "allowed_origins",
                    f"write {origin!r} as browsers send it: scheme, host and port in lower case, no slash at the end, "
                    "as in 'https://admin.example.com'. None allows every origin",
                )
        for host in _texts(self, "allowed_hosts", self.allowed_hosts or ()):
            if not host or "/" in host:
                raise _refused(self, "allowed_hosts", f"write {host!r} as a host name without scheme and path")
        for address in _texts(self, "trusted_proxies", self.trusted_proxies):
            try:
                ipaddress.ip_network(address, strict=False)
            except ValueError:
                raise _refused(
                    self, "trusted_proxies", f"write {address!r} as an address or a network, as in '10.0.0.0/8'"
                ) from None
        if self.client_path is not None and not self.client_path.startswith("/"):
            raise _refused(self, "client_path", "let it begin with a slash")


_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#@\sA-Z]+")
_MAY_BE_ZERO = frozenset({"drain_seconds", "minimum_negotiate_version"})


def _refused(options: object, name: str, advice: str) -> ValueError:
    value = getattr(options, name)
    shown = sorted(value) if isinstance(value, frozenset) else value
    return ValueError(f"{type(options).__name__}.{name} is {shown!r}: {advice}.")


def _check_values(options: ConnectionOptions | ServerOptions) -> None:
    """Check what an option's type and the end of its name tell about it. Raises: ValueError."""
    for field in fields(options):
        value: object = getattr(options, field.name)
        declared = str(field.type)
        if value is None and "None" in declared:
            continue
        if declared == "bool":
            if not isinstance(value, bool):  # a text such as "false" would count as true
                raise _refused(options, field.name, "give True or False")
        elif field.name.endswith("_seconds"):
            may_be_zero = field.name in _MAY_BE_ZERO
            if not _is_number(value, int | float) or not (0 < value < math.inf or (value == 0 and may_be_zero)):
                least = "from 0" if may_be_zero else "above 0"
                raise _refused(options, field.name, f"give a finite number of seconds {least}")
        elif declared.startswith("int"):
            lowest = 0 if field.name in _MAY_BE_ZERO else 1
            if not _is_number(value, int) or value < lowest:
                what = "whole number of bytes" if field.name.endswith("_bytes") else "whole number"
                none = ", or None for no limit" if "None" in declared else ""
                raise _refused(options, field.name, f"give a {what} from {lowest}{none}")


def _is_number(value: object, kind: type | UnionType) -> TypeGuard[float]:
    return isinstance(value, kind) and not isinstance(value, bool)


def _check_names(options: object, name: str, given: Iterable[str], known: frozenset[str]) -> None:
    """Check the names and keep them as a frozen set, whatever they came in. Raises: ValueError."""
    names = frozenset(_texts(options, name, given))
    if not names or not names <= known:
        raise _refused(options, name, f"give one or more of {', '.join(sorted(known))}")
    object.__setattr__(options, name, names)


def _texts(options: object, name: str, given: Iterable[str]) -> Iterable[str]:
    """Raises: ValueError for one text in the place of several, whose letters would be taken for them."""
    if isinstance(given, str):
        raise _refused(options, name, "give a collection of texts, not one text")
    return given
