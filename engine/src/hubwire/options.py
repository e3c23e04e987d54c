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
from dataclasses import dataclass, field, fields
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
    messages_per_second: int | None = 5_000
    """Hub messages that one connection may send, pings and stream items included; above it the connection is not read
    for a moment. 5,000: a page sends a few, and a core works off some 45,000, so one client takes a ninth of it. None:
    any number."""
    user_messages_per_second: int | None = 20_000
    """The same for all connections of one user to this hub in this process together. 20,000: no person does that, and
    one user leaves half a core to the others. Callers without a user id are not counted. None: any number."""
    message_burst_seconds: float = 2.0
    """What so many seconds allow may come at once, after a pause. 2 s: 10,000 messages, say a page that sends what it
    has gathered while it was offline. At least 1 s, since held back connections are looked at each quarter."""
    message_rate_timeout_seconds: float = 30.0
    """How long a connection may be held back without a pause, in which half of the burst comes back, before it is
    closed. 30 s: whoever does not heed back pressure for so long never will; and no ping of it has been read since."""

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
        if self.message_burst_seconds < 1:
            raise _refused(self, "message_burst_seconds", "give at least 1 second")
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
    trusted_networks: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    """Clients of these addresses or networks (CIDR) have no limits per address. Loopback: a proxy beside the server
    that forwards no addresses, and whoever measures. Peers without an address (UNIX sockets) count among them."""
    client_path: str | None = None
    """Path under which every hub is reached as `?hub=<name>`, e.g. `/client/`, as in Azure SignalR. None: there is
    none, and each hub needs a path of its own."""
    connect_timeout_seconds: float = 15.0
    """Life of a negotiated token that nobody uses. 15 s: the reference server's."""
    maximum_connections: int | None = None
    """Open connections; above it an upgrade is answered as the next option says. None: as many as there are
    descriptors."""
    full_status: int = 503
    """How newcomers are answered above `maximum_connections`. 503: it is the server that is full. 429: a quota, as in
    Azure SignalR Service."""
    maximum_forwarded: int = 10_000
    """In a cluster: requests and WebSockets that this node passes on to others at once; above it they are answered with
    503. 10,000: each takes two descriptors here and one there. They count in `maximum_sockets` too."""
    forward_connect_timeout_seconds: float = 2.0
    """In a cluster: time to reach another node. 2 s: it is on the same machine or in the same network."""
    maximum_connections_per_address: int | None = 2_000
    """Open connections from one client address (IPv6: from one /64 network); above it 429. 2,000: a tenth of what one
    process holds; a large office behind one address stays below. None: any number."""
    connects_per_second: int | None = None
    """Negotiates and openings (upgrades, first GETs) of all clients together, each counted; above it 429. None: any
    number, because `maximum_lateness_seconds` finds out what this machine can do."""
    address_connects_per_second: int | None = 100
    """The same from one client address (IPv6: from one /64 network). 100: with the burst, an office of 500 pages comes
    back at once, and fifty more each second. None: any number."""
    connect_burst_seconds: float = 10.0
    """What so many seconds allow may come at once, after a pause. 10 s: everybody comes at once after a restart."""
    maximum_lateness_seconds: float | None = 0.5
    """How late the event loop may be, twice in a row, before newcomers are refused with 503; they are let in again once
    it is less than half as late. 0.5 s: those who are in still find it quick. None: they are never refused for it."""
    maximum_pending_sockets: int = 8_192
    """On the fast lane's port: accepted sockets whose first request has not come whole; above it the oldest of them is
    cut. 8,192: twice the backlog, which the kernel may hand over in one turn."""
    maximum_sockets: int | None = None
    """On the fast lane's port: accepted sockets, and those to other nodes for what is passed on; above it requests are
    answered with 503, and what comes above that too is cut. None: nearly all of the descriptors that the process may
    open, 19,600 of 20,000."""
    outbox_total_bytes: int = 256 * 1024 * 1024
    """What may wait for all slow readers together; above it the one with the most is cut off. A frame that waits for
    several counts once. 256 MiB: what 256 of them may have each."""
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
        _check_networks(self, "trusted_proxies", self.trusted_proxies)
        _check_networks(self, "trusted_networks", self.trusted_networks)
        if self.full_status not in (429, 503):
            raise _refused(self, "full_status", "give 503 or 429")
        if self.client_path is not None and not self.client_path.startswith("/"):
            raise _refused(self, "client_path", "let it begin with a slash")


