"""The connections to one service, and the exchanges over them; of the REST client the only module to know aiohttp."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import aiohttp
from yarl import URL

from hubwire.azure.exchange import HttpReply, NoReply, NotSent
from hubwire.options import AzureOptions

_MAXIMUM_ANSWER_BYTES = 16 * 1024 * 1024
"""Longest answer that is read: as much as a client may send."""
_NO_AUTO_HEADERS = ("Accept", "Accept-Encoding", "User-Agent")


class HttpSession:
    """A bounded pool of connections; those who find none free wait in line."""

    def __init__(self, options: AzureOptions) -> None:
        """Prepare without connections."""
        self._options = options
        self._timeout = self._timeout_of(options.request_timeout_seconds)
        self._session: aiohttp.ClientSession | None = None
        # Ours and not aiohttp's: a request that waits has not gone out, which its own time-out would not tell.
        self._room = asyncio.Semaphore(options.maximum_connections)
        self._waiting = 0

    async def exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout_seconds: float | None
    ) -> HttpReply:
        """Make a request once. Redirects are not followed.

        Args:
            url: escaped; nothing is changed in it.
            timeout_seconds: from when it goes out; None: that of the options.

        Raises: NotSent, NoReply.
        """
        if self._waiting >= self._options.maximum_waiting_requests:
            raise NotSent("too many requests wait; see AzureOptions.maximum_waiting_requests", is_final=True)
        self._waiting += 1
        try:
            await self._room.acquire()
        finally:
            self._waiting -= 1
        try:
            async with self._open().request(
                method,
                URL(url, encoded=True),
                data=body,
                headers=headers,
                allow_redirects=False,
                timeout=self._timeout if timeout_seconds is None else self._timeout_of(timeout_seconds),
            ) as response:
                content = b""
                while chunk := await response.content.read(_MAXIMUM_ANSWER_BYTES - len(content)):
                    content += chunk
                if len(content) == _MAXIMUM_ANSWER_BYTES:
                    raise NoReply("its answer is too long")
                return HttpReply(response.status, response.headers, content)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NotSent(_described(error)) from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise NoReply(_described(error)) from error
        finally:
            self._room.release()

    async def close(self) -> None:
        """Break off what is under way and close all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=self._options.keep_alive_seconds),
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=_NO_AUTO_HEADERS,
            )
        return self._session

    def _timeout_of(self, seconds: float) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(total=seconds, sock_connect=self._options.connect_timeout_seconds)


def _described(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer came in time"
    return str(error) or type(error).__name__
