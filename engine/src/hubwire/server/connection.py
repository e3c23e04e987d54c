"""The pump of one hub connection: between its transport, its session and the hub.

Implements `Line` for data planes and `Receiver` for transports. Runs no task of its own: it is called from the
transport, from the timer wheel and from the task of a hub event or method (`calls`) that has something to say.
"""

from __future__ import annotations

import asyncio
import enum
import functools
import math
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence

from hubwire.errors import ConnectionGone, LocalProtocolError, SlowConsumer, WriteTimeout
from hubwire.hub.failures import close_error, log_unexpected
from hubwire.hub.ongoing import BEFORE_ASKING, Connecting, nothing
from hubwire.model import Caller, Principal
from hubwire.ports import Receiver, Transport
from hubwire.server import calls
from hubwire.server.activity import Activity
from hubwire.server.hosted import HostedHub, Opening, Served
from hubwire.server.outbox import Outbox
from hubwire.server.shutdown import finished_within
from hubwire.server.uploads import Upload
from hubwire.session.events import (
    AnswerOverdue,
    AnswerReceived,
    CancelReceived,
    Ended,
    EndReason,
    HandshakeAccepted,
    InvocationReceived,
    SessionEvent,
    StreamInvocationReceived,
    Throttled,
    UploadEnded,
    UploadItemReceived,
)
from hubwire.session.session import Session
from hubwire.session.states import CLOSED, CONNECTING, OPEN
from hubwire.wire.codec import Codec
from hubwire.wire.encoded import EncodedMessage, websocket_frame
from hubwire.wire.messages import Invocation, StreamInvocation

_CALLS_AT_ONCE = 20
"""Calls of one connection that begin without a turn for everybody else. A client may have put a thousand into one
frame."""

