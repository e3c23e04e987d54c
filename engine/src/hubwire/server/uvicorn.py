"""The fast lane's place in uvicorn: a protocol class for `Config(http=...)`, and a server that drains before it stops.

uvicorn's protocol constructor, `ServerState`, `HttpToolsProtocol` and `Server.shutdown` are no documented interfaces.
This file and `guarded_http` are all that touches them; the tests name the uvicorn version written for. Ask for the lane
with `hubwire.run(app)` or `uvicorn --http hubwire.server.uvicorn:Http`; the host's middleware does not run on it.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, cast
from urllib.parse import unquote

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from hubwire.model import ConnectRequest
from hubwire.server.admission import Route
from hubwire.server.answers import Refused, full, overloaded
from hubwire.server.app import LIFESPAN_STATE, HubServer
from hubwire.server.direct_answer import DirectExchange, read_plain_post
from hubwire.server.guarded_http import MAXIMUM_HEAD_BYTES, GuardedHttp
from hubwire.server.hosted import Elsewhere
from hubwire.server.internal import InternalApplication
from hubwire.server.keep_alive import keep_alive
from hubwire.server.peers import STAMP_HEADER
from hubwire.server.request_head import RequestHead
from hubwire.server.requests import make_request
from hubwire.server.sockets import Place
from hubwire.server.splice import stamped
from hubwire.server.upgrade import Upgrade, read_upgrade, refusal
from hubwire.transports.asgi import ABORT_STATE
from hubwire.transports.websocket import WebSocketTransport

UVICORN_VERSION = "0.54"
"""The release series that this file was written and tested against."""

_log = logging.getLogger("hubwire.server")

_REFUSAL = (
    "HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\n{fields}"
    "connection: close\r\n\r\n{text}"
)

_END_OF_HEAD = b"\r\n\r\n"
_GET, _POST = b"GET ", b"POST "


class Http(asyncio.Protocol):
    """Looks at the first bytes of a TCP connection and hands it on, together with them.

    An upgrade on a hub's path goes to the fast lane, with whatever follows it in the same segment. A plain negotiate is
    answered here where the server is the application itself, and then the next request is looked at. All else goes to
    uvicorn's own protocol, guarded. A peer that sends no complete request in time is cut off.
    """

    __slots__ = (
        "_app_state",
        "_config",
        "_has_answered",
        "_has_place",
        "_head",
        "_hubs",
        "_is_answering",
        "_is_paused",
        "_is_stopping",
        "_loop",
        "_server_state",
        "_transport",
        "wheel_slot",
    )

    hubs: ClassVar[HubServer | None] = None
    """The server whose hubs get the lane. None: the one that runs in the application's lifespan."""

    is_internal: ClassVar[bool] = False
    """Whether peers connect here, so that their stamps count."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._config = config
        self._server_state = server_state
        self._app_state = app_state
        self._loop = _loop
        hubs = self.hubs if self.hubs is not None else app_state.get(LIFESPAN_STATE)
        # A server outside of its lifespan cannot serve; its ASGI side says so in plain words.
        self._hubs: HubServer | None = hubs if isinstance(hubs, HubServer) and hubs.is_running else None
        self._head = b""
        self._has_place = True
        self._has_answered = False
        self._is_answering = False
        self._is_paused = False
        self._is_stopping = False
        self._transport: asyncio.Transport | None = None
        self.wheel_slot = -1

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvicorn listens on stream sockets only
        hubs = self._hubs
        if hubs is None:
            self._hand_to_uvicorn()
            return
        connections = self._server_state.connections
        connections.add(cast("Any", self))  # uvicorn calls `shutdown` on its members, no more
        place = hubs.sockets.place(connections)
        self._has_place = place is Place.SERVED
        if place is Place.CUT:
            hubs.observer.connect_refused(503)
            self._transport.abort()
            return
        hubs.sockets.wait(self)
        self._wait_for_head(hubs)

    def data_received(self, data: bytes) -> None:
        if self._has_answered and not self._head and self._hubs is not None:  # a further request begins
            self._wait_for_head(self._hubs)
        self._head = self._head + data if self._head else data
        if self._is_answering:  # what follows waits; reading is paused, but some may have been under way
            return
        if not self._has_place:
            self._refuse(full())
            return
        if self._comes_in_vain():
            self._refuse(overloaded())
            return
        route = self._route()
        if route is None:
            self._hand_to_uvicorn()
        elif isinstance(route, Route):
            end = self._head.find(_END_OF_HEAD)
            if end >= 0:
                end += len(_END_OF_HEAD)
                if route.is_negotiate:
                    self._answer_or_hand_on(route, end)
                elif _is_websocket_upgrade(self._head[:end]):
                    self._hand_to_fast_lane(route, self._head[:end], self._head[end:])
                else:
                    self._hand_to_uvicorn()
            elif len(self._head) > MAXIMUM_HEAD_BYTES:
                self._hand_to_uvicorn()

    def pause_writing(self) -> None:
        self._is_paused = True

    def resume_writing(self) -> None:
        self._is_paused = False
        if not self._is_answering and self._hubs is not None and self._transport is not None:
            self._look_at_the_next(self._hubs, self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()

    def tick(self, now: float) -> None:
        """No complete request head in time, or nothing of an answer was taken."""
        self.give_up()

    def give_up(self) -> None:
        """Cut it off: its time is over, or others need its place."""
        if self._transport is not None:
            self._transport.abort()

    def shutdown(self) -> None:
        """uvicorn stops."""
        if self._is_answering:
            self._is_stopping = True
        elif self._transport is not None:
            self._transport.close()

    # Inside

    def _wait_for_head(self, hubs: HubServer) -> None:
        hubs.wheel.schedule(self, hubs.clock.monotonic() + hubs.options.request_timeout_seconds)

    def _route(self) -> Route | bool | None:
        """The route of the request's target if it is answered by a lane of ours; None: it is not. True: too early."""
        head = self._head
        hubs = self._hubs
        if hubs is None:
            return None
        if head.startswith(_GET):
            start = len(_GET)
        elif head.startswith(_POST):
            start = len(_POST)
        else:
            return True if _GET.startswith(head) or _POST.startswith(head) else None
        end = head.find(b" ", start)
        if end < 0:
            return True if len(head) <= MAXIMUM_HEAD_BYTES else None
        route = hubs.endpoint.admission.find(unquote(head[start:end].partition(b"?")[0].decode("latin-1")))
        if route is None or route.is_negotiate is not (start == len(_POST)):
            return None
        return route if not route.is_negotiate or self._is_the_application(hubs) else None

    def _is_the_application(self, hubs: HubServer) -> bool:
        """Whether nothing of a host's looks at requests before the server does."""
        config = self._config
        return config.app is hubs.front and not (self.is_internal or config.proxy_headers or config.access_log)

    def _answer_or_hand_on(self, route: Route, end: int) -> None:
        read = read_plain_post(self._head[:end])
        hubs, transport = self._hubs, self._transport
        if read is None or hubs is None or transport is None:
            self._hand_to_uvicorn()
            return
        self._head = self._head[end:]
        self._is_answering = True
        hubs.sockets.leave(self)
        hubs.wheel.cancel(self)
        transport.pause_reading()
        hubs.start(self._answer(hubs, transport, route, read))

    async def _answer(self, hubs: HubServer, transport: asyncio.Transport, route: Route, read: RequestHead) -> None:
        exchange = DirectExchange(transport, self._server_state.default_headers)
        try:
            await hubs.endpoint.serve(route, _request_of(hubs, transport, "POST", read.target, read.fields), exchange)
        except Exception:  # noqa: BLE001 - boundary to the application's code; on ASGI the server answers like this
            _log.exception("A negotiate could not be answered")
            await exchange.answer(500, b"Internal Server Error")
            self._is_stopping = True
        self._is_answering = False
        self._has_answered = True
        if transport.is_closing():
            return
        if self._is_stopping or hubs.endpoint.is_draining:
            transport.close()
        elif self._is_paused:  # a client that asks and does not read
            self._wait_for_head(hubs)
        else:
            self._look_at_the_next(hubs, transport)

    def _look_at_the_next(self, hubs: HubServer, transport: asyncio.Transport) -> None:
        hubs.wheel.schedule(self, hubs.clock.monotonic() + self._config.timeout_keep_alive)
        transport.resume_reading()
        if self._head:
            self._wait_for_head(hubs)
            self.data_received(b"")

    def _leave(self) -> None:
        self._server_state.connections.discard(cast("Any", self))
        if self._hubs is not None:
            self._hubs.sockets.leave(self)
            self._hubs.wheel.cancel(self)

    def _comes_in_vain(self) -> bool:
        """Whether this is a newcomer for whom an overloaded server has nothing but a refusal.

        `Gate` would say the same, behind all that it takes to get there: then a refusal costs more than half of what
        letting in does, and a server with twice the newcomers that it can take would do nothing else.
        """
        hubs = self._hubs
        if hubs is None or self.is_internal or not hubs.endpoint.table.gate.lateness.is_overloaded:
            return False
        method, _, rest = self._head.partition(b" ")
        target, is_whole, _ = rest.partition(b" ")
        path, _, query = target.partition(b"?")
        route = hubs.endpoint.admission.find(unquote(path.decode("latin-1"))) if is_whole else None
        if route is None:
            return False
        if route.is_negotiate:
            return method == b"POST"
        # Whoever brings an id may belong to a connection; what is percent-encoded may be one.
        return method == b"GET" and b"id=" not in query.lower() and b"%" not in query

    def _refuse(self, refused: Refused) -> None:
        """Answer that, once the request has come, and close."""
        if self._transport is None or self._transport.is_closing():
            return
        if len(self._head) > MAXIMUM_HEAD_BYTES:
            self._transport.abort()
        elif _END_OF_HEAD in self._head:
            assert self._hubs is not None, "who refuses"  # noqa: S101 - for the type checker
            self._hubs.observer.connect_refused(refused.status)
            fields = "".join(f"{name}: {value}\r\n" for name, value in refused.headers)
            self._transport.write(_REFUSAL.format(length=len(refused.text), fields=fields, text=refused.text).encode())
            self._transport.close()

    def _hand_to_uvicorn(self) -> None:
        assert self._transport is not None, "set in connection_made"  # noqa: S101 - for the type checker
        self._leave()
        transport, self._transport = self._transport, None
        if self._hubs is None:
            inner = HttpToolsProtocol(self._config, self._server_state, self._app_state, self._loop)
        else:
            state = {**self._app_state, ABORT_STATE: transport.abort}
            inner = _HttpBesideHubs(self._config, self._server_state, state, self._loop)
            inner.hubs = self._hubs
            inner.is_internal = self.is_internal
        transport.set_protocol(inner)
        inner.connection_made(transport)
        if self._head:
            inner.data_received(self._head)

    def _hand_to_fast_lane(self, route: Route, head: bytes, early: bytes) -> None:
        assert self._transport is not None, "set in connection_made"  # noqa: S101 - for the type checker
        assert self._hubs is not None, "a route was found in it"  # noqa: S101 - for the type checker
        self._leave()
        transport, self._transport = self._transport, None
        request = _Request(self._hubs, self._server_state, transport, route, head, early, self.is_internal)
        _hand_to_fast_lane(request)


