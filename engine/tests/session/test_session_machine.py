"""The session as a rule-based machine: whatever happens in whatever order, a naive model of it agrees."""

from __future__ import annotations

import json
import math
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hubwire.hub.failures import close_error
from hubwire.options import HubOptions, PropertyNames
from hubwire.session.events import Ended, HandshakeAccepted, InvocationReceived
from hubwire.session.session import Session
from hubwire.session.states import State
from hubwire.wire.messages import Invocation
from hubwire.wire.protocols import hub_protocols

CODECS = hub_protocols(frozenset({"json"}), PropertyNames.AS_DECLARED)

HANDSHAKE = b'{"protocol":"json","version":1}\x1e'


class SessionMachine(RuleBasedStateMachine):
    """Model: calls are handed out in order, never more at once than permits, each answered at most once."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.sent_calls: list[str] = []
        self.running: list[Invocation] = []
        self.started: list[str] = []
        self.answered: list[str] = []
        self.output: list[dict[str, Any]] = []
        self.ends: list[Ended] = []
        self.accepted = 0

    @initialize(permits=st.integers(1, 3))
    def begin(self, permits: int) -> None:
        self.permits = permits
        self.session = Session(HubOptions(maximum_parallel_invocations=permits), CODECS, 0.0, close_error)

    def collect(self) -> None:
        for event in self.session.events():
            assert not self.ends, "nothing comes after the end"
            match event:
                case HandshakeAccepted():
                    self.accepted += 1
                case InvocationReceived(invocation):
                    self.running.append(invocation)
                    self.started.append(str(invocation.arguments[0]))
                case Ended():
                    self.ends.append(event)
        for data in self.session.data_to_send():
            assert data.endswith(b"\x1e")
            self.output += [json.loads(part) for part in data[:-1].split(b"\x1e")]

    @rule(cut=st.integers(0, len(HANDSHAKE)))
    @precondition(lambda self: self.session.state is State.HANDSHAKE)
    def shake_hands(self, cut: int) -> None:
        self.session.receive_data(HANDSHAKE[:cut], self.now)
        self.session.receive_data(HANDSHAKE[cut:], self.now)
        self.collect()

    @rule()
    @precondition(lambda self: self.session.state is State.CONNECTING)
    def connect(self) -> None:
        self.session.send_connected(self.now)
        self.collect()

    @rule(wants_answer=st.booleans(), cut=st.integers(0, 40))
    @precondition(lambda self: self.session.state is not State.HANDSHAKE)
    def call(self, wants_answer: bool, cut: int) -> None:
        number = str(len(self.sent_calls))
        if self.session.state is not State.CLOSED:
            self.sent_calls.append(number)
        message: dict[str, object] = {"type": 1, "target": "T", "arguments": [number]}
        if wants_answer:
            message["invocationId"] = number
        data = json.dumps(message).encode() + b"\x1e"
        self.session.receive_data(data[:cut], self.now)
        self.session.receive_data(data[cut:], self.now)
        self.collect()

    @rule(index=st.integers(0, 2), succeeds=st.booleans())
    @precondition(lambda self: self.running)
    def finish(self, index: int, succeeds: bool) -> None:
        invocation = self.running.pop(index % len(self.running))
        if invocation.invocation_id is not None and self.session.state is not State.CLOSED:
            self.answered.append(invocation.invocation_id)
        if succeeds:
            self.session.send_result(invocation, 1, self.now)
        else:
            self.session.send_error(invocation, "e", self.now)
        self.collect()

    @rule()
    @precondition(lambda self: self.session.state is State.OPEN)
    def ping(self) -> None:
        self.session.receive_data(b'{"type":6}\x1e', self.now)
        self.collect()

    @rule(seconds=st.floats(0, 40))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        deadline = self.session.deadline
        before = len(self.output), len(self.ends)
        self.session.receive_time(self.now)
        self.collect()
        if self.now < deadline:
            assert (len(self.output), len(self.ends)) == before, "nothing is due before the deadline"

    @rule(how=st.sampled_from(["client", "server", "lost", "malformed"]))
    def end(self, how: str) -> None:
        if how == "client":
            self.session.receive_data(b'{"type":7}\x1e', self.now)
        elif how == "malformed":
            self.session.receive_data(b"{\x1e", self.now)
        elif how == "lost":
            self.session.receive_end(OSError())
        else:
            self.session.send_close()
        self.collect()

    @invariant()
    def calls_start_in_order_and_within_their_permits(self) -> None:
        assert self.started == self.sent_calls[: len(self.started)]
        assert len(self.running) <= self.permits

    @invariant()
    def there_is_one_handshake_and_one_end(self) -> None:
        assert self.accepted <= 1
        assert len(self.ends) == (self.session.state is State.CLOSED)
        assert (self.session.deadline == math.inf) == (self.session.state is State.CLOSED)

    @invariant()
    def calls_are_answered_once_and_nothing_follows_a_close(self) -> None:
        kinds = [message.get("type") for message in self.output]
        answers = [message["invocationId"] for message in self.output if message.get("type") == 3]
        assert answers == self.answered
        assert 7 not in kinds[:-1]


TestSession = SessionMachine.TestCase
TestSession.settings = settings(max_examples=60, stateful_step_count=30)
