"""The HTTP side of hubs: negotiate, the answers of the hub path, and opening connections. Knows no lane.

Implements signalr-protocol section 1, and of section 2 what concerns upgrades.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from hubwire.clock import Clock
from hubwire.errors import Forbidden, Unauthorized
from hubwire.model import Caller, ConnectRequest
from hubwire.observe import Observer
from hubwire.options import ServerOptions
from hubwire.ports import Receiver, Transport
from hubwire.server import answers
from hubwire.server.admission import Admission, Route
from hubwire.server.answers import Answer, Refused
from hubwire.server.hosted import Elsewhere, Hosted, Opening, Resumption, Served
from hubwire.server.http_dispatcher import HttpDispatcher, is_poll
from hubwire.server.redirect import Redirection
from hubwire.server.table import ConnectionTable, check_user, requested_token
from hubwire.server.timer_wheel import TimerWheel
from hubwire.server.tokens import ConnectionToken, ConnectionTokens, new_id
from hubwire.transports.asgi import Exchange
from hubwire.transports.long_polling import NO_CACHE
from hubwire.wire import negotiation

if TYPE_CHECKING:  # it needs an HTTP client, which a single process does not have
    from hubwire.server.forwarder import Forwarder

_PREFLIGHT = (
    ("access-control-allow-methods", "GET, POST, DELETE, OPTIONS"),
    ("access-control-max-age", "600"),
)
_OWN_HEADERS = "authorization, content-type, x-requested-with, x-signalr-user-agent"
_NO_STORE = ("cache-control", "no-store")

_log = logging.getLogger("hubwire.server")


class Endpoint:
    """Answers requests for hubs and keeps the table of open connections."""

    __slots__ = ("_dispatcher", "_forwarder", "_observer", "admission", "table")

    def __init__(
        self,
        options: ServerOptions,
        clock: Clock,
        observer: Observer,
        wheel: TimerWheel,
        tokens: ConnectionTokens,
        forwarder: Forwarder | None = None,
    ) -> None:
        self.admission = Admission(options)
        self.table = ConnectionTable(options, clock, wheel, tokens)
        self._dispatcher = HttpDispatcher(self.admission, self.table, clock, wheel, forwarder)
        self._forwarder = forwarder
        self._observer = observer

    @property
    def connections(self) -> dict[str, Served]:
        """Open connections by token."""
        return self.table.connections

    @property
    def is_draining(self) -> bool:
        """Whether nobody new is let in."""
        return self.table.is_draining

    @is_draining.setter
    def is_draining(self, value: bool) -> None:
        self.table.is_draining = value
        if value:
            self.table.early.end()

    async def serve(self, route: Route, request: ConnectRequest, exchange: Exchange) -> None:
        """Answer a plain HTTP request, refusals included; all of it with the headers that let pages read it."""
        exchange.headers = self.admission.cors_headers(request)
        try:
            answer = await self._serve(route, request, exchange)
        except Refused as refused:
            if route.is_negotiate or request.method == "GET":
                self._observer.connect_refused(refused.status)
            answer = refused.answer(NO_CACHE if not route.is_negotiate and is_poll(request) else ())
        if answer is not None:
            await exchange.answer(answer.status, answer.body, answer.content_type, answer.headers)

    async def admit(self, route: Route, request: ConnectRequest) -> Opening | Resumption | Elsewhere:
        """Let a WebSocket upgrade in. Raises: Refused.

        Whoever gets the result has to `open` it in the same turn, or to pass it on if it belongs elsewhere.
        """
        try:
            if route.is_negotiate:
                raise Refused(405, answers.WRONG_METHOD)
            hosted = self._hosted(route, request)
            token = requested_token(request)
            # One that is open may be resumed, whoever else has to wait; whether another node's is, that node knows.
            is_newcomer = token is None or (token not in self.table.connections and self.table.tokens.names_us(token))
            if is_newcomer:
                self.table.gate.check(request.remote_address)
            principal = await self.admission.authenticate(hosted, request)
            found = None if token is None else self.table.find(hosted, token)
            if negotiation.WEBSOCKETS not in hosted.transports(principal):
                raise answers.unsupported_transport(negotiation.WEBSOCKETS)
            if found is not None and not isinstance(found, ConnectionToken):
                self._check_resumption(found)
                check_user(found, principal)
                return Resumption(found)
            if found is not None and not self._may_open_here(found):
                self.table.check_open()
                if self._forwarder is None or route.is_forwarded or not _is_held_to_node(found):
                    raise Refused(404, answers.UNKNOWN_ID)
                return self._forwarder.upgrade(found, hosted, request)
            if found is not None and self.table.early.find(found.text) is not None:
                raise Refused(400, answers.OTHER_TRANSPORT)  # what was posted to it would be lost
            if not is_newcomer:
                self.table.gate.check(request.remote_address)
            self.table.check_room(request.remote_address)
        except Refused as refused:
            self._observer.connect_refused(refused.status)
            raise
        if found is None:  # a client that skipped negotiate; its id and token are the same
            connection_id = text = new_id()
            is_stateful = False
        else:
            self.table.used.add(found)
            connection_id, text, is_stateful = found.connection_id, found.text, found.is_stateful
        caller = Caller(connection_id, hosted.name, principal, request, negotiation.WEBSOCKETS)
        return Opening(hosted, caller, text, is_stateful)

    def open(self, admitted: Opening | Resumption, transport: Transport) -> Receiver:
        """Make the connection of an admitted upgrade and put it into the table, or hand over the one it resumes."""
        if isinstance(admitted, Resumption):
            return admitted.connection.resume(transport)
        return self.table.open(admitted, transport)

    async def until_empty(self) -> None:
        """Return when no connection is open."""
        await self.table.until_empty()

    @property
    def frame_limit_bytes(self) -> int | None:
        """The largest WebSocket frame that any of the hubs takes in."""
        limits = [hosted.frame_limit_bytes for hosted in self.admission.hosted]
        return None if None in limits else max((limit for limit in limits if limit is not None), default=0)

    async def _serve(self, route: Route, request: ConnectRequest, exchange: Exchange) -> Answer | None:
        if request.method == "OPTIONS":
            self.admission.check_request(request)
            # Applications add headers of their own to the clients' (`withUrl(url, { headers })`), and the page is ours.
            asked = request.headers.get("access-control-request-headers", _OWN_HEADERS)
            return Answer(204, headers=(*_PREFLIGHT, ("access-control-allow-headers", asked)))
        if route.is_negotiate and request.method != "POST":
            self.admission.check_request(request)
            raise Refused(405, answers.WRONG_METHOD, (("allow", "POST, OPTIONS"),))
        if route.redirection is not None and route.is_negotiate:
            self.admission.check_request(request)
            return await self._redirect(route.redirection, request)
        hosted = self._hosted(route, request)
        if route.is_negotiate:
            return await self._negotiate(hosted, request)
        await self._dispatcher.serve(hosted, request, exchange, is_forwarded=route.is_forwarded)
        return None

    def _hosted(self, route: Route, request: ConnectRequest) -> Hosted:
        if route.redirection is not None:
            raise Refused(404, answers.NOT_FOUND)
        return self.admission.check(route, request)

    def _may_open_here(self, token: ConnectionToken) -> bool:
        return not self.table.is_elsewhere(token) or (not _is_held_to_node(token) and self.table.may_open(token))

    def _check_resumption(self, connection: Served) -> None:
        if connection.token in self.table.requested:
            raise Refused(400, answers.OTHER_TRANSPORT)
        if not connection.is_resumable:
            raise Refused(409)

    async def _negotiate(self, hosted: Hosted, request: ConnectRequest) -> Answer:
        self.table.check_open()
        self.table.gate.check(request.remote_address)
        principal = await self.admission.authenticate(hosted, request)
        options, transports = hosted.options, hosted.transports(principal)
        try:
            version = negotiation.requested_version(
                request.query_value("negotiateVersion"), options.minimum_negotiate_version
            )
        except negotiation.NegotiationError as error:
            return Answer(200, negotiation.error_answer(str(error)), answers.JSON, (_NO_STORE,))
        # In version 0 the id is the token and may be known to others, who could take the connection over.
        is_stateful = (
            version > 0
            and hosted.allows_stateful_reconnect
            and (request.query_value("useStatefulReconnect") or "").lower() == "true"
        )
        token = self.table.tokens.issue(hosted.name, version, is_stateful=is_stateful)
        body = negotiation.answer(version, token.connection_id, token.text, transports, is_stateful=is_stateful)
        return Answer(200, body, answers.JSON, (_NO_STORE,))

    async def _redirect(self, redirection: Redirection, request: ConnectRequest) -> Answer:
        self.table.check_open()
        self.table.gate.check(request.remote_address)
        principal = await self.admission.authenticate(redirection, request)
        try:
            target = await redirection.choose(request, principal)
        except Unauthorized:
            raise answers.unauthorized() from None
        except Forbidden:
            raise Refused(403) from None
        except Exception:  # noqa: BLE001 - boundary to the application's choice
            _log.exception("The redirect of %r failed", request.path)
            raise answers.failed() from None
        return Answer(200, negotiation.redirect_answer(target.url, target.access_token), answers.JSON, (_NO_STORE,))


def _is_held_to_node(token: ConnectionToken) -> bool:
    """Whether its WebSocket belongs to the node that signed it.

    One that may be resumed has to be found again; one whose token may be known to others must not be opened twice, and
    only its own node knows whether it was.
    """
    return token.is_stateful or not token.is_secret
