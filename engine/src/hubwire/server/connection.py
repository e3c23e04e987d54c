"""The pump of one hub connection: between its transport, its session and the hub.

Implements `Line` for data planes and `Receiver` for transports. Runs no task of its own: it is called from the
transport, from the timer wheel and from the task of a hub event or method that has finished.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Awaitable, Callable, Sequence

from hubwire.errors import MethodNotFound, SlowConsumer, WriteTimeout
from hubwire.hub.failures import close_error, completion_error, is_expected, log_unexpected, non_streaming_error
from hubwire.model import Caller, Principal
from hubwire.ports import Receiver, Transport
from hubwire.server.hosted import HostedHub, Opening, Served
from hubwire.server.outbox import Outbox
from hubwire.server.tasks import is_ending
from hubwire.session.events import (
    Ended,
    EndReason,
    HandshakeAccepted,
    InvocationReceived,
    SessionEvent,
    StreamInvocationReceived,
)
from hubwire.session.session import Session
from hubwire.session.states import State
from hubwire.wire.encoded import EncodedMessage, websocket_frame
from hubwire.wire.messages import Invocation, StreamInvocation

_NORMAL_CLOSURE = 1000
_INTERNAL_ERROR = 1011


class _Hook(enum.Enum):
    """How far the hub's `connected` is; `disconnected` is owed after SUCCEEDED alone."""

    NOT_RUN = 0
    RUNNING = 1
    SUCCEEDED = 2
    FAILED = 3


