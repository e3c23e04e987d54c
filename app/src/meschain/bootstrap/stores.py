"""Our own tables behind the ports of the services and of log-in."""

from __future__ import annotations

from dataclasses import dataclass

from meschain.services.options import RetentionOptions
from meschain.services.ports import Clock
from meschain.services.retention import Retention
from meschain.state.accounts import SqlAccountStore
from meschain.state.activity import SqlActivityStore
from meschain.state.alerts import SqlAlertStore
from meschain.state.audit import SqlAuditStore
from meschain.state.cursors import SqlCursorStore
from meschain.state.database import Database
from meschain.state.groups import SqlGroupStore
from meschain.state.login_sessions import SqlLoginSessionStore
from meschain.state.notifications import SqlNotificationStore
from meschain.state.sync_jobs import SqlSyncJobStore


@dataclass(frozen=True, slots=True)
class Stores:
    """One object per table."""

    accounts: SqlAccountStore
    sessions: SqlLoginSessionStore
    notifications: SqlNotificationStore
    groups: SqlGroupStore
    jobs: SqlSyncJobStore
    alerts: SqlAlertStore
    audit: SqlAuditStore
    activity: SqlActivityStore
    cursors: SqlCursorStore


def make_stores(database: Database, clock: Clock) -> Stores:
    return Stores(
        accounts=SqlAccountStore(database),
        sessions=SqlLoginSessionStore(database),
        notifications=SqlNotificationStore(database, clock),
        groups=SqlGroupStore(database, clock),
        jobs=SqlSyncJobStore(database),
        alerts=SqlAlertStore(database),
        audit=SqlAuditStore(database, clock),
        activity=SqlActivityStore(database),
        cursors=SqlCursorStore(database),
    )


def make_retention(stores: Stores, clock: Clock) -> Retention:
    """What deletes old rows."""
    days = RetentionOptions()
    return Retention(
        {
            "alerts": (stores.alerts, days.alert_days),
            "activity": (stores.activity, days.activity_days),
            "audit": (stores.audit, days.audit_days),
            "notifications": (stores.notifications, days.notification_days),
            "sync jobs": (stores.jobs, days.sync_job_days),
        },
        clock,
        days,
    )
