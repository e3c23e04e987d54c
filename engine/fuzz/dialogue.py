"""Whatever the network loses between our server's session and our client's, each message arrives once and in order.

An input is a list of what happens on both sides of a stateful connection; where it ends for good, what has arrived is
the beginning of what was sent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from engine.fuzz.tape import Tape

from hubwire.client import session as client_side
from hubwire.client.phases import Phase
from hubwire.client.session import ClientSession, SessionLimits
from hubwire.errors import SlowConsumer
from hubwire.hub.failures import close_error
from hubwire.options import ALL_PROTOCOLS, HubOptions, PropertyNames
from hubwire.session import events as server_side
from hubwire.session.stateful import StatefulSession
from hubwire.session.states import State
from hubwire.wire.encoded import EncodedMessage
from hubwire.wire.messages import Completion, Invocation
from hubwire.wire.protocols import hub_protocols

TREES = None
CODECS = hub_protocols(ALL_PROTOCOLS, PropertyNames.AS_DECLARED)
OPTIONS = HubOptions(stateful_reconnect_buffer_bytes=200, outbox_limit_bytes=3000)
LIMITS = SessionLimits(replay_buffer_bytes=300)
SECONDS = (0.1, 1.0, 1.0, 5.0, 14.0, 31.0)
_LONGEST_BYTES = 400
_ROUNDS = 200


class Dialogue:
    """Both sessions, what is on the way between them, and what was sent and has arrived."""

    def __init__(self, protocol: str) -> None:
        self.now = 0.0
        self.server = StatefulSession(OPTIONS, CODECS, 0.0, close_error)
        self.client = ClientSession(CODECS[protocol], LIMITS, 0.0)
        self.to_server = b""
        self.to_client = b""
        self.is_connected = True
        self.is_over = False
        self.running: deque[Invocation] = deque()
        self.calls = self.news = 0
        """How many were sent."""
        self.arrived_calls: list[object] = []
        self.arrived_news: list[object] = []
        self.awaited: list[str] = []
        """Ids of calls that wait for their result, in order: the server lets one run at a time."""
        self.settle()

    # What happens

    def call(self, size: int, *, wants_answer: bool) -> None:
        if self.client.phase in (Phase.HANDSHAKE, Phase.CLOSED) or not self.client.has_room:
            return
        call_id = self.client.next_id() if wants_answer else None
        if call_id is not None:
            self.awaited.append(call_id)
        self.client.send(Invocation("Do", [self.calls, "x" * size], call_id), self.now)
        self.calls += 1
        self.settle()

    def answer(self, size: int) -> None:
        if self.running:
            call = self.running.popleft()
            self.server.send_result(call, [call.invocation_id, "y" * size], self.now)
            self.settle()

    def broadcast(self, size: int) -> None:
        if self.server.is_stateful and self.server.state is not State.CLOSED:
            message = EncodedMessage.invocation("News", [self.news, "z" * size])
            self.news += 1
            self.server.send_encoded(message.payload(self.server.codec))
            self.settle()

    def deliver_to_server(self, count: int) -> None:
        data, self.to_server = self.to_server[:count], self.to_server[count:]
        if data and self.is_connected:
            self.server.receive_data(data, self.now)
            self.settle()

    def deliver_to_client(self, count: int) -> None:
        data, self.to_client = self.to_client[:count], self.to_client[count:]
        if data and self.is_connected:
            self.client.receive_data(data, self.now)
            self.settle()

    def deliver(self) -> None:
        """Deliver everything, and what is said to it."""
        for _ in range(_ROUNDS):
            if not self.is_connected or not (self.to_server or self.to_client):
                return
            self.deliver_to_server(len(self.to_server))
            self.deliver_to_client(len(self.to_client))
        raise AssertionError("the two never stop talking")

    def disconnect(self) -> None:
        """Lose the socket and what is on the way; a connection that cannot be resumed is over."""
        if not self.is_connected:
            return
        self.is_connected = False
        self.to_server = self.to_client = b""
        error = ConnectionResetError()
        if self.server.is_resumable:
            self.server.receive_interruption(error, self.now)
        else:
            self.server.receive_end(error)
        self.client.receive_end(error)
        self.settle()

    def reconnect(self) -> None:
        if not self.is_connected and self.client.phase is Phase.ADRIFT and self.server.is_resumable:
            self.is_connected = True
            self.client.resume(self.now)
            self.server.receive_resumption(self.now)
            self.settle()

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        for _ in range(_ROUNDS):
            dues = [self.server.deadline, self.client.deadline, self.client.ack_due]
            if not any(due is not None and due <= self.now for due in dues):
                return
            self.server.receive_time(self.now)
            self.client.receive_time(self.now)
            self.settle()
        raise AssertionError("something is due again and again")

    # What the sessions say

    def settle(self) -> None:
        """Do what both owners do after each call."""
        self.to_client += b"".join(self.server.data_to_send())
        for server_event in self.server.events():
            self._take_from_server(server_event)
        self.to_server += self.client.data_to_send()
        for client_event in self.client.events():
            self._take_from_client(client_event)
        if not self.is_connected:
            self.to_server = self.to_client = b""

    def _take_from_server(self, event: server_side.SessionEvent) -> None:
        match event:
            case server_side.HandshakeAccepted():
                self.server.send_connected(self.now)
                self.settle()
            case server_side.InvocationReceived(invocation):
                self.running.append(invocation)
                self.arrived_calls.append(invocation.arguments[0])
                assert len(self.running) == 1, "one call at a time"
            case server_side.Overflowed(messages, size_bytes):
                error = SlowConsumer("id", messages, size_bytes, OPTIONS.outbox_limit_bytes)
                self.server.drop(server_side.EndReason.SLOW, error)
                self.settle()
            case server_side.Ended(reason, error):
                assert reason is not server_side.EndReason.PROTOCOL, error
                self.is_over = True
            case _:
                raise AssertionError(event)

    def _take_from_client(self, event: client_side.SessionEvent) -> None:
        match event:
            case client_side.MessageReceived(Invocation() as invocation):
                self.arrived_news.append(invocation.arguments[0])
            case client_side.MessageReceived(Completion() as completion):
                assert isinstance(completion.result, list)
                assert completion.result[0] == completion.invocation_id == self.awaited.pop(0)
            case client_side.Opened():
                pass
            case client_side.Adrift():
                if self.is_connected:  # its own time-out; the server learns of it from its transport
                    self.disconnect()
            case client_side.Ended():
                self.is_over = True
            case _:
                raise AssertionError(event)

    def check(self) -> None:
        """What has arrived is the beginning of what was sent."""
        assert self.arrived_calls == list(range(len(self.arrived_calls)))
        assert self.arrived_news == list(range(len(self.arrived_news)))
        assert len(self.arrived_calls) <= self.calls
        assert len(self.arrived_news) <= self.news

    def finish(self) -> None:
        """Let everything arrive, if the connection is not over."""
        self.reconnect()
        for _ in range(_ROUNDS):
            self.deliver()
            self.answer(1)
            if self.is_over:
                return
            if (len(self.arrived_calls), len(self.arrived_news)) == (self.calls, self.news) and not self.awaited:
                return
            self.pass_time(1.0)
        raise AssertionError("something never arrives")


OPERATIONS: tuple[Callable[[Dialogue, Tape], None], ...] = (
    lambda dialogue, tape: dialogue.call(tape.number(), wants_answer=True),
    lambda dialogue, tape: dialogue.call(tape.number(), wants_answer=False),
    lambda dialogue, tape: dialogue.answer(tape.number()),
    lambda dialogue, tape: dialogue.broadcast(tape.number()),
    lambda dialogue, tape: dialogue.deliver_to_server(tape.number()),
    lambda dialogue, tape: dialogue.deliver_to_client(tape.number()),
    lambda dialogue, tape: dialogue.deliver(),
    lambda dialogue, tape: dialogue.disconnect(),
    lambda dialogue, tape: dialogue.reconnect(),
    lambda dialogue, tape: dialogue.pass_time(SECONDS[tape.number() % len(SECONDS)]),
)
CALL, SEND, ANSWER, BROADCAST, TO_SERVER, TO_CLIENT, DELIVER, DISCONNECT, RECONNECT, WAIT = range(len(OPERATIONS))
_CONVERSATIONS: tuple[list[int], ...] = (
    [DELIVER, CALL, 1, DELIVER, ANSWER, 1, BROADCAST, 5, DELIVER, WAIT, 1, DELIVER],
    [DELIVER, BROADCAST, 5, BROADCAST, 5, DISCONNECT, BROADCAST, 5, RECONNECT, DELIVER],
    [DELIVER, BROADCAST, 5, DELIVER, WAIT, 1, DISCONNECT, CALL, 5, CALL, 5, RECONNECT, DISCONNECT],
    [DELIVER, CALL, 9, SEND, 9, SEND, 9, TO_SERVER, 100, DISCONNECT, RECONNECT, DELIVER, ANSWER, 99, DELIVER],
    [DELIVER, *([BROADCAST, 90] * 6), TO_CLIENT, 150, DISCONNECT, RECONNECT, TO_CLIENT, 99, WAIT, 1, TO_SERVER, 20],
    [DELIVER, CALL, 200, CALL, 200, CALL, 200, DELIVER, ANSWER, 200, WAIT, 1, DELIVER, ANSWER, 200, DISCONNECT],
    [DELIVER, DISCONNECT, WAIT, 4, RECONNECT, WAIT, 3, DELIVER],
    [TO_SERVER, 20, TO_SERVER, 99, BROADCAST, 9, TO_CLIENT, 3, BROADCAST, 9, TO_CLIENT, 60, DISCONNECT, RECONNECT],
    [DELIVER, DISCONNECT, *([BROADCAST, 250] * 14), RECONNECT, DELIVER],
    [DELIVER, WAIT, 5, DELIVER],
)
TOKENS = [bytes(steps) for steps in _CONVERSATIONS]


def seeds() -> Iterator[bytes]:
    for protocol in range(len(CODECS)):
        for first in _CONVERSATIONS:
            yield bytes([protocol, *first])
            for second in _CONVERSATIONS:
                yield bytes([protocol, *first, RECONNECT, *second, RECONNECT, *first])


def check(data: bytes) -> None:
    tape = Tape(data[:_LONGEST_BYTES])
    dialogue = Dialogue(sorted(CODECS)[tape.number() % len(CODECS)])
    while tape and not dialogue.is_over:
        OPERATIONS[tape.number() % len(OPERATIONS)](dialogue, tape)
        dialogue.check()
    dialogue.finish()
    dialogue.check()
