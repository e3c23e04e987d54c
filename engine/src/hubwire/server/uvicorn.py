"""The fast lane's place in uvicorn: a protocol class for `Config(http=...)`, and a server that drains before it stops.

uvicorn's protocol constructor, `ServerState`, `HttpToolsProtocol` and `Server.shutdown` are no documented interfaces.
This file and `guarded_http` are all that touches them; the tests name the uvicorn version written for. Ask for the lane
with `hubwire.run(app)` or `uvicorn --http hubwire.server.uvicorn:Http`; the host's middleware does not run on it.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any, ClassVar, cast
from urllib.parse import unquote

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState
from websockets.http11 import Request, Response

from hubwire.server.admission import Route
from hubwire.server.answers import Refused
from hubwire.server.app import LIFESPAN_STATE, HubServer
from hubwire.server.guarded_http import MAXIMUM_HEAD_BYTES, GuardedHttp
from hubwire.server.requests import make_request
from hubwire.transports.asgi import ABORT_STATE
from hubwire.transports.websocket import WebSocketTransport

UVICORN_VERSION = "0.54"
"""The release series that this file was written and tested against."""

_log = logging.getLogger("hubwire.server")

_KEEP_ALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4}
"""Seconds of silence before the kernel asks, seconds between, times. Two minutes; its own would be two hours."""

_END_OF_HEAD = b"\r\n\r\n"
_METHOD = b"GET "


class Http(asyncio.Protocol):
    """Looks at the first bytes of a TCP connection and hands it on, together with them.

    An upgrade on a hub's path goes to the fast lane, with whatever follows it in the same segment; all else goes to
    uvicorn's own protocol, guarded. A peer that sends no complete first request in time is cut off.
    """

    __slots__ = ("_app_state", "_config", "_head", "_hubs", "_loop", "_server_state", "_transport", "wheel_slot")

    hubs: ClassVar[HubServer | None] = None
    """The server whose hubs get the lane. None: the one that runs in the application's lifespan."""

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
        self._transport: asyncio.Transport | None = None
        self.wheel_slot = -1

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvicorn listens on stream sockets only
        hubs = self._hubs
        if hubs is None:
            self._hand_to_uvicorn()
            return
        self._server_state.connections.add(cast("Any", self))  # uvicorn calls `shutdown` on its members, no more
        hubs.wheel.schedule(self, hubs.clock.monotonic() + hubs.options.request_timeout_seconds)

    def data_received(self, data: bytes) -> None:
        self._head = self._head + data if self._head else data
        route = self._route()
        if route is None:
            self._hand_to_uvicorn()
        elif isinstance(route, Route):
            end = self._head.find(_END_OF_HEAD)
            if end >= 0:
                end += len(_END_OF_HEAD)
                if _is_websocket_upgrade(self._head[:end]):
                    self._hand_to_fast_lane(route, self._head[:end], self._head[end:])
                else:
                    self._hand_to_uvicorn()
            elif len(self._head) > MAXIMUM_HEAD_BYTES:
                self._hand_to_uvicorn()

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()

    def tick(self, now: float) -> None:
        """No complete request head in time."""
        if self._transport is not None:
            self._transport.abort()

    def shutdown(self) -> None:
        """uvicorn stops."""
        if self._transport is not None:
            self._transport.close()

    # Inside

    def _route(self) -> Route | bool | None:
        """The hub route of the request's target; None: it is not a hub's. True: too early to say."""
        head = self._head
        if not head.startswith(_METHOD):
            return True if _METHOD.startswith(head) else None
        end = head.find(b" ", len(_METHOD))
        if end < 0:
            return True if len(head) <= MAXIMUM_HEAD_BYTES else None
        path = head[len(_METHOD) : end].partition(b"?")[0]
        hubs = self._hubs
        if hubs is None:
            return None
        route = hubs.endpoint.admission.find(unquote(path.decode("latin-1")))
        return None if route is None or route.is_negotiate else route

    def _leave(self) -> None:
        self._server_state.connections.discard(cast("Any", self))
        if self._hubs is not None:
            self._hubs.wheel.cancel(self)

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
        transport.set_protocol(inner)
        inner.connection_made(transport)
        if self._head:
            inner.data_received(self._head)

    def _hand_to_fast_lane(self, route: Route, head: bytes, early: bytes) -> None:
        assert self._transport is not None, "set in connection_made"  # noqa: S101 - for the type checker
        assert self._hubs is not None, "a route was found in it"  # noqa: S101 - for the type checker
        self._leave()
        transport, self._transport = self._transport, None
        _hand_to_fast_lane(transport, self._hubs, self._server_state, route, head, early)


