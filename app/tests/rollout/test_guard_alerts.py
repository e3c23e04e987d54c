"""A roll-back by the guards is told in an alert, once, and one by people is not."""

from __future__ import annotations

import pytest
from app.tests.rollout.memory import MemoryPlans
from app.tests.services.fakes import FakeClock

from meschain.rollout.guard_alerts import MISSED_SECONDS, GuardAlerts
from meschain.rollout.guarding import WHO
from meschain.rollout.plans import Rollout


class Book:
    """Remembers alerts, one for each name."""

    def __init__(self) -> None:
        self.raised: dict[str, tuple[str, str]] = {}
        self.asked = 0
        self.failures = 0

    async def add(self, message: str, level: str, about: str) -> None:
        self.asked += 1
        if self.failures:
            self.failures -= 1
            raise ConnectionError("the database is away")
        self.raised.setdefault(about, (message, level))


async def roll_back(rollout: Rollout, who: str) -> None:
    await rollout.start("own:1", percent=5)
    await rollout.roll_back(who, "connects that failed: 50 % on green, 0 % on blue")


async def test_a_roll_back_of_the_guards_is_told_once_with_its_reason(
    plans: MemoryPlans, rollout: Rollout, clock: FakeClock
) -> None:
    book = Book()
    alerts = GuardAlerts(plans, book.add, clock)
    await alerts.look()
    await roll_back(rollout, "own:1")
    await alerts.look()
    assert book.asked == 0
    await roll_back(rollout, WHO)
    await rollout.start("own:1")  # the roll-back is not the newest version any more
    for _ in range(3):
        await alerts.look()
    assert book.asked == 1
    (alert,) = book.raised.values()
    assert alert == (
        "The roll-out was rolled back by its guards: connects that failed: 50 % on green, 0 % on blue",
        "error",
    )
    await rollout.roll_back(WHO, "once more")
    await alerts.look()
    assert len(book.raised) == 2


async def test_one_that_could_not_be_told_is_told_later_also_by_another_process(
    plans: MemoryPlans, rollout: Rollout, clock: FakeClock
) -> None:
    book = Book()
    await roll_back(rollout, WHO)
    book.failures = 1
    alerts = GuardAlerts(plans, book.add, clock)
    with pytest.raises(ConnectionError):
        await alerts.look()
    await alerts.look()
    await GuardAlerts(plans, book.add, clock).look()
    assert (book.asked, len(book.raised)) == (3, 1)


async def test_one_that_is_long_ago_is_no_news(plans: MemoryPlans, rollout: Rollout, clock: FakeClock) -> None:
    book = Book()
    await roll_back(rollout, WHO)
    await clock.advance(MISSED_SECONDS + 1)
    await GuardAlerts(plans, book.add, clock).look()
    assert book.asked == 0
