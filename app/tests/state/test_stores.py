"""The stores on our own database, on real databases: the same suites as those in memory, and what is SQL's own."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from app.tests.services import store_specs
from app.tests.services.fakes import START, FakeClock
from sqlalchemy import select

from meschain.state import tables
from meschain.state.activity import SqlActivityStore
from meschain.state.alerts import SqlAlertStore
from meschain.state.audit import SqlAuditStore
from meschain.state.cursors import SqlCursorStore
from meschain.state.database import Database
from meschain.state.groups import SqlGroupStore
from meschain.state.notifications import SqlNotificationStore
from meschain.state.sync_jobs import SqlSyncJobStore


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


class TestSqlAlerts(store_specs.AlertStoreSpec):
    @pytest.fixture
    def store(self, opened: Database) -> SqlAlertStore:
        return SqlAlertStore(opened)


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


class TestSqlSyncJobs(store_specs.SyncJobStoreSpec):
    @pytest.fixture
    def store(self, opened: Database) -> SqlSyncJobStore:
        return SqlSyncJobStore(opened)


async def test_the_audit_keeps_who_did_what_when_with_which_outcome(opened: Database, clock: FakeClock) -> None:
    store = SqlAuditStore(opened, clock)
    await store.add("own:1", "HandleAdminCommand", {"command": "triggerSync", "marketplace": "n11"}, "ok: job 5")
    async with opened.connect() as connection:
        row = (await connection.execute(select(tables.audit))).one()
    assert (row.user_id, row.action, row.outcome, row.done_at) == ("own:1", "HandleAdminCommand", "ok: job 5", START)
    assert row.details == {"command": "triggerSync", "marketplace": "n11"}


async def test_the_audit_is_pruned_by_age(opened: Database, clock: FakeClock) -> None:
    store = SqlAuditStore(opened, clock)
    await store.add("own:1", "old", {}, "ok")
    await clock.advance(86400)
    await store.add("own:1", "new", {}, "ok")
    assert await store.prune(START + timedelta(hours=1)) == 1
    async with opened.connect() as connection:
        assert (await connection.scalars(select(tables.audit.c.action))).all() == ["new"]


async def test_what_is_stored_survives_a_restart(tmp_path: Path, clock: FakeClock) -> None:
    address = f"sqlite:///{tmp_path}/state.db"
    first = await Database.open(address)
    await SqlNotificationStore(first, clock).add(store_specs.notification(1))
    await SqlCursorStore(first).save("orders", 5)
    await first.close()
    second = await Database.open(address)
    assert await SqlNotificationStore(second, clock).pending("own:1") == [store_specs.notification(1)]
    assert await SqlCursorStore(second).load("orders") == 5
    await second.close()