class _HttpBesideHubs(GuardedHttp):
    """uvicorn's own protocol, whose answers may be those that hub clients wait for."""

    is_internal: bool

    def shutdown(self) -> None:
        """uvicorn stops and waits for its answers: hub connections that consist of them have to be told."""
        super().shutdown()
        self.hubs.begin_drain()

    def handle_websocket_upgrade(self) -> None:
        """The client, or a proxy, upgrades the TCP connection that has carried its negotiate: a hub's lane is the same.

        uvicorn has dropped what followed in the same segment, which RFC 6455 4.1 forbids clients to send.
        """
        if self.is_answering:  # events, say, which must not get between the frames
            self.transport.abort()
            return
        self.leave()
        path = unquote(self.url.partition(b"?")[0].decode("latin-1"))
        route = self.hubs.endpoint.admission.find(path)
        if route is None or route.is_negotiate or self.scope["method"] != "GET":
            super().handle_websocket_upgrade()
            return
        self.connections.discard(self)
        fields = (b"%b: %b\r\n" % field for field in self.scope["headers"])
        head = b"GET %b HTTP/1.1\r\n%b\r\n" % (self.url, b"".join(fields))
        request = _Request(self.hubs, self.server_state, self.transport, route, head, b"", self.is_internal)
        _hand_to_fast_lane(request)


