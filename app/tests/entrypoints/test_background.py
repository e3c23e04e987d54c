"""Background work: what crashes is started again, the others go on, and readiness shows it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from app.tests.services.fakes import FakeClock, MemoryLeases, settle

from meschain.entrypoints.background import CALM_SECONDS, FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, background
from meschain.http.health import BackgroundState
from meschain.services.lease import WorkLease
from meschain.services.options import LeaseOptions


class Work:
    """Runs until a test lets it crash or end."""

    def __init__(self) -> None:
        self.starts = 0
        self._outcome: asyncio.Future[None] | None = None

    async def run(self) -> None:
        self.starts += 1
        self._outcome = asyncio.get_running_loop().create_future()
        await self._outcome

    async def crash(self) -> None:
        assert self._outcome is not None
        self._outcome.set_exception(RuntimeError("broken"))
        await settle()

    async def end(self) -> None:
        assert self._outcome is not None
        self._outcome.set_result(None)
        await settle()


async def test_what_crashes_is_started_again_after_a_pause_and_the_others_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock, state, breaking, steady = FakeClock(), BackgroundState(), Work(), Work()
    async with background({"breaking": breaking.run, "steady": steady.run}, state, clock):
        await settle()
        await state.check()
        await breaking.crash()
        assert state.stopped == ("breaking",)
        with pytest.raises(RuntimeError, match="breaking"):
            await state.check()
        assert "background work breaking crashed" in caplog.text
        await clock.advance(FIRST_PAUSE_SECONDS)
        assert (breaking.starts, steady.starts) == (2, 1)
        await state.check()


async def test_work_that_ends_is_started_again_too() -> None:
    clock, state, work = FakeClock(), BackgroundState(), Work()
    async with background({"work": work.run}, state, clock):
        await settle()
        await work.end()
        assert state.stopped == ("work",)
        await clock.advance(FIRST_PAUSE_SECONDS)
        assert work.starts == 2


async def test_the_pause_doubles_up_to_its_limit_and_begins_anew_after_a_calm_time() -> None:
    clock, state, work = FakeClock(), BackgroundState(), Work()
    async with background({"work": work.run}, state, clock):
        await settle()
        for pause in (1, 2, 4, 8, 16, LONGEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS):
            await work.crash()
            starts = work.starts
            await clock.advance(pause - 0.5)
            assert work.starts == starts
            await clock.advance(0.5)
            assert work.starts == starts + 1
        await clock.advance(CALM_SECONDS)
        await work.crash()
        starts = work.starts
        await clock.advance(FIRST_PAUSE_SECONDS)
        assert work.starts == starts + 1


async def test_the_end_of_the_block_cancels_everything() -> None:
    clock, work = FakeClock(), Work()
    async with background({"work": work.run}, BackgroundState(), clock):
        await settle()
    assert work._outcome is not None
    assert work._outcome.cancelled()


async def test_exclusive_work_runs_where_the_lease_is_and_is_gone_from_readiness_elsewhere() -> None:
    clock, steady, only = FakeClock(), Work(), Work()
    store, first, second = MemoryLeases(clock), BackgroundState(), BackgroundState()
    async with AsyncExitStack() as stack:
        for name, state in (("a", first), ("b", second)):
            lease = WorkLease(store, name, clock)
            exclusive = {"only": only.run}
            await stack.enter_async_context(
                background({"steady": steady.run}, state, clock, exclusive=exclusive, lease=lease)
            )
            await settle()
        await clock.advance(60)
        assert (steady.starts, only.starts) == (2, 1)
        await only.crash()
        assert (first.stopped, second.stopped) == (("only",), ())
        # Overtaken while it waits for the next start: what does not run here is nothing to wait for.
        await store.release("background", "a")
        await store.take("background", "c", LeaseOptions().seconds)
        await clock.advance(LeaseOptions().renew_seconds)
        await first.check()


async def test_the_end_of_the_block_gives_the_lease_back() -> None:
    clock, work = FakeClock(), Work()
    store = MemoryLeases(clock)
    lease = WorkLease(store, "a", clock)
    async with background({}, BackgroundState(), clock, exclusive={"work": work.run}, lease=lease):
        await settle()
        assert lease.is_held
    seen = await store.look("background")
    assert seen is not None
    assert seen.holder == ""


async def test_nothing_started_is_not_ready() -> None:
    with pytest.raises(RuntimeError, match="no background work"):
        await BackgroundState().check()
