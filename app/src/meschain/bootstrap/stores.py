"""Our own tables behind the ports of the services and of log-in."""

from __future__ import annotations

from dataclasses import dataclass, replace

from meschain.services.options import AlertOutboxOptions, Kept, RetentionOptions
from meschain.services.ports import Clock, Prunable
from meschain.services.retention import Retention
from meschain.settings import Settings
from meschain.state.accounts import SqlAccountStore
from meschain.state.activity import SqlActivityStore
from meschain.state.alert_outbox import SqlAlertOutbox
from meschain.state.alerts import SqlAlertBook
from meschain.state.api_keys import SqlApiKeyStore
from meschain.state.attendance import SqlAttendanceStore
from meschain.state.audiences import SqlAudienceStore
from meschain.state.audit import SqlAuditStore
from meschain.state.connections import SqlConnectionStore
from meschain.state.cursors import SqlCursorStore
from meschain.state.database import Database
from meschain.state.events import SqlEventStore
from meschain.state.groups import SqlGroupStore
from meschain.state.inbox import SqlInboxStore
from meschain.state.leases import SqlLeaseStore
from meschain.state.legacy_absences import SqlAbsenceStore
from meschain.state.legacy_recalls import SqlRecallStore
from meschain.state.legacy_use import SqlLegacyUseStore
from meschain.state.login_sessions import SqlLoginSessionStore
from meschain.state.notifications import SqlNotificationStore
from meschain.state.publications import SqlPublicationStore
from meschain.state.rollout_ends import SqlPlacedEnds
from meschain.state.rollout_permits import SqlConnectPermits
from meschain.state.rollout_plans import SqlPlanStore, SqlReportStore
from meschain.state.rollout_sides import SqlCountStore, SqlPlacedConnections
from meschain.state.sign_in_tickets import SqlTicketStore
from meschain.state.sync_jobs import SqlSyncJobStore
from meschain.state.sync_moments import SqlSyncMoments
from meschain.state.sync_schedules import SqlSyncScheduleStore


@dataclass(frozen=True, slots=True)
class Stores:
    """One object per table."""

    accounts: SqlAccountStore
    sessions: SqlLoginSessionStore
    notifications: SqlNotificationStore
    groups: SqlGroupStore
    jobs: SqlSyncJobStore
    schedules: SqlSyncScheduleStore
    alerts: SqlAlertBook
    alert_outbox: SqlAlertOutbox
    sync_moments: SqlSyncMoments
    audit: SqlAuditStore
    activity: SqlActivityStore
    cursors: SqlCursorStore
    events: SqlEventStore
    leases: SqlLeaseStore
    connections: SqlConnectionStore
    audiences: SqlAudienceStore
    inbox: SqlInboxStore
    api_keys: SqlApiKeyStore
    publications: SqlPublicationStore
    tickets: SqlTicketStore
    legacy_use: SqlLegacyUseStore
    legacy_absences: SqlAbsenceStore
    legacy_recalls: SqlRecallStore
    plans: SqlPlanStore
    reports: SqlReportStore
    placed: SqlPlacedConnections
    placed_ends: SqlPlacedEnds
    permits: SqlConnectPermits
    counts: SqlCountStore
    attendance: SqlAttendanceStore


def make_stores(database: Database, clock: Clock, *, syncs_per_marketplace: int = 1) -> Stores:
    events = SqlEventStore(database, clock)
    return Stores(
        accounts=SqlAccountStore(database),
        sessions=SqlLoginSessionStore(database),
        notifications=SqlNotificationStore(database, clock),
        groups=SqlGroupStore(database, clock),
        jobs=SqlSyncJobStore(database, events, per_marketplace=syncs_per_marketplace),
        schedules=SqlSyncScheduleStore(database),
        alerts=SqlAlertBook(database),
        alert_outbox=SqlAlertOutbox(database),
        sync_moments=SqlSyncMoments(database),
        audit=SqlAuditStore(database, clock),
        activity=SqlActivityStore(database),
        cursors=SqlCursorStore(database),
        events=events,
        leases=SqlLeaseStore(database),
        connections=SqlConnectionStore(database, clock),
        audiences=SqlAudienceStore(database, clock),
        inbox=SqlInboxStore(database, clock, events),
        api_keys=SqlApiKeyStore(database),
        publications=SqlPublicationStore(database),
        tickets=SqlTicketStore(database),
        legacy_use=SqlLegacyUseStore(database),
        legacy_absences=SqlAbsenceStore(database),
        legacy_recalls=SqlRecallStore(database),
        plans=SqlPlanStore(database),
        reports=SqlReportStore(database),
        placed=SqlPlacedConnections(database, clock),
        placed_ends=SqlPlacedEnds(database),
        permits=SqlConnectPermits(database),
        counts=SqlCountStore(database),
        attendance=SqlAttendanceStore(database),
    )


def make_retention(settings: Settings, stores: Stores, clock: Clock) -> Retention:
    """What deletes old rows."""
    options = RetentionOptions()
    tables: dict[str, tuple[Prunable, Kept]] = {
        "alerts": (stores.alerts, options.alerts),
        "activity": (stores.activity, options.activity),
        "audit": (stores.audit, options.audit),
        "notifications": (stores.notifications, options.notifications),
        "sync_jobs": (stores.jobs, options.sync_jobs),
        "webhooks": (stores.inbox, options.webhooks),
        "events": (stores.events, replace(options.events, days=settings.event_hours / 24)),
        "connections": (stores.connections, options.connections),
        "publications": (stores.publications, options.publications),
        "legacy_use": (stores.legacy_use, options.legacy_use),
        "rollout_counts": (stores.counts, options.rollout_counts),
    }
    outbox = AlertOutboxOptions()
    leaving = (stores.alert_outbox, Kept(outbox.give_up_hours / 24, outbox.waiting))
    kept_by_settings = {name: (store, _kept(settings, name, kept)) for name, (store, kept) in tables.items()}
    return Retention({**kept_by_settings, "messages about alerts": leaving}, clock, options)


def _kept(settings: Settings, name: str, kept: Kept) -> Kept:
    """What the settings say of this table, and else the default."""
    return Kept(settings.kept_days.get(name, kept.days), settings.kept_rows.get(name, kept.rows))
