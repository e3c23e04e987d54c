"""Requests to other nodes that wait for their answers. Knows no broker: how one is sent is given with each.

How many nodes have to answer tells the broker, when it has handed the request over; answers may come before that.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable

from hubwire.clock import Clock
from hubwire.errors import BrokerUnavailable, NodeTimeout
from hubwire.plane.envelope import Reply


class _Pending:
    __slots__ = ("done", "expected", "is_enough", "replies", "subject")

    def __init__(self, subject: bytes, is_enough: Callable[[Reply], bool]) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.replies: list[Reply] = []
        self.expected: int | None = None
        self.is_enough = is_enough
        self.subject = subject

    def look(self) -> None:
        if self.done.done():
            return
        if len(self.replies) == self.expected or (self.replies and self.is_enough(self.replies[-1])):
            self.done.set_result(None)


def never(reply: Reply) -> bool:
    """Wait for all."""
    return False


class Requests:
    """Those of one hub on one node."""

    def __init__(self, clock: Clock, limit: int) -> None:
        self._clock = clock
        self._limit = limit
        self._numbers = itertools.count(1)
        self._pending: dict[int, _Pending] = {}

    def __len__(self) -> int:
        """How many wait."""
        return len(self._pending)

    async def ask(
        self,
        subject: bytes,
        send: Callable[[int], Awaitable[int]],
        timeout_seconds: float,
        is_enough: Callable[[Reply], bool] = never,
    ) -> list[Reply]:
        """Send a request under a number of its own and return the answers; none: nobody was there to answer.

        Args:
            subject: whom it goes to.
            is_enough: whether this answer makes the others unnecessary.

        Raises: NodeTimeout, BrokerUnavailable.
        """
        if len(self._pending) >= self._limit:
            raise BrokerUnavailable(
                f"ClusterOptions.maximum_requests ({self._limit}) wait for other nodes", may_have_arrived=False
            )
        number = next(self._numbers)
        pending = self._pending[number] = _Pending(subject, is_enough)
        timer = asyncio.ensure_future(self._clock.sleep(timeout_seconds))
        try:
            pending.expected = await send(number)
            pending.look()
            await asyncio.wait((pending.done, timer), return_when=asyncio.FIRST_COMPLETED)
            if pending.done.done():
                pending.done.result()
                return pending.replies
            raise NodeTimeout(len(pending.replies), pending.expected, timeout_seconds)
        finally:
            timer.cancel()
            del self._pending[number]

    def answer(self, reply: Reply) -> None:
        """Take an answer; one that nobody waits for is ignored."""
        pending = self._pending.get(reply.request)
        if pending is not None:
            pending.replies.append(reply)
            pending.look()

    def fail(self, reason: str) -> None:
        """No answers will come."""
        for pending in self._pending.values():
            if not pending.done.done():
                pending.done.set_exception(BrokerUnavailable(reason, may_have_arrived=True))
                pending.done.exception()  # looked at: it may still wait for `send`, which fails by itself

    def waiting(self) -> list[tuple[int, bytes]]:
        """Number and subject of each."""
        return [(number, pending.subject) for number, pending in self._pending.items()]

    def gone(self, number: int) -> None:
        """Whoever was asked under this number is not there any more."""
        self.answer(Reply(number, "gone"))
