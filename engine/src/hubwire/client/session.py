"""One hub connection from the client's side, without its transport: bytes in, events and bytes out.

Three doors as in `hubwire.session`: `receive_*` for what the transport brings, `send_*` for what the application wants,
`events()` and `data_to_send()` for what the owner has to do afterwards. Time is an argument. Knows no socket, task or
clock, nor what a call is waiting for: it hands messages out and counts ids.
"""

from __future__ import annotations

import collections.abc
import math
from dataclasses import dataclass

from hubwire.client import handshake
from hubwire.client.errors import (
    ConnectFailed,
    HandshakeFailed,
    NotConnected,
    ProtocolViolation,
    ServerClosed,
    ServerTimeout,
)
from hubwire.client.phases import Phase, Step, advance
from hubwire.errors import MessageTooLarge, RemoteProtocolError
from hubwire.session.replay import ReceivedMessages, SentMessages
from hubwire.wire.codec import Codec
from hubwire.wire.framing import MessageReader, SeparatedReader
from hubwire.wire.messages import (
    Ack,
    Close,
    Completion,
    Invocation,
    Message,
    Ping,
    Sequence,
    SequencedMessage,
    StreamItem,
)

_PING = Ping()


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """Times in seconds, sizes in bytes."""

    handshake_timeout_seconds: float = 15.0
    keep_alive_seconds: float | None = 15.0
    """None: the transport shows by itself that both ends live."""
    server_timeout_seconds: float | None = 30.0
    """None, likewise."""
    maximum_receive_message_bytes: int | None = None
    replay_buffer_bytes: int | None = None
    """What may be unacknowledged before more has to wait; None: no stateful reconnect."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The server has accepted the handshake."""


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """Something for a call, a stream or a handler."""

    message: Invocation | StreamItem | Completion
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Adrift:
    """The socket is lost: open another with the same token, then call `resume`, or `receive_end` if that fails."""

    error: BaseException | None


@dataclass(frozen=True, slots=True)
class Ended:
    """The last event: send what is left and end the transport."""

    error: BaseException | None
    """None: in order, by either side."""
    may_reconnect: bool
    """Whether another connection may be made: this one was lost, or the server asks for it."""
    is_lost: bool
    """Whether nothing more can be said to the server."""


SessionEvent = Opened | MessageReceived | Adrift | Ended


