"""The stores in memory keep the promises that the services rely on."""

from __future__ import annotations

import pytest
from app.tests.services import store_specs
from app.tests.services.fakes import (
    FakeClock,
    MemoryActivity,
    MemoryAlerts,
    MemoryCursors,
    MemoryGroups,
    MemoryJobs,
    MemoryNotifications,
)


class TestMemoryAlerts(store_specs.AlertStoreSpec):
    @pytest.fixture
    def store(self) -> MemoryAlerts:
        return MemoryAlerts()


class TestMemoryActivity(store_specs.ActivityStoreSpec):
    @pytest.fixture
    def store(self) -> MemoryActivity:
        return MemoryActivity()


class TestMemoryNotifications(store_specs.NotificationStoreSpec):
    @pytest.fixture
    def store(self, clock: FakeClock) -> MemoryNotifications:
        return MemoryNotifications(limit=self.LIMIT)


class TestMemoryGroups(store_specs.GroupStoreSpec):
    @pytest.fixture
    def store(self, clock: FakeClock) -> MemoryGroups:
        return MemoryGroups()


class TestMemoryCursors(store_specs.CursorStoreSpec):
    @pytest.fixture
    def store(self) -> MemoryCursors:
        return MemoryCursors()


class TestMemoryJobs(store_specs.SyncJobStoreSpec):
    @pytest.fixture
    def store(self) -> MemoryJobs:
        return MemoryJobs()
