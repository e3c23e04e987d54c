"""The session of a connection that outlives its WebSocket (signalr-protocol 6), a server's side.

Every message that counts passes here, broadcasts too. As in `session` there is no socket, task or clock.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from hubwire.errors import RemoteProtocolError
from hubwire.options import HubOptions
from hubwire.session.ahead import AheadReader
from hubwire.session.events import EndReason, Overflowed
from hubwire.session.message_rates import MessageRates
from hubwire.session.resumption import Resumption
from hubwire.session.session import Session
from hubwire.session.states import CLOSED, CONNECTING, OPEN
from hubwire.wire.codec import Codec
from hubwire.wire.messages import Ack, Close, Message, Ping, Sequence, SequencedMessage

_STATEFUL_VERSION = 2
"""Lowest version of a hub protocol that knows how to resume."""


class StatefulSession(Session):
    """As `Session`; a client whose handshake says that it can may come back with another transport."""

    __slots__ = ("_resumption",)

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
        super().__init__(
            options,
            codecs,
            now,
            close_text,
            allows_binary=allows_binary,
            sends_pings=sends_pings,
            rates=rates,
            user_id=user_id,
            holds_acceptance=holds_acceptance,
        )
        self._resumption: Resumption | None = None  # until the handshake has settled it, and for clients of old

    def receive_data(self, data: bytes, now: float) -> None:
        if self._resumption is not None and self.state is not CLOSED:
            self._output += self._resumption.begin()
        super().receive_data(data, now)
        self._look_for_acks()

    def receive_interruption(self, error: BaseException, now: float) -> None:
        """The transport is lost, but the client may come with another; call it only while `is_resumable`."""
        if self._resumption is not None:
            self._reader.rest()  # what was not dispatched was not counted: the client sends it again
            self._resumption.interrupt(error, now + self._options.disconnect_timeout_seconds)

    def receive_resumption(self, now: float) -> None:
        """The client has come with another transport: say where we stand, and send again what it may lack."""
        resumption = self._resumption
        if resumption is None or self.state is CLOSED:
            return
        self._idle_since = now
        self._next_ping = now + self._keep_alive_seconds
        messages = resumption.resume(now)
        self._output.append(self.codec.encode(Sequence(resumption.sent.first)))
        self._output += messages
        if resumption.received.latest:  # an earlier Ack may have been lost with the transport
            self._send(Ack(resumption.received.acknowledged()))

    def receive_time(self, now: float) -> None:
        resumption = self._resumption
        if resumption is not None and now >= resumption.wait_until and self.is_resumable:
            if resumption.is_interrupted:
                self._end(EndReason.LOST, resumption.error)
            elif self._is_reading:
                error = RemoteProtocolError("The client has come with a new transport and sent no Sequence.")
                self._fail(error, EndReason.TIMEOUT)
            else:
                resumption.await_sequence(now)  # it may stand behind a message that has to wait
        super().receive_time(now)

    def send_encoded(self, encoded: bytes) -> None:
        """Send a message that counts and is shared with other connections."""
        if self.state is not CLOSED:
            self._put_sequenced(encoded)

    @property
    def is_stateful(self) -> bool:
        """Whether the handshake has settled that the client may come back."""
        return self._resumption is not None

    @property
    def is_resumable(self) -> bool:
        """Whether it still may."""
        is_open = self.state is CONNECTING or self.state is OPEN
        return self._resumption is not None and is_open and self._failure is None

    @property
    def is_congested(self) -> bool:
        """Whether messages wait until the client has acknowledged others."""
        return self._resumption is not None and self._resumption.is_congested

    @property
    def held_bytes(self) -> int:
        """How much of them waits."""
        return 0 if self._resumption is None else self._resumption.held_bytes

    @property
    def held_messages(self) -> int:
        """How many."""
        return 0 if self._resumption is None else self._resumption.held_messages

    @property
    def deadline(self) -> float:
        due = super().deadline
        if self._resumption is not None and self.is_resumable:
            due = min(due, self._resumption.deadline)
        return due

    # Inside

    def _settle(self, version: int, now: float) -> None:
        if version >= _STATEFUL_VERSION:
            self._resumption = Resumption(self._options.stateful_reconnect_buffer_bytes, now)
            self._reader = AheadReader(self._reader, self.codec)

    def _client_deadline(self) -> float:
        if self._resumption is not None and self._resumption.is_interrupted:
            return math.inf  # how long it may stay away is another matter
        return super()._client_deadline()

    def _handle(self, message: Message | None, now: float) -> None:
        if self._resumption is None or self._is_due(message, self._resumption, now):
            super()._handle(message, now)

    def _is_due(self, message: Message | None, resumption: Resumption, now: float) -> bool:
        """Keep step with the client; False: this message has been handled before."""
        match message:
            case Ack(sequence_id):
                self._output += resumption.acknowledge(sequence_id)
            case Sequence(sequence_id):
                resumption.restart(sequence_id)
            case None | Ping() | Close():
                pass
            case _:
                return resumption.received.take(now)
        return True

    def _continue(self, now: float) -> None:
        super()._continue(now)
        if self.state is CLOSED:  # what came meanwhile was too much
            return
        resumption = self._resumption
        if resumption is not None and not resumption.is_interrupted:
            if resumption.is_silent(now):
                self._output += resumption.begin()
            if now >= resumption.received.ack_due:
                self._send(Ack(resumption.received.acknowledged()))

    def _put(self, message: Message, encoded: bytes) -> None:
        if isinstance(message, SequencedMessage):
            self._put_sequenced(encoded)
        elif self._resumption is None:
            self._output.append(encoded)
        elif not self._resumption.is_interrupted:
            if isinstance(message, Close):
                self._output += self._resumption.flush()
            self._output.append(encoded)

    def _put_sequenced(self, encoded: bytes) -> None:
        resumption = self._resumption
        if resumption is None:
            self._output.append(encoded)
            return
        self._output += resumption.send(encoded)
        self._look_for_acks()
        if resumption.held_bytes > self._options.outbox_limit_bytes:
            self._events.append(Overflowed(resumption.held_messages, resumption.held_bytes))

    def _look_for_acks(self) -> None:
        """Make room to send if that can be done, although what has come cannot be dispatched."""
        resumption, reader = self._resumption, self._reader
        if resumption is not None and resumption.is_congested and not self._is_reading:
            assert isinstance(reader, AheadReader), "set with the resumption"  # noqa: S101 - for the type checker
            for sequence_id in reader.acks():
                self._output += resumption.acknowledge(sequence_id)
