"""Streams, uploads and questions in any order, beside plain calls: a naive model of the dispatching agrees."""

from __future__ import annotations

import json
import math
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hubwire.hub.failures import close_error
from hubwire.options import HubOptions
from hubwire.session.events import (
    AnswerOverdue,
    AnswerReceived,
    CancelReceived,
    Ended,
    InvocationReceived,
    SessionEvent,
    StreamInvocationReceived,
    UploadEnded,
    UploadItemReceived,
)
from hubwire.session.session import Session
from hubwire.session.states import State
from hubwire.wire.messages import Invocation, StreamInvocation

from .support import CODECS, handshake, line

# Few names and small limits: most of what can go wrong takes several messages for one thing.
IDS = st.sampled_from("ab")
SIZES = st.sampled_from([0, 0, 100, 300])
"""Bytes that an item has besides its number."""
STREAMS = st.sampled_from([["u"], ["u"], ["v"], ["u", "v"], []])
UPLOADS = st.sampled_from("uuuv")
NEVER = math.inf


@dataclass(eq=False)
class Call:
    """A call that runs."""

    message: dict[str, Any]
    has_permit: bool = False
    has_given_way: bool = False
    uploads: set[str] = field(default_factory=set)
    """Those of its uploads that are still wanted."""
    buffers: dict[str, list[int]] = field(default_factory=dict)
    """The sizes of what is unread of each of its uploads, also of completed ones."""

    @property
    def is_stream(self) -> bool:
        return bool(self.message["type"] == 4)

    @property
    def streams(self) -> int:
        return self.is_stream + len(self.message["streamIds"])


class Model:
    """What a session should do, one message at a time and without a thought for speed."""

    def __init__(self, options: HubOptions) -> None:
        self.permits = options.maximum_parallel_invocations
        self.maximum_streams = options.maximum_streams
        self.buffer_items = options.stream_buffer_items
        self.buffer_bytes = options.stream_buffer_bytes
        self.unread_messages: deque[dict[str, Any]] = deque()
        self.calls: list[Call] = []
        self.questions: dict[str, float] = {}
        self.events: list[object] = []
        self.sent: list[dict[str, Any]] = []

    def dispatch(self) -> None:
        while self.unread_messages and self.handle(self.unread_messages[0]):
            self.unread_messages.popleft()

    def handle(self, message: dict[str, Any]) -> bool:
        """Whether it could be handled now."""
        match message["type"]:
            case 1 | 4:
                return self.begin(message)
            case 2 if (owner := self.owner(message["invocationId"])) is not None:
                buffer = owner.buffers[message["invocationId"]]
                size = len(line(**message)) - 1
                if buffer and (len(buffer) >= self.buffer_items or self.unread_bytes() + size > self.buffer_bytes):
                    return False
                buffer.append(size)
                self.events.append(("item", message["invocationId"], message["item"]))
            case 3:
                self.complete(message["invocationId"])
            case 5:
                self.events.append(("cancel", message["invocationId"]))
        return True

    def begin(self, message: dict[str, Any]) -> bool:
        call = Call(message, uploads=set(message["streamIds"]), buffers={name: [] for name in message["streamIds"]})
        if not call.streams:
            if sum(each.has_permit for each in self.calls) >= self.permits:
                return False
            call.has_permit = True
        elif not self.may_open(call):
            if "invocationId" in message:
                self.sent.append({"type": 3, "invocationId": message["invocationId"], "refused": True})
            return True
        self.calls.append(call)
        self.events.append(("call", message["type"], message.get("invocationId"), message["arguments"][0]))
        return True

    def may_open(self, call: Call) -> bool:
        ids = call.message["streamIds"]
        return (
            not (call.is_stream and self.stream(call.message["invocationId"]))
            and sum(each.streams for each in self.calls) + call.streams <= self.maximum_streams
            and len(set(ids)) == len(ids)
            and all(self.owner(stream_id) is None for stream_id in ids)
        )

    def stream(self, invocation_id: str) -> Call | None:
        return next(
            (each for each in self.calls if each.is_stream and each.message["invocationId"] == invocation_id), None
        )

    def owner(self, stream_id: str) -> Call | None:
        return next((each for each in self.calls if stream_id in each.uploads), None)

    def unread_bytes(self) -> int:
        return sum(size for call in self.calls for sizes in call.buffers.values() for size in sizes)

    def complete(self, name: str) -> None:
        owner = self.owner(name)
        if owner is not None:
            owner.uploads.discard(name)
            self.events.append(("end", name))
        elif self.questions.pop(name, None) is not None:
            self.events.append(("answer", name))


