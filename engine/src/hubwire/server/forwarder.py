"""Passes requests on to the node that holds their connection: how many, whose they are, and by which HTTP client.

A client may reach any node with any request. Those of Server-Sent Events and long polling, and WebSockets that may be
resumed, belong to the node that their token names. HTTP goes through `passage`, WebSockets through `splice` on the fast
lane and `relay` elsewhere.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Collection
from typing import Any
from urllib.parse import quote

import aiohttp

from hubwire.clock import Clock, Timer
from hubwire.model import ConnectRequest
from hubwire.options import ServerOptions
from hubwire.server import answers
from hubwire.server.answers import Refused
from hubwire.server.hosted import Elsewhere, Hosted
from hubwire.server.keep_alive import keep_alive
from hubwire.server.passage import HOP_BY_HOP, Passage
from hubwire.server.peers import STAMP_HEADER, Peers, Stamp, Stamps
from hubwire.server.relay import PeerSocket, Relay
from hubwire.server.shutdown import Stoppable
from hubwire.server.sockets import Sockets
from hubwire.server.splice import Splice
from hubwire.server.tokens import ConnectionToken
from hubwire.transports.asgi import AsgiMessage, AsgiReceive, AsgiSend, Exchange

_IDLE_SECONDS = 3.0
"""How long an idle connection to a peer is kept. Below uvicorn's 5 s: a POST that meets the end of an idle connection
is lost, and may not be repeated."""


_log = logging.getLogger("hubwire.server")


class Forwarder:
    """The way of one node to its peers."""

    __slots__ = (
        "_clock",
        "_connect_timeout_seconds",
        "_limit",
        "_running",
        "_session",
        "_sockets",
        "_stamps",
        "_timer",
        "peers",
    )

    def __init__(self, options: ServerOptions, peers: Peers, clock: Clock, timer: Timer, sockets: Sockets) -> None:
        self._clock = clock
        self._timer = timer
        self._connect_timeout_seconds = options.forward_connect_timeout_seconds
        self._limit = options.maximum_forwarded
        self.peers = peers
        """Where the others are."""
        self._stamps = Stamps(peers.key)
        self._running: set[Stoppable] = set()
        self._sockets = sockets
        sockets.count_passed_on(self._running)
        self._session: aiohttp.ClientSession | None = None

    # Life

    async def start(self) -> None:
        """Get ready; needs a running loop."""
        self._session = self._new_session()

    async def stop(self) -> None:
        """Close what is left."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    @property
    def running(self) -> Collection[Stoppable]:
        """What is passed on at this moment."""
        return self._running

    # To peers

    def upgrade(self, token: ConnectionToken, hosted: Hosted, request: ConnectRequest) -> Elsewhere:
        """Say where the upgrade of a connection goes. Raises: Refused when no such node lives, or there is no room."""
        self._check_room()
        return Elsewhere(self._address(token), self._stamp(token, hosted, request))

    async def forward(
        self, token: ConnectionToken, hosted: Hosted, request: ConnectRequest, exchange: Exchange, *, is_poll: bool
    ) -> None:
        """Let the node of the token answer. Raises: Refused, before any answer."""
        address = self._address(token)
        if self._session is None or exchange.scope is None:
            raise Refused(404, answers.UNKNOWN_ID)
        fields = _forwarded_fields(exchange.scope, self._stamp(token, hosted, request))
        passage = Passage(request.method, address + _target(exchange.scope), fields, exchange, is_poll=is_poll)
        self._enter(passage)
        try:
            await passage.run(self._session)
        finally:
            self._leave(passage)

    async def relay(self, elsewhere: Elsewhere, scope: AsgiMessage, receive: AsgiReceive, send: AsgiSend) -> None:
        """Carry a WebSocket of ASGI that the peer answers. Raises: Refused, before any answer."""
        if self._session is None:
            raise Refused(404, answers.UNKNOWN_ID)
        passing = Relay(receive, send)
        self._enter(passing)
        try:
            await passing.run(
                self._session, elsewhere.address + _target(scope), _forwarded_fields(scope, elsewhere.stamp)
            )
        finally:
            self._leave(passing)

    async def dial(self, elsewhere: Elsewhere, on_end: Callable[[Splice], None]) -> Splice:
        """Reach a peer for a WebSocket of the fast lane. Raises: Refused.

        Whoever gets the result has to `join` or to `stop` it.
        """

        def end(passing: Splice) -> None:
            self._leave(passing)
            on_end(passing)

        passing = Splice(self._clock, self._timer, end)
        self._enter(passing)
        try:
            await passing.dial(elsewhere.address, self._connect_timeout_seconds)
        except BaseException as error:
            self._leave(passing)
            if not isinstance(error, OSError):  # which TimeoutError is
                raise
            _log.debug("A WebSocket could not be forwarded: %s", type(error).__name__)
            raise Refused(404, answers.UNKNOWN_ID) from None
        return passing

    # From peers

    def read_stamp(self, text: str) -> Stamp:
        """Return whose request a peer passes on to us. Raises: Refused unless a peer has stamped it for this node."""
        stamp = self._stamps.read(text)
        if stamp is None:
            raise Refused(403)
        if stamp.node_id != self.peers.node_id:  # a predecessor's at this address; what it held is gone
            raise Refused(404, answers.UNKNOWN_ID)
        return stamp

    # Inside

    def _enter(self, passing: Stoppable) -> None:
        self._check_room()
        self._running.add(passing)

    def _check_room(self) -> None:
        if len(self._running) >= self._limit or not self._sockets.have_room():
            raise Refused(503, "Too many forwarded requests", (("retry-after", "5"),))

    def _leave(self, passing: Stoppable) -> None:
        self._running.discard(passing)

    def _new_session(self) -> aiohttp.ClientSession:
        # It neither follows, nor keeps cookies, nor asks the environment for proxies.
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_SECONDS, socket_factory=_new_socket),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._connect_timeout_seconds),
            auto_decompress=False,
            ws_response_class=PeerSocket,
            skip_auto_headers=("accept", "accept-encoding", "content-type", "user-agent"),
        )

    def _address(self, token: ConnectionToken) -> str:
        address = self.peers.directory.address(token.node_id)
        if address is None:
            raise Refused(404, answers.UNKNOWN_ID)
        return address.rstrip("/")

    def _stamp(self, token: ConnectionToken, hosted: Hosted, request: ConnectRequest) -> str:
        return self._stamps.sign(
            Stamp(token.node_id, hosted.name, request.method, token.text, request.remote_address, request.scheme)
        )


def _target(scope: AsgiMessage) -> str:
    """The target of an ASGI request as it was on the wire, as far as the server tells."""
    raw_path: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    query: bytes = scope["query_string"]
    return (raw_path.partition(b"?")[0] + (b"?" + query if query else b"")).decode("latin-1")


def _forwarded_fields(scope: AsgiMessage, stamp: str) -> list[tuple[str, str]]:
    """The header of an ASGI request for a peer, without the length of its body: the HTTP client says what it sends.

    A length with no body behind it would make the peer take the next request on that socket for the body.
    """
    headers = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
    fields = [(name, value) for name, value in headers if name.lower() not in _NOT_FORWARDED]
    return [*fields, (STAMP_HEADER, stamp)]


_NOT_FORWARDED = HOP_BY_HOP | {STAMP_HEADER, "content-length"}


def _new_socket(address: tuple[Any, ...]) -> socket.socket:
    """As `socket.getaddrinfo` describes it."""
    made = socket.socket(address[0], address[1], address[2])
    keep_alive(made)
    return made
