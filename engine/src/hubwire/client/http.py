"""The HTTP side of one `HubConnection`: headers, tokens, cookies, time limits. Knows no messages and no transports."""

from __future__ import annotations

import functools
import importlib.metadata
import platform
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from hubwire.client.credentials import Credentials
from hubwire.client.timing import within
from hubwire.clock import Clock

_KEEP_ALIVE_SECONDS = 4.0
"""How long an idle connection is kept for the next request. Below the 5 s of uvicorn and Node: a POST that meets the
server's end of an idle connection is lost, and may not be repeated."""


class BadAnswer(Exception):
    """An answer that aiohttp refuses. Its own errors name the address, which has the connection's token in it."""


class Refused(BadAnswer):
    """An upgrade was answered with something else."""

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        super().__init__(f"{reason} (status {status})")


HTTP_ERRORS = (BadAnswer, aiohttp.ClientError, OSError, TimeoutError)
"""What a request may fail with."""


_NAMING_THE_ADDRESS = (aiohttp.ClientResponseError, aiohttp.InvalidURL)


def _bad_answer(error: aiohttp.ClientResponseError | aiohttp.InvalidURL) -> BadAnswer:
    if isinstance(error, aiohttp.ClientResponseError) and error.message:
        return BadAnswer(f"{error.message} (status {error.status})")
    return BadAnswer(type(error).__name__)


def described(error: BaseException) -> str:
    """Return the text of such an error; some have none."""
    return str(error) or type(error).__name__


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer."""

    status: int
    reason: str
    body: bytes


@functools.cache  # reading the distribution's metadata took half of a connect
def user_agent() -> str:
    """Return how the client calls itself."""
    version = importlib.metadata.version("hubwire")
    return f"hubwire/{version} ({platform.system()}; {platform.python_implementation()} {platform.python_version()})"


class HttpClient:
    """Makes the requests of one connection after the other; cookies last for all of them."""

    def __init__(
        self,
        credentials: Credentials,
        headers: Mapping[str, str],
        ssl_context: ssl.SSLContext | bool,
        timeout_seconds: float,
        clock: Clock,
    ) -> None:
        self.credentials = credentials
        self.clock = clock
        self.timeout_seconds = timeout_seconds
        """Until the head of an answer must be there, and again for each part of its body."""
        self._headers = headers
        self.ssl = ssl_context
        """The context for https; True: the system's authorities, False: any certificate is believed."""
        # Servers without a name have cookies too: a development server is 127.0.0.1.
        self._cookies = aiohttp.CookieJar(unsafe=True)
        self._session: aiohttp.ClientSession | None = None

    async def request(
        self, method: str, url: str, *, body: bytes | None = None, limit_bytes: int, renews_token: bool = False
    ) -> Response:
        """Return the answer with at most `limit_bytes` of its body.

        Args:
            renews_token: ask for a new token first.

        Raises: one of HTTP_ERRORS.
        """

        async def whole() -> Response:
            async with self.open(method, url, body=body, renews_token=renews_token) as response:
                content = bytearray()
                while len(content) < limit_bytes and (chunk := await response.content.read(limit_bytes - len(content))):
                    content += chunk
                return Response(response.status, response.reason or "", bytes(content))

        return await within(self.clock, self.timeout_seconds, whole())

    @asynccontextmanager
    async def open(
        self,
        method: str,
        url: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        renews_token: bool = False,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Yield the answer once its head is there, without a time limit.

        A token that is refused is renewed once, if it was not just now and the application can make another.

        Raises: one of HTTP_ERRORS.
        """
        may_renew = self.credentials.can_renew and not renews_token
        response = await self._send(method, url, body, headers, renews_token)
        if response.status == 401 and may_renew:
            response.release()
            response = await self._send(method, url, body, headers, True)
        try:
            yield response
        finally:
            response.close()

    async def websocket(
        self, url: str, *, maximum_message_bytes: int, renews_token: bool
    ) -> tuple[aiohttp.ClientWebSocketResponse, aiohttp.ClientSession]:
        """Return an open socket and what to close for its end without a good-bye.

        Raises: one of HTTP_ERRORS.
        """
        session = self._open_session()  # with the TCP connection of the negotiation
        self._session = None

        opened: list[aiohttp.ClientWebSocketResponse] = []

        async def connect() -> aiohttp.ClientWebSocketResponse:
            socket = await session.ws_connect(
                URL(url, encoded=True),
                headers=await self._all_headers(None, renews_token),
                max_msg_size=maximum_message_bytes,
                # Its end is limited by our clock, and compression is an invitation to guess secrets by length.
                timeout=aiohttp.ClientWSTimeout(ws_close=None),
                compress=0,
            )
            opened.append(socket)
            return socket

        try:
            return await within(self.clock, self.timeout_seconds, connect()), session
        except BaseException as error:
            await session.close()
            for socket in opened:  # at the very moment when nobody waited any more
                await socket.close()
            if isinstance(error, aiohttp.WSServerHandshakeError):
                raise Refused(error.status, error.message) from None
            if isinstance(error, _NAMING_THE_ADDRESS):
                raise _bad_answer(error) from None
            raise

    async def upgrade_headers(self, url: str, *, renews_token: bool) -> CIMultiDict[str]:
        """Return what `websocket` would send besides the upgrade itself, for sockets that are opened elsewhere."""
        headers = await self._all_headers(None, renews_token)
        cookies = self._cookies.filter_cookies(URL(url, encoded=True))
        if cookies and "Cookie" not in headers:
            headers["Cookie"] = "; ".join(f"{name}={morsel.value}" for name, morsel in cookies.items())
        return headers

    async def close(self) -> None:
        """Break off what is still under way, but for WebSockets; a next request begins anew, with the same cookies."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                cookie_jar=self._cookies,
                connector=aiohttp.TCPConnector(ssl=self.ssl, keepalive_timeout=_KEEP_ALIVE_SECONDS),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            )
        return self._session

    async def _send(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str] | None, renews_token: bool
    ) -> aiohttp.ClientResponse:
        # Encoded already: the address is the server's own and must come back to it as it was.
        all_headers = await self._all_headers(headers, renews_token)
        try:
            return await self._open_session().request(method, URL(url, encoded=True), data=body, headers=all_headers)
        except _NAMING_THE_ADDRESS as error:
            raise _bad_answer(error) from None

    async def _all_headers(self, more: Mapping[str, str] | None, renews_token: bool) -> CIMultiDict[str]:
        headers = CIMultiDict({"User-Agent": user_agent(), "X-Requested-With": "XMLHttpRequest"})
        token = await (self.credentials.renewed() if renews_token else self.credentials.current())
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        headers.update(more or {})
        headers.update(self._headers)
        return headers
