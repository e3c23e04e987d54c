"""What the guards see of probes and counts, and what they do about it."""

from __future__ import annotations

from collections import deque

import pytest
from app.tests.rollout.memory import MemoryCounts, MemoryPlans, MemoryReports
from app.tests.services.fakes import FakeClock, MemoryAudit

from meschain.domain.rollout import PlanState, Side
from meschain.rollout.guarding import WHO, Guarding
from meschain.rollout.plans import FIGURES, Rollout
from meschain.rollout.prober import Probe, Prober
from meschain.services.rollout_ports import SideCounts


@pytest.fixture
def prober(clock: FakeClock) -> Prober:
    return Prober({}, lambda side, hub: pytest.fail("no probe was asked for"), clock)


@pytest.fixture
def guarding(
    plans: MemoryPlans,
    rollout: Rollout,
    counts: MemoryCounts,
    reports: MemoryReports,
    prober: Prober,
    clock: FakeClock,
) -> Guarding:
    return Guarding(plans=plans, rollout=rollout, counts=counts, reports=reports, prober=prober, clock=clock)


def probed(prober: Prober, clock: FakeClock, side: Side, *latencies: float | None) -> None:
    probes: deque[Probe] = prober._probes[side]
    probes += [Probe(clock.monotonic(), latency) for latency in latencies]


async def looks(guarding: Guarding, clock: FakeClock, count: int = 2) -> None:
    for _ in range(count):
        await guarding.look()
        await clock.advance(0.1)


async def test_without_a_roll_out_nothing_is_looked_at(guarding: Guarding, reports: MemoryReports) -> None:
    await guarding.look()
    assert not guarding.is_under_way()
    assert reports.contents == {}


async def test_probes_that_fail_roll_back_and_the_audit_says_who(
    guarding: Guarding,
    rollout: Rollout,
    plans: MemoryPlans,
    prober: Prober,
    reports: MemoryReports,
    audit: MemoryAudit,
    clock: FakeClock,
) -> None:
    await rollout.start("own:1", percent=5)
    probed(prober, clock, Side.BLUE, 20, 20, 30, 20)
    probed(prober, clock, Side.GREEN, 20, None, 20, None)
    await looks(guarding, clock)
    plan = await plans.current()
    assert (plan.state, plan.changed_by) == (PlanState.ROLLED_BACK, WHO)
    assert plan.reason == "connects that failed: 50 % on green, 0 % on blue"
    assert audit.rows[-1].action == "rollout.rollback"
    assert reports.contents[FIGURES]["green"] == {"connectsFailed": 50.0, "errors": 0.0, "latencyMs": 0.0}
    assert reports.contents[FIGURES]["blue"] == {"connectsFailed": 0.0, "errors": 0.0, "latencyMs": 30.0}
    await guarding.look()
    assert not guarding.is_under_way()


async def test_clients_that_do_not_arrive_count_as_failed_once_they_had_time(
    guarding: Guarding, rollout: Rollout, plans: MemoryPlans, counts: MemoryCounts, clock: FakeClock
) -> None:
    await rollout.start("own:1", percent=50)
    second = int(clock.now().timestamp())
    await counts.add("one", second, {Side.GREEN: SideCounts(negotiated=100, connected=30)})
    await looks(guarding, clock)
    assert (await plans.current()).state is PlanState.RUNNING
    await clock.advance(3)
    await counts.add("two", second + 2, {Side.GREEN: SideCounts(connected=20)})
    await looks(guarding, clock)
    assert (await plans.current()).state is PlanState.ROLLED_BACK


async def test_half_of_a_steady_stream_that_fails_is_seen_as_half(
    guarding: Guarding, rollout: Rollout, counts: MemoryCounts, reports: MemoryReports, clock: FakeClock
) -> None:
    await rollout.start("own:1", percent=50)
    start = int(clock.now().timestamp())
    for second in range(-12, 13):
        await counts.add("one", start + second, {Side.GREEN: SideCounts(negotiated=10, connected=5)})
    await guarding.look()
    assert reports.contents[FIGURES]["green"] == {"connectsFailed": 50.0, "errors": 0.0, "latencyMs": 0.0}


@pytest.mark.parametrize("delay", [-1, 0, 1, 2, 3], ids=lambda delay: f"{delay} s later")
@pytest.mark.parametrize("seconds", [1, 3, 5, 6, 12], ids=lambda seconds: f"{seconds} s of clients")
async def test_clients_that_all_arrive_are_no_failure_at_any_moment(
    guarding: Guarding,
    rollout: Rollout,
    plans: MemoryPlans,
    counts: MemoryCounts,
    reports: MemoryReports,
    clock: FakeClock,
    seconds: int,
    delay: int,
) -> None:
    await rollout.start("own:1", percent=50)
    start = int(clock.now().timestamp()) + 1
    for second in range(start, start + seconds):
        await counts.add("negotiate", second, {Side.GREEN: SideCounts(negotiated=20)})
        await counts.add("hubs", second + delay, {Side.GREEN: SideCounts(connected=20)})
    for _ in range(seconds + 12):
        await guarding.look()
        assert reports.contents[FIGURES]["green"] == {"connectsFailed": 0.0, "errors": 0.0, "latencyMs": 0.0}
        await clock.advance(1)
    assert (await plans.current()).state is PlanState.RUNNING


async def test_slow_or_failing_sends_hold_and_an_advance_is_judged_anew(
    guarding: Guarding,
    rollout: Rollout,
    plans: MemoryPlans,
    counts: MemoryCounts,
    prober: Prober,
    clock: FakeClock,
) -> None:
    await rollout.start("own:1", percent=50)
    probed(prober, clock, Side.GREEN, 1_300, 1_310, 1_320, 1_330)
    probed(prober, clock, Side.BLUE, 10, 10, 10, 10)
    await looks(guarding, clock)
    held = await plans.current()
    assert (held.state, held.changed_by) == (PlanState.HELD, WHO)
    await looks(guarding, clock)
    assert await plans.current() == held
    await rollout.advance("own:1", percent=50)
    await looks(guarding, clock, 1)
    assert (await plans.current()).state is PlanState.RUNNING
    await clock.advance(6)
    second = int(clock.now().timestamp())
    await counts.add("one", second, {Side.GREEN: SideCounts(sends=100, failed_sends=50)})
    await looks(guarding, clock)
    assert (await plans.current()).state is PlanState.ROLLED_BACK


async def test_at_0_percent_it_measures_and_does_nothing(
    guarding: Guarding, rollout: Rollout, plans: MemoryPlans, prober: Prober, reports: MemoryReports, clock: FakeClock
) -> None:
    await rollout.start("own:1")
    probed(prober, clock, Side.GREEN, None, None, None, None)
    await looks(guarding, clock, 5)
    assert guarding.is_under_way()
    assert (await plans.current()).version == 1
    assert "green" in reports.contents[FIGURES]


async def test_one_that_only_watches_says_what_it_would_do(
    plans: MemoryPlans,
    rollout: Rollout,
    counts: MemoryCounts,
    reports: MemoryReports,
    prober: Prober,
    clock: FakeClock,
) -> None:
    watching = Guarding(
        plans=plans, rollout=rollout, counts=counts, reports=reports, prober=prober, clock=clock, acts=False
    )
    await rollout.start("own:1", percent=5)
    probed(prober, clock, Side.GREEN, None, None, None, None)
    await looks(watching, clock)
    assert (await plans.current()).version == 1
    assert "100 % on green" in str(reports.contents[FIGURES]["guard"])
