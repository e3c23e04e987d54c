"""The hub path for requests that are no upgrade: polls, events, POST and DELETE (signalr-protocol 2.0, 2.2, 2.3).

Each of them is authenticated by itself: a client that only knows another's token gets nowhere, and newer tokens count.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from hubwire.clock import Clock
from hubwire.model import Caller, ConnectRequest, Principal
from hubwire.server import answers
from hubwire.server.admission import Admission
from hubwire.server.answers import Refused
from hubwire.server.hosted import Hosted, Opening, Served
from hubwire.server.table import ConnectionTable, check_user, requested_token
from hubwire.server.timer_wheel import TimerWheel
from hubwire.server.tokens import ConnectionToken
from hubwire.transports.asgi import Exchange
from hubwire.transports.long_polling import LongPollingTransport
from hubwire.transports.posted_input import Posted, PostedInput
from hubwire.transports.sse import MEDIA_TYPE, ServerSentEventsTransport
from hubwire.wire.negotiation import LONG_POLLING, SERVER_SENT_EVENTS, WEBSOCKETS

if TYPE_CHECKING:  # it needs an HTTP client, which a single process does not have
    from hubwire.server.forwarder import Forwarder


def is_poll(request: ConnectRequest) -> bool:
    """Whether a request of a hub path is a poll: any GET that is nothing else."""
    return request.method == "GET" and not _wants_events(request) and not _wants_websocket(request)


class HttpDispatcher:
    """Finds the connection of a request and lets its transport answer."""

    __slots__ = ("_admission", "_clock", "_forwarder", "_table", "_wheel")

    def __init__(
        self,
        admission: Admission,
        table: ConnectionTable,
        clock: Clock,
        wheel: TimerWheel,
        forwarder: Forwarder | None,
    ) -> None:
        self._admission = admission
        self._table = table
        self._forwarder = forwarder
        self._clock = clock
        self._wheel = wheel

    async def serve(
        self, hosted: Hosted, request: ConnectRequest, exchange: Exchange, *, is_forwarded: bool = False
    ) -> None:
        """Answer a request, which may take as long as its connection lives. Raises: Refused, before any answer.

        Args:
            is_forwarded: it comes from a peer, and is passed on to nobody.
        """
        if request.method not in ("GET", "POST", "DELETE"):
            raise Refused(405, answers.WRONG_METHOD, (("allow", "GET, POST, DELETE, OPTIONS"),))
        principal = await self._admission.authenticate(hosted, request)
        token = requested_token(request)
        if token is None:
            raise Refused(400, answers.MISSING_ID)
        found = self._table.find(hosted, token)
        if request.method == "GET" and _wants_websocket(request):  # the server in front of us cannot upgrade
            raise answers.unsupported_transport(WEBSOCKETS)
        if isinstance(found, ConnectionToken) and self._table.is_elsewhere(found):
            if self._forwarder is None or is_forwarded:
                raise Refused(404, answers.UNKNOWN_ID)
            await self._forwarder.forward(found, hosted, request, exchange, is_poll=is_poll(request))
            return
        if request.method == "POST":
            await self._post(hosted, found, token, principal, exchange)
        elif request.method == "DELETE":
            await self._delete(found, token, principal, exchange)
        else:
            await self._get(hosted, found, token, request, principal, exchange)

    async def _get(
        self,
        hosted: Hosted,
        found: Served | ConnectionToken,
        token: str,
        request: ConnectRequest,
        principal: Principal,
        exchange: Exchange,
    ) -> None:
        name = SERVER_SENT_EVENTS if _wants_events(request) else LONG_POLLING
        if name not in hosted.transports(principal):
            raise answers.unsupported_transport(name)
        if not isinstance(found, ConnectionToken):
            transport = self._table.requested.get(token)
            if transport is None or transport.name != name:
                raise Refused(400, answers.OTHER_TRANSPORT)
            check_user(found, principal)
            if not isinstance(transport, LongPollingTransport):
                raise Refused(409)
            await transport.poll(exchange)
            return
        posted = self._take(hosted, found, principal, request.remote_address)
        opening = Opening(hosted, Caller(found.connection_id, hosted.name, principal, request, name), token)
        if name == SERVER_SENT_EVENTS:
            events = ServerSentEventsTransport(exchange, posted)
            await events.run(self._table.open(opening, events))
            return
        polled = LongPollingTransport(
            posted,
            self._clock,
            self._wheel,
            hosted.poll_timeout_seconds(principal),
            hosted.options.disconnect_timeout_seconds,
            functools.partial(self._table.remove, token),
        )
        await polled.begin(self._table.open(opening, polled), exchange)

    def _take(self, hosted: Hosted, token: ConnectionToken, principal: Principal, address: str) -> PostedInput:
        """Use a token up; what was posted to it already counts only from the user who opens it."""
        early = self._table.early.find(token.text)
        if early is not None and early.user_id != principal.user_id:
            raise Refused(403)
        self._table.gate.check(address)
        self._table.check_room(address)
        self._table.used.add(token)
        self._table.early.take(token.text)
        return self._new_input(hosted) if early is None else early.input

    def _new_input(self, hosted: Hosted) -> PostedInput:
        return PostedInput(self._clock, self._wheel, hosted.options.disconnect_timeout_seconds)

    async def _post(
        self, hosted: Hosted, found: Served | ConnectionToken, token: str, principal: Principal, exchange: Exchange
    ) -> None:
        if isinstance(found, ConnectionToken):
            if hosted.options.transports <= {WEBSOCKETS}:
                raise answers.unsupported_transport(LONG_POLLING)
            posted = self._early(hosted, found, principal)
        else:
            transport = self._table.requested.get(token)
            if transport is None:
                raise Refused(405, answers.POST_ON_WEBSOCKET)
            check_user(found, principal)
            posted = transport.input
        match await posted.take(exchange.receive):
            case Posted.TAKEN:
                await exchange.answer(200)
            case Posted.ENDED:
                raise Refused(404)
            case Posted.BROKEN:
                raise Refused(400)

    def _early(self, hosted: Hosted, token: ConnectionToken, principal: Principal) -> PostedInput:
        self._table.check_open()
        early = self._table.early.find(token.text) or self._table.early.begin(
            token, principal.user_id, self._new_input(hosted)
        )
        if early is None:
            raise answers.too_many_pending()
        if early.user_id != principal.user_id:
            raise Refused(403)
        return early.input

    async def _delete(
        self, found: Served | ConnectionToken, token: str, principal: Principal, exchange: Exchange
    ) -> None:
        transport = self._table.requested.get(token)
        if isinstance(found, ConnectionToken) or not isinstance(transport, LongPollingTransport):
            raise Refused(400, answers.DELETE_ON_OTHERS)
        check_user(found, principal)
        transport.terminate()
        await exchange.answer(202)


def _wants_events(request: ConnectRequest) -> bool:
    accepted = request.headers.get("accept", "").lower().split(",")
    return any(each.partition(";")[0].strip() == MEDIA_TYPE for each in accepted)


def _wants_websocket(request: ConnectRequest) -> bool:
    return request.headers.get("upgrade", "").lower() == "websocket"
