from __future__ import annotations

from datetime import datetime, timedelta

from app.tests.services.conftest import Run
from app.tests.services.fakes import START, FakeClock

from meschain.services.options import RetentionOptions
from meschain.services.retention import Retention


class FakeStore:
    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.pruned: list[datetime] = []

    async def prune(self, before: datetime) -> int:
        self.pruned.append(before)
        if self.error is not None:
            raise self.error
        return 3


async def test_each_store_is_pruned_by_its_own_age_at_every_interval(clock: FakeClock, run: Run) -> None:
    alerts, audit = FakeStore(), FakeStore()
    await run(Retention({"alerts": (alerts, 90), "audit": (audit, 365)}, clock).run)
    assert alerts.pruned == [START - timedelta(days=90)]
    assert audit.pruned == [START - timedelta(days=365)]
    await clock.advance(RetentionOptions().interval_seconds)
    assert len(alerts.pruned) == 2


async def test_a_store_that_fails_does_not_keep_the_others_from_it(clock: FakeClock) -> None:
    broken, well = FakeStore(ConnectionError("away")), FakeStore()
    await Retention({"broken": (broken, 1), "well": (well, 1)}, clock).prune()
    assert len(well.pruned) == 1
