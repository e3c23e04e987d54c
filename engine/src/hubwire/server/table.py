"""The table of connections by token: those open, and those whose last messages wait to be polled.

Knows which tokens may still be opened here, and no HTTP beyond the refusals that it words.
"""

from __future__ import annotations

import asyncio

from hubwire.clock import Clock
from hubwire.model import ConnectRequest, Principal
from hubwire.options import ServerOptions
from hubwire.ports import Transport
from hubwire.server import answers
from hubwire.server.answers import Refused
from hubwire.server.early import EarlyInputs
from hubwire.server.gate import Gate
from hubwire.server.hosted import Hosted, Opening, Served
from hubwire.server.requests import query_values
from hubwire.server.timer_wheel import TimerWheel
from hubwire.server.tokens import ConnectionToken, ConnectionTokens, UsedTokens
from hubwire.transports.long_polling import LongPollingTransport
from hubwire.transports.sse import ServerSentEventsTransport

RequestTransport = ServerSentEventsTransport | LongPollingTransport
"""Those whose clients send by POST."""


def requested_token(request: ConnectRequest) -> str | None:
    """Return the connection token of a request; an empty one is none, and several make one that is never found.

    Both as in the reference server.
    """
    return ",".join(query_values(request, "id")) or None


def check_user(connection: Served, principal: Principal) -> None:
    """Let another request of a connection in: only its own user's, whose newer token then counts. Raises: Refused."""
    present = connection.caller.principal
    if principal.user_id != present.user_id:
        raise Refused(403)
    ends = (present.expires_at, principal.expires_at)
    if ends[0] is None or ends[1] is None or ends[1] >= ends[0]:
        connection.refresh(principal)


class ConnectionTable:
    """Where requests find the connection that they belong to."""

    __slots__ = (
        "_full_status",
        "_is_empty",
        "_maximum",
        "connections",
        "early",
        "gate",
        "is_draining",
        "requested",
        "tokens",
        "used",
    )

    def __init__(self, options: ServerOptions, clock: Clock, wheel: TimerWheel, tokens: ConnectionTokens) -> None:
        self.gate = Gate(options, clock)
        """Counts newcomers and what they open, by address."""
        self.connections: dict[str, Served] = {}
        """Open connections by token, and those whose last messages wait to be polled."""
        self.requested: dict[str, RequestTransport] = {}
        """The transports of those that are no WebSockets."""
        self.tokens = tokens
        self.used = UsedTokens(clock, wheel)
        self.early = EarlyInputs(clock, wheel)
        self.is_draining = False
        self._maximum = options.maximum_connections
        self._full_status = options.full_status
        self._is_empty = asyncio.Event()

    def find(self, hosted: Hosted, text: str) -> Served | ConnectionToken:
        """Return the connection of a token, or the token itself while it may be opened, or when it names another node.

        Raises: Refused, also for another hub's.
        """
        connection = self.connections.get(text)
        if connection is not None and connection.caller.hub == hosted.name:
            return connection
        token = self.tokens.read(hosted.name, text)
        if token is None or not (self.may_open(token) or self.is_elsewhere(token)):
            raise Refused(404, answers.UNKNOWN_ID)
        return token

    def is_elsewhere(self, token: ConnectionToken) -> bool:
        """Whether another node has signed it."""
        return token.node_id != self.tokens.node_id

    def may_open(self, token: ConnectionToken) -> bool:
        """Whether a token has neither expired nor been used here."""
        return self.tokens.is_fresh(token) and token.text not in self.used

    def check_open(self) -> None:
        """Whether anybody is let in. Raises: Refused."""
        if self.is_draining:
            raise Refused(503, "The server is going away")

    def check_room(self, address: str) -> None:
        """Whether one more may open, from this address. Raises: Refused."""
        self.check_open()
        if self._maximum is not None and len(self.connections) >= self._maximum:
            raise answers.full(self._full_status)
        self.gate.check_room(address)

    def open(self, opening: Opening, transport: Transport) -> Served:
        """Make the connection and keep it until it is gone."""
        connection = opening.hosted.open(opening, transport, self._forget)
        self.connections[opening.token] = connection
        self.gate.entered(opening.caller.request.remote_address)
        if isinstance(transport, RequestTransport):
            self.requested[opening.token] = transport
        return connection

    def remove(self, token: str) -> None:
        """Nothing of that connection is left."""
        connection = self.connections.pop(token, None)
        if connection is not None:
            self.gate.left(connection.caller.request.remote_address)
        self.requested.pop(token, None)
        if not self.connections:
            self._is_empty.set()

    async def until_empty(self) -> None:
        """Return when no connection is open."""
        while self.connections:
            self._is_empty.clear()
            await self._is_empty.wait()

    def _forget(self, connection: Served) -> None:
        # One that was polled stays until its client has got the last messages; its transport says when.
        if not isinstance(self.requested.get(connection.token), LongPollingTransport):
            self.remove(connection.token)
