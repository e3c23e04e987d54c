"""What runs for a connection in the present task: what has to be done there before a client is waited for.

The server sets it around each hub event and call; for code outside of hubs nothing has to be done. Knows no session.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

from hubwire.errors import LocalProtocolError


def nothing() -> None:
    """Where a client may be waited for as it is."""


class Connecting:
    """While the hub's `connected` runs. Tasks that it leaves behind inherit it, so it also says when that is over."""

    __slots__ = ("is_over",)

    def __init__(self) -> None:
        self.is_over = False

    def __call__(self) -> None:
        if not self.is_over:
            # The answer would not be read before `connected` has ended. The reference server's text.
            raise LocalProtocolError("Client results inside OnConnectedAsync Hub methods are not allowed.")


BEFORE_ASKING: ContextVar[Callable[[], None]] = ContextVar("hubwire_before_asking", default=nothing)
"""Call it before each wait for a client: in a call it lets the connection's next one begin, or the answer might stand
behind that. Raises: LocalProtocolError when no client may be asked."""