class _HttpBesideHubs(GuardedHttp):
    """uvicorn's own protocol, whose answers may be those that hub clients wait for."""

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
        _hand_to_fast_lane(self.transport, self.hubs, self.server_state, route, head, b"")


def _hand_to_fast_lane(
    transport: asyncio.Transport, hubs: HubServer, state: ServerState, route: Route, head: bytes, early: bytes
) -> None:
    connections = cast("set[Any]", state.connections)
    lane = WebSocketTransport(transport, _frame_limit(route, hubs), connections.discard)
    transport.set_protocol(lane)
    connections.add(lane)
    parsed = lane.receive_head(head)
    if parsed is None:
        return
    request, response = parsed
    if response.status_code != 101:
        lane.reject(response)
        return
    hubs.start(_open(hubs, route, lane, request, response, early, transport))


async def _open(
    hubs: HubServer,
    route: Route,
    lane: WebSocketTransport,
    request: Request,
    response: Response,
    early: bytes,
    transport: asyncio.Transport,
) -> None:
    raw_path, _, query_string = request.path.partition("?")
    peer = transport.get_extra_info("peername")
    connect_request = make_request(
        "GET",
        unquote(raw_path),
        query_string,
        request.headers.raw_items(),
        peer[0] if isinstance(peer, tuple) else "",
        "https" if transport.get_extra_info("sslcontext") is not None else "http",
        hubs.proxies,
    )
    try:
        admitted = await hubs.endpoint.admit(route, connect_request)
    except Refused as refused:
        answer = refused.answer()
        lane.reject(lane.response(answer.status, answer.body.decode(), answer.headers))
        return
    except Exception:  # noqa: BLE001 - boundary to the application's verifier; on ASGI the server answers like this
        _log.exception("An upgrade could not be decided")
        lane.reject(lane.response(500, "Internal Server Error"))
        return
    lane.accept(response, hubs.endpoint.open(admitted, lane), early)


def _frame_limit(route: Route, hubs: HubServer) -> int | None:
    return hubs.endpoint.frame_limit_bytes if route.hosted is None else route.hosted.frame_limit_bytes


def _is_websocket_upgrade(head: bytes) -> bool:
    lower = head.lower()
    start = lower.find(b"\r\nupgrade:")
    return start >= 0 and b"websocket" in lower[start : lower.find(b"\r\n", start + 2)]


def _look_after_silent_peers(listener: socket.socket) -> None:
    """Let the kernel notice peers that vanished without a word; a raw handler that only reads never would.

    Connections have it from their listener, so it costs them nothing.
    """
    if listener.family in (socket.AF_INET, socket.AF_INET6):
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEP_ALIVE.items():
            if hasattr(socket, name):  # macOS has other names
                listener.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


class Server(uvicorn.Server):
    """uvicorn's server, which tells hub clients to come again before it closes sockets."""

    def __init__(self, config: uvicorn.Config, hubs: HubServer) -> None:
        super().__init__(config)
        self._hubs = hubs

    async def startup(self, sockets: Any = None) -> None:
        """Listen."""
        await super().startup(sockets)
        for server in self.servers:
            for listener in server.sockets:
                _look_after_silent_peers(listener)

    async def shutdown(self, sockets: Any = None) -> None:
        """Stop to listen, drain, then let uvicorn finish."""
        for server in self.servers:
            server.close()
        drained = asyncio.create_task(self._drain())
        while not drained.done() and not self.force_exit:  # a second SIGINT sets it
            await asyncio.wait((drained,), timeout=0.1)
        drained.cancel()
        await asyncio.gather(drained, return_exceptions=True)
        await super().shutdown(sockets)

    async def _drain(self) -> None:
        await self._hubs.drain()
        await self._hubs.until_empty()


def fast_lane(hubs: HubServer) -> type[Http]:
    """Return the protocol class for one server's hubs."""
    return type("HubwireHttp", (Http,), {"__slots__": (), "hubs": hubs})
