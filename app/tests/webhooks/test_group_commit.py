"""Arrivals of the same time share a transaction, and nobody is told before it is committed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from app.tests.services.inbox_specs import delivery

from meschain.services.webhook_ports import Arrival, InboxUnavailable
from meschain.state.inbox import SqlInboxStore
from meschain.webhooks.group_commit import GroupCommit


class SlowStore(SqlInboxStore):
    """Stores when a test lets it; counts batches. Only `add` is used."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.gate = asyncio.Event()
        self.error: Exception | None = None
        self.known: set[str] = set()

    async def add(self, arrivals: Sequence[Arrival]) -> Sequence[bool]:
        keys = [arrival.delivery.key for arrival in arrivals]
        self.batches.append(keys)
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        are_new = [key not in self.known for key in keys]
        self.known.update(keys)
        return are_new


@pytest.fixture
def store() -> SlowStore:
    return SlowStore()


def arrival(number: int) -> Arrival:
    return Arrival(delivery(f"key-{number}"))


async def test_what_comes_meanwhile_is_stored_together(store: SlowStore) -> None:
    writer = GroupCommit(store, most_waiting=100, at_once=3)
    tasks = [asyncio.create_task(writer.add(arrival(0)))]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    tasks += [asyncio.create_task(writer.add(arrival(number))) for number in range(1, 6)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in tasks)
    store.gate.set()
    assert await asyncio.gather(*tasks) == [True] * 6
    assert [len(batch) for batch in store.batches] == [1, 3, 2]


async def test_a_failure_is_told_to_all_of_its_batch_and_to_no_other(store: SlowStore) -> None:
    writer = GroupCommit(store, most_waiting=100, at_once=3)
    store.gate.set()
    store.error = OSError("the disk is full at /var/lib/secret")
    with pytest.raises(InboxUnavailable, match="OSError") as raised:
        await writer.add(arrival(1))
    assert "/var" not in str(raised.value)
    store.error = None
    assert await writer.add(arrival(1))


async def test_a_writer_that_is_cancelled_leaves_the_others_work_to_the_next(store: SlowStore) -> None:
    writer = GroupCommit(store, most_waiting=100, at_once=10)
    first = asyncio.create_task(writer.add(arrival(1)))
    await asyncio.sleep(0)
    others = [asyncio.create_task(writer.add(arrival(number))) for number in (2, 3)]
    await asyncio.sleep(0)
    first.cancel()
    others[0].cancel()
    await asyncio.wait([first, others[0]])
    store.gate.set()
    assert await others[1]
    assert store.batches[-1] == ["key-3"]


async def test_more_than_may_wait_are_refused(store: SlowStore) -> None:
    writer = GroupCommit(store, most_waiting=2, at_once=10)
    waiting = [asyncio.create_task(writer.add(arrival(number))) for number in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(InboxUnavailable, match="2 requests wait"):
        await writer.add(arrival(2))
    store.gate.set()
    assert await asyncio.gather(*waiting) == [True, True]
    assert await writer.add(arrival(2))
