"""The Server-Sent Events transport (signalr-protocol 2.2): one answer that does not end, POSTs the other way."""

from __future__ import annotations

from collections import deque
from contextlib import AsyncExitStack

import aiohttp

from hubwire.client.errors import TransportFailed
from hubwire.client.event_stream import EventStreamReader, EventTooLarge
from hubwire.client.http import HTTP_ERRORS, HttpClient, described
from hubwire.client.posting import Poster
from hubwire.client.timing import within
from hubwire.wire.negotiation import SERVER_SENT_EVENTS


class ServerSentEventsTransport:
    """One GET and its POSTs."""

    name = SERVER_SENT_EVENTS
    keeps_itself_alive = False

    def __init__(self, http: HttpClient, limit_bytes: int | None) -> None:
        self._http = http
        self._stack = AsyncExitStack()
        self._reader = EventStreamReader(limit_bytes)
        self._events: deque[bytes] = deque()
        self._answer: aiohttp.ClientResponse | None = None
        self._poster: Poster | None = None
        self._is_closed = False

    async def open(self, url: str, *, renews_token: bool = False) -> None:
        head = {"Accept": "text/event-stream", "Cache-Control": "no-cache"}
        entering = self._stack.enter_async_context(self._http.open("GET", url, headers=head, renews_token=renews_token))
        try:
            answer = await within(self._http.clock, self._http.timeout_seconds, entering)
        except HTTP_ERRORS as error:
            raise TransportFailed(self.name, described(error)) from error
        if answer.status != 200 or answer.content_type != "text/event-stream":
            await self._stack.aclose()
            reason = f"the server answered with status {answer.status} and {answer.content_type}."
            raise TransportFailed(self.name, reason, status=answer.status)
        self._answer = answer
        self._poster = Poster(self.name, self._http, url)

    async def receive(self) -> bytes | None:
        if self._answer is None:
            raise TransportFailed(self.name, "the stream is not open.")
        try:
            while not self._events:
                chunk = await self._answer.content.readany()
                if not chunk:
                    return None
                self._events.extend(self._reader.feed(chunk))
        except EventTooLarge as error:
            raise TransportFailed(
                self.name, "an event is too large; raise HubConnection(maximum_receive_message_bytes=...)."
            ) from error
        except HTTP_ERRORS as error:
            if self._is_closed:
                return None
            raise TransportFailed(self.name, described(error)) from error
        return self._events.popleft()

    async def send(self, data: bytes, is_binary: bool) -> None:
        if self._poster is None:
            raise TransportFailed(self.name, "the stream is not open.")
        await self._poster.send(data)

    async def close(self) -> None:
        self._is_closed = True
        if self._poster is not None:
            await self._poster.stop()
        await self._stack.aclose()

    abort = close
