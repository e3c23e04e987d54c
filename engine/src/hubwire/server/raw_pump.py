"""The pump of one raw connection: between its transport and its handler. Implements `Served`.

Input waits in a bounded buffer, behind which the transport is not read. Output goes straight to the transport while
that accepts it; else the writers themselves wait. The handler is the one task of a connection. Knows no lane.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from hubwire.clock import Clock
from hubwire.errors import LocalProtocolError, SlowConsumer, WriteTimeout
from hubwire.model import Caller, Principal
from hubwire.observe import Observer
from hubwire.options import ConnectionOptions
from hubwire.ports import Receiver, Transport
from hubwire.server.hosted import Opening, Served
from hubwire.server.outboxes import Outboxes
from hubwire.server.raw import RawConnection, RawHandler
from hubwire.server.tasks import Tasks, is_ending
from hubwire.server.timer_wheel import TimerWheel
from hubwire.session.events import EndReason
from hubwire.wire.encoded import websocket_frame

_NORMAL_CLOSURE = 1000
_INTERNAL_ERROR = 1011

_log = logging.getLogger("hubwire.server")


@dataclass(frozen=True, slots=True, eq=False)
class HostedRaw:
    """A registered handler of raw connections, as they see it."""

    name: str
    options: ConnectionOptions
    handler: RawHandler
    clock: Clock
    observer: Observer
    wheel: TimerWheel
    tasks: Tasks
    outboxes: Outboxes


class _Closed(ConnectionResetError):
    """A write came too late; told from the resets of other connections that a handler may have."""


class RawPump:
    """One client of one handler."""

    __slots__ = (
        "_close_code",
        "_hosted",
        "_input",
        "_input_has_ended",
        "_is_gone",
        "_is_paused",
        "_is_reading",
        "_on_gone",
        "_reader",
        "_reason",
        "_text_rest",
        "_transport",
        "_waiting",
        "_waiting_bytes",
        "_when_gone",
        "_write_due",
        "caller",
        "error",
        "token",
        "wheel_slot",
    )

    def __init__(
        self, hosted: HostedRaw, opening: Opening, transport: Transport, on_gone: Callable[[Served], None]
    ) -> None:
        self.caller: Caller = opening.caller
        self.token = opening.token
        self.wheel_slot = -1
        self.error: BaseException | None = None
        self._hosted = hosted
        self._transport = transport
        self._on_gone = on_gone
        self._input: bytearray | None = None
        self._input_has_ended = False
        self._is_reading = True
        self._reader: asyncio.Future[None] | None = None
        self._is_paused = False
        self._write_due = 0.0  # counts while paused
        self._waiting: deque[tuple[bytes, asyncio.Future[None]]] | None = None
        self._waiting_bytes = 0
        self._text_rest = b""
        self._reason: EndReason | None = None
        self._close_code: int | None = None
        self._is_gone = False
        self._when_gone: asyncio.Event | None = None
        hosted.observer.connection_opened(hosted.name, transport.name)
        self._schedule()
        hosted.tasks.start(self._run())

    # For the handler

    @property
    def is_open(self) -> bool:
        return self._reason is None

    @property
    def allows_binary(self) -> bool:
        return self._transport.allows_binary

    @property
    def is_binary(self) -> bool:
        return self._transport.is_binary

    @is_binary.setter
    def is_binary(self, value: bool) -> None:
        if value and not self._transport.allows_binary:
            raise ValueError(
                f"{self._transport.name} carries text only; "
                "write text, or leave that transport out of ConnectionOptions.transports."
            )
        self._transport.is_binary = value

    async def read(self) -> bytes:
        if self._reader is not None:
            raise LocalProtocolError("This connection is being read already; read it from one task.")
        while not self._input and not self._input_has_ended:
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        if not self._input:
            return b""
        data, self._input = bytes(self._input), None
        self._go_on_reading()
        return data

    async def write(self, data: bytes | str) -> None:
        self._require_open()
        payload = data.encode() if isinstance(data, str) else bytes(data)
        payload, self._text_rest = self._text_rest + payload, b""
        if not self._transport.is_binary:
            payload, self._text_rest = _whole_characters(payload)
        if not payload:
            return
        if self._transport.uses_frames:
            payload = websocket_frame(payload, self._transport.is_binary)
        if self._is_paused:
            await self._wait_to_write(payload)
            return
        try:
            self._transport.write(payload)
        except (RuntimeError, OSError) as error:  # a socket that failed in this very turn of the loop
            self.lost(error)
            self._require_open()
        # A handler that never waits for anything else must not keep all other connections waiting.
        await asyncio.sleep(0)

    def close(self) -> None:
        self._end(EndReason.SERVER, _NORMAL_CLOSURE)

    async def wait_closed(self) -> None:
        if self._is_gone:
            return
        if self._when_gone is None:
            self._when_gone = asyncio.Event()
        await self._when_gone.wait()

    # Served

    def abort(self) -> None:
        self._drop(EndReason.SERVER, None)

    @property
    def is_resumable(self) -> bool:
        return False

    def resume(self, transport: Transport) -> Receiver:
        raise LocalProtocolError("A raw connection cannot be resumed; ask is_resumable first.")

    def refresh(self, principal: Principal) -> None:
        self.caller.principal = principal
        self._schedule()

    # Receiver

    def feed(self, data: bytes) -> None:
        if self._input_has_ended or not data:
            return
        if self._input is None:
            self._input = bytearray()
        self._input += data
        self._wake_reader()
        if self._is_reading and len(self._input) >= self._hosted.options.receive_buffer_bytes:
            self._is_reading = False
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        self._is_paused = True
        self._write_due = self._hosted.clock.monotonic() + self._hosted.options.write_timeout_seconds
        self._schedule()

    def resume_writing(self) -> None:
        self._is_paused = False
        while self._waiting:
            data, written = self._waiting.popleft()
            self._count_waiting(-len(data))
            if written.done():  # its writer was cancelled in this turn
                continue
            try:
                self._transport.write(data)
            except (RuntimeError, OSError) as error:  # as in `write`
                written.set_exception(self._closed())
                self.lost(error)
                return
            written.set_result(None)
            if self._is_paused:  # the transport said so during the write
                return
        self._waiting = None
        if self._close_code is not None:
            self._transport.close(self._close_code)

    def lost(self, error: BaseException | None) -> None:
        if self._is_gone:
            return
        self._is_gone = True
        if self._reason is None:
            self.error = error
            self._finish(EndReason.CLIENT if error is None else EndReason.LOST)
        self._refuse_waiting()
        self._end_input()
        # The transport may still wait for the peer to take the last of our data; that has to have an end.
        self._schedule_abort()
        if self._when_gone is not None:
            self._when_gone.set()
        self._on_gone(self)

    def gone(self) -> None:
        self._hosted.wheel.cancel(self)

    def stop(self) -> None:
        """Reading ends, so that the handler may write its last words and return; it is closed then."""
        self._end_input()

    # SlowReader

    @property
    def unread_bytes(self) -> int:
        return self._waiting_bytes

    def cut_off(self, total_limit_bytes: int) -> None:
        count = len(self._waiting or ())
        error = SlowConsumer(self.caller.connection_id, count, self._waiting_bytes, total_limit_bytes, is_total=True)
        self._drop(EndReason.SLOW, error)

    # Timed

    def tick(self, now: float) -> None:
        if self._reason is not None:
            self._transport.abort()  # the peer did not answer our close, or take the last of our data, in time
            return
        if self._is_paused and now >= self._write_due:
            seconds = self._hosted.options.write_timeout_seconds
            self._drop(EndReason.SLOW, WriteTimeout(self.caller.connection_id, seconds))
            return
        expires_at = self.caller.principal.expires_at
        if (
            self._hosted.options.close_on_expiration
            and expires_at is not None
            and self._hosted.clock.time() >= expires_at
        ):
            self._end(EndReason.SERVER, _NORMAL_CLOSURE)
            return
        self._schedule()

    # Inside

    async def _run(self) -> None:
        try:
            await self._hosted.handler(RawConnection(self))
        except (Exception, asyncio.CancelledError) as error:  # boundary to the handler
            if isinstance(error, asyncio.CancelledError) and is_ending():
                self.abort()
                raise
            if not isinstance(error, _Closed):  # that the client left is no failure
                _log.error(
                    "The handler of raw connections %s failed for connection %s",
                    self.caller.hub,
                    self.caller.connection_id,
                    exc_info=error,
                    extra={"hub": self.caller.hub, "connection_id": self.caller.connection_id},
                )
            self._end(EndReason.FAILED, _INTERNAL_ERROR)
        else:
            self._end(EndReason.SERVER, _NORMAL_CLOSURE)

    def _end(self, reason: EndReason, code: int) -> None:
        """Begin to close properly, behind everything that was written."""
        if self._reason is not None:
            return
        self._close_code = code
        self._finish(reason)
        self._end_input()
        self._schedule_abort()
        if not self._waiting:
            self._transport.close(code)

    def _drop(self, reason: EndReason, error: BaseException | None) -> None:
        """End at once: what the client has not read it would not read now either."""
        if self._reason is None:
            self.error = error
            self._finish(reason)
        self._refuse_waiting()
        self._end_input()
        self._transport.abort()

    def _finish(self, reason: EndReason) -> None:
        self._reason = reason
        self._hosted.observer.connection_closed(self._hosted.name, self._transport.name, reason.value)

    def _end_input(self) -> None:
        self._input_has_ended = True
        self._wake_reader()
        self._go_on_reading()  # or the peer's close would never be seen

    def _wake_reader(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _go_on_reading(self) -> None:
        if not self._is_reading and not self._is_gone:
            self._is_reading = True
            self._transport.resume_reading()

    def _require_open(self) -> None:
        if self._reason is not None:
            raise self._closed() from self.error

    def _closed(self) -> _Closed:
        return _Closed(f"Raw connection '{self.caller.connection_id}' is closed.")

    async def _wait_to_write(self, data: bytes) -> None:
        limit = self._hosted.options.outbox_limit_bytes
        if self._waiting is None:
            self._waiting = deque()
        if self._waiting and self._waiting_bytes + len(data) > limit:
            count, size = len(self._waiting) + 1, self._waiting_bytes + len(data)
            self._drop(EndReason.SLOW, SlowConsumer(self.caller.connection_id, count, size, limit))
            self._require_open()
        waiting = self._waiting
        entry = (data, asyncio.get_running_loop().create_future())
        waiting.append(entry)
        self._count_waiting(len(data))
        try:
            await entry[1]
        except asyncio.CancelledError:
            if self._waiting is waiting and entry in waiting:  # or it was taken out in this turn
                waiting.remove(entry)
                self._count_waiting(-len(data))
            raise

    def _refuse_waiting(self) -> None:
        waiting, self._waiting = self._waiting or (), None
        self._count_waiting(-self._waiting_bytes)
        for _, written in waiting:
            if not written.done():
                written.set_exception(self._closed())

    def _count_waiting(self, change_bytes: int) -> None:
        self._waiting_bytes += change_bytes
        self._hosted.outboxes.change(self, change_bytes)
        if not self._waiting_bytes:
            self._hosted.outboxes.forget(self)

    def _schedule(self) -> None:
        if self._reason is not None:
            return
        due = self._write_due if self._is_paused else None
        expires_at = self.caller.principal.expires_at
        if self._hosted.options.close_on_expiration and expires_at is not None:
            clock = self._hosted.clock
            end = clock.monotonic() + expires_at - clock.time()
            due = end if due is None else min(due, end)
        if due is not None:
            self._hosted.wheel.advance(self, due)

    def _schedule_abort(self) -> None:
        timeout = self._hosted.options.close_timeout_seconds
        self._hosted.wheel.schedule(self, self._hosted.clock.monotonic() + timeout)


def _whole_characters(text: bytes) -> tuple[bytes, bytes]:
    """Split behind the last complete character. Raises: UnicodeDecodeError.

    A WebSocket text message that ends inside of a character ends the connection (RFC 6455 8.1), and what a client sends
    may arrive cut anywhere.
    """
    try:
        text.decode()
    except UnicodeDecodeError as error:
        if error.reason != "unexpected end of data":
            raise
        return text[: error.start], text[error.start :]
    return text, b""
