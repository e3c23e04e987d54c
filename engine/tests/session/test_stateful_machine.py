"""A stateful session, a naive client and a network that breaks at any moment: nothing is lost, doubled or swapped."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hubwire.hub.failures import close_error
from hubwire.options import HubOptions
from hubwire.session.events import InvocationReceived
from hubwire.session.stateful import StatefulSession
from hubwire.wire.messages import Invocation

from .support import CODECS, handshake, line

LIMIT = 300
LONGEST = 400
"""Of one message, in bytes; it may go over the limit."""


class Client:
    """Counts by lists. As the JavaScript client it ignores everything on a new socket before the Sequence."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.acknowledged = 0
        self.position = 0
        self.got: list[int] = []
        self.has_sequence = True

    def receive(self, message: dict[str, Any]) -> None:
        if message["type"] == 9:
            assert 1 <= message["sequenceId"] <= len(self.got) + 1
            self.position = message["sequenceId"] - 1
            self.has_sequence = True
        elif not self.has_sequence:
            raise AssertionError("the Sequence has to be first")
        elif message["type"] == 8:
            assert self.acknowledged <= message["sequenceId"] <= len(self.sent)
            self.acknowledged = message["sequenceId"]
        elif message["type"] in (1, 3):
            self.position += 1
            if self.position > len(self.got):
                self.got.append(message["arguments"][0] if message["type"] == 1 else message["result"])

    def begin_again(self) -> list[bytes]:
        self.has_sequence = False
        return [line(type=9, sequenceId=self.acknowledged + 1), *self.sent[self.acknowledged :]]


class StatefulMachine(RuleBasedStateMachine):
    """Numbers go both ways: the client's as calls, the server's as calls and as results."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.client = Client()
        self.to_client: list[bytes] = []
        self.to_server: list[bytes] = []
        self.is_connected = True
        self.posted: list[int] = []
        self.processed: list[object] = []
        self.running: list[Invocation] = []

    @initialize(permits=st.integers(1, 2))
    def begin(self, permits: int) -> None:
        options = HubOptions(
            stateful_reconnect_buffer_bytes=LIMIT,
            maximum_parallel_invocations=permits,
            disconnect_timeout_seconds=1e6,
        )
        self.session = StatefulSession(options, CODECS, 0.0, close_error)
        self.session.receive_data(handshake(2), 0.0)
        self.session.events()
        assert self.session.data_to_send() == [b"{}\x1e"]
        self.session.send_connected(0.0)

    # The client

    def send(self, message: bytes) -> None:
        if self.is_connected:
            self.to_server.append(message)

    @rule()
    def call(self) -> None:
        message = line(type=1, invocationId="i", target="T", arguments=[len(self.client.sent)])
        self.client.sent.append(message)
        self.send(message)

    @rule()
    def acknowledge(self) -> None:
        self.send(line(type=8, sequenceId=len(self.client.got)))

    # The hub

    @rule(size=st.sampled_from([0, 0, 100, LONGEST - 60]))
    def post(self, size: int) -> None:
        self.session.send_encoded(line(type=1, target="T", arguments=[len(self.posted), "x" * size]))
        self.posted.append(len(self.posted))

    @rule(index=st.integers(0, 1))
    @precondition(lambda self: self.running)
    def answer(self, index: int) -> None:
        invocation = self.running.pop(index % len(self.running))
        self.session.send_result(invocation, len(self.posted), self.now)
        self.posted.append(len(self.posted))

    # The network

    @rule(count=st.integers(1, 5), cut=st.integers(0, 60))
    @precondition(lambda self: self.to_server)
    def bring_to_server(self, count: int, cut: int) -> None:
        arriving, self.to_server = self.to_server[:count], self.to_server[count:]
        data = b"".join(arriving)
        self.session.receive_data(data[:cut], self.now)
        self.session.receive_data(data[cut:], self.now)

    @rule(count=st.integers(1, 5))
    @precondition(lambda self: self.to_client)
    def bring_to_client(self, count: int) -> None:
        arriving, self.to_client = self.to_client[:count], self.to_client[count:]
        for data in arriving:
            self.client.receive(json.loads(data[:-1]))

    @rule(half=st.integers(0, 30))
    @precondition(lambda self: self.is_connected)
    def break_off(self, half: int) -> None:
        if self.to_server:
            self.session.receive_data(self.to_server[0][:half], self.now)
        self.collect()
        self.is_connected = False
        self.to_server.clear()
        self.to_client.clear()
        assert self.session.is_resumable
        self.session.receive_interruption(ConnectionResetError(), self.now)

    @rule()
    @precondition(lambda self: not self.is_connected)
    def resume(self) -> None:
        self.is_connected = True
        self.session.receive_resumption(self.now)
        self.to_server = self.client.begin_again()

    @rule(seconds=st.sampled_from([0.3, 1.0, 2.0]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        if self.to_server and self.to_server[0].startswith(b'{"type": 9'):
            self.bring_to_server(1, 0)  # a socket without a Sequence is given up
        self.session.receive_time(self.now)

    # What holds

    @invariant()
    def collect(self) -> None:
        for event in self.session.events():
            assert isinstance(event, InvocationReceived)
            self.running.append(event.invocation)
            self.processed.append(event.invocation.arguments[0])
        sent = self.session.data_to_send()
        assert self.is_connected or not sent
        self.to_client += [data for data in sent if data != b'{"type":6}\x1e']

    @invariant()
    def everything_arrives_once_and_in_order(self) -> None:
        assert self.processed == list(range(len(self.processed)))
        assert self.client.got == self.posted[: len(self.client.got)]

    @invariant()
    def no_more_is_kept_than_the_limit_and_one_message(self) -> None:
        resumption = self.session._resumption
        assert resumption is not None
        assert resumption.sent.buffered_bytes <= LIMIT + LONGEST

    def teardown(self) -> None:
        """With a network that holds everything gets there."""
        if not hasattr(self, "session"):
            return
        self.collect()
        if self.is_connected:
            self.break_off(0)
        self.resume()
        for _ in range(len(self.posted) + len(self.client.sent) + 2):
            self.collect()
            self.bring_to_client(len(self.to_client))
            self.acknowledge()
            self.bring_to_server(len(self.to_server), 0)
            self.collect()
            while self.running:
                self.answer(0)
                self.collect()
        assert self.processed == list(range(len(self.client.sent)))
        assert self.client.got == self.posted
        self.now += 2.0
        self.session.receive_time(self.now)
        self.collect()
        self.bring_to_client(len(self.to_client))
        assert self.client.acknowledged == len(self.client.sent)
        self.acknowledge()
        self.bring_to_server(1, 0)
        resumption = self.session._resumption
        assert resumption is not None
        assert resumption.sent.buffered_bytes == resumption.held_bytes == 0


TestStateful = StatefulMachine.TestCase
TestStateful.settings = settings(max_examples=100, stateful_step_count=50)