NORMAL_CLOSURE = 1000
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
        "_beginning",
        "_burst",
        "_burst_turn",
        "_close_code",
        "_direct_write",
        "_end",
        "_frame_codec",
        "_hook",
        "_is_gone",
        "_is_paused",
        "_is_pumping",
        "_is_reading",
        "_on_gone",
        "_outbox",
        "_transport",
        "_write_due",
        "activity",
        "caller",
        "hub",
        "session",
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
        self.hub = hub
        self.token = opening.token
        """What clients put into `?id=`."""
        self.session = self._begin_session(transport)
        self.activity: Activity | None = None
        """What is under way for it, if there was anything yet that has to stop with it."""
        self.wheel_slot = -1
        self._transport = transport
        self._on_gone = on_gone
        self._direct_write: Callable[[bytes], object] | None = None
        self._frame_codec: Codec | None = None  # once the handshake has chosen, where the transport takes frames
        self._outbox: Outbox | None = None
        self._is_paused = False
        self._write_due = 0.0  # counts while paused
        self._burst = 0
        self._burst_turn = -1
        self._beginning = 0  # calls that begin in a coming turn of the loop
        self._is_pumping = False
        self._is_reading = True
        self._is_gone = False
        self._close_code: int | None = None
        self._hook = _Hook.NOT_RUN
        self._end: Ended | None = None
        self._watch_expiration()
        self._schedule()

    # Line

    def post(self, message: EncodedMessage) -> None:
        # The many: an open WebSocket that takes data, and not the first of its codec.
        direct_write = self._direct_write
        frame = message.frames.get(self._frame_codec)
        if direct_write is None or frame is None:
            self._post_otherwise(message, direct_write)
            return
        try:
            direct_write(frame)
        except (RuntimeError, OSError) as error:
            self._fail_to_write(error)

    def _post_otherwise(self, message: EncodedMessage, direct_write: Callable[[bytes], object] | None) -> None:
        if direct_write is None and not (self._is_paused and self._is_open and self.session.is_accepted):
            return
        codec = self.session.codec
        try:
            if self._transport.uses_frames:
                data = message.frames.get(codec) or message.frame(codec)
            else:
                data = message.payloads.get(codec) or message.payload(codec)
        except Exception as error:  # noqa: BLE001 - encoding runs user objects; their failure ends this connection only
            self.session.send_failure(error, allow_reconnect=True)
            self.pump()
            return
        if direct_write is None:
            self._queue(data)
            return
        try:
            direct_write(data)
        except (RuntimeError, OSError) as error:
            self._fail_to_write(error)

    def close(self, reason: str | None, allow_reconnect: bool) -> None:
        self.session.send_close(reason, allow_reconnect=allow_reconnect)
        self.pump()

    def ask(self, target: str, arguments: Sequence[object], timeout_seconds: float | None) -> Awaitable[object]:
        answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        if not self._is_open:
            answer.set_exception(ConnectionGone(self.caller.connection_id, had_been_asked=True))
            return answer
        if timeout_seconds is None:
            timeout_seconds = self.hub.options.client_result_timeout_seconds
        now = self.hub.clock.monotonic()
        question_id = self.session.send_question(target, arguments, now + timeout_seconds)
        self._begin_activity().expect(question_id, answer, target, timeout_seconds)
        answer.add_done_callback(functools.partial(self._settle, question_id))
        self.session.give_way_to_answer(now)
        self.pump()
        return answer

    # Served

    @property
    def is_resumable(self) -> bool:
        return False

    def resume(self, transport: Transport) -> Receiver:
        raise LocalProtocolError("This connection ends with its transport; ask is_resumable first.")

    def refresh(self, principal: Principal) -> None:
        self.caller.principal = principal
        self._watch_expiration()
        self._schedule()

    def abort(self) -> None:
        """End at once, without a word."""
        self._transport.abort()

    # Receiver

    def feed(self, data: bytes) -> None:
        self.session.receive_data(data, self.hub.clock.monotonic())
        self.pump()

    def pause_writing(self) -> None:
        self._is_paused = True
        self._direct_write = None
        self._write_due = self.hub.clock.monotonic() + self.hub.options.write_timeout_seconds
        self._schedule()

    def resume_writing(self) -> None:
        self._is_paused = False
        outbox = self._outbox
        if outbox is not None:
            while (data := outbox.take()) is not None:
                self._write(data)
                if self._is_paused or self._is_gone:  # the transport said so during the write
                    return
            self._drop_outbox()
        if self._is_open and self.session.is_accepted:
            self._direct_write = self._transport.direct_write
            if self.activity is not None:
                self.activity.tell_room()
        elif self._close_code is not None:
            self._transport.close(self._close_code)

    def lost(self, error: BaseException | None) -> None:
        if self._is_gone:
            return
        self._is_gone = True
        self._direct_write = None
        self._drop_outbox()
        self.session.receive_end(error)
        self.pump()
        # The transport may still wait for the peer to take the last of our data; that has to have an end.
        self.hub.wheel.schedule(self, self.hub.clock.monotonic() + self.hub.options.close_timeout_seconds)
        self._forget()

    def gone(self) -> None:
        self.hub.wheel.cancel(self)

    def stop(self) -> None:
        self.close(None, True)

    # SlowReader

    @property
    def unread_bytes(self) -> int:
        return 0 if self._outbox is None else self._outbox.queued_bytes

    def cut_off(self, total_limit_bytes: int) -> None:
        if self.session.state is CLOSED:  # it has been told the last word and reads nothing
            self._drop_outbox()
            self._transport.abort()
            return
        error = SlowConsumer(
            self.caller.connection_id,
            self._unread_messages,
            self.unread_bytes,
            total_limit_bytes,
            is_total=True,
        )
        self.session.drop(EndReason.SLOW, error)
        self._drop_outbox()  # now: in the middle of a pump the end would come later, and others would be cut too
        self.pump()

    # Timed

    def tick(self, now: float) -> None:
        if self.session.state is CLOSED:
            self._transport.abort()  # the peer did not answer our close, or take the last of our data, in time
            return
        if self._is_paused and now >= self._write_due:
            timeout = WriteTimeout(self.caller.connection_id, self.hub.options.write_timeout_seconds)
            self.session.drop(EndReason.SLOW, timeout)
        else:
            self.session.receive_time(now)
        self.pump()

    # Host

    def pump(self) -> None:
        """Do what the session asks for until it asks for nothing more.

        What is done may want more to be done, as a call that has ended at once: that is done when its turn comes.
        """
        if self._is_pumping:
            return
        self._is_pumping = True
        try:
            self._pump()
        finally:
            self._is_pumping = False

    def _pump(self) -> None:
        session = self.session
        while True:
            for payload in session.data_to_send():
                self._put(payload)
            events = session.events()
            if not events:
                break
            for event in events:
                if type(event) is InvocationReceived:
                    self._invoke(event.invocation)
                else:
                    self._handle(event)
        if session.wants_data is not self._is_reading and not self._is_gone:
            self._is_reading = not self._is_reading
            if self._is_reading:
                self._transport.resume_reading()
            else:
                self._transport.pause_reading()
        self._schedule()

    async def until_writable(self) -> None:
        """Return when the transport takes data; at once if it does so now."""
        while not self._is_writable:
            await self._begin_activity().until_room()

    # Inside

    @property
    def _is_open(self) -> bool:
        return self.session.state in (CONNECTING, OPEN)

    @property
    def _is_writable(self) -> bool:
        return not self._is_paused

    @property
    def _unread_messages(self) -> int:
        return 0 if self._outbox is None else len(self._outbox)

    def _begin_session(self, transport: Transport) -> Session:
        hub = self.hub
        return Session(
            hub.options,
            hub.codecs,
            hub.clock.monotonic(),
            close_error,
            allows_binary=transport.allows_binary,
            sends_pings=not transport.keeps_itself_alive,
            rates=hub.rates,
            user_id=self.caller.user_id,
            holds_acceptance=hub.is_one_of_several,
        )

    def _forget(self) -> None:
        self._on_gone(self)

    def _schedule(self) -> None:
        due = self.session.deadline
        if self._is_paused and self._is_open:
            due = min(due, self._write_due)
        if due != math.inf:
            self.hub.wheel.advance(self, due)

    def _watch_expiration(self) -> None:
        if self.hub.options.close_on_expiration:
            clock, ends_at = self.hub.clock, self.caller.principal.closes_at
            due = math.inf if ends_at is None else clock.monotonic() + ends_at - clock.time()
            self.session.close_at(due)

    def _handle(self, event: SessionEvent) -> None:
        match event:
            case HandshakeAccepted(codec):
                self._transport.is_binary = codec.is_binary
                self._frame_codec = codec if self._transport.uses_frames else None
                reachable = self.hub.registry.attach(self)
                if reachable is None:
                    self._accept()
                self._hook = _Hook.RUNNING
                self.hub.observer.connection_opened(self.hub.name, self._transport.name)
                self.hub.tasks.start(self._connect(reachable))
            case StreamInvocationReceived(invocation):
                work = calls.stream(self, invocation, self._open_uploads(invocation))
                self._begin_activity().add(self._start(work), invocation.invocation_id)
            case Ended():
                self._finish(event)
            case Throttled():
                self.hub.observer.messages_throttled(self.hub.name)
            case _ if self.activity is not None:
                self._pass_on(event, self.activity)

    def _pass_on(self, event: SessionEvent, activity: Activity) -> None:
        """For something under way; without an activity there is nothing that it could be for."""
        match event:
            case UploadItemReceived(stream_id, item):
                activity.put_item(stream_id, item)
            case UploadEnded(stream_id, error):
                activity.end_upload(stream_id, error)
            case CancelReceived(invocation_id):
                activity.cancel(invocation_id)
            case AnswerReceived(completion):
                activity.answer(completion)
            case AnswerOverdue(question_id):
                activity.give_up(question_id, self.caller.connection_id)

    def _accept(self) -> None:
        """The client may know that it is connected; messages for it come behind that."""
        self.session.send_accepted()
        self.pump()
        if self._is_open and not self._is_paused:
            self._direct_write = self._transport.direct_write

    def _invoke(self, invocation: Invocation) -> None:
        hub = self.hub
        uploads = self._open_uploads(invocation) if invocation.stream_ids else ()
        work = calls.invoke(self, invocation, uploads)
        if hub.handler.is_cancellable(invocation.target):
            self._begin_activity().add(self._start(work), invocation.invocation_id)
        elif self._may_begin_at_once():
            hub.tasks.begin(work)
        else:
            self._start(work)

    def _start(self, work: Coroutine[object, None, None]) -> asyncio.Task[None]:
        """Let a call begin in the next turn of the loop, and none that comes behind it before that."""
        self._beginning += 1
        task = self.hub.tasks.start(work)
        asyncio.get_running_loop().call_soon(self._has_begun)
        return task

    def _has_begun(self) -> None:
        self._beginning -= 1

    def _may_begin_at_once(self) -> bool:
        """Whether a call may begin in this turn of the loop; after some in it, others have a turn first."""
        if self._beginning:
            return False
        turn = self.hub.tasks.turn()
        if turn != self._burst_turn:
            self._burst_turn = turn
            self._burst = 0
        self._burst += 1
        return self._burst <= _CALLS_AT_ONCE

    def _begin_activity(self) -> Activity:
        if self.activity is None:
            self.activity = Activity()
        return self.activity

    def _open_uploads(self, invocation: Invocation | StreamInvocation) -> Sequence[Upload]:
        if not invocation.stream_ids:
            return ()
        on_read = functools.partial(self._read_upload, invocation)
        on_close = functools.partial(self._end_upload, invocation)
        return self._begin_activity().open_uploads(invocation.stream_ids, on_read, on_close)

    def _read_upload(self, invocation: Invocation | StreamInvocation, stream_id: str) -> None:
        self.session.receive_read(invocation, stream_id, self.hub.clock.monotonic())
        self.pump()

    def _end_upload(self, invocation: Invocation | StreamInvocation, stream_id: str) -> None:
        self.session.end_upload(invocation, stream_id, self.hub.clock.monotonic())
        self.pump()

    def _settle(self, question_id: str, answer: asyncio.Future[object]) -> None:
        if self.activity is not None:
            self.activity.settle(question_id)
        if answer.cancelled():
            self.session.forget_question(question_id)

    def _put(self, payload: bytes) -> None:
        """Send a message of the session's own."""
        if self._is_gone:
            return
        if self._transport.uses_frames:
            payload = websocket_frame(payload, self.session.codec.is_binary)
        direct_write = self._direct_write
        if direct_write is None:
            self._write(payload)
            return
        try:
            direct_write(payload)
        except (RuntimeError, OSError) as error:
            self._fail_to_write(error)

    def _write(self, data: bytes) -> None:
        if self._is_paused:
            self._queue(data)
            return
        try:
            self._transport.write(data)
        except (RuntimeError, OSError) as error:
            self._fail_to_write(error)

    def _fail_to_write(self, error: BaseException) -> None:
        """The socket has failed in this very turn of the loop, and its transport does not know yet."""
        self.lost(error)

    def _queue(self, data: bytes) -> None:
        outbox = self._outbox
        if outbox is None:
            outbox = self._outbox = Outbox(self.hub.options.outbox_limit_bytes, self.hub.outboxes, self)
        if not outbox.add(data) and self.session.state is not CLOSED:
            error = SlowConsumer(
                self.caller.connection_id,
                len(outbox) + 1,
                outbox.queued_bytes + len(data),
                self.hub.options.outbox_limit_bytes,
            )
            self.session.drop(EndReason.SLOW, error)
            self.pump()

    def _drop_outbox(self) -> None:
        outbox, self._outbox = self._outbox, None
        if outbox is not None:
            outbox.drop()

    def _finish(self, end: Ended) -> None:
        self._end = end
        self._direct_write = None
        stopped = () if self.activity is None else self.activity.end(self.caller.connection_id)
        if self._hook is not _Hook.NOT_RUN:
            self.hub.observer.connection_closed(self.hub.name, self._transport.name, end.reason.value)
        if self._hook is _Hook.SUCCEEDED:
            self.hub.tasks.start(self._disconnect(end.error, stopped))
        elif self._hook is _Hook.FAILED:
            self.hub.registry.detach(self)
        if end.reason is EndReason.FAILED and end.error is not None and self._hook is not _Hook.FAILED:
            # A message that cannot be written; who has sent it is not told, and `disconnected` need not look at it.
            log_unexpected(end.error, self.caller, "a message")
        if self._is_gone:
            return
        if end.reason is EndReason.SLOW:
            self._drop_outbox()
            self._transport.abort()  # what it has not read it would not read now either
            return
        self._close_code = _INTERNAL_ERROR if end.reason is EndReason.FAILED else NORMAL_CLOSURE
        self.hub.wheel.schedule(self, self.hub.clock.monotonic() + self.hub.options.close_timeout_seconds)
        if not self._is_paused:
            self._transport.close(self._close_code)

    async def _connect(self, reachable: Awaitable[None] | None) -> None:
        connecting = Connecting()
        BEFORE_ASKING.set(connecting)
        try:
            if reachable is not None:
                await reachable  # before the client and the hub hear of it, and tell others
                self._accept()
            await self.hub.handler.connected(self.caller)
        except (Exception, asyncio.CancelledError) as error:
            if calls.is_stopped(error, self.caller, "connected"):
                raise
            self._hook = _Hook.FAILED
            if self._end is None:
                self.session.send_failure(error)
            else:
                self.hub.registry.detach(self)
        else:
            self._hook = _Hook.SUCCEEDED
            if self._end is not None:  # it ended meanwhile, and `disconnected` was left to us
                await self._disconnect(self._end.error)
                return
            self.session.send_connected(self.hub.clock.monotonic())
        finally:
            connecting.is_over = True  # tasks that `connected` has left behind may ask from now on
        self.pump()

    async def _disconnect(self, error: BaseException | None, stopped: Collection[asyncio.Task[None]] = ()) -> None:
        BEFORE_ASKING.set(nothing)
        try:
            if stopped:  # `disconnected` comes after everything else, unless that takes too long to stop
                options, clock = self.hub.options, self.hub.clock
                await finished_within(_all_ended(stopped), options.close_timeout_seconds, clock)
            await self.hub.handler.disconnected(self.caller, error)
        except asyncio.CancelledError as failure:
            if calls.is_stopped(failure, self.caller, "disconnected"):
                raise
        finally:
            self.hub.registry.detach(self)


async def _all_ended(tasks: Collection[asyncio.Task[None]]) -> None:
    await asyncio.wait(tasks)
