"""A transport without a wire, for tests: keeps what is written and lets the test play the network."""

from __future__ import annotations

from collections.abc import Callable

from hubwire.ports import Receiver


class MemoryTransport:
    """Implements `Transport`. `written` is what the client would have got, one item per hub message."""

    name = "Memory"
    uses_frames = False
    allows_binary = True
    keeps_itself_alive = False

    def __init__(self) -> None:
        self.is_binary = False
        self.receiver: Receiver | None = None
        """Set by whoever joins this transport with a connection."""
        self.written: list[bytes] = []
        self.close_code: int | None = None
        self.is_aborted = False
        self.is_reading = True

    @property
    def direct_write(self) -> Callable[[bytes], object]:
        return self.write

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def pause_reading(self) -> None:
        self.is_reading = False

    def resume_reading(self) -> None:
        self.is_reading = True

    def close(self, code: int) -> None:
        self.close_code = code

    def abort(self) -> None:
        self.is_aborted = True
        if self.receiver is not None:
            self.receiver.lost(None)
            self.receiver.gone()

    def take(self) -> list[bytes]:
        """Return what was written since the last call."""
        written, self.written[:] = list(self.written), []
        return written
