"""What a server keeps to outlive the loss of a WebSocket (signalr-protocol 6.4 to 6.6). Knows no codec and no clock."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

from hubwire.session.replay import ReceivedMessages, SentMessages

_HOLD_SECONDS = 1.0
"""How long sequenced messages wait for the client's first word. The JavaScript client does not count what arrives
together with our answer to its handshake; it pings as soon as it has read that. 1 s: others may stay silent."""

_SEQUENCE_SECONDS = 5.0
"""How long a new socket may come without a Sequence. 5 s: the JavaScript client sends it at once, unless it has opened
the socket in vain and forgotten it (6.6)."""


class Resumption:
    """Keeps what is sent and received in step with a client whose sockets come and go."""

    __slots__ = ("_held", "_hold_until", "error", "held_bytes", "is_interrupted", "received", "sent", "wait_until")

    def __init__(self, limit_bytes: int, now: float) -> None:
        self.sent = SentMessages(limit_bytes)
        self.received = ReceivedMessages()
        self.is_interrupted = False
        """Whether there is no socket at present."""
        self.error: BaseException | None = None
        """How the latest socket was lost."""
        self.wait_until = math.inf
        """How long the client may stay away, or come without a Sequence."""
        self.held_bytes = 0
        """What waits to be sent because the client has not acknowledged enough."""
        self._held: deque[bytes] = deque()
        self._hold_until = now + _HOLD_SECONDS

    @property
    def deadline(self) -> float:
        """When something of this is due."""
        if self.is_interrupted:
            return self.wait_until
        return min(self.wait_until, self._hold_until, self.received.ack_due)

    @property
    def is_congested(self) -> bool:
        """Whether one more message would have to wait."""
        return bool(self._held) or self._hold_until != math.inf or not self.sent.has_room

    @property
    def held_messages(self) -> int:
        return len(self._held)

    # Sending: each of these returns what is to be written now

    def send(self, message: bytes) -> Sequence[bytes]:
        """One more sequenced message, which may have to wait."""
        if self.is_congested:
            self._held.append(message)
            self.held_bytes += len(message)
            return ()
        self.sent.add(message)
        return () if self.is_interrupted else (message,)

    def acknowledge(self, sequence_id: int) -> Sequence[bytes]:
        """The client has everything up to this id."""
        self.sent.acknowledge(sequence_id)
        return self._release()

    def begin(self) -> Sequence[bytes]:
        """The client has said something, or has had the time to do so."""
        self._hold_until = math.inf
        return self._release()

    def is_silent(self, now: float) -> bool:
        """Whether the client has had the time, and has not."""
        return now >= self._hold_until

    def flush(self) -> Sequence[bytes]:
        """Everything that waits: nothing can be sent again after what comes now."""
        held = tuple(self._held)
        self._held.clear()
        self.held_bytes = 0
        return held

    def _release(self) -> Sequence[bytes]:
        released: list[bytes] = []
        while self._held and self.sent.has_room and self._hold_until == math.inf:
            message = self._held.popleft()
            self.held_bytes -= len(message)
            self.sent.add(message)
            released.append(message)
        return released

    # Sockets

    def interrupt(self, error: BaseException, wait_until: float) -> None:
        """The socket is lost; the client may come with another until then."""
        self.is_interrupted = True
        self.error = error
        self.wait_until = wait_until

    def resume(self, now: float) -> Sequence[bytes]:
        """There is a new socket: what is to be sent behind a Sequence message with `sent.first`."""
        self.is_interrupted = False
        self.await_sequence(now)
        return (*self.sent.unacknowledged(), *self.begin())

    def await_sequence(self, now: float) -> None:
        """From now on there has to be a Sequence within some seconds."""
        self.wait_until = now + _SEQUENCE_SECONDS

    def restart(self, sequence_id: int) -> None:
        """The client's Sequence has come. Raises: RemoteProtocolError."""
        self.received.restart(sequence_id)
        self.wait_until = math.inf
