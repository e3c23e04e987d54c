"""The long polling transport (signalr-protocol 2.3): GETs that wait for data, POSTs to send, DELETE at the end."""

from __future__ import annotations

import asyncio
import contextlib

import aiohttp

from hubwire.client.errors import TransportFailed
from hubwire.client.http import HTTP_ERRORS, HttpClient, described
from hubwire.client.negotiation import with_query
from hubwire.client.posting import Poster
from hubwire.client.timing import within
from hubwire.wire.negotiation import LONG_POLLING

_POLL_SECONDS = 100.0
"""How long a poll may last; servers answer after 90 s."""
_CLOSE_SECONDS = 5.0
"""How long taking leave may last."""
_MAXIMUM_ANSWER_BYTES = 4 * 1024


class LongPollingTransport:
    """Polls one after the other, and POSTs."""

    name = LONG_POLLING
    keeps_itself_alive = True

    def __init__(self, http: HttpClient, limit_bytes: int | None) -> None:
        self._http = http
        self._url = ""
        self._poll = contextlib.AsyncExitStack()
        self._answer: aiohttp.ClientResponse | None = None
        self._poster: Poster | None = None
        self._waiting: asyncio.Task[bytes | None] | None = None
        self._is_over = False
        """Whether the connection's end, as its server sees it, is known or none of our business any more."""

    async def open(self, url: str, *, renews_token: bool = False) -> None:
        self._url = url
        first = self._http.request(
            "GET", self._poll_url(), limit_bytes=_MAXIMUM_ANSWER_BYTES, renews_token=renews_token
        )
        try:
            response = await first
        except HTTP_ERRORS as error:
            raise TransportFailed(self.name, described(error)) from error
        if response.status != 200:
            raise self._refused("the first poll", response.status)
        self._poster = Poster(self.name, self._http, url)

    async def receive(self) -> bytes | None:
        if self._poster is None:
            return None
        # A task, so that `close` can break it off while it waits.
        waiting = self._waiting = asyncio.get_running_loop().create_task(self._receive())
        try:
            await asyncio.wait((waiting,))
            return None if waiting.cancelled() else waiting.result()
        except asyncio.CancelledError:
            waiting.cancel()
            raise
        finally:
            self._waiting = None

    async def send(self, data: bytes, is_binary: bool) -> None:
        if self._poster is None:
            raise TransportFailed(self.name, "the connection is closed.")
        await self._poster.send(data)

    async def close(self) -> None:
        is_open = self._poster is not None and not self._is_over
        await self.abort()
        if is_open:
            delete = self._http.request("DELETE", self._url, limit_bytes=_MAXIMUM_ANSWER_BYTES)
            # A server that does not hear it will miss the polls.
            with contextlib.suppress(*HTTP_ERRORS):
                await within(self._http.clock, _CLOSE_SECONDS, delete)

    async def abort(self) -> None:
        poster, self._poster = self._poster, None
        if poster is not None:
            await poster.stop()
        if self._waiting is not None:
            self._waiting.cancel()
            await asyncio.wait((self._waiting,))
        await self._poll.aclose()

    async def _receive(self) -> bytes | None:
        try:
            while not self._is_over:
                if self._answer is None:
                    polling = self._poll.enter_async_context(self._http.open("GET", self._poll_url()))
                    with contextlib.suppress(TimeoutError):
                        self._answer = await within(self._http.clock, _POLL_SECONDS, polling)
                elif self._answer.status != 200:
                    self._is_over = True
                    if self._answer.status != 204:
                        raise self._refused("a poll", self._answer.status)
                elif chunk := await within(
                    self._http.clock, self._http.timeout_seconds, self._answer.content.readany()
                ):
                    return chunk
                else:
                    self._answer = None
                    await self._poll.aclose()
        except HTTP_ERRORS as error:
            raise TransportFailed(self.name, f"a poll failed: {described(error)}") from error
        return None

    def _refused(self, what: str, status: int) -> TransportFailed:
        return TransportFailed(self.name, f"{what} was answered with status {status}.", status=status)

    def _poll_url(self) -> str:
        return with_query(self._url, f"_={int(self._http.clock.time() * 1000)}")  # nothing on the way may cache it
