"""One read for many: never one that had begun before it was asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from meschain.state.sharing import SharedRead, SharedReads


class Source:
    """Numbers its reads; each ends when it is let go."""

    def __init__(self) -> None:
        self.reads = 0
        self.gates: list[asyncio.Event] = []
        self.fails = False
        self.shared: SharedRead[int] = SharedRead(self.read)

    async def read(self) -> int:
        self.reads += 1
        number = self.reads
        self.gates.append(asyncio.Event())
        await self.gates[-1].wait()
        if self.fails:
            raise ConnectionError("away")
        return number

    async def ask(self, count: int = 1) -> list[asyncio.Task[int]]:
        asked = [asyncio.create_task(self.shared()) for _ in range(count)]
        await asyncio.sleep(0)
        return asked

    async def let_go(self, number: int) -> None:
        while len(self.gates) < number:  # noqa: ASYNC110 - a turn of the loop or two
            await asyncio.sleep(0)
        self.gates[number - 1].set()


async def test_who_asks_during_a_read_shares_the_next_one() -> None:
    source = Source()
    first = await source.ask()
    others = await source.ask(3)
    await source.let_go(1)
    await source.let_go(2)
    assert await asyncio.gather(*first, *others) == [1, 2, 2, 2]
    later = await source.ask()
    await source.let_go(3)
    assert await asyncio.gather(*later) == [3]


async def test_a_failure_is_of_those_who_share_it() -> None:
    source = Source()
    source.fails = True
    first, others = await source.ask(), await source.ask(2)
    await source.let_go(1)
    with pytest.raises(ConnectionError):
        await first[0]
    source.fails = False
    await source.let_go(2)
    assert await asyncio.gather(*others) == [2, 2]


async def test_one_that_is_given_up_leaves_the_read_to_the_others() -> None:
    source = Source()
    first, others = await source.ask(), await source.ask(2)
    await source.let_go(1)
    await asyncio.gather(*first)
    while source.reads < 2:  # noqa: ASYNC110 - the same
        await asyncio.sleep(0)
    others[0].cancel()
    await source.let_go(3)
    assert await others[1] == 3


async def test_each_of_many_has_what_belongs_to_its_key() -> None:
    asked: list[int] = []

    async def read(keys: Sequence[int]) -> Mapping[int, int]:
        await asyncio.sleep(0)
        asked.append(len(keys))
        return {key: key * 2 for key in keys}

    reads: SharedReads[int, int] = SharedReads(read)
    numbers = [*range(1_200), *range(10)]
    assert await asyncio.gather(*(reads.get(number) for number in numbers)) == [number * 2 for number in numbers]
    assert max(asked) <= 500
    assert len(asked) <= 5
