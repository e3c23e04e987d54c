"""What goes together: whoever leaves passes its turn on, and nobody is left without a word."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from app.tests.services.fakes import settle

from meschain.services.together import Take, Together


class Store:
    """Writes when it is let, and answers with what it was given."""

    def __init__(self, most: int = 10) -> None:
        self.together: Together[int, int] = Together(self._write, most)
        self.written: list[Sequence[int]] = []
        self.may_go_on = asyncio.Event()

    async def _write(self, take: Take[int]) -> Sequence[int]:
        items = take()
        self.written.append(items)
        await self.may_go_on.wait()
        return items

    async def begin(self, *items: int) -> list[asyncio.Task[int]]:
        """The first of these is being written, the others wait."""
        tasks = [asyncio.create_task(self.together.add(item)) for item in items]
        await settle()
        return tasks


async def test_who_comes_meanwhile_goes_together_and_each_has_its_own_answer() -> None:
    store = Store(most=3)
    tasks = await store.begin(*range(8))
    store.may_go_on.set()
    assert await asyncio.gather(*tasks) == [*range(8)]
    assert store.written == [[0], [1, 2, 3], [4, 5, 6], [7]]
    assert len(store.together) == 0


async def test_one_that_leaves_when_it_is_its_turn_passes_it_on() -> None:
    store = Store()
    first, second, third = await store.begin(1, 2, 3)
    store.may_go_on.set()
    while not first.done():  # noqa: ASYNC110 - a turn of the loop or two; then the second is called and has not run yet
        await asyncio.sleep(0)
    second.cancel()
    assert await asyncio.wait_for(third, 10) == 3
    assert len(store.together) == 0


async def test_one_that_leaves_while_it_writes_leaves_the_others_to_the_next() -> None:
    store = Store()
    first, second = await store.begin(1, 2)
    first.cancel()
    await settle()
    store.may_go_on.set()
    assert await asyncio.wait_for(second, 10) == 2


async def test_a_wrong_number_of_answers_is_told_to_all() -> None:
    async def write(take: Take[int]) -> Sequence[int]:
        await asyncio.sleep(0)
        return take()[1:]

    together: Together[int, int] = Together(write, 10)
    outcomes = await asyncio.gather(*(together.add(item) for item in range(3)), return_exceptions=True)
    assert [type(each) for each in outcomes] == [ValueError] * 3
