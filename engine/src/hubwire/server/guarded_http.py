"""uvicorn's HTTP protocol with an end to its patience, and with every answer told that its client has left.

By itself it waits for ever for a request's head, however long that gets, and for a client that reads no answer. And
where a client sends a request behind one that is not answered yet, it stops to read, so that it sees no client leave,
and when the socket is lost it tells that to the last request only: events would be sent to nobody until the end of
time. Knows no hub path and no fast lane.

`HttpToolsProtocol` is no documented interface: this file and `uvicorn` are all that touch it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

if TYPE_CHECKING:
    from hubwire.server.app import HubServer

MAXIMUM_HEAD_BYTES = 64 * 1024
"""A longer request head is refused. 64 KiB: the longest target that httptools takes apart."""

_MAXIMUM_WAITING = 100
"""Requests that may stand behind one that is not answered yet. 100: a quarter MiB in one segment could be 14,000."""


class GuardedHttp(HttpToolsProtocol):
    """One TCP connection that carries HTTP."""

    hubs: HubServer
    """Whose clock and options count; set before `connection_made`."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.wheel_slot = -1
        self._running: RequestResponseCycle | None = None
        self._is_in_head = False
        self._head_bytes = 0  # of the present head, as far as it is known to consist of nothing else
        self._request_due = math.inf  # for a request to be complete in its head, and to have its turn
        self._answer_due = math.inf  # for the client to take some of what is unsent
        self._unsent_bytes = 0  # when that was last asked
        self._is_crowded = False

    # asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        is_head = self._is_in_head or self.cycle is None
        super().data_received(data)
        if self._is_crowded:
            self.transport.abort()
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            return
        if self._is_in_head and is_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAXIMUM_HEAD_BYTES:
                self.send_400_response("The head of the request is too long.")
                return
        if self._is_in_head or self._is_idle:  # the latter: what still comes of a request that was answered
            self._wait_for_request()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._wait_for_reader()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._answer_due = math.inf

    def connection_lost(self, exc: Exception | None) -> None:
        self.leave()
        running = self._running
        if running is not None and not running.response_complete:
            running.disconnected = True
            running.message_event.set()
        super().connection_lost(exc)

    # uvicorn's

    def on_message_begin(self) -> None:
        self._is_in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Raises: ValueError, which uvicorn answers with 400."""
        self._is_in_head = False
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > MAXIMUM_HEAD_BYTES:
            raise ValueError("The head of the request is too long.")
        if len(self.pipeline) >= _MAXIMUM_WAITING:
            self._is_crowded = True
            return
        super().on_headers_complete()
        if self.pipeline:
            self._wait_for_request()
        else:
            self._request_due = math.inf

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.pipeline:
            self._request_due = math.inf
        if self.transport.get_write_buffer_size():
            self._wait_for_reader()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    # Timed

    def tick(self, now: float) -> None:
        """A time that was waited for may be over, unless it was given up meanwhile."""
        if now >= self._request_due or (now >= self._answer_due and self._is_stuck):
            self.transport.abort()
            return
        if now >= self._answer_due:
            self._answer_due = math.inf
            if self.transport.get_write_buffer_size():
                self._wait_for_reader()
        self._schedule()

    # For those who build on it

    def leave(self) -> None:
        """Nothing is waited for any more."""
        self._request_due = self._answer_due = math.inf
        self.hubs.wheel.cancel(self)

    @property
    def is_answering(self) -> bool:
        """Whether an answer is not complete."""
        return self._running is not None and not self._running.response_complete

    # Inside

    @property
    def _is_idle(self) -> bool:
        return not self.is_answering and self.timeout_keep_alive_task is None

    @property
    def _is_stuck(self) -> bool:
        """Whether the client has taken nothing of an answer to which nothing can have been added."""
        unsent = self.transport.get_write_buffer_size()
        return unsent > 0 and unsent >= self._unsent_bytes and (self.flow.write_paused or not self.is_answering)

    def _wait_for_request(self) -> None:
        if self._request_due == math.inf:
            self._request_due = self._due
            self._schedule()

    def _wait_for_reader(self) -> None:
        self._unsent_bytes = self.transport.get_write_buffer_size()
        self._answer_due = self._due
        self._schedule()

    @property
    def _due(self) -> float:
        return self.hubs.clock.monotonic() + self.hubs.options.request_timeout_seconds

    def _schedule(self) -> None:
        due = min(self._request_due, self._answer_due)
        if due != math.inf:
            self.hubs.wheel.schedule(self, due)