class ClientSession:
    """The protocol state of one connection."""

    __slots__ = (
        "_codec",
        "_events",
        "_handshake_deadline",
        "_is_paused",
        "_last_received",
        "_last_sent",
        "_limits",
        "_next_id",
        "_output",
        "_reader",
        "_received",
        "_sent",
        "phase",
    )

    def __init__(self, codec: Codec, limits: SessionLimits, now: float) -> None:
        self.phase = Phase.HANDSHAKE
        self._codec = codec
        self._limits = limits
        is_stateful = limits.replay_buffer_bytes is not None
        self._sent = None if limits.replay_buffer_bytes is None else SentMessages(limits.replay_buffer_bytes)
        self._received = ReceivedMessages() if is_stateful else None
        self._handshake_deadline = now + limits.handshake_timeout_seconds
        self._last_received = self._last_sent = now
        self._is_paused = False
        self._next_id = 0
        self._reader: MessageReader = SeparatedReader(handshake.MAXIMUM_RESPONSE_BYTES)
        version = handshake.STATEFUL_VERSION if is_stateful else handshake.VERSION
        self._output = [handshake.request(codec.name, version)]
        self._events: list[SessionEvent] = []

    # What the transport brings

    def receive_data(self, data: bytes, now: float) -> None:
        """Take input, cut anywhere."""
        if self.phase is Phase.CLOSED:
            return
        self._last_received = now
        self._reader.feed(data)
        if self.phase is Phase.HANDSHAKE:
            self._read_handshake(now)
        while self.phase in (Phase.OPEN, Phase.RESUMING):
            try:
                payload = self._reader.next_message()
                if payload is None:
                    return
                self._receive(self._codec.decode(payload), len(payload), now)
            except RemoteProtocolError as error:
                self._fail(error)
                return

    def receive_time(self, now: float) -> None:
        """Do what is due: end a connection that took too long, acknowledge, send the keep-alive."""
        match self.phase:
            case Phase.HANDSHAKE:
                if now >= self._handshake_deadline:
                    seconds = self._limits.handshake_timeout_seconds
                    self._end(HandshakeFailed(f"The server did not answer the handshake within {seconds:g} s."))
            case Phase.OPEN | Phase.RESUMING:
                if self._is_paused:  # what the server says meanwhile is not heard
                    self._last_received = now
                server_timeout = self._limits.server_timeout_seconds
                keep_alive = self._limits.keep_alive_seconds
                if server_timeout is not None and now >= self._last_received + server_timeout:
                    self._last_received = now
                    self.receive_end(ServerTimeout(server_timeout))
                    return
                if self._received is not None and now >= self._received.ack_due:
                    self._write(Ack(self._received.acknowledged()), now)
                if keep_alive is not None and now >= self._last_sent + keep_alive:
                    self._write(_PING, now)
            case Phase.ADRIFT:
                # The silence goes on over the gap.
                if (deadline := self.deadline) is not None and now >= deadline:
                    self._end(ServerTimeout(now - self._last_received), may_reconnect=True, is_lost=True)
            case Phase.CLOSED:
                pass

    def receive_end(self, error: BaseException | None) -> None:
        """The transport is gone, or could not be had again; `error` None: it was closed properly."""
        match self.phase:
            case Phase.CLOSED:
                pass
            case Phase.HANDSHAKE:
                failure = error or HandshakeFailed("The server closed the connection during the handshake.")
                self._end(failure, is_lost=True)
            case Phase.OPEN if self._sent is not None:
                self.phase = advance(self.phase, Step.LOST)
                self._output = []
                self._events.append(Adrift(error))
            case _:
                # Also a socket that was regained and lost before the server said anything on it: trying for ever
                # without a pause would be a storm.
                self._end(error, may_reconnect=True, is_lost=True)

    # What the application wants

    def next_id(self) -> str:
        """Return a new id for a call or for an upload: they share one space."""
        following = self._next_id
        self._next_id = following + 1
        return str(following)

    def send(self, message: Message, now: float) -> None:
        """Raises: NotConnected; TypeError, ValueError for a payload that cannot be written, which harms nothing."""
        if self.phase in (Phase.HANDSHAKE, Phase.CLOSED):
            raise NotConnected("Cannot send data if the connection is not in the 'Connected' State.")
        self._write(message, now)

    @property
    def has_room(self) -> bool:
        """Whether `send` should be called: with stateful reconnect, too much may be unacknowledged."""
        return self._sent is None or self._sent.has_room or self.phase is Phase.CLOSED

    def resume(self, now: float) -> None:
        """There is another socket: say where we are, and again what the server may have missed."""
        self.phase = advance(self.phase, Step.REGAINED)
        self._reader = self._codec.reader(self._limits.maximum_receive_message_bytes)
        self._last_received = now
        if self._sent is not None:
            self._write(Sequence(self._sent.first), now)
            self._output += self._sent.unacknowledged()

    def send_close(self, now: float) -> None:
        """Say good-bye."""
        if self.phase in (Phase.OPEN, Phase.RESUMING):
            self._write(Close(), now)
        if self.phase is not Phase.CLOSED:
            self._end(None)

    def send_failure(self, error: ConnectFailed) -> None:
        """End the connection because of what the server did, and tell it."""
        if self.phase in (Phase.OPEN, Phase.RESUMING):
            self._output.append(self._codec.encode(Close(str(error))))
        if self.phase is not Phase.CLOSED:
            self._end(error)

    def pause(self) -> None:
        """The owner does not read for a while, so the server's silence means nothing."""
        self._is_paused = True

    def unpause(self, now: float) -> None:
        """It reads again."""
        self._is_paused = False
        self._last_received = now

    # What the owner has to do

    def events(self) -> collections.abc.Sequence[SessionEvent]:
        """Take the events since the last call."""
        events = self._events
        if not events:
            return ()
        self._events = []
        return events

    def data_to_send(self) -> bytes:
        """Take what is to be sent: whole hub messages in a row, or nothing."""
        output = self._output
        if not output:
            return b""
        self._output = []
        return output[0] if len(output) == 1 else b"".join(output)

    @property
    def has_data_to_send(self) -> bool:
        """Whether `data_to_send` would return anything."""
        return bool(self._output)

    @property
    def is_stateful(self) -> bool:
        """Whether what is sent survives the loss of a socket."""
        return self._sent is not None

    @property
    def is_binary(self) -> bool:
        """Whether what is sent now is no text: the handshake always is."""
        return self._codec.is_binary and self.phase is not Phase.HANDSHAKE

    @property
    def deadline(self) -> float | None:
        """When `receive_time` has something to do but for acks, None: never again. It never moves to earlier."""
        if self.phase is Phase.HANDSHAKE:
            return self._handshake_deadline
        if self.phase is Phase.CLOSED:
            return None
        deadlines = []
        if self._limits.keep_alive_seconds is not None and self.phase is not Phase.ADRIFT:
            deadlines.append(self._last_sent + self._limits.keep_alive_seconds)
        if self._limits.server_timeout_seconds is not None:
            deadlines.append(self._last_received + self._limits.server_timeout_seconds)
        return min(deadlines, default=None)

    @property
    def ack_due(self) -> float | None:
        """When `receive_time` has an ack to send, None: there is none; a new one may move it to earlier."""
        if self._received is None or self.phase is not Phase.OPEN or self._received.ack_due == math.inf:
            return None
        return self._received.ack_due

    # Inside

    def _read_handshake(self, now: float) -> None:
        try:
            payload = self._reader.next_message()
            if payload is None:
                return
            handshake.check_response(payload)
        except MessageTooLarge:
            self._end(HandshakeFailed("The server's handshake response is too long."))
            return
        except HandshakeFailed as error:
            self._end(error)
            return
        rest = self._reader.rest()
        self._reader = self._codec.reader(self._limits.maximum_receive_message_bytes)
        if rest:  # messages may follow in the same chunk, and count like those behind them
            self._reader.feed(rest)
        self.phase = advance(self.phase, Step.ACCEPTED)
        self._events.append(Opened())
        if self._limits.keep_alive_seconds is not None:
            # As the JavaScript client: the server's own time-out begins with the first ping.
            self._write(_PING, now)

    def _receive(self, message: Message | None, size_bytes: int, now: float) -> None:
        if self.phase is Phase.RESUMING and not isinstance(message, Sequence):
            return  # left over on the way; what follows the Sequence counts
        is_sequenced = isinstance(message, SequencedMessage)
        if is_sequenced and self._received is not None and not self._received.take(now):
            return
        match message:
            case Invocation() | StreamItem() | Completion():
                self._events.append(MessageReceived(message, size_bytes))
            case Ack(sequence_id) if self._sent is not None:
                self._sent.acknowledge(sequence_id)
            case Sequence(sequence_id) if self._received is not None:
                self._received.restart(sequence_id)
                if self.phase is Phase.RESUMING:
                    self.phase = advance(self.phase, Step.SEQUENCE)
            case Close():
                if not message.allow_reconnect:
                    self._write(Close(), now)
                error = None if message.error is None else ServerClosed(message.error)
                self._end(error, may_reconnect=message.allow_reconnect)
            case _:
                # Pings have done their work by arriving. Servers neither stream nor cancel towards clients. None is a
                # type of a newer protocol.
                pass

    def _write(self, message: Message, now: float) -> None:
        payload = self._codec.encode(message)
        if self._sent is not None and isinstance(message, SequencedMessage):
            self._sent.add(payload)
        if self.phase is not Phase.ADRIFT:
            self._output.append(payload)
            self._last_sent = now

    def _fail(self, error: RemoteProtocolError) -> None:
        if isinstance(error, MessageTooLarge):
            text = (
                f"The server sent a message of more than {error.limit_bytes} B; "
                "raise HubConnection(maximum_receive_message_bytes=...)."
            )
        else:
            text = f"The server sent what is no hub message: {error}"
        self.send_failure(ProtocolViolation(text))

    def _end(self, error: BaseException | None, *, may_reconnect: bool = False, is_lost: bool = False) -> None:
        self.phase = advance(self.phase, Step.ENDED)
        self._reader.rest()
        self._events.append(Ended(error, may_reconnect, is_lost))
