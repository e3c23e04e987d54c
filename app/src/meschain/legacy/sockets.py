"""The listening sockets of the old dialects, by the `websockets` library: upgrades, frames, and who is let in."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs, urlsplit
from weakref import WeakKeyDictionary

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from meschain.auth.login_tokens import InvalidToken
from meschain.legacy.admission import Admission, Refused
from meschain.legacy.connection import SocketClosed
from meschain.legacy.options import LegacyOptions
from meschain.legacy.proof import Guest, Proofs
from meschain.legacy_settings import LegacyListener

_log = logging.getLogger(__name__)

# The library's own words are for its users: it calls every stranger's garbage an error, and shows addresses dialled.
_silent: Final = logging.getLogger(f"{__name__}.library")
_silent.setLevel(logging.CRITICAL + 1)

_BACKLOG: Final = 512
_OPEN_SECONDS: Final = 10.0
"""How long an upgrade may take."""
_CLOSE_SECONDS: Final = 2.0
"""How long a closing handshake may take; then the socket is cut off."""
_SLACK: Final = 4
"""The library's own limit is so many times ours: it would end the role client in a way that is final to it."""
_QUEUED_FRAMES: Final = 4
"""Frames that are read ahead of what is answered; then the client is not read."""
_LONGEST_NAME: Final = 190
"""Characters of a header that are kept."""

AddressOf = Callable[[str, Sequence[tuple[str, str]]], str]
"""Takes the peer's address and the request's headers; gives the client's, behind trusted proxies."""


TrustsProxy = Callable[[str], bool]
"""Takes the peer's address; whether it is a proxy that is believed."""


class CannotListen(Exception):
    """An address cannot be had; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who was let in."""

    guest: Guest
    address: str
    origin: str
    user_agent: str
    path: str


class WebSocket:
    """`connection.Socket` over the library's."""

    def __init__(self, connection: ServerConnection) -> None:
        self._connection = connection
        self._pong: asyncio.Future[float] | None = None
        self._pinging: asyncio.Task[None] | None = None

    async def receive(self) -> str | bytes:
        try:
            return await self._connection.recv()
        except ConnectionClosed as closed:
            raise SocketClosed(by_client=bool(closed.rcvd_then_sent)) from None

    async def send(self, text: str) -> None:
        try:
            await self._connection.send(text)
        except ConnectionClosed:
            raise SocketClosed from None

    async def close(self, code: int) -> None:
        await self._connection.close(code)

    def drop(self) -> None:
        self._connection.transport.abort()

    def ping(self) -> bool:
        if self._pinging is not None and not self._pinging.done():
            return False
        if self._pong is not None and not self._pong.done():
            return False
        self._pinging = asyncio.create_task(self._ping())
        return True

    async def _ping(self) -> None:
        with suppress(ConnectionClosed):
            self._pong = asyncio.ensure_future(await self._connection.ping())
            self._pong.add_done_callback(_forget)


def _forget(pong: asyncio.Future[float]) -> None:
    """A pong that never came is no error of anybody's."""
    if not pong.cancelled():
        pong.exception()


Handle = Callable[[WebSocket, Visitor], Awaitable[None]]