class Connection:
    """One client of one hub."""

    __slots__ = (
        "_close_code",
        "_direct_write",
        "_end",
        "_hook",
        "_hub",
        "_is_gone",
        "_is_paused",
        "_is_reading",
        "_on_gone",
        "_outbox",
        "_session",
        "_transport",
        "_write_due",
        "caller",
        "token",
        "wheel_slot",
    )

    def __init__(
        self,
        hub: HostedHub,
        opening: Opening,
        transport: Transport,
        on_gone: Callable[[Served], None],
    ) -> None:
        self.caller: Caller = opening.caller
        self.token = opening.token
        """What clients put into `?id=`."""
        self.wheel_slot = -1
        self._hub = hub
        self._transport = transport
        self._on_gone = on_gone
        self._session = Session(
            hub.options, hub.codecs, hub.clock.monotonic(), close_error, allows_binary=transport.allows_binary
        )
        self._direct_write: Callable[[bytes], object] | None = None
        self._outbox: Outbox | None = None
        self._is_paused = False
        self._write_due = 0.0  # counts while paused
        self._is_reading = True
        self._is_gone = False
        self._close_code: int | None = None
        self._hook = _Hook.NOT_RUN
        self._end: Ended | None = None
        self._schedule()

    # Line

    def post(self, message: EncodedMessage) -> None:
        direct_write = self._direct_write
        if direct_write is None and not (self._is_paused and self._is_open):
            return
        codec = self._session.codec
        try:
            if self._transport.uses_frames:
                data = message.frames.get(codec) or message.frame(codec)
            else:
                data = message.payloads.get(codec) or message.payload(codec)
        except Exception as error:  # noqa: BLE001 - encoding runs user objects; their failure ends this connection only
            self._session.send_failure(error, allow_reconnect=True)
            self._pump()
            return
        if direct_write is None:
            self._queue(data)
            return
        try:
            direct_write(data)
        except (RuntimeError, OSError) as error:  # a socket that failed in this very turn of the loop
            self.lost(error)

    def close(self, reason: str | None, allow_reconnect: bool) -> None:
        self._session.send_close(reason, allow_reconnect=allow_reconnect)
        self._pump()

    def ask(self, target: str, arguments: Sequence[object], timeout_seconds: float | None) -> Awaitable[object]:
        raise NotImplementedError

    # Served

    @property
    def is_resumable(self) -> bool:
        return False

    def resume(self, transport: Transport) -> Receiver:
        raise NotImplementedError

    def refresh(self, principal: Principal) -> None:
        self.caller.principal = principal

    # Receiver

    def feed(self, data: bytes) -> None:
        self._session.receive_data(data, self._hub.clock.monotonic())
        self._pump()

    def pause_writing(self) -> None:
        self._is_paused = True
        self._direct_write = None
        self._write_due = self._hub.clock.monotonic() + self._hub.options.write_timeout_seconds
        self._schedule()

    def resume_writing(self) -> None:
        self._is_paused = False
        outbox = self._outbox
        if outbox is not None:
            while (data := outbox.take()) is not None:
                self._transport.write(data)
                if self._is_paused:  # the transport said so during the write
                    return
            self._outbox = None
        if self._is_open:
            self._direct_write = self._transport.direct_write
        elif self._close_code is not None:
            self._transport.close(self._close_code)

    def lost(self, error: BaseException | None) -> None:
        if self._is_gone:
            return
        self._is_gone = True
        self._direct_write = None
        self._outbox = None
        self._session.receive_end(error)
        self._pump()
        # The transport may still wait for the peer to take the last of our data; that has to have an end.
        self._hub.wheel.schedule(self, self._hub.clock.monotonic() + self._hub.options.close_timeout_seconds)
        self._on_gone(self)

    def gone(self) -> None:
        self._hub.wheel.cancel(self)

    def stop(self) -> None:
        self.close(None, True)

    def abort(self) -> None:
        """End at once, without a word."""
        self._transport.abort()

    # Timed

    def tick(self, now: float) -> None:
        if self._session.state is State.CLOSED:
            self._transport.abort()  # the peer did not answer our close, or take the last of our data, in time
            return
        if self._is_paused and now >= self._write_due:
            timeout = WriteTimeout(self.caller.connection_id, self._hub.options.write_timeout_seconds)
            self._session.drop(EndReason.SLOW, timeout)
        else:
            self._session.receive_time(now)
        self._pump()

    # Inside

    @property
    def _is_open(self) -> bool:
        return self._session.state in (State.CONNECTING, State.OPEN)

    def _pump(self) -> None:
        """Do what the session asks for until it asks for nothing more."""
        session = self._session
        while True:
            for payload in session.data_to_send():
                self._put(payload)
            events = session.events()
            if not events:
                break
            for event in events:
                self._handle(event)
        if self._is_gone:
            return
        if session.wants_data is not self._is_reading:
            self._is_reading = not self._is_reading
            if self._is_reading:
                self._transport.resume_reading()
            else:
                self._transport.pause_reading()
        self._schedule()

    def _schedule(self) -> None:
        due = self._session.deadline
        if due is not None:
            self._hub.wheel.advance(self, min(due, self._write_due) if self._is_paused else due)

    def _handle(self, event: SessionEvent) -> None:
        match event:
            case InvocationReceived(invocation):
                self._hub.tasks.start(self._invoke(invocation))
            case HandshakeAccepted(codec):
                self._transport.is_binary = codec.is_binary
                self._hub.registry.attach(self)
                if not self._is_paused:
                    self._direct_write = self._transport.direct_write
                self._hook = _Hook.RUNNING
                self._hub.observer.connection_opened(self._hub.name, self._transport.name)
                self._hub.tasks.start(self._connect())
            case StreamInvocationReceived(invocation):
                self._refuse_stream(invocation)
            case Ended():
                self._finish(event)

    def _put(self, payload: bytes) -> None:
        """Send a message of the session's own."""
        if self._is_gone:
            return
        if self._transport.uses_frames:
            payload = websocket_frame(payload, self._session.codec.is_binary)
        if self._is_paused:
            self._queue(payload)
        else:
            self._transport.write(payload)

    def _queue(self, data: bytes) -> None:
        outbox = self._outbox
        if outbox is None:
            outbox = self._outbox = Outbox(self._hub.options.outbox_limit_bytes)
        if not outbox.add(data) and self._session.state is not State.CLOSED:
            error = SlowConsumer(
                self.caller.connection_id,
                len(outbox) + 1,
                outbox.queued_bytes + len(data),
                self._hub.options.outbox_limit_bytes,
            )
            self._session.drop(EndReason.SLOW, error)
            self._pump()

    def _finish(self, end: Ended) -> None:
        self._end = end
        self._direct_write = None
        if self._hook is not _Hook.NOT_RUN:
            self._hub.observer.connection_closed(self._hub.name, self._transport.name, end.reason.value)
        if self._hook is _Hook.SUCCEEDED:
            self._hub.tasks.start(self._disconnect(end.error))
        elif self._hook is _Hook.FAILED:
            self._hub.registry.detach(self)
        if self._is_gone:
            return
        if end.reason is EndReason.SLOW:
            self._outbox = None
            self._transport.abort()  # what it has not read it would not read now either
            return
        self._close_code = _INTERNAL_ERROR if end.reason is EndReason.FAILED else _NORMAL_CLOSURE
        self._hub.wheel.schedule(self, self._hub.clock.monotonic() + self._hub.options.close_timeout_seconds)
        if not self._is_paused:
            self._transport.close(self._close_code)

    async def _connect(self) -> None:
        try:
            await self._hub.handler.connected(self.caller)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - boundary to hub code, which logs itself
            self._own_cancel(error, "connected")
            self._hook = _Hook.FAILED
            if self._end is None:
                self._session.send_failure(error)
            else:
                self._hub.registry.detach(self)
        else:
            self._hook = _Hook.SUCCEEDED
            if self._end is not None:  # it ended meanwhile, and `disconnected` was left to us
                await self._disconnect(self._end.error)
                return
            self._session.send_connected(self._hub.clock.monotonic())
        self._pump()

    async def _disconnect(self, error: BaseException | None) -> None:
        try:
            await self._hub.handler.disconnected(self.caller, error)
        finally:
            self._hub.registry.detach(self)

    async def _invoke(self, invocation: Invocation) -> None:
        hub = self._hub
        started = hub.clock.monotonic()
        try:
            result = await hub.handler.invoke(self.caller, invocation)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - boundary to hub code, which logs itself
            self._own_cancel(error, invocation.target)
            now = hub.clock.monotonic()
            name = hub.method_name(invocation.target)
            hub.observer.invocation_finished(hub.name, name or "unknown", now - started, not is_expected(error))
            text = completion_error(error, name or invocation.target, hub.options.detailed_errors)
            self._session.send_error(invocation, text, now)
        else:
            now = hub.clock.monotonic()
            hub.observer.invocation_finished(
                hub.name, hub.method_name(invocation.target) or "unknown", now - started, False
            )
            self._session.send_result(invocation, result, now)
        self._pump()

    def _own_cancel(self, error: BaseException, event: str) -> None:
        """Go on when hub code itself raised a cancellation, as it does by awaiting a task that somebody cancelled.

        To the client that is a failure like any other; unanswered, all later calls of the connection would wait for it.
        """
        if isinstance(error, asyncio.CancelledError):
            if is_ending():
                raise error
            log_unexpected(error, self.caller, event)

    def _refuse_stream(self, invocation: StreamInvocation) -> None:
        name = self._hub.method_name(invocation.target)
        if name is None:
            unknown = MethodNotFound(invocation.target)
            text = completion_error(unknown, invocation.target, self._hub.options.detailed_errors)
        else:
            text = non_streaming_error(name)
        self._session.send_stream_error(invocation, text)
