"""SQLite keeps the promises of a store, over restarts and kills, and says when it cannot."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from hubwire.errors import LocalProtocolError, StoreUnavailable
from hubwire.ports import MembershipStore
from hubwire.stores.sqlite import EXPIRED_KEPT_SECONDS, MAXIMUM_WAITING, SqliteMembershipStore
from hubwire.testing.specs import MembershipStoreSpec

NOW = 1_700_000_000.0


@asynccontextmanager
async def opened(path: Path | None) -> AsyncIterator[SqliteMembershipStore]:
    store = SqliteMembershipStore(path)
    await store.start()
    try:
        yield store
    finally:
        await store.stop()


async def put(store: MembershipStore, group: str, expires_at: float = NOW + 60) -> None:
    await store.put("chat", "ann", group, now=NOW, expires_at=expires_at)


class TestSqlite(MembershipStoreSpec):
    @asynccontextmanager
    async def create(self) -> AsyncIterator[MembershipStore]:
        with tempfile.TemporaryDirectory() as directory:
            async with opened(Path(directory, "memberships.sqlite")) as store:
                yield store


class TestSqliteInMemory(MembershipStoreSpec):
    @asynccontextmanager
    async def create(self) -> AsyncIterator[MembershipStore]:
        async with opened(None) as store:
            yield store


async def test_what_was_put_is_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "memberships.sqlite"
    for _ in range(2):
        async with opened(path) as store:
            await put(store, "g")
    async with opened(path) as store:
        assert await store.of_user("chat", "ann") == {"g": NOW + 60}


async def test_a_stop_first_does_what_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "memberships.sqlite"
    async with opened(path) as store:
        calls = [asyncio.ensure_future(put(store, f"{number}")) for number in range(5_000)]
        await asyncio.sleep(0)
    await asyncio.gather(*calls)
    async with opened(path) as store:
        assert len(await store.of_user("chat", "ann")) == 5_000


_WRITER = """
import asyncio, pathlib, sys
from hubwire.stores.sqlite import SqliteMembershipStore

async def write(store, worker):
    number = 0
    while True:
        await store.put("chat", f"user {worker}", f"{number}", now=0.0, expires_at=1e12)
        print(worker, number, flush=True)
        number += 1

async def main():
    store = SqliteMembershipStore(pathlib.Path(sys.argv[1]))
    await store.start()
    await asyncio.gather(*(write(store, worker) for worker in range(20)))

asyncio.run(main())
"""


async def test_whatever_was_answered_outlives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "memberships.sqlite"
    writer = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _WRITER, str(path), stdout=asyncio.subprocess.PIPE
    )
    assert writer.stdout is not None
    answered: dict[str, int] = {}
    for _ in range(2_000):
        worker, number = (await writer.stdout.readline()).decode().split()
        answered[worker] = int(number)
    writer.kill()
    rest = (await writer.stdout.read()).decode().split("\n")
    await writer.wait()
    for line in rest[:-1]:  # the last one may have been cut
        worker, number = line.split()
        answered[worker] = int(number)
    async with opened(path) as store:
        for worker, last in answered.items():
            groups = await store.of_user("chat", f"user {worker}")
            assert {f"{each}" for each in range(last + 1)} <= groups.keys()


async def test_two_processes_may_use_one_file(tmp_path: Path) -> None:
    path = tmp_path / "memberships.sqlite"
    async with opened(path) as one, opened(path) as other:
        await asyncio.gather(*(put((one, other)[number % 2], f"{number}") for number in range(500)))
        assert len(await one.of_user("chat", "ann")) == len(await other.of_user("chat", "ann")) == 500


async def test_what_expired_long_ago_is_forgotten_with_later_changes(tmp_path: Path) -> None:
    path = tmp_path / "memberships.sqlite"
    async with opened(path) as store:
        for number in range(250):
            await put(store, f"{number}", NOW - EXPIRED_KEPT_SECONDS - 1)
        for _ in range(3):
            await put(store, "still there")
        assert (await store.of_user("chat", "ann")).keys() == {"still there"}


async def test_a_file_of_another_layout_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "memberships.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 9")
    with pytest.raises(StoreUnavailable, match="it has layout 9, this release reads 1"):
        await SqliteMembershipStore(path).start()


@pytest.mark.parametrize("name", ["missing/memberships.sqlite", "text"])
async def test_a_file_that_cannot_be_one_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "text").write_text("This is no database, and long enough to be told from one. " * 100)
    with pytest.raises(StoreUnavailable, match=name):
        await SqliteMembershipStore(tmp_path / name).start()


async def test_a_full_disk_refuses_the_change_and_keeps_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "memberships.sqlite"
    async with opened(path) as store:
        await put(store, "before")
        # The limit of pages stands for the disk's end; SQLite answers both in the same way.
        await store._do(lambda connection: connection.execute("PRAGMA max_page_count = 10").fetchone())
        with pytest.raises(StoreUnavailable, match="full"):
            await put(store, "x" * 100_000)
        assert (await store.of_user("chat", "ann")).keys() == {"before"}
        await put(store, "behind")


async def test_more_calls_than_may_wait_are_refused(tmp_path: Path) -> None:
    async with opened(None) as store:
        calls = [asyncio.ensure_future(store.find("chat", "ann", "g")) for _ in range(MAXIMUM_WAITING + 1)]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        refused = [outcome for outcome in outcomes if outcome is not None]
        assert len(refused) == 1
        assert isinstance(refused[0], StoreUnavailable)


async def test_a_store_that_does_not_run_says_so() -> None:
    with pytest.raises(StoreUnavailable, match="Start it"):
        await SqliteMembershipStore().find("chat", "ann", "g")
    async with opened(None) as store:
        with pytest.raises(LocalProtocolError, match="runs already"):
            await store.start()
    await store.stop()
