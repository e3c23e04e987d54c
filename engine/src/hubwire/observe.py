"""What the engine tells about itself. Implementations must return at once and never raise."""

from __future__ import annotations

from typing import Protocol


class Observer(Protocol):
    """Counts and durations, one call each; `meschain` feeds Prometheus and its own figures from them."""

    def connection_opened(self, hub: str, transport: str) -> None:
        """A connection finished its handshake."""

    def connection_closed(self, hub: str, transport: str, reason: str) -> None:
        """That connection ended; `reason` is one of a small fixed set of words."""

    def invocation_finished(self, hub: str, target: str, seconds: float, failed: bool) -> None:
        """A hub method ran. `target` is the registered name, or "unknown".

        `failed` when the fault was the server's: what a method refuses on purpose, and calls that make no sense, are
        answered with an error and yet did what they should.
        """

    def connect_refused(self, status: int) -> None:
        """Negotiate, upgrade or GET was refused with this HTTP status.

        503 also for a socket that found no room, and for what is above `maximum_forwarded`.
        """

    def messages_throttled(self, hub: str) -> None:
        """A connection sent more messages than its rate, or its user's, allows: it is not read for a moment."""

    def broker_lost(self) -> None:
        """What the processes of a cluster talk through is away: messages between them are refused from now on."""

    def broker_restored(self, seconds: float) -> None:
        """It is back after so many seconds, and this process hears everything again; what came between was missed."""


class NullObserver:
    """Listens to nothing."""

    def connection_opened(self, hub: str, transport: str) -> None:
        return

    def connection_closed(self, hub: str, transport: str, reason: str) -> None:
        return

    def invocation_finished(self, hub: str, target: str, seconds: float, failed: bool) -> None:
        return

    def connect_refused(self, status: int) -> None:
        return

    def broker_lost(self) -> None:
        return

    def broker_restored(self, seconds: float) -> None:
        return

    def messages_throttled(self, hub: str) -> None:
        return
