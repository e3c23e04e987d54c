"""One hub connection without its transport: bytes in, events and bytes out. Knows no socket, task or clock.

Three doors: `receive_*` for what the transport brings, `send_*` for what the hub wants, `events()` and `data_to_send()`
for what the owner has to do afterwards. Time is an argument; `deadline` says when `receive_time` is due next.
Broadcasts do not pass here: the owner writes prebuilt frames itself while the state lets it. What a stateful
connection does besides stands in `stateful`.
"""

from __future__ import annotations

import collections.abc
import enum
import math
from collections.abc import Callable, Mapping

from hubwire.errors import (
    ClientTimeout,
    HandshakeError,
    HubError,
    InvalidMessage,
    MessageTooLarge,
    RemoteProtocolError,
)
from hubwire.options import HubOptions
from hubwire.rates import TokenBucket
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
from hubwire.session.invocations import Permits
from hubwire.session.message_rates import MessageRates
from hubwire.session.results import Questions
from hubwire.session.states import CLOSED, HANDSHAKE, OPEN, Step, advance
from hubwire.session.streams import Streams
from hubwire.wire import handshake
from hubwire.wire.codec import Codec
from hubwire.wire.framing import MessageReader, SeparatedReader
from hubwire.wire.json_codec import JSON
from hubwire.wire.messages import (
    CancelInvocation,
    Close,
    Completion,
    Invocation,
    Message,
    Ping,
    StreamInvocation,
    StreamItem,
)

READ_AHEAD_BYTES = 64 * 1024
"""Input that may wait while messages are not dispatched; above it the owner stops reading. 64 KiB: the reference's."""

_MAXIMUM_HANDSHAKE_BYTES = 32 * 1024
"""Bound of the handshake request where hub messages have none: nobody is trusted that far yet."""

_PING = Ping()


class _Allowance(enum.Enum):
    """What stands in the place of a message that waits, when time is all that it takes to go on."""

    AWAITED = "awaited"


