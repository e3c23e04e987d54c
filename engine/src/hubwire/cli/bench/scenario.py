"""What a load test does: every choice, with its default and its bounds. Knows no command line and no sockets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import product

from hubwire.cli.bench.limits import Limit
from hubwire.cli.bench.stamp import MINIMUM_BYTES
from hubwire.cli.failures import UsageFailed
from hubwire.options import ALL_PROTOCOLS
from hubwire.wire.negotiation import LONG_POLLING, SERVER_SENT_EVENTS, TRANSFER_FORMATS, WEBSOCKETS


class Load(StrEnum):
    """What the senders do."""

    ECHO = "echo"
    """Call a method and wait for its result."""
    BROADCAST = "broadcast"
    """Call a method that sends the text to everybody."""
    GROUP = "group"
    """Call a method that sends the text to a group, in which everybody is of one."""
    USER = "user"
    """Call a method that sends the text to one user."""
    STREAM = "stream"
    """Call a method that answers with a stream of items."""
    IDLE = "idle"
    """Nothing: connections are opened and kept."""


@dataclass(frozen=True, slots=True)
class Call:
    """A hub method and a template of its arguments."""

    method: str
    arguments: Sequence[object]


CALLS: dict[Load, Call] = {
    Load.ECHO: Call("Echo", ("{text}",)),
    Load.BROADCAST: Call("Broadcast", ("{text}",)),
    Load.GROUP: Call("SendToGroup", ("{group}", "{text}")),
    Load.USER: Call("SendToUser", ("{user}", "{text}")),
    Load.STREAM: Call("Count", ("{items}",)),
}
"""What each load calls unless told otherwise: the methods of `hubwire bench-hub`."""

TRANSPORTS = {"websockets": WEBSOCKETS, "sse": SERVER_SENT_EVENTS, "longpolling": LONG_POLLING}
"""The words of the command line, and negotiate's."""

