"""The HTTP side of hubs: negotiate, the answers of the hub path, and opening connections. Knows no lane.

Implements signalr-protocol sections 1 and 2.0 for an endpoint that offers WebSockets.
"""

from __future__ import annotations

import asyncio

from hubwire.clock import Clock
from hubwire.model import Caller, ConnectRequest
from hubwire.observe import Observer
from hubwire.options import ServerOptions
from hubwire.ports import Transport
from hubwire.server import answers
from hubwire.server.admission import Admission, Route
from hubwire.server.answers import Answer, Refused
from hubwire.server.hosted import Hosted, Opening, Served
from hubwire.server.requests import query_values
from hubwire.server.tokens import PendingConnections, new_id
from hubwire.wire import negotiation

TRANSPORTS = (negotiation.WEBSOCKETS,)

_PREFLIGHT = (
    ("access-control-allow-methods", "GET, POST, DELETE, OPTIONS"),
    ("access-control-allow-headers", "authorization, content-type, x-requested-with, x-signalr-user-agent"),
    ("access-control-max-age", "600"),
)


class Endpoint:
    """Answers requests for hubs and keeps the table of open connections."""

    __slots__ = ("_is_empty", "_observer", "_options", "_pending", "admission", "connections", "is_draining")

    def __init__(self, options: ServerOptions, clock: Clock, observer: Observer) -> None:
        self.admission = Admission(options)
        self.connections: dict[str, Served] = {}
        """Open connections by token."""
        self.is_draining = False
        self._is_empty = asyncio.Event()
        self._options = options
        self._observer = observer
        self._pending = PendingConnections(clock, options.connect_timeout_seconds, options.maximum_pending_negotiations)

    async def respond(self, route: Route, request: ConnectRequest) -> Answer:
        """Answer a plain HTTP request. Never raises a refusal: it is in the answer, with its CORS headers."""
        cors = self.admission.cors_headers(request)
        try:
            if request.method == "OPTIONS":
                self.admission.check_preflight(request)
                return Answer(204, headers=cors + _PREFLIGHT)
            hosted = self.admission.check(route, request)
            if route.is_negotiate:
                return await self._negotiate(hosted, request, cors)
            await self.admission.authenticate(hosted, request)
            raise self._without_websocket(hosted, request)
        except Refused as refused:
            self._observer.connect_refused(refused.status)
            return refused.answer(cors)

    async def admit(self, route: Route, request: ConnectRequest) -> Opening:
        """Let a WebSocket upgrade in. Raises: Refused."""
        try:
            if route.is_negotiate:
                raise Refused(405, "Method not allowed")
            hosted = self.admission.check(route, request)
            principal = await self.admission.authenticate(hosted, request)
            if self.is_draining:  # asked last: whoever is let in later would miss the drain
                raise Refused(503, "The server is going away")
            limit = self._options.maximum_connections
            if limit is not None and len(self.connections) >= limit:
                raise Refused(503, "Too many connections", (("retry-after", "5"),))
            connection_id, token = self._identify(hosted, request)
        except Refused as refused:
            self._observer.connect_refused(refused.status)
            raise
        caller = Caller(connection_id, hosted.name, principal, request, negotiation.WEBSOCKETS)
        return Opening(hosted, caller, token)

    def open(self, opening: Opening, transport: Transport) -> Served:
        """Make the connection of an admitted upgrade and put it into the table."""
        connection = opening.hosted.open(opening, transport, self._forget)
        self.connections[opening.token] = connection
        return connection

    async def _negotiate(self, hosted: Hosted, request: ConnectRequest, cors: tuple[tuple[str, str], ...]) -> Answer:
        if request.method != "POST":
            raise Refused(405, "Method not allowed", (("allow", "POST, OPTIONS"),))
        if self.is_draining:
            raise Refused(503, "The server is going away")
        await self.admission.authenticate(hosted, request)
        headers = (*cors, ("cache-control", "no-store"))
        try:
            version = negotiation.requested_version(request.query_value("negotiateVersion"))
        except negotiation.NegotiationError as error:
            return Answer(200, negotiation.error_answer(str(error)), answers.JSON, headers)
        ids = self._pending.add(hosted.name, version)
        if ids is None:
            raise Refused(429, "Too many pending connections", (("retry-after", "5"),))
        return Answer(200, negotiation.answer(version, *ids, TRANSPORTS), answers.JSON, headers)

    def _identify(self, hosted: Hosted, request: ConnectRequest) -> tuple[str, str]:
        ids = query_values(request, "id")
        if not ids:
            token = new_id()  # a client that skipped negotiate; its id and token are the same
            return token, token
        token = ids[0] if len(ids) == 1 else ",".join(ids)
        if token in self.connections:
            raise Refused(409)
        connection_id = self._pending.take(hosted.name, token)
        if connection_id is None:
            raise Refused(404, answers.UNKNOWN_ID)
        return connection_id, token

    def _without_websocket(self, hosted: Hosted, request: ConnectRequest) -> Refused:
        """The refusal of a request on the hub path that is no upgrade: these transports are not offered here."""
        if request.method not in ("GET", "POST", "DELETE"):
            return Refused(405, "Method not allowed")
        ids = query_values(request, "id")
        if not ids:
            return Refused(400, answers.MISSING_ID)
        token = ids[0] if len(ids) == 1 else ",".join(ids)
        connection = self.connections.get(token)
        if connection is not None and connection.caller.hub == hosted.name:
            if request.method == "POST":
                return Refused(405, answers.POST_ON_WEBSOCKET)
            if request.method == "DELETE":
                return Refused(400, answers.DELETE_ON_WEBSOCKET)
        elif token not in self._pending:
            return Refused(404, answers.UNKNOWN_ID)
        if request.method == "GET" and "text/event-stream" in request.headers.get("accept", "").lower():
            return answers.unsupported_transport(negotiation.SERVER_SENT_EVENTS)
        return answers.unsupported_transport(negotiation.LONG_POLLING)

    async def until_empty(self) -> None:
        """Return when no connection is open."""
        while self.connections:
            self._is_empty.clear()
            await self._is_empty.wait()

    @property
    def frame_limit_bytes(self) -> int | None:
        """The largest WebSocket frame that any of the hubs takes in."""
        limits = [hosted.frame_limit_bytes for hosted in self.admission.hosted]
        return None if None in limits else max((limit for limit in limits if limit is not None), default=0)

    def _forget(self, connection: Served) -> None:
        self.connections.pop(connection.token, None)
        if not self.connections:
            self._is_empty.set()
