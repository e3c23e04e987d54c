from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import datetime, timedelta

from app.tests.services.conftest import Run
from app.tests.services.fakes import START, FakeClock

from meschain.services.options import Kept, RetentionOptions
from meschain.services.retention import Retention


class FakeStore:
    """Deletes as many steps of three rows as a test says, or fails."""

    def __init__(self, error: Exception | None = None, steps: int = 0) -> None:
        self.error = error
        self.pruned: list[tuple[datetime, int]] = []
        self.steps = steps
        self.done = 0

    async def prune(self, before: datetime, keep: int) -> AsyncGenerator[int, None]:
        self.pruned.append((before, keep))
        if self.error is not None:
            raise self.error
        for _ in range(self.steps):
            self.done += 1
            yield 3


async def test_each_store_is_pruned_by_its_own_age_at_every_interval(clock: FakeClock, run: Run) -> None:
    alerts, audit = FakeStore(), FakeStore()
    await run(Retention({"alerts": (alerts, Kept(90, 10)), "audit": (audit, Kept(365, 20))}, clock).run)
    assert alerts.pruned == [(START - timedelta(days=90), 10)]
    assert audit.pruned == [(START - timedelta(days=365), 20)]
    await clock.advance(RetentionOptions().interval_seconds)
    assert len(alerts.pruned) == 2


async def test_a_store_that_fails_does_not_keep_the_others_from_it(clock: FakeClock) -> None:
    broken, well = FakeStore(ConnectionError("away")), FakeStore()
    await Retention({"broken": (broken, Kept(1, 1)), "well": (well, Kept(1, 1))}, clock).prune()
    assert len(well.pruned) == 1


async def test_others_get_to_write_between_two_steps(clock: FakeClock, run: Run) -> None:
    store = FakeStore(steps=3)
    await run(Retention({"alerts": (store, Kept(1, 1))}, clock).prune)
    for done in (1, 2, 3):
        assert store.done == done
        await clock.advance(RetentionOptions().pause_seconds)