@dataclass(frozen=True, slots=True)
class ClusterOptions:
    """How a server works together with the others of its cluster. Times in seconds."""

    namespace: str = "hubwire"
    """Begins all subjects: servers with the same one on the same broker are one cluster."""
    answer_timeout_seconds: float = 5.0
    """How long other nodes may take to acknowledge a change of groups, to answer whether somebody is there, and, on top
    of its own time, to pass on a client's result. 5 s: a garbage collection, not an outage."""
    maximum_requests: int = 10_000
    """Questions of one hub to other nodes that may wait for their answers; above it they are refused. 10,000: each
    costs about a kilobyte."""
    announce_seconds: float = 2.0
    """How often a node says that it lives, with its figures. 2 s: figures of dashboards, for a few hundred bytes."""
    node_timeout_seconds: float = 6.0
    """Silence after which a node counts as gone. 6 s: three announcements missed."""

    def __post_init__(self) -> None:
        """Raises: ValueError."""
        _check_values(self)
        if not _NAMESPACE.fullmatch(self.namespace):
            raise _refused(self, "namespace", "give letters, digits, dots, dashes and underscores")
        if self.node_timeout_seconds <= self.announce_seconds:
            raise _refused(self, "node_timeout_seconds", f"give more than announce_seconds ({self.announce_seconds!r})")


@dataclass(frozen=True, slots=True)
class BrokerOptions:
    """How one process speaks to a broker. Times in seconds, sizes in bytes."""

    publish_buffer_bytes: int = 16 * 1024 * 1024
    """What may wait to be sent to the broker or for its answer; above it publishing is refused. 16 MiB: some seconds of
    a fast network."""
    dial_timeout_seconds: float = 5.0
    """Time for one attempt to connect. 5 s: a network that answers later is no use between processes."""
    health_check_seconds: float = 3.0
    """How often a broker that says nothing is asked whether it lives. 3 s: an outage is noticed soon."""
    broker_timeout_seconds: float = 5.0
    """Silence to something asked after which the broker counts as lost. 5 s: longer than its slowest commands."""
    maximum_backoff_seconds: float = 2.0
    """Longest wait between two attempts to connect again; each wait is a random part of it. 2 s: soon enough for
    dashboards, and a crowd of processes does not come back at once."""

    def __post_init__(self) -> None:
        """Raises: ValueError."""
        _check_values(self)


@dataclass(frozen=True, slots=True)
class LiveTraceOptions:
    """How a service shows operators what happens in it at this moment. Times in seconds."""

    maximum_watchers: int = 10
    """Open streams; above it the next is answered with 429. 10: a few people look at once, and each costs every event a
    look at its filter."""
    buffer_events: int = 1_000
    """Events that wait for one watcher; above it the newest are dropped and counted. 1,000: half a megabyte, and more
    than anybody reads at once."""
    alive_seconds: float = 15.0
    """Silence after which a watcher is told that the stream lives. 15 s: proxies cut what says nothing for a minute."""

    def __post_init__(self) -> None:
        """Raises: ValueError."""
        _check_values(self)


