"""What the parts of a roll-out work on."""

from __future__ import annotations

import pytest
from app.tests.rollout.memory import MemoryCounts, MemoryPlaced, MemoryPlans, MemoryReports
from app.tests.services.fakes import FakeClock, MemoryAudit

from meschain.rollout.plans import Rollout


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def plans() -> MemoryPlans:
    return MemoryPlans()


@pytest.fixture
def placed(clock: FakeClock) -> MemoryPlaced:
    return MemoryPlaced(clock)


@pytest.fixture
def counts() -> MemoryCounts:
    return MemoryCounts()


@pytest.fixture
def reports() -> MemoryReports:
    return MemoryReports()


@pytest.fixture
def audit() -> MemoryAudit:
    return MemoryAudit()


@pytest.fixture
def rollout(
    plans: MemoryPlans, placed: MemoryPlaced, reports: MemoryReports, audit: MemoryAudit, clock: FakeClock
) -> Rollout:
    return Rollout(plans=plans, connections=placed, reports=reports, audit=audit, clock=clock, has_green=True)