class StreamsMachine(RuleBasedStateMachine):
    """Compares each event and message, in order, with the model's."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.number = 0
        self.running: dict[object, Invocation | StreamInvocation] = {}

    @initialize(permits=st.integers(1, 2), maximum_streams=st.integers(2, 4), buffer_items=st.integers(1, 3))
    def begin(self, permits: int, maximum_streams: int, buffer_items: int) -> None:
        options = HubOptions(
            maximum_parallel_invocations=permits,
            maximum_streams=maximum_streams,
            stream_buffer_items=buffer_items,
            stream_buffer_bytes=500,
        )
        self.model = Model(options)
        self.session = Session(options, CODECS, 0.0, close_error, sends_pings=False)
        self.session.receive_data(handshake(), 0.0)
        self.session.send_connected(0.0)
        self.session.events()
        self.session.data_to_send()

    # The client

    def receive(self, cut: int, **message: Any) -> None:
        self.model.unread_messages.append(message)
        data = line(**message)
        self.session.receive_data(data[:cut], self.now)
        self.session.receive_data(data[cut:], self.now)

    def next_number(self) -> int:
        self.number += 1
        return self.number

    @rule(invocation_id=st.one_of(st.none(), IDS), streams=STREAMS, cut=st.integers(0, 40))
    def call(self, invocation_id: str | None, streams: list[str], cut: int) -> None:
        fields = {} if invocation_id is None else {"invocationId": invocation_id}
        self.receive(cut, type=1, target="T", arguments=[self.next_number()], streamIds=streams, **fields)

    @rule(invocation_id=IDS, streams=STREAMS)
    def call_stream(self, invocation_id: str, streams: list[str]) -> None:
        number = self.next_number()
        self.receive(9, type=4, invocationId=invocation_id, target="T", arguments=[number], streamIds=streams)

    @rule(stream_id=UPLOADS, cut=st.integers(0, 20), count=st.integers(1, 4), size=SIZES)
    def send_items(self, stream_id: str, cut: int, count: int, size: int) -> None:
        for _ in range(count):
            self.receive(cut, type=2, invocationId=stream_id, item=[self.next_number(), "x" * size])

    @rule(name=st.sampled_from(["u", "u", "v", "s1", "s2"]))
    def complete(self, name: str) -> None:
        self.receive(5, type=3, invocationId=name)

    @rule(invocation_id=IDS)
    def cancel(self, invocation_id: str) -> None:
        self.receive(0, type=5, invocationId=invocation_id)

    # The hub

    @rule(index=st.integers(0, 9), succeeds=st.booleans())
    @precondition(lambda self: self.model.calls)
    def finish(self, index: int, succeeds: bool) -> None:
        call = self.model.calls.pop(index % len(self.model.calls))
        invocation = self.running.pop(call.message["arguments"][0])
        if call.is_stream or "invocationId" in call.message:
            self.model.sent.append({"type": 3, "invocationId": call.message["invocationId"], "refused": False})
        if isinstance(invocation, StreamInvocation):
            self.session.send_stream_end(invocation, self.now, None if succeeds else "e")
        elif succeeds:
            self.session.send_result(invocation, 1, self.now)
        else:
            self.session.send_error(invocation, "e", self.now)

    @rule(index=st.integers(0, 9))
    @precondition(lambda self: any(call.is_stream for call in self.model.calls))
    def yield_item(self, index: int) -> None:
        streams = [call for call in self.model.calls if call.is_stream]
        call = streams[index % len(streams)]
        invocation = self.running[call.message["arguments"][0]]
        assert isinstance(invocation, StreamInvocation)
        self.session.send_item(invocation, 7)
        self.model.sent.append({"type": 2, "invocationId": call.message["invocationId"]})

    @rule(index=st.integers(0, 9))
    @precondition(lambda self: any(call.has_permit for call in self.model.calls))
    def give_way(self, index: int) -> None:
        holders = [call for call in self.model.calls if not call.is_stream]
        call = holders[index % len(holders)]
        if call.has_permit and sum(each.has_given_way for each in self.model.calls) < self.model.maximum_streams:
            call.has_permit, call.has_given_way = False, True
        invocation = self.running[call.message["arguments"][0]]
        assert isinstance(invocation, Invocation)
        self.session.give_way(invocation, self.now)

    @rule(index=st.integers(0, 9))
    @precondition(lambda self: self.model.unread_bytes())
    def read_item(self, index: int) -> None:
        full = [(call, name) for call in self.model.calls for name, sizes in call.buffers.items() if sizes]
        call, stream_id = full[index % len(full)]
        call.buffers[stream_id].pop(0)
        self.session.receive_read(self.running[call.message["arguments"][0]], stream_id, self.now)

    @rule(index=st.integers(0, 9), stream_id=UPLOADS)
    @precondition(lambda self: self.model.calls)
    def want_no_more(self, index: int, stream_id: str) -> None:
        call = self.model.calls[index % len(self.model.calls)]
        if stream_id in call.buffers:
            call.uploads.discard(stream_id)
            call.buffers[stream_id].clear()
            self.session.end_upload(self.running[call.message["arguments"][0]], stream_id, self.now)

    @rule(seconds=st.integers(1, 20))
    def ask(self, seconds: int) -> None:
        question_id = self.session.send_question("Ask", [], self.now + seconds)
        self.model.questions[question_id] = self.now + seconds
        self.model.sent.append({"type": 1, "invocationId": question_id})

    @rule()
    @precondition(lambda self: self.model.questions)
    def forget(self) -> None:
        self.session.forget_question(self.model.questions.popitem()[0])

    @rule(seconds=st.integers(0, 12))
    def pass_time(self, seconds: int) -> None:
        self.now += seconds
        assert self.session.deadline <= min(self.model.questions.values(), default=NEVER)
        overdue = [name for name, deadline in self.model.questions.items() if deadline <= self.now]
        for name in overdue:
            del self.model.questions[name]
            self.model.events.append(("overdue", name))
        self.session.receive_time(self.now)

    # The comparison

    @invariant()
    def the_model_agrees(self) -> None:
        self.model.dispatch()
        assert [self.told(event) for event in self.session.events()] == self.model.events
        assert [shortened(json.loads(data[:-1])) for data in self.session.data_to_send()] == self.model.sent
        self.model.events.clear()
        self.model.sent.clear()
        assert self.session.state is State.OPEN

    def told(self, event: SessionEvent) -> object:
        match event:
            case InvocationReceived(invocation) | StreamInvocationReceived(invocation):
                number = invocation.arguments[0]
                self.running[number] = invocation
                return "call", 1 if isinstance(invocation, Invocation) else 4, invocation.invocation_id, number
            case UploadItemReceived(stream_id, item):
                return "item", stream_id, item
            case UploadEnded(stream_id, _):
                return "end", stream_id
            case CancelReceived(invocation_id):
                return "cancel", invocation_id
            case AnswerReceived(completion):
                return "answer", completion.invocation_id
            case AnswerOverdue(question_id):
                return "overdue", question_id
        return event

    def teardown(self) -> None:
        if not hasattr(self, "session"):
            return
        self.session.receive_end(OSError())
        (end,) = self.session.events()
        assert isinstance(end, Ended)
        for invocation in self.running.values():
            if isinstance(invocation, StreamInvocation):
                self.session.send_stream_end(invocation, self.now)
            else:
                self.session.send_result(invocation, 1, self.now)
        assert self.session.events() == ()
        assert self.session.data_to_send() == ()


def shortened(message: dict[str, Any]) -> dict[str, Any]:
    short = {"type": message["type"], "invocationId": message["invocationId"]}
    if message["type"] == 3:
        error = message.get("error", "")
        short["refused"] = error.endswith(("at most.", "in use."))
    return short


TestStreams = StreamsMachine.TestCase
TestStreams.settings = settings(max_examples=100, stateful_step_count=50)
