"""What people may do with a plan: each change is a version, audited, and never one over another's."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from app.tests.rollout.memory import MemoryPlaced, MemoryPlans, MemoryReports
from app.tests.services.fakes import FakeClock, MemoryAudit

from meschain.domain.rollout import Plan, PlanState
from meschain.rollout.plans import MOST_CHOSEN, Rollout
from meschain.services.rollout_ports import Choice, PlanChanged, PlanRefused


async def test_the_dial_goes_up_and_back_and_the_audit_knows_who(
    rollout: Rollout, plans: MemoryPlans, audit: MemoryAudit
) -> None:
    await rollout.start("own:1", choice=Choice(roles=("admin",)), shadow=True)
    for _ in range(3):
        await rollout.advance("own:1")
    await rollout.hold("own:2", "a doubt")
    await rollout.advance("own:1", percent=10)
    await rollout.roll_back("guard", "it fails")
    told = [(plan.version, plan.state.value, plan.percent, plan.changed_by, plan.reason) for plan in plans.versions]
    assert told == [
        (1, "running", 0, "own:1", ""),
        (2, "running", 1, "own:1", ""),
        (3, "running", 5, "own:1", ""),
        (4, "running", 25, "own:1", ""),
        (5, "held", 25, "own:2", "a doubt"),
        (6, "running", 10, "own:1", ""),
        (7, "rolled_back", 10, "guard", "it fails"),
    ]
    assert {(plan.roles, plan.salt, plan.shadow) for plan in plans.versions} == {
        (("admin",), plans.versions[0].salt, True)
    }
    assert [row.action for row in audit.rows] == ["rollout.start", *["rollout.advance"] * 3, *LAST]
    assert (await rollout.status()).plan == plans.versions[-1]
    assert await rollout.history(2) == plans.versions[:-3:-1]


LAST = ["rollout.hold", "rollout.advance", "rollout.rollback"]


async def test_another_roll_out_has_another_order_of_users(rollout: Rollout, plans: MemoryPlans) -> None:
    await rollout.start("own:1")
    with pytest.raises(PlanRefused, match="under way"):
        await rollout.start("own:1")
    await rollout.roll_back("own:1")
    await rollout.start("own:1", percent=5)
    assert plans.versions[0].salt != plans.versions[-1].salt
    assert plans.versions[-1].version == 3


@pytest.mark.parametrize(
    ("percent", "choice", "reason"),
    [
        (101, Choice(), "from 0 to 100"),
        (-1, Choice(), "from 0 to 100"),
        (0, Choice(roles=("boss",)), "no role 'boss'"),
        (0, Choice(marketplaces=("mars",)), "no marketplace"),
        (0, Choice(user_ids=("own:1",) * (MOST_CHOSEN + 1)), "at most"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    rollout: Rollout, plans: MemoryPlans, percent: int, choice: Choice, reason: str
) -> None:
    with pytest.raises(PlanRefused, match=reason):
        await rollout.start("own:1", percent=percent, choice=choice)
    assert plans.versions == []


async def test_without_a_green_side_or_a_start_there_is_nothing_to_turn(
    rollout: Rollout, plans: MemoryPlans, placed: MemoryPlaced, audit: MemoryAudit, clock: FakeClock
) -> None:
    alone = Rollout(plans=plans, connections=placed, reports=MemoryReports(), audit=audit, clock=clock, has_green=False)
    with pytest.raises(PlanRefused, match="MESCHAIN_GREEN_SIGNALR"):
        await alone.start("own:1")
    for change in (rollout.advance("own:1"), rollout.hold("own:1"), rollout.roll_back("own:1")):
        with pytest.raises(PlanRefused, match="start one"):
            await change
    assert audit.rows == []


async def test_who_looked_at_an_older_plan_has_to_look_again(rollout: Rollout) -> None:
    first = await rollout.start("own:1")
    await rollout.advance("own:2", version=first.version)
    with pytest.raises(PlanChanged, match="version 2"):
        await rollout.advance("own:1", percent=100, version=first.version)
    with pytest.raises(PlanChanged):
        await rollout.hold("own:1", version=first.version)
    await rollout.roll_back("own:1")
    with pytest.raises(PlanChanged):
        await rollout.start("own:1", version=1)


async def test_a_rollback_wins_over_whatever_is_decided_at_the_same_moment(
    plans: MemoryPlans, placed: MemoryPlaced, audit: MemoryAudit, clock: FakeClock
) -> None:
    class Slow(MemoryPlans):
        """Somebody else's change comes in between reading and writing, once."""

        async def add(self, plan: Plan) -> bool:
            if plan.state is PlanState.ROLLED_BACK and len(self.versions) == 1:
                self.versions.append(replace(plan, state=PlanState.RUNNING, percent=100))
            await asyncio.sleep(0)
            return await super().add(plan)

    slow = Slow()
    rollout = Rollout(plans=slow, connections=placed, reports=MemoryReports(), audit=audit, clock=clock, has_green=True)
    await rollout.start("own:1")
    assert (await rollout.roll_back("own:1")).version == 3
    assert [plan.state.value for plan in slow.versions] == ["running", "running", "rolled_back"]