class Session:
    """The protocol state of one connection."""

    __slots__ = (
        "_allows_binary",
        "_buckets",
        "_close_at",
        "_close_text",
        "_codecs",
        "_events",
        "_failure",
        "_failure_deadline",
        "_handshake_deadline",
        "_has_pinged",
        "_idle_since",
        "_is_read",
        "_keep_alive_seconds",
        "_message_bytes",
        "_next_ping",
        "_options",
        "_output",
        "_own_codec",
        "_permits",
        "_prepaid",
        "_questions",
        "_rates",
        "_reader",
        "_streams",
        "_throttled_until",
        "_user_id",
        "_waiting",
        "codec",
        "is_accepted",
        "state",
    )

    def __init__(
        self,
        options: HubOptions,
        codecs: Mapping[str, Codec],
        now: float,
        close_text: Callable[[BaseException, bool], str],
        *,
        allows_binary: bool = True,
        sends_pings: bool = True,
        rates: MessageRates | None = None,
        user_id: str | None = None,
        holds_acceptance: bool = False,
    ) -> None:
        """Start to wait for the handshake.

        Args:
            codecs: what the handshake may choose.
            close_text: words the error of a Close, given the exception and whether details may be told.
            allows_binary: whether the transport carries binary messages.
            sends_pings: whether the client needs them to know that we live.
            rates: how many messages it may send; None: any number.
            user_id: whose they are, None: nobody's in particular.
            holds_acceptance: whether an accepted handshake is answered only by `send_accepted`, or before the first
                message that is sent.
        """
        self.state = HANDSHAKE
        self.is_accepted = not holds_acceptance
        """Whether an accepted handshake has been answered, or is at once."""
        self.codec: Codec = JSON
        """The codec of messages for many connections; JSON until the handshake has chosen."""
        self._own_codec: Codec = JSON
        """The codec of what this connection alone receives and sends, which a hub may have made special."""
        self._options = options
        self._close_text = close_text
        self._allows_binary = allows_binary
        self._codecs = codecs
        self._reader: MessageReader = SeparatedReader(options.maximum_receive_message_bytes or _MAXIMUM_HANDSHAKE_BYTES)
        self._events: list[SessionEvent] = []
        self._output: list[bytes] = []
        self._permits = Permits(options.maximum_parallel_invocations, options.maximum_streams)
        # What cannot be dispatched yet: a call without a permit, an item whose buffer is full. All behind it waits too.
        self._waiting: Invocation | StreamItem | _Allowance | None = None
        self._rates = rates
        self._user_id = user_id
        self._prepaid = -1 if rates is None else rates.prepaid_messages  # messages that may come before the next look
        self._buckets: collections.abc.Sequence[TokenBucket] = ()  # made when the first messages are used up
        self._throttled_until = math.inf
        self._is_read = False  # whether all input that has come was dispatched, as far as it makes whole messages
        self._message_bytes = 0  # of the message dispatched last, which is the one that waits if any does
        self._streams: Streams | None = None  # these two: made with the first
        self._questions: Questions | None = None
        self._handshake_deadline = now + options.handshake_timeout_seconds
        self._keep_alive_seconds = options.keep_alive_seconds if sends_pings else math.inf
        self._next_ping = math.inf
        self._close_at = math.inf
        self._has_pinged = False
        self._idle_since = now
        self._failure: RemoteProtocolError | None = None
        self._failure_deadline = 0.0

    # What the transport brings

    def receive_data(self, data: bytes, now: float) -> None:
        """Take input; any split into chunks gives the same events."""
        if self.state is CLOSED or self._failure is not None:
            return
        self._reader.feed(data)
        self._idle_since = now
        if self.state is HANDSHAKE:
            self._read_handshake(now)
        elif self.state is OPEN:
            self._dispatch(now)

    def receive_end(self, error: BaseException | None = None) -> None:
        """The transport is gone; `error` None: it was closed properly, only without a Close message."""
        if self.state is CLOSED:
            return
        if self.state is not HANDSHAKE and error is None and self._is_inside_message():
            error = InvalidMessage("Connection terminated while reading a message.")
        reason = EndReason.HANDSHAKE if self.state is HANDSHAKE else EndReason.LOST
        self._end(reason, error)

    def receive_time(self, now: float) -> None:
        """Do what is due: end a connection that took too long, send the keep-alive."""
        if self.state is HANDSHAKE:
            if now >= self._handshake_deadline:
                self._refuse(HandshakeError(handshake.CANCELED))
        elif self.state is not CLOSED:
            if self._failure is not None and now >= self._failure_deadline:
                self._fail(self._failure, EndReason.PROTOCOL)
            elif now >= self._close_at:
                self.send_close(allow_reconnect=True)
            elif now >= self._client_deadline():
                self._fail(ClientTimeout(self._options.client_timeout_seconds), EndReason.TIMEOUT)
            else:
                self._continue(now)

    # What the hub wants

    def send_accepted(self) -> None:
        """Answer the handshake that was accepted, if that was held back."""
        if not self.is_accepted and self.state is not HANDSHAKE and self.state is not CLOSED:
            self.is_accepted = True
            self._output.append(handshake.SUCCESS)

    def send_connected(self, now: float) -> None:
        """The hub's `connected` has succeeded: dispatch what came meanwhile. Does nothing when the client is gone."""
        if self.state is CLOSED:
            return
        self.state = advance(self.state, Step.CONNECTED)
        self._idle_since = now
        self._dispatch(now)

    def send_result(self, invocation: Invocation, result: object, now: float) -> None:
        """The method has returned. A result that cannot be written ends the connection, as in the reference server."""
        if invocation.stream_ids:
            self._end_streams(invocation)
        if invocation.invocation_id is not None:
            self._send(Completion(invocation.invocation_id, result, has_result=True))
        self._permits.release(invocation)
        self._go_on(now)

    def send_error(self, invocation: Invocation, text: str, now: float) -> None:
        """The method has raised; errors of calls that want no completion are not told."""
        if invocation.stream_ids:
            self._end_streams(invocation)
        if invocation.invocation_id is not None:
            self._send(Completion(invocation.invocation_id, error=text))
        self._permits.release(invocation)
        self._go_on(now)

    def send_item(self, invocation: StreamInvocation, item: object) -> None:
        """The streaming method has yielded. What cannot be written ends the connection."""
        self._send(StreamItem(invocation.invocation_id, item))

    def send_stream_end(self, invocation: StreamInvocation, now: float, error: str | None = None) -> None:
        """The streaming method has ended, was cancelled, or failed with this error. Its id is free again."""
        self._end_streams(invocation)
        self._send(Completion(invocation.invocation_id, error=error))
        self._go_on(now)

    def send_question(self, target: str, arguments: collections.abc.Sequence[object], deadline: float) -> str:
        """Call a method of the client's and return the id under which `AnswerReceived` or `AnswerOverdue` follow."""
        if self._questions is None:
            self._questions = Questions()
        question_id = self._questions.add(deadline)
        self._send(Invocation(target, arguments, question_id))
        return question_id

    def forget_question(self, question_id: str) -> None:
        """Nobody waits for the answer any more."""
        if self._questions is not None:
            self._questions.remove(question_id)

    def give_way(self, invocation: Invocation, now: float) -> None:
        """Let the next call begin although this one goes on: it waits for what the client says later."""
        if self._permits.give_way(invocation):
            self._go_on(now)

    def give_way_to_answer(self, now: float) -> None:
        """Where calls are passed on, whoever answers them may be who has just asked: let the next ones begin."""
        if self._own_codec is not self.codec:
            for call in tuple(self._permits.held.values()):
                self._permits.give_way(call)
            self._go_on(now)

    def receive_read(self, call: Invocation | StreamInvocation, stream_id: str, now: float) -> None:
        """The hub method has taken an item of this upload of its call."""
        if self._streams is not None:
            self._streams.read(call, stream_id)
            self._go_on(now)

    def end_upload(self, call: Invocation | StreamInvocation, stream_id: str, now: float) -> None:
        """The hub method wants no more of this upload of its call: what is unread and what still comes is dropped."""
        if self._streams is not None:
            self._streams.close(call, stream_id)
            self._go_on(now)

    def close_at(self, time: float) -> None:
        """End the connection at that time, with leave to come again."""
        self._close_at = time

    def send_close(self, error: str | None = None, *, allow_reconnect: bool = False) -> None:
        """End the connection from our side, with a Close message."""
        if self.state is CLOSED:
            return
        if self.state is not HANDSHAKE:  # before that the client would not know what a Close is
            self._send(Close(error, allow_reconnect))
        self._end(EndReason.SERVER, None)

    def send_failure(self, error: BaseException, *, allow_reconnect: bool = False) -> None:
        """End the connection because something of ours failed; the Close words the error."""
        if self.state is CLOSED:
            return
        self._send(Close(self._close_text(error, self._options.detailed_errors), allow_reconnect))
        self._end(EndReason.FAILED, error)

    def drop(self, reason: EndReason, error: BaseException) -> None:
        """End the connection without a word: the client would not read it."""
        if self.state is not CLOSED:
            self._end(reason, error)

    # What the owner has to do

    def events(self) -> collections.abc.Sequence[SessionEvent]:
        """Take the events since the last call."""
        events = self._events
        if not events:
            return ()
        self._events = []
        return events

    def data_to_send(self) -> collections.abc.Sequence[bytes]:
        """Take what is to be sent, each item one whole hub message."""
        output = self._output
        if not output:
            return ()
        self._output = []
        return output

    @property
    def wants_data(self) -> bool:
        """Whether the owner should go on reading; False while a backlog waits to be dispatched.

        True after the end: the transport's own good-bye is still to come, and data is dropped.
        """
        if self._waiting is None and self._failure is None and self.state is OPEN:
            return True
        return self._is_reading or self.state is CLOSED or self._reader.buffered_bytes <= READ_AHEAD_BYTES

    @property
    def deadline(self) -> float:
        """When `receive_time` has something to do; infinite: never. It may move earlier with each call."""
        if self.state is HANDSHAKE:
            return self._handshake_deadline
        if self.state is CLOSED:
            return math.inf
        due = self._client_deadline() if self._has_pinged else math.inf
        # Compared one by one: `min` takes longer, and this is asked twice for each call.
        if self._next_ping < due:
            due = self._next_ping
        if self._close_at < due:
            due = self._close_at
        if self._throttled_until < due:
            due = self._throttled_until
        if self._questions is not None:
            due = min(due, self._questions.deadline)
        return due if self._failure is None else min(due, self._failure_deadline)

    # Inside

    @property
    def _is_reading(self) -> bool:
        return self.state is HANDSHAKE or (self.state is OPEN and self._waiting is None and self._failure is None)

    def _client_deadline(self) -> float:
        # Armed by the first ping: clients that never ping are never timed out. The clock stands still while a method
        # runs or messages wait otherwise, because the client's pings may be among them.
        if not self._has_pinged or self.state is not OPEN or self._permits.held or self._waiting is not None:
            return math.inf
        return self._idle_since + self._options.client_timeout_seconds

    def _is_inside_message(self) -> bool:
        return self._is_reading and self._reader.buffered_bytes > 0

    def _read_handshake(self, now: float) -> None:
        try:
            payload = self._reader.next_message()
            if payload is None:
                return
            codec, version = handshake.parse_request(
                payload,
                self._codecs,
                allows_binary=self._allows_binary,
                detailed_errors=self._options.detailed_errors,
            )
        except MessageTooLarge:
            self._refuse(HandshakeError(handshake.CANCELED))
            return
        except HandshakeError as error:
            self._refuse(error)
            return
        rest = self._reader.rest()
        self._reader = codec.reader(self._options.maximum_receive_message_bytes)
        if rest:  # messages may follow in the same chunk
            self._reader.feed(rest)
        self.codec = codec.shared
        self._own_codec = codec
        self.state = advance(self.state, Step.HANDSHAKE_ACCEPTED)
        self._next_ping = now + self._keep_alive_seconds
        if self.is_accepted:
            self._output.append(handshake.SUCCESS)
        self._events.append(HandshakeAccepted(self.codec))
        self._settle(version, now)

    def _settle(self, version: int, now: float) -> None:
        """The handshake has been accepted, with this version of the protocol."""

    def _dispatch(self, now: float) -> None:
        """Handle complete messages until one has to wait, the connection ends or there are no more."""
        self._is_read = False
        while self.state is OPEN and self._waiting is None and self._failure is None:  # `_is_reading`
            if not self._prepaid and self._reader.buffered_bytes and not self._prepay(now):
                return
            try:
                payload = self._reader.next_message()
                if payload is None:
                    self._is_read = True
                    return
                self._prepaid -= 1
                self._message_bytes = len(payload)
                self._handle(self._own_codec.decode(payload), now)
            except RemoteProtocolError as error:
                # Calls that came before are still answered if that takes no longer than a close may, and nothing
                # behind is read.
                self._failure = error
                self._failure_deadline = now + self._options.close_timeout_seconds
                self._fail_when_answered()
                return

    def _prepay(self, now: float) -> bool:
        """Count messages in advance; False: nothing may be dispatched for now."""
        assert self._rates is not None, "nothing is counted without"  # noqa: S101 - for the type checker
        if not self._buckets:
            self._buckets = self._rates.buckets(self._user_id, now)
        count = self._rates.prepaid_messages
        for bucket in self._buckets:
            count = min(count, bucket.available(now))
        if count:
            for bucket in self._buckets:
                bucket.take(count)
            self._prepaid = count
            return True
        excess = self._rates.excess(self._buckets, now)
        if excess is not None:
            self._fail(excess, EndReason.RATE)
            return False
        self._waiting = _Allowance.AWAITED
        self._throttled_until = now + max(bucket.wait_seconds for bucket in self._buckets)
        self._events.append(Throttled())
        return False

    def _handle(self, message: Message | None, now: float) -> None:
        match message:
            case Invocation():
                if message.stream_ids:
                    if self._open_streams(message):
                        self._events.append(InvocationReceived(message))
                else:
                    self._begin(message)
            case Ping():
                self._has_pinged = True
            case StreamItem():
                if self._streams is not None and self._streams.is_open(message.invocation_id):
                    self._take_item(self._streams, message)
            case Completion():
                if self._streams is not None and self._streams.complete(message.invocation_id):
                    self._events.append(UploadEnded(message.invocation_id, message.error))
                elif self._questions is not None and self._questions.remove(message.invocation_id):
                    self._events.append(AnswerReceived(message))
            case StreamInvocation():
                if self._open_streams(message):
                    self._events.append(StreamInvocationReceived(message))
            case CancelInvocation():
                self._events.append(CancelReceived(message.invocation_id))
            case Close():
                self._send(Close())
                self._end(EndReason.CLIENT, None if message.error is None else HubError(message.error))
            case _:
                pass  # Ack and Sequence mean something to stateful connections only; None: a type of a newer protocol

    def _begin(self, invocation: Invocation) -> None:
        """Let a call without uploads run, or wait until others have ended."""
        if self._permits.take(invocation):
            self._events.append(InvocationReceived(invocation))
        else:
            self._waiting = invocation

    def _open_streams(self, call: Invocation | StreamInvocation) -> bool:
        if self._streams is None:
            options = self._options
            self._streams = Streams(options.maximum_streams, options.stream_buffer_items, options.stream_buffer_bytes)
        refusal = self._streams.begin(call)
        if refusal is not None and call.invocation_id is not None:
            self._send(Completion(call.invocation_id, error=refusal))
        return refusal is None

    def _end_streams(self, call: Invocation | StreamInvocation) -> None:
        if self._streams is not None:
            self._streams.end(call)

    def _take_item(self, streams: Streams, item: StreamItem) -> None:
        if streams.take(item.invocation_id, self._message_bytes):
            self._events.append(UploadItemReceived(item.invocation_id, item.item))
        else:
            self._waiting = item

    def _go_on(self, now: float) -> None:
        """Something has made room: dispatch what waited for it, and what is behind that."""
        self._idle_since = now
        if self.state is not OPEN:
            return
        if self._waiting is not None:
            self._retry(self._waiting)
        if self._failure is not None:
            self._fail_when_answered()
        if not self._is_read:
            self._dispatch(now)

    def _retry(self, waiting: Invocation | StreamItem | _Allowance) -> None:
        if waiting is _Allowance.AWAITED:  # which only time brings
            return
        self._waiting = None
        if isinstance(waiting, Invocation):
            self._begin(waiting)
        elif self._streams is not None and self._streams.is_open(waiting.invocation_id):
            self._take_item(self._streams, waiting)

    def _continue(self, now: float) -> None:
        """Do what is due without being an end."""
        if self._questions is not None:
            self._events += map(AnswerOverdue, self._questions.overdue(now))
        if now >= self._next_ping:
            self._send(_PING)
            self._next_ping = now + self._keep_alive_seconds
        if now >= self._throttled_until:
            self._throttled_until = math.inf
            self._waiting = None
            self._idle_since = now
            self._dispatch(now)

    def _fail_when_answered(self) -> None:
        if self._failure is not None and not self._permits.held:
            self._fail(self._failure, EndReason.PROTOCOL)

    def _send(self, message: Message) -> None:
        if self.state is CLOSED:
            return
        if not self.is_accepted:
            self.send_accepted()
        try:
            encoded = self._own_codec.encode(message)
        except Exception as error:  # noqa: BLE001 - encoding runs user objects; their failure ends this connection only
            self.send_failure(error, allow_reconnect=True)
        else:
            self._put(message, encoded)

    def _put(self, message: Message, encoded: bytes) -> None:
        self._output.append(encoded)

    def _refuse(self, error: HandshakeError) -> None:
        self._output.append(handshake.error_response(str(error)))
        self._end(EndReason.HANDSHAKE, error)

    def _fail(self, error: BaseException, reason: EndReason) -> None:
        self._send(Close(self._close_text(error, self._options.detailed_errors), True))
        self._end(reason, error)

    def _end(self, reason: EndReason, error: BaseException | None) -> None:
        if self.state is CLOSED:  # the Close that was to be the last word could not be written, and that ended it
            return
        self.state = advance(self.state, Step.ENDED)
        self._waiting = None
        self._throttled_until = math.inf
        self._reader.rest()  # a backlog is of no use any more
        self._events.append(Ended(reason, error))