@dataclass(frozen=True, slots=True)
class AzureOptions:
    """How an application talks to Azure SignalR Service, or to one like it. Times in seconds."""

    connect_timeout_seconds: float = 3.0
    """Time to reach the service. 3 s: one lost packet."""
    request_timeout_seconds: float = 10.0
    """Time for a whole request, results of clients apart. 10 s: the service answers in milliseconds; its own tools wait
    100 s, in which everything that waits behind a send piles up."""
    keep_alive_seconds: float = 4.0
    """How long an idle connection to the service is kept. Below the 5 s of uvicorn: a message that meets the server's
    end of an idle connection may be lost, and may not be repeated."""
    maximum_connections: int = 32
    """Connections to one service, and so requests under way. 32: one core of the service is busy with fewer."""
    maximum_waiting_requests: int = 10_000
    """Requests to one service that wait for a connection; above it they are refused. 10,000: two seconds' worth."""
    parallel_sends: int = 16
    """Requests at once that one send to many users, groups or connections makes. 16: half of the connections, so that
    others get through meanwhile."""
    retries: int = 3
    """How often a request is made again that the service could not serve and that can do no harm twice. 3: as the
    service's own tools. 0: never."""
    retry_delay_seconds: float = 0.8
    """Wait before a request is made again, unless the service names a longer one. 0.8 s: as the service's own tools."""
    maximum_retry_delay_seconds: float = 5.0
    """Longest wait that the service may name (`Retry-After`); with a longer one the call fails at once. 5 s: whoever
    publishes is waiting."""
    token_lifetime_seconds: float = 3600.0
    """Life of the tokens for requests, which are renewed before, and of clients' tokens that are not given their own.
    1 h: that of the service's tools."""
    messages_as_json: bool = False
    """Whether messages travel as JSON, which the service writes anew for MessagePack clients. Off: they travel ready
    for both kinds of clients, with all types that MessagePack has."""
    trace_messages: bool = False
    """Whether each message carries an id of its own for the service's message tracing. Off: that is for finding
    faults."""
    health_check_seconds: float = 120.0
    """How often each of several services is asked for its health. 120 s: as the service's own tools; a failed request
    has it asked at once."""
    health_timeout_seconds: float = 2.0
    """Time for an answer about health. 2 s: as the service's own tools."""
    health_retry_seconds: float = 3.0
    """Wait before an unhealthy service is asked again. 3 s: as the service's own tools."""

    def __post_init__(self) -> None:
        """Raises: ValueError."""
        _check_values(self)


@dataclass(frozen=True, slots=True)
class RestOptions:
    """What the REST data plane takes in. Times in seconds, sizes in bytes."""

    maximum_body_bytes: int = 1024 * 1024
    """Largest body of a request; above it 413. 1 MiB: Azure SignalR Service's."""
    maximum_head_bytes: int = 16 * 1024
    """Address and headers of a request together; above it 413. 16 KiB: the service's for headers."""
    body_timeout_seconds: float = 15.0
    """How long a body may take to come in. 15 s: as for the head of a request."""

    def __post_init__(self) -> None:
        """Raises: ValueError."""
        _check_values(self)


@dataclass(frozen=True, slots=True)
class UpstreamOptions:
    """How a service calls the application that answers for its hubs. Times in seconds, sizes in bytes."""

    timeout_seconds: float = 100.0
    """Time for one call with its whole answer, the wait for a socket included. 100 s: the official emulator's."""
    connect_timeout_seconds: float = 5.0
    """Time to connect to the application. 5 s: one that takes longer is down, and its clients may be told so."""
    maximum_answer_bytes: int = 16 * 1024 * 1024
    """Largest answer to a call; what is larger fails it. 16 MiB: the service's."""
    maximum_sockets: int = 1_000
    """Requests to the application at once; more wait, each connection with one at most unless its hub allows more.
    1,000: as many as a process of it may well serve."""
    closes_refused: bool = False
    """Whether a connection ends, without leave to come again, when the application answers its `connected` by 401 or
    403. Off: the emulator lets it live."""

    def __post_init__(self) -> None:
        """Raises: ValueError."""
        _check_values(self)


@dataclass(frozen=True, slots=True)
class AzureHubsOptions:
    """How an application takes the calls of a service that holds its connections. Sizes in bytes."""

    upstream_path: str = "/api/upstream"
    """Where the service's upstream template leads, below whatever the application is mounted at."""
    maximum_request_bytes: int = 1024 * 1024
    """Largest body of a call; more is answered by 413. 1 MiB: what the service's manual advises for messages."""
    trusts_plain_claims: bool = False
    """Whether claims count that did not come through `AzureHubs.negotiate`. Off: the service does not escape them, so a
    user who chooses any claim's value, as a display name, could write others behind it."""

    def __post_init__(self) -> None:
        """Raises: ValueError."""
        _check_values(self)
        if not self.upstream_path.startswith("/"):
            raise _refused(self, "upstream_path", "let it begin with a slash")


_LOOPBACK = ("127.0.0.0/8", "::1/128")


def _server_of_a_service() -> ServerOptions:
    return ServerOptions(client_path="/client/", connect_timeout_seconds=5.0, allowed_origins=None, full_status=429)


