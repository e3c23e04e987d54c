"""Work under a lease: in one process at a time, taken over from one that dies, stopped by one that cannot renew."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
from app.tests.services.conftest import Run
from app.tests.services.fakes import FakeClock, MemoryLeases, settle

from meschain.services.lease import WorkLease
from meschain.services.options import LeaseOptions

OPTIONS = LeaseOptions()


class Process:
    """One process that wants to work."""

    def __init__(self, name: str, store: MemoryLeases, clock: FakeClock) -> None:
        self.lease = WorkLease(store, name, clock, is_able=lambda: self.is_able)
        self.is_able = True
        self.starts = 0
        self._works = False
        self.crash: asyncio.Future[None] | None = None

    def is_working(self) -> bool:
        return self._works

    async def work(self) -> None:
        self.starts += 1
        self._works = True
        self.crash = asyncio.get_running_loop().create_future()
        try:
            await self.crash
        finally:
            self._works = False

    async def run(self) -> None:
        await self.lease.run(self.work)


@pytest.fixture
def store(clock: FakeClock) -> MemoryLeases:
    return MemoryLeases(clock)


async def test_of_two_one_works_and_both_know_which(run: Run, store: MemoryLeases, clock: FakeClock) -> None:
    first, second = Process("a", store, clock), Process("b", store, clock)
    await run(first.run)
    await run(second.run)
    await clock.advance(60)
    assert (first.starts, second.starts) == (1, 0)
    assert (first.lease.is_held, second.lease.is_held) == (True, False)
    assert (first.lease.holder, second.lease.holder) == ("a", "a")
    await second.lease.check()


async def test_one_that_dies_is_followed_within_ten_seconds(run: Run, store: MemoryLeases, clock: FakeClock) -> None:
    await store.take("background", "dead", OPTIONS.seconds)
    heir = Process("b", store, clock)
    await run(heir.run)
    await clock.advance(OPTIONS.seconds - 0.5)
    assert not heir.is_working()
    await clock.advance(10 - OPTIONS.seconds)
    assert heir.is_working()


async def test_one_that_stops_gives_it_back_at_once(run: Run, store: MemoryLeases, clock: FakeClock) -> None:
    first, second = Process("a", store, clock), Process("b", store, clock)
    stopping = await run(first.run)
    await run(second.run)
    stopping.cancel()
    await settle()
    assert not first.is_working()
    seen = await store.look("background")
    assert seen is not None
    assert seen.holder == ""
    await clock.advance(OPTIONS.renew_seconds)
    assert second.is_working()


async def test_one_that_gives_up_has_given_it_back_when_that_returns(
    run: Run, store: MemoryLeases, clock: FakeClock
) -> None:
    process = Process("a", store, clock)
    await process.lease.give_up()  # before it runs there is nothing to give
    task = await run(process.run)
    await process.lease.give_up()
    seen = await store.look("background")
    assert seen is not None
    assert (seen.holder, process.is_working(), task.done()) == ("", False, True)


@pytest.mark.parametrize("trouble", ["is_away", "hangs"])
async def test_one_that_cannot_renew_stops_before_another_may_begin(
    run: Run, store: MemoryLeases, clock: FakeClock, trouble: str
) -> None:
    process = Process("a", store, clock)
    await run(process.run)
    setattr(store, trouble, True)
    await clock.advance(OPTIONS.seconds - OPTIONS.stop_seconds - 0.1)
    assert process.is_working()
    await clock.advance(0.1)
    assert not process.is_working()
    seen = await store.look("background")
    assert seen is not None
    assert seen.left_seconds <= OPTIONS.stop_seconds
    with pytest.raises(RuntimeError, match="nobody does the background work"):
        await process.lease.check()


async def test_a_database_that_is_away_for_a_moment_stops_nothing(
    run: Run, store: MemoryLeases, clock: FakeClock
) -> None:
    process = Process("a", store, clock)
    await run(process.run)
    store.is_away = True
    await clock.advance(OPTIONS.renew_seconds + 0.5)
    store.is_away = False
    await clock.advance(60)
    assert (process.starts, process.is_working()) == (1, True)


async def test_the_work_is_taken_up_again_once_the_database_is_back(
    run: Run, store: MemoryLeases, clock: FakeClock
) -> None:
    process = Process("a", store, clock)
    await run(process.run)
    store.is_away = True
    await clock.advance(60)
    assert not process.is_working()
    store.is_away = False
    await clock.advance(OPTIONS.renew_seconds)
    assert (process.starts, process.is_working()) == (2, True)


UNABLE_SECONDS = OPTIONS.unable_looks * OPTIONS.renew_seconds


async def test_one_that_is_not_able_any_more_leaves_the_work_to_another(
    run: Run, store: MemoryLeases, clock: FakeClock
) -> None:
    first, second = Process("a", store, clock), Process("b", store, clock)
    await run(first.run)
    await run(second.run)
    await clock.advance(1)
    first.is_able = False
    await clock.advance(UNABLE_SECONDS - 1)
    assert not first.is_working()
    await clock.advance(OPTIONS.renew_seconds)
    assert second.is_working()
    # The first still knows who does it, and does not take it back once it is able again.
    await clock.advance(OPTIONS.renew_seconds)
    assert first.lease.holder == "b"
    first.is_able = True
    await clock.advance(60)
    assert (first.starts, second.starts, second.is_working()) == (1, 1, True)


async def test_not_to_be_able_for_a_moment_stops_nothing(run: Run, store: MemoryLeases, clock: FakeClock) -> None:
    process = Process("a", store, clock)
    await run(process.run)
    for _ in range(3):
        process.is_able = False
        await clock.advance(UNABLE_SECONDS - OPTIONS.renew_seconds)
        process.is_able = True
        await clock.advance(OPTIONS.renew_seconds)
    assert (process.starts, process.is_working()) == (1, True)


async def test_while_nobody_is_able_nobody_works_and_everybody_says_so(
    run: Run, store: MemoryLeases, clock: FakeClock
) -> None:
    processes = [Process(name, store, clock) for name in ("a", "b")]
    for process in processes:
        await run(process.run)
        process.is_able = False
    await clock.advance(60)
    assert [process.is_working() for process in processes] == [False, False]
    for process in processes:
        with pytest.raises(RuntimeError, match="nobody does the background work"):
            await process.lease.check()
        process.is_able = True
    await clock.advance(OPTIONS.renew_seconds)
    assert [process.is_working() for process in processes].count(True) == 1
    assert sum(process.starts for process in processes) == 2


async def test_one_that_is_not_able_at_the_start_takes_nothing_even_its_own(
    run: Run, store: MemoryLeases, clock: FakeClock
) -> None:
    await store.take("background", "a", OPTIONS.seconds)
    process = Process("a", store, clock)
    process.is_able = False
    await run(process.run)
    await clock.advance(OPTIONS.renew_seconds)
    assert (process.starts, process.lease.holder) == (0, "")


async def test_one_that_was_overtaken_while_it_stood_still_stops(
    run: Run, store: MemoryLeases, clock: FakeClock
) -> None:
    process = Process("a", store, clock)
    await run(process.run)
    await store.release("background", "a")
    await store.take("background", "b", OPTIONS.seconds)
    await clock.advance(OPTIONS.renew_seconds)
    assert not process.is_working()
    await clock.advance(OPTIONS.renew_seconds)
    assert process.lease.holder == "b"


async def test_a_lease_regained_under_a_new_term_begins_the_work_anew(
    run: Run, store: MemoryLeases, clock: FakeClock
) -> None:
    process = Process("a", store, clock)
    await run(process.run)
    await store.release("background", "a")
    await store.take("background", "b", 0)
    await clock.advance(3 * OPTIONS.renew_seconds)
    assert (process.starts, process.is_working()) == (2, True)


async def test_work_that_crashes_is_said_and_taken_up_again(
    run: Run, store: MemoryLeases, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    process = Process("a", store, clock)
    await run(process.run)
    assert process.crash is not None
    process.crash.set_exception(RuntimeError("broken"))
    await settle()
    assert "the background work crashed" in caplog.text
    await clock.advance(OPTIONS.renew_seconds)
    assert process.starts == 2


async def test_a_stop_does_not_wait_for_a_database_that_hangs(store: MemoryLeases, clock: FakeClock) -> None:
    process = Process("a", store, clock)
    running = asyncio.create_task(process.run())
    await settle()
    store.release = partial(_never, store)  # type: ignore[method-assign] # a double that hangs in one place
    running.cancel()
    await settle()
    assert not process.is_working()
    await clock.advance(OPTIONS.release_seconds)
    assert running.done()


async def _never(store: MemoryLeases, name: str, holder: str) -> None:
    await asyncio.Event().wait()
