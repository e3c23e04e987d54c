"""The table of connections by token: those negotiated, those open, those whose last messages wait to be polled.

Knows no HTTP beyond the refusals that it words.
"""

from __future__ import annotations

import asyncio

from hubwire.clock import Clock
from hubwire.model import ConnectRequest, Principal
from hubwire.options import ServerOptions
from hubwire.ports import Transport
from hubwire.server import answers
from hubwire.server.answers import Refused
from hubwire.server.hosted import Hosted, Opening, Served
from hubwire.server.requests import query_values
from hubwire.server.timer_wheel import TimerWheel
from hubwire.server.tokens import Negotiated, PendingConnections
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

    __slots__ = ("_is_empty", "_maximum", "connections", "is_draining", "pending", "requested")

    def __init__(self, options: ServerOptions, clock: Clock, wheel: TimerWheel) -> None:
        self.connections: dict[str, Served] = {}
        """Open connections by token, and those whose last messages wait to be polled."""
        self.requested: dict[str, RequestTransport] = {}
        """The transports of those that are no WebSockets."""
        self.pending = PendingConnections(
            clock, wheel, options.connect_timeout_seconds, options.maximum_pending_negotiations
        )
        self.is_draining = False
        self._maximum = options.maximum_connections
        self._is_empty = asyncio.Event()

    def find(self, hosted: Hosted, token: str) -> Served | Negotiated:
        """Return the connection of a token. Raises: Refused, also for another hub's."""
        connection = self.connections.get(token)
        if connection is not None and connection.caller.hub == hosted.name:
            return connection
        negotiated = self.pending.find(hosted.name, token)
        if negotiated is None:
            raise Refused(404, answers.UNKNOWN_ID)
        return negotiated

    def check_room(self) -> None:
        """Whether one more may open. Raises: Refused."""
        if self.is_draining:
            raise Refused(503, "The server is going away")
        if self._maximum is not None and len(self.connections) >= self._maximum:
            raise Refused(503, "Too many connections", (("retry-after", "5"),))

    def open(self, opening: Opening, transport: Transport) -> Served:
        """Make the connection and keep it until it is gone."""
        connection = opening.hosted.open(opening, transport, self._forget)
        self.connections[opening.token] = connection
        if isinstance(transport, RequestTransport):
            self.requested[opening.token] = transport
        return connection

    def remove(self, token: str) -> None:
        """Nothing of that connection is left."""
        self.connections.pop(token, None)
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
