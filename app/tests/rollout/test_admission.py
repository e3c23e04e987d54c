"""Those that come at once ask together, and each gets its own answer."""

from __future__ import annotations

import asyncio

import pytest
from app.tests.services.fakes import settle

from meschain.auth.throttle import Throttled
from meschain.rollout.admission import Admission


class Permits:
    """So many are left; answers when it is told to."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.asked: list[int] = []
        self.may_answer = asyncio.Event()

    async def take(self, wanted: int, limit: int) -> int:
        assert limit == 400
        self.asked.append(wanted)
        await self.may_answer.wait()
        given = min(wanted, self.left)
        self.left -= given
        return given


async def test_a_crowd_is_few_questions_and_the_first_are_let_through() -> None:
    permits = Permits(left=4)
    admission = Admission(permits, 400)
    coming = [asyncio.create_task(admission.enter()) for _ in range(6)]
    await settle()
    permits.may_answer.set()
    outcomes = await asyncio.gather(*coming, return_exceptions=True)
    assert [isinstance(each, Throttled) for each in outcomes] == [False] * 4 + [True] * 2
    assert permits.asked == [1, 5]


async def test_who_goes_away_leaves_its_answer_to_nobody() -> None:
    permits = Permits(left=2)
    admission = Admission(permits, 400)
    first, second = (asyncio.create_task(admission.enter()) for _ in range(2))
    await settle()
    second.cancel()
    await settle()
    permits.may_answer.set()
    await first
    assert second.cancelled()
    permits.left = 0
    with pytest.raises(Throttled):
        await admission.enter()
