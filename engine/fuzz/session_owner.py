"""Owns a session as a connection does, and holds it to what it promises: used by the harness `session`.

Also plays the client of a stateful connection: it reads, loses what was on the way, and compares what comes again.
"""

from __future__ import annotations

import math

from hubwire.errors import HubError, SlowConsumer
from hubwire.hub.failures import close_error
from hubwire.options import ALL_PROTOCOLS, HubOptions, PropertyNames
from hubwire.session.events import (
    AnswerOverdue,
    AnswerReceived,
    CancelReceived,
    Ended,
    EndReason,
    HandshakeAccepted,
    InvocationReceived,
    Overflowed,
    SessionEvent,
    StreamInvocationReceived,
    UploadEnded,
    UploadItemReceived,
)
from hubwire.session.session import Session
from hubwire.session.stateful import StatefulSession
from hubwire.session.states import State
from hubwire.wire import handshake
from hubwire.wire.codec import Codec
from hubwire.wire.messages import Close, Invocation, Message, Sequence, SequencedMessage, StreamInvocation
from hubwire.wire.protocols import hub_protocols

CODECS = hub_protocols(ALL_PROTOCOLS, PropertyNames.AS_DECLARED)
OPTIONS = HubOptions(
    maximum_receive_message_bytes=300,
    maximum_streams=3,
    stream_buffer_items=2,
    stream_buffer_bytes=100,
    stateful_reconnect_buffer_bytes=200,
    outbox_limit_bytes=2000,
)
_TURNS = 50
"""So many times in a row something may be due at one moment; a session that never finishes would stop its owner."""