def _hub_of_a_service() -> HubOptions:
    return HubOptions(maximum_receive_message_bytes=1024 * 1024, stateful_reconnect=True)


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """How a self-hosted, Azure-compatible service treats clients, applications and operators."""

    server: ServerOptions = field(default_factory=_server_of_a_service)
    """How clients are let in; their path is always `/client/`. Azure's: 5 s between negotiate and connect, pages of any
    origin because nothing but a token lets anybody in, 429 where a quota is reached."""
    hub: HubOptions = field(default_factory=_hub_of_a_service)
    """How connections are kept. Azure's: 15 s keep-alive, 30 s silence, 15 s handshake, messages up to 1 MiB, stateful
    reconnect for who asks for it."""
    upstream: UpstreamOptions = field(default_factory=UpstreamOptions)
    """How the application is called."""
    rest: RestOptions = field(default_factory=RestOptions)
    """What applications may send."""
    live_trace: LiveTraceOptions = field(default_factory=LiveTraceOptions)
    """What operators may watch."""
    maximum_hubs: int = 1_000
    """Hubs that are in use at once; above it those who name another one are answered with 429. 1,000: an application
    has a handful, and each costs some kilobytes."""
    metrics_networks: tuple[str, ...] = _LOOPBACK
    """Addresses or networks (CIDR) that may read `/metrics`. Loopback: figures tell how a business goes."""

    def __post_init__(self) -> None:
        """Raises: ValueError."""
        _check_values(self)
        _check_networks(self, "metrics_networks", self.metrics_networks)


_NAMESPACE = re.compile(r"[A-Za-z0-9._-]+")
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#@\sA-Z]+")
_MAY_BE_ZERO = frozenset({"drain_seconds", "minimum_negotiate_version", "retries"})


def _refused(options: object, name: str, advice: str) -> ValueError:
    value = getattr(options, name)
    shown = sorted(value) if isinstance(value, frozenset) else value
    return ValueError(f"{type(options).__name__}.{name} is {shown!r}: {advice}.")


_Options = (
    ConnectionOptions
    | ServerOptions
    | ClusterOptions
    | BrokerOptions
    | LiveTraceOptions
    | AzureOptions
    | RestOptions
    | UpstreamOptions
    | AzureHubsOptions
    | ServiceOptions
)


def _check_values(options: _Options) -> None:
    """Check what an option's type and the end of its name tell about it. Raises: ValueError."""
    for each in fields(options):
        value: object = getattr(options, each.name)
        declared = str(each.type)
        if value is None and "None" in declared:
            continue
        if declared == "bool":
            if not isinstance(value, bool):  # a text such as "false" would count as true
                raise _refused(options, each.name, "give True or False")
        elif each.name.endswith("_seconds"):
            may_be_zero = each.name in _MAY_BE_ZERO
            if not _is_number(value, int | float) or not (0 < value < math.inf or (value == 0 and may_be_zero)):
                least = "from 0" if may_be_zero else "above 0"
                raise _refused(options, each.name, f"give a finite number of seconds {least}")
        elif declared.startswith("int"):
            lowest = 0 if each.name in _MAY_BE_ZERO else 1
            if not _is_number(value, int) or value < lowest:
                what = "whole number of bytes" if each.name.endswith("_bytes") else "whole number"
                none = ", or None for no limit" if "None" in declared else ""
                raise _refused(options, each.name, f"give a {what} from {lowest}{none}")


def _is_number(value: object, kind: type | UnionType) -> TypeGuard[float]:
    return isinstance(value, kind) and not isinstance(value, bool)


def _check_names(options: object, name: str, given: Iterable[str], known: frozenset[str]) -> None:
    """Check the names and keep them as a frozen set, whatever they came in. Raises: ValueError."""
    names = frozenset(_texts(options, name, given))
    if not names or not names <= known:
        raise _refused(options, name, f"give one or more of {', '.join(sorted(known))}")
    object.__setattr__(options, name, names)


def _check_networks(options: object, name: str, given: Iterable[str]) -> None:
    """Raises: ValueError for a text that is neither an address nor a network."""
    for address in _texts(options, name, given):
        try:
            ipaddress.ip_network(address, strict=False)
        except ValueError:
            advice = f"write {address!r} as an address or a network, as in '10.0.0.0/8'"
            raise _refused(options, name, advice) from None


def _texts(options: object, name: str, given: Iterable[str]) -> Iterable[str]:
    """Raises: ValueError for one text in the place of several, whose letters would be taken for them."""
    if isinstance(given, str):
        raise _refused(options, name, "give a collection of texts, not one text")
    return given
