"""Many callers' things done together: what comes while some are being written, or asked for, goes with the next ones.

Nobody waits for a clock: what comes alone is done at once. Each caller has its answer when the transaction that its
thing is in has ended, so what was acknowledged is stored. Knows no database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")
AnswerT = TypeVar("AnswerT")

Take = Callable[[], Sequence[ItemT]]
"""All that are to be written by now; each call may have taken some more along."""


class _Waiting(Generic[ItemT]):
    __slots__ = ("answer", "call", "error", "has_ended", "is_given_up", "item")

    def __init__(self, item: ItemT) -> None:
        self.item = item
        self.has_ended = False
        self.is_given_up = False
        self.error: Exception | None = None
        self.answer: object = None
        self.call: asyncio.Future[None] | None = None

    async def called(self) -> None:
        """Returns when there is something for it to look at."""
        self.call = asyncio.get_running_loop().create_future()
        await self.call

    def look(self) -> None:
        if self.call is not None and not self.call.done():
            self.call.set_result(None)


class Together(Generic[ItemT, AnswerT]):
    """Args:
    write: writes what it takes, in its order, and returns an answer for each.
    most: at once.
    """

    def __init__(self, write: Callable[[Take[ItemT]], Awaitable[Sequence[AnswerT]]], most: int) -> None:
        self._write = write
        self._most = most
        self._waiting: list[_Waiting[ItemT]] = []
        self._is_writing = False
        self._count = 0

    def __len__(self) -> int:
        """Those that have no answer yet."""
        return self._count

    async def add(self, item: ItemT) -> AnswerT:
        """Its answer, once it is stored. Raises: what the writing failed by; all that were in it are told the same."""
        mine = _Waiting(item)
        self._waiting.append(mine)
        self._count += 1
        try:
            # All that were in a transaction go on in the same turn of the loop, and one of those that were not writes
            # the next. A lock would let them through one by one, a turn for each.
            while not mine.has_ended:
                await (mine.called() if self._is_writing else self._write_waiting())
        finally:
            self._count -= 1
            if not mine.has_ended:
                mine.is_given_up = True
                if mine in self._waiting:
                    self._waiting.remove(mine)
                self._call_next()
        if mine.error is not None:
            raise mine.error
        return mine.answer  # type: ignore[return-value] # what `write` gave for it

    async def _write_waiting(self) -> None:
        together: list[_Waiting[ItemT]] = []

        def take() -> Sequence[ItemT]:
            room = self._most - len(together)
            together.extend(self._waiting[:room])
            del self._waiting[:room]
            return [each.item for each in together]

        self._is_writing = True
        try:
            answered = list(zip(together, await self._write(take), strict=True))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised to each of them
            for each in together:
                each.error = error
        except BaseException:
            # A cancel is one caller's alone: what the others gave is for whoever writes next.
            self._waiting[:0] = [each for each in together if not each.is_given_up]
            raise
        else:
            for each, answer in answered:
                each.answer = answer
        finally:
            self._is_writing = False
            self._call_next()
        for each in together:
            each.has_ended = True
            each.look()

    def _call_next(self) -> None:
        if self._waiting and not self._is_writing:
            self._waiting[0].look()
