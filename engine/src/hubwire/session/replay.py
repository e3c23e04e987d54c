"""What one side of a stateful connection counts and keeps for each direction (signalr-protocol 6.2 to 6.4).

The same for server and client. Ids are positions: the first sequenced message of a direction has 1, and no message
carries its own. Knows no codec, no socket and no clock.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

from hubwire.errors import RemoteProtocolError

ACK_SECONDS = 1.0
"""How long what was received may wait for its Ack. 1 s: the reference implementation's, both sides."""


class SentMessages:
    """The sequenced messages of one side that the other has not acknowledged."""

    __slots__ = ("_limit_bytes", "_messages", "buffered_bytes", "total")

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._messages: deque[bytes] = deque()
        self.buffered_bytes = 0
        self.total = 0
        """How many were sent, which is also the id of the latest."""

    @property
    def has_room(self) -> bool:
        """Whether one more may be sent, which itself may be of any size; else an Ack has to come first."""
        return self.buffered_bytes <= self._limit_bytes

    @property
    def first(self) -> int:
        """The id of the oldest that is kept, or of the next to be sent: what a Sequence message says."""
        return self.total - len(self._messages) + 1

    def add(self, message: bytes) -> None:
        """Count and keep one more, as it is encoded."""
        self._messages.append(message)
        self.buffered_bytes += len(message)
        self.total += 1

    def acknowledge(self, sequence_id: int) -> None:
        """Drop what the other side has; an id that was never sent means nothing."""
        if sequence_id > self.total:
            return
        for _ in range(sequence_id - self.first + 1):
            self.buffered_bytes -= len(self._messages.popleft())

    def unacknowledged(self) -> Sequence[bytes]:
        """What has to be sent again on a new socket, after a Sequence message with `first`."""
        return tuple(self._messages)


class ReceivedMessages:
    """How far one side has processed what the other sent."""

    __slots__ = ("_next", "ack_due", "latest")

    def __init__(self) -> None:
        self._next = 1
        self.latest = 0
        """The id of the latest that was processed."""
        self.ack_due = math.inf
        """When an Ack of `latest` is to be sent."""

    def take(self, now: float) -> bool:
        """Count one more; False: it was processed before and is to be dropped."""
        sequence_id, self._next = self._next, self._next + 1
        if sequence_id < self.latest:
            return False
        # The latest once more means that our Ack of it was lost: the other side may wait for it to have room again.
        self.ack_due = min(self.ack_due, now + ACK_SECONDS)
        if sequence_id == self.latest:
            return False
        self.latest = sequence_id
        return True

    def restart(self, sequence_id: int) -> None:
        """The other side says which id its next message has.

        Raises: RemoteProtocolError for a message that would leave some out, or an id that there cannot be.
        """
        # Compared with what was processed, not with `_next`: that lags behind while messages are sent again, and an Ack
        # of all that was processed may reach the other side just before the socket is lost once more.
        if sequence_id > self.latest + 1:
            raise RemoteProtocolError("Sequence ID greater than amount of messages we've received.")
        if sequence_id < 1:  # taken as it is, it would make every message for a long time a duplicate
            raise RemoteProtocolError("Sequence ID less than 1.")
        self._next = sequence_id

    def acknowledged(self) -> int:
        """Return the id for an Ack that is being sent."""
        self.ack_due = math.inf
        return self.latest