MAXIMUM_CONNECTIONS = 1_000_000
MAXIMUM_PROCESSES = 256
MAXIMUM_SECONDS = 86_400.0
"""A day: there is one row for each second in the report."""
MAXIMUM_RATE = 1_000_000.0
MAXIMUM_TEXT_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Scenario:
    """A load test. Times are in seconds."""

    url: str = field(repr=False)
    """The hub's address."""
    load: Load = Load.BROADCAST
    connections: int = 100
    """Clients altogether."""
    ramp: float = 100.0
    """New connections a second."""
    duration: float = 30.0
    """How long is measured."""
    warmup: float = 2.0
    """How long messages flow before it is."""
    drain: float = 5.0
    """How long the last arrivals are waited for at most."""
    processes: int = 1
    senders: int | None = None
    """Connections that send; the others only receive. None: 1 for broadcast, one per group, else all."""
    rate: float = 1.0
    """Messages or calls a second, of each sender."""
    size: int = 200
    """Bytes of text in each message."""
    groups: int = 10
    users: int | None = None
    """Different users; None: each connection is one of its own."""
    items: int = 10
    """Items of each stream."""
    method: str | None = None
    arguments: Sequence[object] | None = None
    join_method: str = "JoinGroup"
    join_arguments: Sequence[object] = ("{group}",)
    targets: Sequence[str] = ()
    """Only what arrives for these counts; none: everything that has our text in it."""
    transports: Sequence[str] = ("websockets",)
    protocols: Sequence[str] = ("json",)
    skip_negotiation: bool = False
    access_token: str | None = field(default=None, repr=False)
    tokens: Sequence[str] = field(default=(), repr=False)
    """One for each connection."""
    connection_string: str | None = field(default=None, repr=False)
    hub: str | None = None
    user_name: str = "user-{number}"
    headers: Sequence[str] = field(default=(), repr=False)
    insecure: bool = False
    ca: str | None = None
    reconnect: bool = True
    connect_timeout: float = 30.0
    dials: int = 100
    """Connections that may be under way at once, in all processes together."""
    limits: tuple[Limit, ...] = ()

    def __post_init__(self) -> None:
        """Raises: UsageFailed."""
        self._check_range("connections", 1, MAXIMUM_CONNECTIONS)
        self._check_range("processes", 1, MAXIMUM_PROCESSES)
        self._check_range("senders", 1, self.connections)
        self._check_range("groups", 1, self.connections if self.load is Load.GROUP else MAXIMUM_CONNECTIONS)
        self._check_range("users", 1, self.connections)
        self._check_range("items", 1, 1_000_000)
        self._check_range("size", MINIMUM_BYTES, MAXIMUM_TEXT_BYTES)
        self._check_range("dials", 1, 10_000)
        self._check_range("ramp", 0.01, MAXIMUM_RATE)
        self._check_range("rate", 0.001, MAXIMUM_RATE)
        self._check_range("duration", 0.1, MAXIMUM_SECONDS)
        self._check_range("warmup", 0, MAXIMUM_SECONDS)
        self._check_range("drain", 0, MAXIMUM_SECONDS)
        self._check_range("connect_timeout", 0.1, MAXIMUM_SECONDS)
        if self.processes > self.connections:
            raise UsageFailed(
                f"{self.processes} processes for {self.connections} connections leave some without any; "
                f"give --processes {self.connections} or less."
            )
        self._check_words("transport", self.transports, TRANSPORTS)
        self._check_words("protocol", self.protocols, ALL_PROTOCOLS)
        if not self.ways:
            raise UsageFailed("Server-Sent Events carry text only; use --protocol json with --transport sse.")
        if self.skip_negotiation and tuple(self.transports) != ("websockets",):
            raise UsageFailed(
                "Negotiation can only be skipped with WebSockets; drop --transport or --skip-negotiation."
            )
        if sum(map(bool, (self.access_token, self.tokens, self.connection_string))) > 1:
            raise UsageFailed(
                "Tokens come from one place; keep one of --access-token, --token-file and --connection-string."
            )
        if self.tokens and len(self.tokens) < self.connections:
            raise UsageFailed(
                f"The token file has {len(self.tokens)} tokens for {self.connections} connections; "
                f"add some, or give --connections {len(self.tokens)}."
            )
        for header in self.headers:
            name, colon, _ = header.partition(":")
            if not colon or not name.strip() or any(character in header for character in "\r\n"):
                raise UsageFailed(f"The header {name[:40]!r} has no value; write it like 'X-Tenant: blue'.")
        if self.load is Load.USER and not self._knows_users:
            raise UsageFailed(
                "Nobody is a user yet: tell the server who each connection is by --connection-string, --token-file or "
                "a header with {user}."
            )

    @property
    def call(self) -> Call | None:
        """What the senders call; None: nothing."""
        if self.load is Load.IDLE:
            return None
        usual = CALLS[self.load]
        return Call(self.method or usual.method, usual.arguments if self.arguments is None else self.arguments)

    @property
    def ways(self) -> tuple[tuple[str, str], ...]:
        """Transport and protocol of the connections, taken in turn. Events carry text only."""
        return tuple(
            (TRANSPORTS[transport], protocol)
            for transport, protocol in product(self.transports, self.protocols)
            if protocol == "json" or "Binary" in TRANSFER_FORMATS[TRANSPORTS[transport]]
        )

    @property
    def sender_count(self) -> int:
        """How many connections send: the first ones."""
        if self.load is Load.IDLE:
            return 0
        if self.senders is not None:
            return self.senders
        return {Load.BROADCAST: 1, Load.GROUP: self.groups}.get(self.load, self.connections)

    @property
    def user_count(self) -> int:
        """How many different users there are."""
        return self.connections if self.users is None else self.users

    @property
    def audience_count(self) -> int:
        """How many sets of receivers a message may be for: groups, users, or everybody as one."""
        return {Load.GROUP: self.groups, Load.USER: self.user_count}.get(self.load, 1)

    def audience_of(self, index: int) -> int:
        """Which of these sets a connection is in."""
        return index % self.audience_count

    def user_of(self, index: int) -> str:
        """Who a connection is."""
        return self.user_name.replace("{number}", str(index % self.user_count + 1))

    @property
    def arrivals_per_answer(self) -> int:
        """What a call is answered with; 0: it is not waited for."""
        return {Load.ECHO: 1, Load.STREAM: self.items}.get(self.load, 0)

    @property
    def _knows_users(self) -> bool:
        return bool(self.connection_string or self.tokens or any("{user}" in header for header in self.headers))

    def _check_range(self, name: str, lowest: float, highest: float) -> None:
        value = getattr(self, name)
        if value is not None and not lowest <= value <= highest:
            raise UsageFailed(
                f"--{name.replace('_', '-')} is {value:g}; give a number from {lowest:g} to {highest:,.15g}."
            )

    def _check_words(self, name: str, words: Sequence[str], known: object) -> None:
        names = sorted(known) if isinstance(known, frozenset | dict) else []
        for word in words:
            if word not in names:
                raise UsageFailed(f"--{name} is {word!r}; give one or more of {', '.join(names)}.")
        if not words:
            raise UsageFailed(f"--{name} names nothing; give one or more of {', '.join(names)}.")
