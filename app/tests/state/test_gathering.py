"""Writes that go together: none is lost, each caller has its own answer, and one that leaves takes nobody along."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from meschain.state.database import Database
from meschain.state.gathering import GatheredWrites
from meschain.state.tables import user_groups


class Groups:
    """Writes rows of a table with a unique key, and can be held up in the middle of a transaction."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.writes: GatheredWrites[str] = GatheredWrites(database, self._write)
        self.together: list[int] = []
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        self.has_begun = asyncio.Event()

    async def _write(self, connection: AsyncConnection, names: Sequence[str]) -> None:
        self.together.append(len(names))
        self.has_begun.set()
        await self.may_go_on.wait()
        moment = datetime(2026, 1, 1, tzinfo=UTC)
        rows = [{"hub": "h", "user_id": "u", "group_name": name, "joined_at": moment} for name in names]
        await connection.execute(insert(user_groups), rows)

    async def count(self) -> int:
        async with self.database.connect() as connection:
            return int(await connection.scalar(select(func.count()).select_from(user_groups)) or 0)

    async def begin(self, *names: str) -> list[asyncio.Task[None]]:
        """The first of these in its transaction, the others waiting behind it."""
        self.may_go_on.clear()
        self.has_begun.clear()
        tasks = [asyncio.create_task(self.writes.add(name)) for name in names]
        await self.has_begun.wait()
        return tasks


@pytest.fixture
def groups(opened: Database) -> Groups:
    return Groups(opened)


async def test_many_at_once_are_all_stored_in_few_transactions(groups: Groups) -> None:
    await asyncio.gather(*(groups.writes.add(f"g{number}") for number in range(1_200)))
    assert await groups.count() == 1_200
    assert groups.together == [500, 500, 200]


async def test_who_comes_during_a_transaction_is_in_the_next_one(groups: Groups) -> None:
    first, second, third = await groups.begin("a") + [asyncio.create_task(groups.writes.add(name)) for name in "bc"]
    await asyncio.sleep(0)
    assert not second.done()
    groups.may_go_on.set()
    await asyncio.gather(first, second, third)
    assert groups.together == [1, 2]
    assert await groups.count() == 3


async def test_a_failure_is_told_to_each_that_was_in_it_and_to_no_other(groups: Groups) -> None:
    await groups.writes.add("taken")
    outcomes = await asyncio.gather(*(groups.writes.add(name) for name in ("a", "taken")), return_exceptions=True)
    assert all(isinstance(outcome, DBAPIError) for outcome in outcomes)
    await groups.writes.add("a")
    assert await groups.count() == 2


async def test_one_that_is_given_up_takes_nobody_along(groups: Groups) -> None:
    leaving, second, waiting = [
        *await groups.begin("a", "b"),
        asyncio.create_task(groups.writes.add("c")),
    ]
    await asyncio.sleep(0)
    waiting.cancel()
    leaving.cancel()
    groups.may_go_on.set()
    await second
    outcomes = await asyncio.gather(leaving, waiting, return_exceptions=True)
    assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
    assert await groups.count() == 1
