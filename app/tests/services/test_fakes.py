"""The stores in memory keep the promises that the services rely on."""

from __future__ import annotations

import pytest
from app.tests.services import store_specs
from app.tests.services.fakes import (
    FakeClock,
    FakeNeighbours,
    MemoryActivity,
    MemoryCursors,
    MemoryEvents,
    MemoryGroups,
    MemoryJobs,
    MemoryLeases,
    MemoryNotifications,
    MemorySchedules,
)
from app.tests.services.neighbour_specs import TOPIC, NeighboursSpec, Talk


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


class TestMemoryEvents(store_specs.EventLogSpec):
    @pytest.fixture
    def store(self, clock: FakeClock) -> MemoryEvents:
        return MemoryEvents(clock)

    @pytest.fixture
    def cursors(self, store: MemoryEvents) -> MemoryCursors:
        return store.cursors


class TestMemoryCursors(store_specs.CursorStoreSpec):
    @pytest.fixture
    def store(self) -> MemoryCursors:
        return MemoryCursors()


class TestMemoryJobs(store_specs.SyncJobStoreSpec):
    @pytest.fixture
    def events(self, clock: FakeClock) -> MemoryEvents:
        return MemoryEvents(clock)

    @pytest.fixture
    def store(self, events: MemoryEvents, clock: FakeClock) -> MemoryJobs:
        return MemoryJobs(clock, events)

    @pytest.fixture
    def roomy(self, events: MemoryEvents, clock: FakeClock) -> MemoryJobs:
        return MemoryJobs(clock, events, per_marketplace=2)


class TestMemorySchedules(store_specs.SyncScheduleStoreSpec):
    @pytest.fixture
    def store(self) -> MemorySchedules:
        return MemorySchedules()


class TestMemoryLeases(store_specs.LeaseStoreSpec):
    @pytest.fixture
    def store(self, clock: FakeClock) -> MemoryLeases:
        return MemoryLeases(clock)


class TestFakeNeighbours(NeighboursSpec):
    @pytest.fixture
    def talk(self) -> Talk:
        heard: list[str] = []
        neighbours = FakeNeighbours(lambda topic, message: heard.append(message) if topic == TOPIC else None)

        def cut_off() -> None:
            neighbours.is_away = True

        return Talk(neighbours, heard_elsewhere=[heard], cut_off=cut_off)
