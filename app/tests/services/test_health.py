from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from app.tests.services.conftest import Run
from app.tests.services.fakes import FakeClock, FakeShop

from meschain.services.health import HealthMonitor, HealthReading, database_health
from meschain.services.options import HealthOptions
from meschain.services.ports import ShopUnavailable

OPTIONS = HealthOptions()


@dataclass
class FakeProbe:
    name: str
    answer: str | Exception = "healthy"
    hangs: bool = False
    checks: int = 0

    async def check(self) -> str:
        self.checks += 1
        if self.hangs:
            await asyncio.Event().wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def test_without_probes_health_is_unknown_and_has_no_source(clock: FakeClock) -> None:
    monitor = HealthMonitor((), clock)
    await monitor.check()
    assert monitor.api_health() == HealthReading("unknown", "none")


async def test_before_the_first_answers_health_is_unknown(clock: FakeClock) -> None:
    assert HealthMonitor((FakeProbe("shop"),), clock).api_health() == HealthReading("unknown", "none")


@pytest.mark.parametrize(
    ("answers", "status", "source"),
    [
        (["healthy"], "healthy", "1 probe"),
        (["healthy", "healthy"], "healthy", "2 probes"),
        (["healthy", "warning"], "warning", "2 probes: p1"),
        (["error", "warning", "healthy"], "error", "3 probes: p0, p1"),
        (["healthy", ConnectionError("x")], "error", "2 probes: p1"),
        (["splendid"], "warning", "1 probe: p0"),
    ],
)
async def test_the_worst_answer_counts(
    clock: FakeClock, answers: list[str | Exception], status: str, source: str
) -> None:
    monitor = HealthMonitor([FakeProbe(f"p{n}", answer) for n, answer in enumerate(answers)], clock)
    await monitor.check()
    assert monitor.api_health() == HealthReading(status, source)


async def test_a_probe_that_hangs_is_an_error_and_does_not_hold_up_the_others(clock: FakeClock) -> None:
    monitor = HealthMonitor((FakeProbe("slow", hangs=True), FakeProbe("quick")), clock)
    checking = asyncio.create_task(monitor.check())
    await clock.advance(OPTIONS.probe_timeout_seconds)
    await checking
    assert monitor.api_health() == HealthReading("error", "2 probes: slow")


async def test_probes_run_at_the_interval(clock: FakeClock, run: Run) -> None:
    probe = FakeProbe("shop")
    await run(HealthMonitor((probe,), clock).run)
    assert probe.checks == 1
    await clock.advance(OPTIONS.interval_seconds * 2)
    assert probe.checks == 3


@pytest.mark.parametrize(
    ("latency", "status"),
    [
        (0.001, "healthy"),
        (OPTIONS.database_slow_seconds - 0.001, "healthy"),
        (OPTIONS.database_slow_seconds, "warning"),
    ],
)
async def test_the_database_is_judged_by_its_latency(clock: FakeClock, latency: float, status: str) -> None:
    shop = FakeShop()
    shop.latency = latency
    reading = await database_health(shop, clock, 5)
    assert (reading.status, reading.latency_milliseconds) == (status, round(latency * 1000, 2))


@pytest.mark.parametrize("error", [ShopUnavailable("away"), OSError("odd")])
async def test_a_database_that_does_not_answer_is_an_error(clock: FakeClock, error: Exception) -> None:
    shop = FakeShop()
    shop.error = error
    reading = await database_health(shop, clock, 5)
    assert (reading.status, reading.latency_source) == ("error", "none")