@dataclass(slots=True)
class _Request:
    """A request of the fast lane that is not answered yet."""

    hubs: HubServer
    state: ServerState
    transport: asyncio.Transport
    route: Route
    head: bytes
    early: bytes
    """What came behind the head in the same segment."""
    is_internal: bool

    @property
    def connections(self) -> set[Any]:
        """Those that uvicorn waits for when it stops."""
        return cast("set[Any]", self.state.connections)

    def resolve(self, upgrade: Upgrade) -> tuple[Route, ConnectRequest]:
        """Return where it leads and whose it is. Raises: Refused."""
        fields = upgrade.fields
        if self.is_internal:
            raw_path, _, query_string = upgrade.target.partition("?")
            path = unquote(raw_path)
            fields = list(fields)
            if any(name.lower() == STAMP_HEADER for name, _ in fields):
                return self.hubs.read_peers("GET", path, query_string, fields)
        return self.route, _request_of(self.hubs, self.transport, "GET", upgrade.target, fields)


def _request_of(
    hubs: HubServer, transport: asyncio.Transport, method: str, target: str, fields: Iterable[tuple[str, str]]
) -> ConnectRequest:
    raw_path, _, query_string = target.partition("?")
    peer = transport.get_extra_info("peername")
    return make_request(
        method,
        unquote(raw_path),
        query_string,
        fields,
        peer[0] if isinstance(peer, tuple) else "",
        "https" if transport.get_extra_info("sslcontext") is not None else "http",
        hubs.proxies,
    )


