"""One process of a load test inside of a test: led through its phases, and asked what it has counted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from hubwire.cli.bench.scenario import Scenario
from hubwire.cli.bench.traffic import Begin, Counts, Farewell, Finish, Go, Progress, Ready, Report
from hubwire.cli.bench.worker import Worker

T = TypeVar("T")

TIMEOUT_SECONDS = 30.0
RUN = "0123abcd"
_NS = 1_000_000_000


@dataclass
class Driven:
    """A worker and what it has reported."""

    worker: Worker
    scenario: Scenario
    reports: list[Report] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, report: Report) -> None:
        self.reports.append(report)
        self.news.set()

    async def until_ready(self) -> Ready:
        """Every connection is there or has failed."""
        return await self._until(Ready)

    def go(self) -> None:
        """Send for as long as the scenario says."""
        now = time.monotonic_ns()
        start = now + int(self.scenario.warmup * _NS)
        self.worker.receive(Go(now, start, start + int(self.scenario.duration * _NS)))

    async def until_progress(self, **least: int) -> Progress:
        """Return the first report with such counts."""
        while True:
            for report in self.reports:
                if isinstance(report, Progress) and all(
                    getattr(report.counts, name) >= count for name, count in least.items()
                ):
                    return report
            await self._news()

    async def until_sent(self) -> None:
        """The measured time is over, and everything is sent."""
        await self.until_arrived(0)

    async def until_arrived(self, count: int) -> None:
        """Everything is sent, and so much has arrived."""
        while True:
            last = [report for report in self.reports if isinstance(report, Progress) and report.has_sent][-1:]
            if last and last[0].counts.measured_received >= count:
                return
            await self._news()

    async def farewell(self) -> Farewell:
        """End it."""
        self.worker.receive(Finish())
        return await self._until(Farewell)

    async def _until(self, kind: type[T]) -> T:
        while True:
            for report in self.reports:
                if isinstance(report, kind):
                    return report
            await self._news()

    async def _news(self) -> None:
        self.news.clear()
        await self.news.wait()


@asynccontextmanager
async def driven(scenario: Scenario) -> AsyncIterator[Driven]:
    """A worker that begins to connect."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        reports: list[Report] = []
        holder: list[Driven] = []
        worker = Worker(scenario, 0, RUN, lambda report: holder[0].take(report) if holder else reports.append(report))
        drive = Driven(worker, scenario, reports)
        holder.append(drive)
        running = asyncio.create_task(worker.run())
        await drive._news()  # its hello
        worker.receive(Begin(time.monotonic_ns()))
        try:
            yield drive
        finally:
            worker.receive(Finish())
            await running


async def carried_out(scenario: Scenario, expected_per_sent: int) -> tuple[Counts, Farewell]:
    """Carry a load out to its end and return what was counted.

    Args:
        expected_per_sent: arrivals that each message or call should lead to.
    """
    async with driven(scenario) as drive:
        await drive.until_ready()
        drive.go()
        beats = round(scenario.rate * scenario.duration) * scenario.sender_count
        await drive.until_arrived(beats * expected_per_sent)
        farewell = await drive.farewell()
    return farewell.last.counts, farewell