class Owner:
    """One session and both of its ends. Everything that a session may not do fails an assertion here."""

    def __init__(self, *, is_stateful: bool, allows_binary: bool) -> None:
        kind = StatefulSession if is_stateful else Session
        self.session = kind(OPTIONS, CODECS, 0.0, close_error, allows_binary=allows_binary)
        self.now = 0.0
        self.calls: list[Invocation | StreamInvocation] = []
        """Handed out and not answered."""
        self.uploads: dict[str, int] = {}
        """Unread items of each open upload."""
        self._callers: dict[str, Invocation | StreamInvocation] = {}
        self.questions: list[str] = []
        self.end: Ended | None = None
        self.codec: Codec | None = None
        self.has_transport = True
        self.is_honest = True
        """Whether the client has said nothing yet that makes its own counting meaningless."""
        self._has_said_close = False
        self._is_new_transport = False
        self._with_permit: list[Invocation] = []
        self._on_the_way: list[tuple[Message, bytes]] = []
        self._next = 1
        self._delivered: list[bytes] = []

    # What the client and its network do

    def feed(self, data: bytes) -> None:
        if self.has_transport:
            self.session.receive_data(data, self.now)
            self.settle()

    def read(self) -> int:
        """Let the client read everything; return the id of the latest sequenced message."""
        for message, payload in self._on_the_way:
            if isinstance(message, Sequence):
                assert 1 <= message.sequence_id <= len(self._delivered) + 1, "left out what the client lacks"
                self._next = message.sequence_id
            elif isinstance(message, SequencedMessage):
                if self._next > len(self._delivered):
                    self._delivered.append(payload)
                else:
                    assert self._delivered[self._next - 1] == payload, "another message under an old id"
                self._next += 1
        self._on_the_way.clear()
        return len(self._delivered)

    def lose(self, error: BaseException | None) -> None:
        """The transport is gone for good."""
        self.has_transport = False
        self.session.receive_end(error)
        self.settle()

    def interrupt(self) -> None:
        session = self.session
        if isinstance(session, StatefulSession) and session.is_resumable and self.has_transport:
            self.has_transport = False
            self._on_the_way.clear()
            session.receive_interruption(ConnectionResetError(), self.now)
            self.settle()

    def resume(self) -> None:
        session = self.session
        if isinstance(session, StatefulSession) and session.is_resumable and not self.has_transport:
            self.has_transport = self._is_new_transport = True
            session.receive_resumption(self.now)
            self.settle()

    # What the hub does

    def connect(self) -> None:
        if self.session.state is State.CONNECTING:
            self.session.send_connected(self.now)
            self.settle()

    def answer(self, index: int, result: object, error: str | None) -> None:
        """Let a call return, or raise."""
        if not self.calls:
            return
        call = self.calls.pop(index % len(self.calls))
        for stream_id in call.stream_ids:
            if self._callers.get(stream_id) is call:  # an ended upload's id may be another call's by now
                self.uploads.pop(stream_id, None)
        if isinstance(call, StreamInvocation):
            self.session.send_stream_end(call, self.now, error)
        else:
            self._with_permit = [each for each in self._with_permit if each is not call]
            if error is None:
                self.session.send_result(call, result, self.now)
            else:
                self.session.send_error(call, error, self.now)
        self.settle()

    def yield_item(self, index: int, item: object) -> None:
        streams = [call for call in self.calls if isinstance(call, StreamInvocation)]
        if streams:
            self.session.send_item(streams[index % len(streams)], item)
            self.settle()

    def give_way(self, index: int) -> None:
        plain = [call for call in self.calls if isinstance(call, Invocation)]
        if plain:
            call = plain[index % len(plain)]
            self._with_permit = [each for each in self._with_permit if each is not call]
            self.session.give_way(call, self.now)
            self.settle()

    def ask(self) -> None:
        if self.session.state is State.OPEN:
            self.questions.append(self.session.send_question("Ask", [1], self.now + 3))
            self.settle()

    def forget(self, index: int) -> None:
        if self.questions:
            self.session.forget_question(self.questions.pop(index % len(self.questions)))
            self.settle()

    def take_item(self, index: int) -> None:
        full = [stream_id for stream_id, unread in self.uploads.items() if unread]
        if full:
            stream_id = full[index % len(full)]
            self.uploads[stream_id] -= 1
            self.session.receive_read(self._callers[stream_id], stream_id, self.now)
            self.settle()

    def end_upload(self, index: int) -> None:
        if self.uploads:
            stream_id = list(self.uploads)[index % len(self.uploads)]
            del self.uploads[stream_id]
            self.session.end_upload(self._callers[stream_id], stream_id, self.now)
            self.settle()

    def broadcast(self, payload: bytes) -> None:
        session = self.session
        if isinstance(session, StatefulSession) and session.is_stateful:
            session.send_encoded(payload)
            self.settle()

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        for _ in range(_TURNS):
            if self.session.deadline > self.now:
                return
            self.session.receive_time(self.now)
            self.settle()
        raise AssertionError("something is due again and again")

    # What the session says

    def settle(self) -> None:
        """Do what a connection does after each call."""
        while True:
            for payload in self.session.data_to_send():
                self._take_output(payload)
            events = self.session.events()
            if not events:
                break
            for event in events:
                assert self.end is None, "something follows the end"
                self._take_event(event)
        assert (self.end is not None) == (self.session.state is State.CLOSED)
        assert self.end is None or self.session.deadline == math.inf
        assert not self.end or self.session.wants_data
        assert len(self._with_permit) <= OPTIONS.maximum_parallel_invocations

    def _take_output(self, payload: bytes) -> None:
        assert self.end is None, "something is sent after the end"
        assert not self._has_said_close, "something is sent after a Close"
        assert self.has_transport, "something is sent to nobody"
        if self.codec is None:
            assert payload == handshake.SUCCESS or payload.startswith(b'{"error":"')
            self.codec = self.session.codec
            return
        message = self._only_message(payload)
        assert isinstance(message, Sequence) or not self._is_new_transport, "Sequence has to come first"
        self._is_new_transport = False
        self._has_said_close = isinstance(message, Close)
        if self.is_honest:
            self._on_the_way.append((message, payload))

    def _only_message(self, payload: bytes) -> Message:
        reader = self.session.codec.reader(None)
        reader.feed(payload)
        body = reader.next_message()
        assert body is not None
        assert reader.buffered_bytes == 0, "messages are to be sent one by one"
        message = self.session.codec.decode(body)
        assert message is not None
        return message

    def _take_event(self, event: SessionEvent) -> None:
        match event:
            case HandshakeAccepted(codec):
                assert codec is self.session.codec
            case InvocationReceived(invocation):
                if not invocation.stream_ids:
                    self._with_permit.append(invocation)
                self._begin(invocation)
            case StreamInvocationReceived(invocation):
                assert all(each.invocation_id != invocation.invocation_id for each in self._streams())
                self._begin(invocation)
            case UploadItemReceived(stream_id):
                self.uploads[stream_id] += 1
                assert self.uploads[stream_id] <= OPTIONS.stream_buffer_items
            case UploadEnded(stream_id):
                del self.uploads[stream_id]
            case AnswerReceived(completion):
                self.questions.remove(completion.invocation_id)
            case AnswerOverdue(question_id):
                self.questions.remove(question_id)
            case Overflowed(messages, size_bytes):
                error = SlowConsumer("id", messages, size_bytes, OPTIONS.outbox_limit_bytes)
                self.session.drop(EndReason.SLOW, error)
            case Ended():
                self.end = event
            case CancelReceived():
                pass

    def _begin(self, call: Invocation | StreamInvocation) -> None:
        assert not set(call.stream_ids) & self.uploads.keys(), "two uploads under one id"
        self.calls.append(call)
        self.uploads.update(dict.fromkeys(call.stream_ids, 0))
        self._callers.update(dict.fromkeys(call.stream_ids, call))
        opened = sum(len(each.stream_ids) for each in self.calls) + len(self._streams())
        assert opened <= OPTIONS.maximum_streams
        plain = sum(isinstance(each, Invocation) and not each.stream_ids for each in self.calls)
        assert plain <= OPTIONS.maximum_parallel_invocations + OPTIONS.maximum_streams

    def _streams(self) -> list[StreamInvocation]:
        return [call for call in self.calls if isinstance(call, StreamInvocation)]

    def finish(self) -> None:
        """End everything that still runs; nothing may come of it."""
        self.lose(HubError("over"))
        assert self.end is not None
        while self.calls:
            self.answer(0, None, None)
        self.pass_time(1000)
