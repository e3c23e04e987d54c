"""The sockets of a fast lane's port and those to peers: how many may be silent at first, and how many there are.

Knows no HTTP. What is full is told to whoever accepts.
"""

from __future__ import annotations

import enum
import sys
from collections.abc import Sized
from typing import Protocol

from hubwire.options import ServerOptions

_KEPT_SHARES = (0.1, 0.02)
_KEPT_FIRST = 100
"""Descriptors that no socket gets: for files, databases, and the answers to those for whom there is no room. A tenth,
up to a hundred; above 5,000 descriptors one of fifty."""

_ANSWERED_SHARE = 0.01
"""Of the limit: sockets above it that are answered, so that their clients learn more than that they were cut."""


class Place(enum.Enum):
    """What becomes of an accepted socket."""

    SERVED = "served"
    ANSWERED = "answered"
    """There is no room; its request is answered with that."""
    CUT = "cut"


class Waiting(Protocol):
    """A socket whose first request has not come whole."""

    def give_up(self) -> None:
        """Others need its place."""


class Sockets:
    """Bounds them."""

    __slots__ = ("_accepted", "_limit", "_maximum_pending", "_passed_on", "_pending")

    def __init__(self, options: ServerOptions) -> None:
        self._maximum_pending = options.maximum_pending_sockets
        self._limit = options.maximum_sockets
        self._pending: dict[Waiting, None] = {}  # in the order in which they came
        self._accepted: Sized = ()
        self._passed_on: Sized = ()

    def count_passed_on(self, passed_on: Sized) -> None:
        """From now on each of these takes the place of a socket: it has one to a peer."""
        self._passed_on = passed_on

    def have_room(self) -> bool:
        """Whether one more may be opened, to a peer."""
        return self._count() < self.limit

    def place(self, accepted: Sized) -> Place:
        """Where the last of these goes. They are the server's own collection, in which others come and go."""
        self._accepted = accepted
        limit, count = self.limit, self._count()
        if count <= limit:
            return Place.SERVED
        return Place.ANSWERED if count <= limit + max(1, int(limit * _ANSWERED_SHARE)) else Place.CUT

    def wait(self, socket: Waiting) -> None:
        """Its first request is waited for; where too many wait, the one that has been silent longest is given up."""
        self._pending[socket] = None
        if len(self._pending) > self._maximum_pending:
            oldest = next(iter(self._pending))
            del self._pending[oldest]
            oldest.give_up()

    def leave(self, socket: Waiting) -> None:
        """Its request has come, or it is gone."""
        self._pending.pop(socket, None)

    @property
    def limit(self) -> int:
        """How many are served. Looked up with the first, when whoever starts the server has raised its own limits."""
        if self._limit is None:
            self._limit = room_among(descriptor_limit())
        return self._limit

    def _count(self) -> int:
        return len(self._accepted) + len(self._passed_on)


def room_among(descriptors: int) -> int:
    """Return how many sockets are served where there are so many descriptors."""
    few, many = (int(descriptors * share) for share in _KEPT_SHARES)
    return max(1, descriptors - max(min(few, _KEPT_FIRST), many))


def descriptor_limit() -> int:
    """How many descriptors the process may open; without bound where the system has none."""
    try:
        import resource
    except ImportError:
        return sys.maxsize
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft
