"""The stores on our own database, on real databases: the same suites as those in memory, and what is SQL's own."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from app.tests.services import presence_specs, store_specs
from app.tests.services.fakes import START, FakeClock

from meschain.services.connections import ServiceConnections
from meschain.state.activity import SqlActivityStore
from meschain.state.attendance import SqlAttendanceStore
from meschain.state.audiences import SqlAudienceStore
from meschain.state.audit import SqlAuditStore
from meschain.state.connections import SqlConnectionStore
from meschain.state.cursors import SqlCursorStore
from meschain.state.database import Database
from meschain.state.events import SqlEventStore
from meschain.state.groups import SqlGroupStore
from meschain.state.leases import SqlLeaseStore
from meschain.state.notifications import SqlNotificationStore
from meschain.state.sync_jobs import SqlSyncJobStore
from meschain.state.sync_schedules import SqlSyncScheduleStore


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


class TestSqlActivity(store_specs.ActivityStoreSpec):
    @pytest.fixture
    def store(self, opened: Database) -> SqlActivityStore:
        return SqlActivityStore(opened)


class TestSqlNotifications(store_specs.NotificationStoreSpec):
    @pytest.fixture
    def store(self, opened: Database, clock: FakeClock) -> SqlNotificationStore:
        return SqlNotificationStore(opened, clock, pending_limit=self.LIMIT)


class TestSqlGroups(store_specs.GroupStoreSpec):
    @pytest.fixture
    def store(self, opened: Database, clock: FakeClock) -> SqlGroupStore:
        return SqlGroupStore(opened, clock)


class TestSqlCursors(store_specs.CursorStoreSpec):
    @pytest.fixture
    def store(self, opened: Database) -> SqlCursorStore:
        return SqlCursorStore(opened)


class TestSqlEvents(store_specs.EventLogSpec):
    @pytest.fixture
    def store(self, opened: Database, clock: FakeClock) -> SqlEventStore:
        return SqlEventStore(opened, clock)

    @pytest.fixture
    def elsewhere(self, opened: Database, clock: FakeClock) -> SqlEventStore:
        return SqlEventStore(opened, clock)

    @pytest.fixture
    def cursors(self, opened: Database) -> SqlCursorStore:
        return SqlCursorStore(opened)


class TestSqlLeases(store_specs.LeaseStoreSpec):
    @pytest.fixture
    def store(self, opened: Database) -> SqlLeaseStore:
        return SqlLeaseStore(opened)


class TestSqlConnections(store_specs.StoredConnectionsSpec):
    @pytest.fixture
    def store(self, opened: Database, clock: FakeClock) -> SqlConnectionStore:
        return SqlConnectionStore(opened, clock)


class TestSqlWrittenConnections(presence_specs.WrittenConnectionsSpec):
    @pytest.fixture
    def store(self, opened: Database, clock: FakeClock) -> SqlConnectionStore:
        return SqlConnectionStore(opened, clock)


class TestConnectionsOfAService(store_specs.OpenConnectionsSpec):
    @pytest.fixture
    def store(self, opened: Database, clock: FakeClock) -> ServiceConnections:
        stored = SqlConnectionStore(opened, clock)
        return ServiceConnections(stored, stored, clock)


async def test_where_a_service_holds_them_the_last_activity_is_written_at_the_stop(
    opened: Database, clock: FakeClock
) -> None:
    stored = SqlConnectionStore(opened, clock)
    book = ServiceConnections(stored, stored, clock)
    for number in (1, 2):
        await book.opened(store_specs.connection(number))
    await clock.advance(60)
    for number in (1, 2):
        book.active(store_specs.HUB, f"connection-{number}")
    await book.ended(store_specs.HUB, "connection-2")
    await book.close()
    [online] = await stored.online()
    assert online.active_at == START + timedelta(seconds=60)


class TestSqlAttendance(presence_specs.AttendanceStoreSpec):
    @pytest.fixture
    def store(self, opened: Database) -> SqlAttendanceStore:
        return SqlAttendanceStore(opened)


class TestSqlAudit(presence_specs.AuditSpec):
    @pytest.fixture
    def store(self, opened: Database, clock: FakeClock) -> SqlAuditStore:
        return SqlAuditStore(opened, clock)


class TestSqlAudiences(store_specs.AudienceStoreSpec):
    @pytest.fixture
    def store(self, opened: Database, clock: FakeClock) -> SqlAudienceStore:
        return SqlAudienceStore(opened, clock)


class TestSqlSyncJobs(store_specs.SyncJobStoreSpec):
    @pytest.fixture
    def events(self, opened: Database, clock: FakeClock) -> SqlEventStore:
        return SqlEventStore(opened, clock)

    @pytest.fixture
    def store(self, opened: Database, events: SqlEventStore) -> SqlSyncJobStore:
        return SqlSyncJobStore(opened, events)

    @pytest.fixture
    def roomy(self, opened: Database, events: SqlEventStore) -> SqlSyncJobStore:
        return SqlSyncJobStore(opened, events, per_marketplace=2)


class TestSqlSyncSchedules(store_specs.SyncScheduleStoreSpec):
    @pytest.fixture
    def store(self, opened: Database) -> SqlSyncScheduleStore:
        return SqlSyncScheduleStore(opened)


async def test_what_is_stored_survives_a_restart(tmp_path: Path, clock: FakeClock) -> None:
    address = f"sqlite:///{tmp_path}/state.db"
    first = await Database.open(address)
    await SqlNotificationStore(first, clock).add(store_specs.notification(1))
    await SqlCursorStore(first).save("orders", "5")
    await first.close()
    second = await Database.open(address)
    assert await SqlNotificationStore(second, clock).pending("own:1") == [store_specs.notification(1)]
    assert await SqlCursorStore(second).load("orders") == "5"
    await second.close()