class Gate:
    """One listener, open from `open` to `close`.

    Args:
        shares_port: Whether several processes of one service listen on it, as they do on the public one.
    """

    def __init__(
        self,
        name: str,
        listener: LegacyListener,
        admission: Admission,
        proofs: Proofs,
        address_of: AddressOf,
        trusts: TrustsProxy,
        tls: ssl.SSLContext | None,
        refused: Callable[[str], None],
        options: LegacyOptions,
        *,
        shares_port: bool = False,
    ) -> None:
        self.name = name
        self.listener = listener
        self._admission = admission
        self._proofs = proofs
        self._address_of = address_of
        self._trusts = trusts
        self._tls = tls
        self._refused = refused
        self._options = options
        self._shares_port = shares_port
        self._visitors: WeakKeyDictionary[ServerConnection, Visitor] = WeakKeyDictionary()
        self._server: Server | None = None

    async def open(self, handle: Handle) -> int:
        """Listen; returns the port. Raises: CannotListen."""

        async def handler(connection: ServerConnection) -> None:
            visitor = self._visitors.pop(connection)
            self._admission.opened(visitor.address)
            try:
                await handle(WebSocket(connection), visitor)
            finally:
                self._admission.closed(visitor.address)

        bound = self._bound()
        try:
            self._server = await serve(
                handler,
                sock=bound,
                ssl=self._tls,
                process_request=self._let_in,
                compression=None,
                server_header=None,
                open_timeout=_OPEN_SECONDS,
                close_timeout=_CLOSE_SECONDS,
                ping_interval=None,
                max_size=_SLACK * self._options.message_bytes,
                max_queue=_QUEUED_FRAMES,
                logger=_silent,
            )
        except OSError as error:
            bound.close()
            raise self._cannot_listen(error) from None
        port: int = bound.getsockname()[1]
        return port

    def shut(self) -> None:
        """Take nobody in any more; those who are in stay."""
        if self._server is not None:
            self._server.close(close_connections=False)

    async def close(self) -> None:
        """Cut off who is left, and wait until all have ended."""
        if self._server is not None:
            self._server.close(close_connections=False)
            for connection in list(self._server.connections):
                connection.transport.abort()
            await self._server.wait_closed()
            self._server = None

    def _bound(self) -> socket.socket:
        host, port = self.listener.host, self.listener.port
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
            bound = socket.socket(found[0], found[1], found[2])
        except OSError as error:
            raise self._cannot_listen(error) from None
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if self._shares_port:
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            bound.bind(found[4])
            bound.listen(_BACKLOG)
        except OSError as error:
            bound.close()
            raise self._cannot_listen(error) from None
        return bound

    def _cannot_listen(self, error: OSError) -> CannotListen:
        return CannotListen(
            f"Cannot listen on {self.listener.host} port {self.listener.port} ({error.strerror or error}); stop what "
            f"uses it, or correct legacy_listeners.{self.name}."
        )

    async def _let_in(self, connection: ServerConnection, request: Request) -> Response | None:
        """None: it may come in."""
        try:
            self._visitors[connection] = await self._visitor(connection, request)
        except Refused as refused:
            self._refused(refused.reason)
            return _answer(refused.status, str(refused))
        return None

    async def _visitor(self, connection: ServerConnection, request: Request) -> Visitor:
        headers = list(request.headers.raw_items())
        remote = connection.remote_address
        peer = remote[0] if remote else ""
        self._check_proxy(peer, request.headers)
        address = self._address_of(peer, headers)
        origins = request.headers.get_all("Origin")
        origin = origins[0] if origins else None
        if len(origins) > 1:
            raise Refused(400, "origin", "There is more than one Origin header.")
        self._admission.check(address, origin)
        dialled = urlsplit(request.path)
        token = parse_qs(dialled.query).get("token", [""])[0]
        try:
            guest = await self._proofs.guest(self.listener, self.name, token)
        except InvalidToken as error:
            _log.info("the link of an old page was refused: %s", error)
            raise Refused(401, "link", "The link is not valid any more; make a new one.") from None
        except Exception:  # noqa: BLE001 - whatever keeps a token from being checked is no reason to let it in
            _log.warning("the link of an old page cannot be checked", exc_info=True)
            raise Refused(503, "link", "The link cannot be checked at the moment; try again.") from None
        agents = request.headers.get_all("User-Agent")
        agent = agents[0][:_LONGEST_NAME] if agents else ""
        return Visitor(guest, address, (origin or "")[:_LONGEST_NAME], agent, dialled.path)

    def _check_proxy(self, peer: str, headers: Headers) -> None:
        """Behind a proxy that does not count every client would have its address, often one that is let in.

        Raises: Refused.
        """
        is_told = "X-Forwarded-For" in headers
        if not is_told and "Forwarded" not in headers:
            return
        if not self._trusts(peer):
            _log.warning(
                "an old page was refused by legacy_listeners.%s: a proxy at %s passed it on that is not trusted; "
                "name it in trusted_proxies",
                self.name,
                peer,
            )
            raise Refused(403, "proxy", "The proxy on the way is not trusted; see trusted_proxies of the server.")
        if not is_told:
            _log.warning(
                "an old page was refused by legacy_listeners.%s: the proxy at %s sends Forwarded alone; "
                "let it send X-Forwarded-For",
                self.name,
                peer,
            )
            raise Refused(403, "proxy", "The proxy on the way does not send X-Forwarded-For.")


def _answer(status: int, text: str) -> Response:
    body = f"{text}\n".encode()
    headers = Headers(
        [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Connection", "close"),
        ]
    )
    return Response(status, HTTPStatus(status).phrase, headers, body)
