"""What runs for a connection in the present task: tells `ask` whether it may wait for a client. Knows no session.

The server sets it around each hub event and call; code outside of hubs finds none.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar


class OngoingCall:
    """One event or call of a hub. Tasks that hub code starts inherit it, so it also says when it is over."""

    __slots__ = ("_give_way", "is_connecting")

    def __init__(self, give_way: Callable[[], None] | None = None, *, is_connecting: bool = False) -> None:
        self.is_connecting = is_connecting
        """While the hub's `connected` runs no client may be asked: its answer would be read only afterwards."""
        self._give_way = give_way

    def give_way(self) -> None:
        """Let the connection's next call begin, because this one is about to wait for a client. Once is enough."""
        give_way, self._give_way = self._give_way, None
        if give_way is not None:
            give_way()


ONGOING: ContextVar[OngoingCall | None] = ContextVar("hubwire_ongoing", default=None)
