"""What the two ports speak of: who is addressed, who calls. Pure values; knows no transport and no hosting."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie


class AudienceKind(enum.Enum):
    """How the names of an audience are to be read."""

    ALL = "all"
    GROUPS = "groups"
    USERS = "users"
    CONNECTIONS = "connections"


@dataclass(frozen=True, slots=True)
class Audience:
    """Who receives a message: a kind, its names and the connection ids left out.

    A connection in two of several groups receives twice, as in the reference server; so names are kept in order.
    """

    kind: AudienceKind
    names: tuple[str, ...] = ()
    excluded: frozenset[str] = frozenset()

    @classmethod
    def all(cls, excluded: Sequence[str] = ()) -> Audience:
        """Every connection of the hub; `excluded` are connection ids, here and below."""
        return cls(AudienceKind.ALL, (), frozenset(excluded))

    @classmethod
    def groups(cls, names: Sequence[str], excluded: Sequence[str] = ()) -> Audience:
        """Raises: ValueError for an empty group name."""
        if not all(names):
            raise ValueError("A group name is empty; give each group a name.")
        return cls(AudienceKind.GROUPS, tuple(names), frozenset(excluded))

    @classmethod
    def group(cls, name: str, excluded: Sequence[str] = ()) -> Audience:
        """Raises: ValueError for an empty name."""
        return cls.groups((name,), excluded)

    @classmethod
    def users(cls, ids: Sequence[str], excluded: Sequence[str] = ()) -> Audience:
        """All connections of these users."""
        return cls(AudienceKind.USERS, tuple(ids), frozenset(excluded))

    @classmethod
    def user(cls, user_id: str, excluded: Sequence[str] = ()) -> Audience:
        """All connections of one user."""
        return cls.users((user_id,), excluded)

    @classmethod
    def connections(cls, ids: Sequence[str]) -> Audience:
        """These connections."""
        return cls(AudienceKind.CONNECTIONS, tuple(ids))

    @classmethod
    def connection(cls, connection_id: str) -> Audience:
        """One connection."""
        return cls.connections((connection_id,))


class MemberKind(enum.Enum):
    """What joins a group."""

    CONNECTION = "connection"
    USER = "user"


@dataclass(frozen=True, slots=True)
class Member:
    """Who joins or leaves a group: one connection, or all connections of a user."""

    kind: MemberKind
    id: str

    @classmethod
    def connection(cls, connection_id: str) -> Member:
        """One connection; its membership ends with it."""
        return cls(MemberKind.CONNECTION, connection_id)

    @classmethod
    def user(cls, user_id: str) -> Member:
        """All connections of one user."""
        return cls(MemberKind.USER, user_id)


@dataclass(frozen=True, slots=True)
class Connected:
    """One connection that an audience addresses, as a data plane lists it."""

    connection_id: str
    user_id: str | None = None


@dataclass(frozen=True, slots=True)
class ConnectRequest:
    """The HTTP request that opens a connection, the same from every lane. Header names are lower-case.

    `remote_address` and `scheme` are already those of the client, forwarded headers counted from trusted proxies only.
    The query may hold `access_token`: never log it.
    """

    method: str
    path: str
    query: Mapping[str, Sequence[str]] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    remote_address: str
    scheme: str

    @property
    def cookies(self) -> Mapping[str, str]:
        """The cookies by name, read from their header at each look; what is malformed is left out."""
        cookies: dict[str, str] = {}
        for part in self.headers.get("cookie", "").split(";"):
            read: SimpleCookie = SimpleCookie()
            # Each by itself: it drops everything behind a cookie that it does not understand.
            with suppress(CookieError):
                read.load(part.strip())
            cookies.update((name, morsel.value) for name, morsel in read.items())
        return cookies

    def query_value(self, name: str) -> str | None:
        """The first value of a query key, looked up without regard to case."""
        wanted = name.lower()
        for key, values in self.query.items():
            if key.lower() == wanted and values:
                return values[0]
        return None


@dataclass(frozen=True, slots=True)
class Steering:
    """How a verified token wants its connection to be treated, where that differs from the options of the hub."""

    handshake_timeout_seconds: float | None = None
    """Time for the handshake. None: as the options say, here and below."""
    poll_timeout_seconds: float | None = None
    """How long a poll waits for data."""
    transports: frozenset[str] | None = None
    """Those that may be used, among those of the options."""
    closes_at: float | None = None
    """When the connection ends, with leave to come again, in seconds since 1970 UTC."""
    detailed_errors: bool = False
    """Whether exception types and texts reach this client."""
    is_diagnostic: bool = False
    """Whether what happens to it is traced."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a verified token speaks for.

    `expires_at` is the token's end in seconds since 1970 UTC, None: never. An open connection ends then only where
    `close_on_expiration` says so, as in the reference server.
    """

    user_id: str | None = None
    claims: Mapping[str, object] = field(default_factory=dict, repr=False)
    expires_at: float | None = None
    steering: Steering | None = None
    """None, as nearly always: the hub's options count."""

    @property
    def closes_at(self) -> float | None:
        """When a connection ends that is closed on expiration, in seconds since 1970 UTC; None: never."""
        steering = self.steering
        return self.expires_at if steering is None or steering.closes_at is None else steering.closes_at


@dataclass(slots=True, eq=False)
class Caller:
    """One connection as hub code sees it; made once when it opens, and the same object in each of its events."""

    connection_id: str
    hub: str
    principal: Principal
    request: ConnectRequest
    transport: str
    _items: dict[str, object] | None = field(default=None, init=False, repr=False)  # most connections have none

    @property
    def items(self) -> dict[str, object]:
        """Whatever the application keeps for this connection, as long as it lives and in the process that holds it.

        A hosting without connections of its own (REST) has an empty one in each event.
        """
        if self._items is None:
            self._items = {}
        return self._items

    @property
    def user_id(self) -> str | None:
        """Who the verified token speaks for, None: nobody in particular."""
        return self.principal.user_id

    @property
    def claims(self) -> Mapping[str, object]:
        """What the verified token says."""
        return self.principal.claims


class Features(enum.Flag):
    """Abilities that not every hosting has; a hub that needs a missing one fails at start, by name."""

    NONE = 0
    CLIENT_RESULTS = enum.auto()
    STREAMING = enum.auto()
    ABORT_CALLER = enum.auto()
