"""The doubles keep the promises of what they stand for."""

from __future__ import annotations

import pytest
from app.tests.rollout.memory import MemoryCounts, MemoryPlaced, MemoryPlans, MemoryReports
from app.tests.services import rollout_specs
from app.tests.services.fakes import FakeClock


class TestMemoryPlans(rollout_specs.PlanStoreSpec):
    @pytest.fixture
    def store(self) -> MemoryPlans:
        return MemoryPlans()


class TestMemoryPlaced(rollout_specs.PlacedConnectionsSpec):
    @pytest.fixture
    def store(self, clock: FakeClock) -> MemoryPlaced:
        return MemoryPlaced(clock)


class TestMemoryCounts(rollout_specs.CountStoreSpec):
    @pytest.fixture
    def store(self) -> MemoryCounts:
        return MemoryCounts()


class TestMemoryReports(rollout_specs.ReportStoreSpec):
    @pytest.fixture
    def store(self) -> MemoryReports:
        return MemoryReports()