def _hand_to_fast_lane(request: _Request) -> None:
    connections = request.connections
    lane = WebSocketTransport(request.transport, _frame_limit(request.route, request.hubs), connections.discard)
    request.transport.set_protocol(lane)
    connections.add(lane)
    upgrade = read_upgrade(request.head)
    if isinstance(upgrade, bytes):
        lane.reject(upgrade)
    else:
        request.hubs.start(_open(request, lane, upgrade))


async def _open(request: _Request, lane: WebSocketTransport, upgrade: Upgrade) -> None:
    endpoint = request.hubs.endpoint
    try:
        admitted = await endpoint.admit(*request.resolve(upgrade))
        if isinstance(admitted, Elsewhere):
            await _pass_on(request, lane, admitted)
            return
    except Refused as refused:
        answer = refused.answer()
        lane.reject(refusal(answer.status, answer.body.decode(), answer.headers))
        return
    except Exception:  # noqa: BLE001 - boundary to the application's verifier; on ASGI the server answers like this
        _log.exception("An upgrade could not be decided")
        lane.reject(refusal(500, "Internal Server Error"))
        return
    lane.accept(upgrade.answer, endpoint.open(admitted, lane), request.early)


async def _pass_on(request: _Request, lane: WebSocketTransport, elsewhere: Elsewhere) -> None:
    """Let a peer answer the request. Raises: Refused when it cannot be reached."""
    forwarder = request.hubs.forwarder
    assert forwarder is not None, "it said where the connection is"  # noqa: S101 - for the type checker
    connections = request.connections
    splice = await forwarder.dial(elsewhere, lambda ended: connections.discard(ended.near))
    released = lane.release()
    if released is None:
        splice.stop()
        return
    transport, unread = released
    connections.add(splice.near)
    splice.join(transport, stamped(request.head, elsewhere.stamp) + request.early + unread)


def _frame_limit(route: Route, hubs: HubServer) -> int | None:
    return hubs.endpoint.frame_limit_bytes if route.hosted is None else route.hosted.frame_limit_bytes


def _is_websocket_upgrade(head: bytes) -> bool:
    lower = head.lower()
    start = lower.find(b"\r\nupgrade:")
    return start >= 0 and b"websocket" in lower[start : lower.find(b"\r\n", start + 2)]


class Server(uvicorn.Server):
    """uvicorn's server, which tells hub clients to come again before it closes sockets."""

    def __init__(
        self,
        config: uvicorn.Config,
        hubs: HubServer,
        internal: socket.socket | None = None,
        on_listening: Callable[[], None] | None = None,
    ) -> None:
        """Prepare one.

        Args:
            internal: where peers connect, bound already; see `Peers`.
        """
        super().__init__(config)
        self._on_listening = on_listening
        self._hubs = hubs
        self._internal = internal
        self._internal_server: asyncio.Server | None = None

    async def startup(self, sockets: Any = None) -> None:
        """Listen."""
        await super().startup(sockets)
        for server in self.servers:
            for listener in server.sockets:
                keep_alive(listener)
        if self._internal is not None:
            await self._listen_to_peers(self._internal)
        if self._on_listening is not None:
            self._on_listening()

    async def shutdown(self, sockets: Any = None) -> None:
        """Stop to listen, drain, then let uvicorn finish."""
        for server in self.servers:
            server.close()
        drained = asyncio.create_task(self._drain())
        while not drained.done() and not self.force_exit:  # a second SIGINT sets it
            await asyncio.wait((drained,), timeout=0.1)
        drained.cancel()
        await asyncio.gather(drained, return_exceptions=True)
        if self._internal_server is not None:  # until here, because clients of ours may still come through peers
            self._internal_server.close()
        await super().shutdown(sockets)

    async def _listen_to_peers(self, internal: socket.socket) -> None:
        config = copy.copy(self.config)
        config.loaded_app = InternalApplication(self._hubs, self.config.loaded_app)
        config.root_path = ""  # peers pass on paths that have it already
        lane: type[Http] = type(
            "HubwireInternalHttp", (Http,), {"__slots__": (), "hubs": self._hubs, "is_internal": True}
        )

        def new_protocol() -> asyncio.Protocol:
            return lane(config, self.server_state, self.lifespan.state)

        loop = asyncio.get_running_loop()
        self._internal_server = await loop.create_server(new_protocol, sock=internal, backlog=config.backlog)
        keep_alive(internal)

    async def _drain(self) -> None:
        await self._hubs.drain()
        await self._hubs.until_empty()


def fast_lane(hubs: HubServer) -> type[Http]:
    """Return the protocol class for one server's hubs."""
    return type("HubwireHttp", (Http,), {"__slots__": (), "hubs": hubs})
