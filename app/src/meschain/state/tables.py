"""The tables of our own state, in SQLAlchemy Core. Knows no query and no database in particular.

Their prefix is `mc_`, so that they can share a database with a shop. Text is compared byte by byte on every database;
what is to be found without regard to case has a column of its own in folded form. Moments are UTC with microseconds.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.dialects import mysql


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment, stored as UTC without a zone: the three databases disagree on what a zone means."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> object:  # type: ignore[override] # the stub's TypeEngine[Any] is not exported
        if dialect.name == "mysql":
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(DateTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("A moment without a zone was to be stored; make it aware, in UTC.")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)

VERSION_TABLE: Final = "mc_schema_version"
"""Alembic's, under a name of ours, because the database may also hold a shop or another program that uses Alembic."""

_ID: Final = 64
"""Ids are ours: UUIDs, or a prefix and one."""
_NAME: Final = 190
"""User ids and names. Two of them and an id fit MySQL's 3,072 bytes for an index in utf8mb4."""
_WORD: Final = 32
"""A code or a status."""

# Any: the dialects' own arguments, which SQLAlchemy takes untyped.
_MYSQL: Final[dict[str, Any]] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}


def _sequence() -> Column[int]:
    """The order in which rows came. SQLite counts by itself in columns that are exactly INTEGER only."""
    return Column("sequence", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True)


accounts: Final = Table(
    "mc_accounts",
    metadata,
    Column("id", String(_ID), primary_key=True),
    Column("source", String(_WORD), nullable=False),
    Column("username", String(_NAME), nullable=False),
    Column("username_key", String(_NAME), nullable=False),
    Column("name", String(_NAME), nullable=False),
    Column("role", String(_WORD), nullable=False),
    Column("marketplaces", JSON, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("password_hash", String(255)),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("source", "username_key"),
    **_MYSQL,
)

login_sessions: Final = Table(
    "mc_login_sessions",
    metadata,
    Column("id", String(_ID), primary_key=True),
    Column("user_id", String(_NAME), nullable=False, index=True),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
    Column("revoked", Boolean, nullable=False),
    **_MYSQL,
)

notifications: Final = Table(
    "mc_notifications",
    metadata,
    _sequence(),
    Column("id", String(_ID), nullable=False, unique=True),
    Column("user_id", String(_NAME), nullable=False),
    Column("title", String(255), nullable=False),
    Column("message", Text, nullable=False),
    Column("type", String(_WORD), nullable=False),
    Column("duration", Integer, nullable=False),
    Column("persistent", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("acknowledged_at", UtcDateTime),
    Column("sent_at", UtcDateTime),
    Index(None, "user_id", "acknowledged_at", "sequence"),
    # The timer asks for those that never went out, every few seconds; they are few among many.
    Index(None, "sent_at", "acknowledged_at", "user_id"),
    **_MYSQL,
)

user_groups: Final = Table(
    "mc_user_groups",
    metadata,
    Column("hub", String(_ID), primary_key=True),
    Column("user_id", String(_NAME), primary_key=True),
    Column("group_name", String(_NAME), primary_key=True),
    Column("joined_at", UtcDateTime, nullable=False),
    **_MYSQL,
)

sync_jobs: Final = Table(
    "mc_sync_jobs",
    metadata,
    _sequence(),
    Column("id", String(_ID), nullable=False, unique=True),
    Column("marketplace", String(_WORD), nullable=False),
    # The marketplace while the job is queued or running, with a number where it may have several, else NULL: unique,
    # so that two requests at once make one job.
    Column("active_marketplace", String(_WORD), unique=True),
    Column("status", String(_WORD), nullable=False),
    Column("requested_by", String(_NAME), nullable=False),
    Column("progress", Double, nullable=False),
    Column("processed", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("message", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    # Of the run that holds the job; it changes with each claim, so that a run that was overtaken stores nothing.
    Column("report_token_hash", String(64), nullable=False),
    Column("worker", String(_ID), nullable=False),
    # Seconds since 1970 by the database's own clock; 0: whoever asks may take it.
    Column("lease_until", Double, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("cancel_requested_by", String(_NAME), nullable=False),
    Index(None, "status", "sequence"),
    Index(None, "marketplace", "sequence"),
    Index(None, "finished_at"),
    **_MYSQL,
)

sync_schedules: Final = Table(
    "mc_sync_schedules",
    metadata,
    Column("marketplace", String(_WORD), primary_key=True),
    # 0: never; `next_at` is NULL then.
    Column("every_minutes", Integer, nullable=False),
    Column("next_at", UtcDateTime),
    Column("set_by", String(_NAME), nullable=False),
    **_MYSQL,
)

alerts: Final = Table(
    "mc_alerts",
    metadata,
    _sequence(),
    # Ids of published ones hold the publisher's own.
    Column("id", String(_NAME), nullable=False, unique=True),
    Column("message", Text, nullable=False),
    Column("level", String(_WORD), nullable=False),
    # The name of whoever raised it, for people.
    Column("source", String(255), nullable=False),
    Column("raised_at", UtcDateTime, nullable=False),
    Column("origin", String(_WORD), nullable=False),
    Column("rule", String(_WORD), nullable=False),
    Column("state", String(_WORD), nullable=False),
    Column("value", Double),
    Column("threshold", Double),
    Column("unit", String(_WORD), nullable=False),
    Column("acknowledged_by", String(255), nullable=False),
    Column("acknowledged_at", UtcDateTime),
    Column("resolved_at", UtcDateTime),
    # Whether the pages were told of its present state.
    Column("is_told", Boolean, nullable=False),
    Index(None, "is_told", "sequence"),
    **_MYSQL,
)

alert_rules: Final = Table(
    "mc_alert_rules",
    metadata,
    Column("name", String(_WORD), primary_key=True),
    # Of the alert that stands; empty: none does.
    Column("alert_id", String(_NAME), nullable=False),
    Column("since", UtcDateTime),
    Column("fired_at", UtcDateTime),
    Column("is_known", Boolean, nullable=False),
    Column("value", Double),
    Column("silenced_until", UtcDateTime),
    Column("silenced_by", String(255), nullable=False),
    Column("silence_reason", String(255), nullable=False),
    **_MYSQL,
)

alert_outbox: Final = Table(
    "mc_alert_outbox",
    metadata,
    _sequence(),
    # Made of the alert, what happened to it and the channel, so that nothing is sent twice for one thing.
    Column("id", String(_ID), nullable=False, unique=True),
    Column("channel", String(_ID), nullable=False),
    Column("content", JSON, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", UtcDateTime, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index(None, "channel", "sequence"),
    **_MYSQL,
)

audit: Final = Table(
    "mc_audit",
    metadata,
    _sequence(),
    Column("user_id", String(_NAME), nullable=False),
    Column("action", String(_NAME), nullable=False),
    Column("details", JSON, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("done_at", UtcDateTime, nullable=False, index=True),
    Index(None, "user_id", "sequence"),
    Index(None, "action", "sequence"),
    **_MYSQL,
)

activity: Final = Table(
    "mc_activity",
    metadata,
    _sequence(),
    Column("event_id", String(_ID), nullable=False, unique=True),
    Column("kind", String(_WORD), nullable=False),
    Column("user_name", String(255), nullable=False),
    Column("text", Text, nullable=False),
    Column("details", JSON, nullable=False),
    Column("occurred_at", UtcDateTime, nullable=False),
    **_MYSQL,
)

cursors: Final = Table(
    "mc_cursors",
    metadata,
    Column("name", String(_ID), primary_key=True),
    # Each watcher's own writing: a number, or where a log of the shop's database was read to.
    Column("position", Text, nullable=False),
    **_MYSQL,
)

events: Final = Table(
    "mc_events",
    metadata,
    # Counted by `event_head` and not by the database, which gives out numbers before their rows can be seen.
    Column("position", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=False),
    Column("event_id", String(_NAME), nullable=False, unique=True),
    Column("kind", String(_WORD), nullable=False),
    Column("event_key", String(_NAME), nullable=False),
    Column("marketplace", String(_WORD), nullable=False),
    Column("payload", JSON, nullable=False),
    Column("occurred_at", UtcDateTime, nullable=False),
    Column("stored_at", UtcDateTime, nullable=False, index=True),
    **_MYSQL,
)

event_head: Final = Table(
    "mc_event_head",
    metadata,
    # One row, which whoever stores events locks first: so positions have no holes and are seen in their order.
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("position", BigInteger, nullable=False),
    **_MYSQL,
)

leases: Final = Table(
    "mc_leases",
    metadata,
    Column("name", String(_ID), primary_key=True),
    Column("holder", String(_ID), nullable=False),
    Column("term", BigInteger, nullable=False),
    # Seconds since 1970 by the database's own clock; no moment of ours, because machines' clocks differ.
    Column("expires_at", Double, nullable=False),
    **_MYSQL,
)

connections: Final = Table(
    "mc_connections",
    metadata,
    Column("hub", String(_ID), primary_key=True),
    Column("connection_id", String(_NAME), primary_key=True),
    # The log-in behind it; empty: none of ours.
    Column("log_in", String(_ID), nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    # Rows stay for a while after the end, so that an event that comes late does not open the connection again.
    Column("ended_at", UtcDateTime),
    # Who is behind it; empty where an end came without a beginning.
    Column("user_id", String(_NAME), nullable=False),
    Column("user_name", String(_NAME), nullable=False),
    Column("role", String(_WORD), nullable=False),
    # Codes granted to it, joined by commas.
    Column("marketplaces", String(_NAME), nullable=False),
    # NULL in rows that are older than these columns.
    Column("opened_at", UtcDateTime),
    Column("active_at", UtcDateTime),
    # The process that holds it; empty: a service does.
    Column("node", String(_ID), nullable=False),
    Index(None, "log_in", "ended_at"),
    Index(None, "ended_at", "seen_at"),
    Index(None, "node", "ended_at"),
    **_MYSQL,
)

people: Final = Table(
    "mc_people",
    metadata,
    # Who was told of as being there, or is to be; the row goes once it was told that they left.
    Column("user_id", String(_NAME), primary_key=True),
    Column("user_name", String(_NAME), nullable=False),
    Column("role", String(_WORD), nullable=False),
    Column("phase", String(_WORD), nullable=False),
    Column("since", UtcDateTime, nullable=False),
    # NULL: they have an open connection.
    Column("absent_since", UtcDateTime),
    **_MYSQL,
)

audiences: Final = Table(
    "mc_audiences",
    metadata,
    # Codes of marketplaces joined by commas; empty is a set too.
    Column("marketplaces", String(_NAME), primary_key=True),
    Column("watched_at", UtcDateTime, nullable=False),
    **_MYSQL,
)

inbox: Final = Table(
    "mc_inbox",
    metadata,
    _sequence(),
    Column("vendor", String(_WORD), nullable=False),
    Column("store", String(_ID), nullable=False),
    Column("dedupe_key", String(_NAME), nullable=False),
    Column("kind", String(_ID), nullable=False),
    Column("method", String(_WORD), nullable=False),
    Column("path", Text, nullable=False),
    Column("headers", JSON, nullable=False),
    # MySQL's plain one ends at 64 KiB.
    Column("body", LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql"), nullable=False),
    Column("status", String(_WORD), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", UtcDateTime, nullable=False),
    Column("note", Text, nullable=False),
    Column("received_at", UtcDateTime, nullable=False, index=True),
    Column("finished_at", UtcDateTime),
    # What came of the latest attempts; NULL: none yet.
    Column("tries", JSON),
    UniqueConstraint("vendor", "store", "dedupe_key"),
    Index(None, "status", "vendor", "sequence"),
    Index(None, "vendor", "store", "sequence"),
    **_MYSQL,
)

inbox_told: Final = Table(
    "mc_inbox_told",
    metadata,
    # Ids of events that deliveries have led to; longer than the events themselves are kept.
    Column("event_id", String(_NAME), primary_key=True),
    Column("told_at", UtcDateTime, nullable=False, index=True),
    **_MYSQL,
)

inbox_objects: Final = Table(
    "mc_inbox_objects",
    metadata,
    Column("object_key", String(_NAME), primary_key=True),
    # The newest moment of which something was told about it.
    Column("newest_at", UtcDateTime, nullable=False),
    Column("told_at", UtcDateTime, nullable=False, index=True),
    **_MYSQL,
)

api_keys: Final = Table(
    "mc_api_keys",
    metadata,
    Column("id", String(_ID), primary_key=True),
    Column("publisher", String(_ID), nullable=False),
    Column("kinds", JSON, nullable=False),
    Column("marketplaces", JSON, nullable=False),
    Column("secret_hash", String(_ID), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
    **_MYSQL,
)

publications: Final = Table(
    "mc_publications",
    metadata,
    Column("publisher", String(_ID), primary_key=True),
    Column("idempotency_key", String(_NAME), primary_key=True),
    Column("fingerprint", String(_ID), nullable=False),
    # Empty until the events of the request are stored.
    Column("answer", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False, index=True),
    **_MYSQL,
)

sign_in_tickets: Final = Table(
    "mc_sign_in_tickets",
    metadata,
    Column("token_hash", String(_ID), primary_key=True),
    Column("user_id", String(_NAME), nullable=False),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
    **_MYSQL,
)

legacy_use: Final = Table(
    "mc_legacy_use",
    metadata,
    # A digest of the five that follow.
    Column("id", String(_ID), primary_key=True),
    Column("listener", String(_ID), nullable=False),
    Column("dialect", String(_WORD), nullable=False),
    Column("origin", String(_NAME), nullable=False),
    Column("address", String(_ID), nullable=False),
    Column("user_agent", String(_NAME), nullable=False),
    Column("role", String(_WORD), nullable=False),
    Column("proved", Boolean, nullable=False),
    Column("first_seen_at", UtcDateTime, nullable=False),
    Column("last_seen_at", UtcDateTime, nullable=False, index=True),
    Column("connections", BigInteger, nullable=False),
    Column("received", BigInteger, nullable=False),
    **_MYSQL,
)

legacy_absences: Final = Table(
    "mc_legacy_absences",
    metadata,
    Column("id", String(_ID), primary_key=True),
    # A digest of what is the same when it comes again.
    Column("client", String(_ID), nullable=False, index=True),
    Column("position", BigInteger, nullable=False),
    Column("since", UtcDateTime, nullable=False, index=True),
    **_MYSQL,
)

legacy_recalls: Final = Table(
    "mc_legacy_recalls",
    metadata,
    _sequence(),
    Column("listener", String(_ID), nullable=False),
    Column("network", String(_ID), nullable=False),
    Column("per_second", Integer, nullable=False),
    Column("asked_at", UtcDateTime, nullable=False),
    **_MYSQL,
)

rollout_plans: Final = Table(
    "mc_rollout_plans",
    metadata,
    # Two changes at once are told apart by it.
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("state", String(_WORD), nullable=False),
    Column("percent", Integer, nullable=False),
    Column("roles", JSON, nullable=False),
    Column("user_ids", JSON, nullable=False),
    Column("marketplaces", JSON, nullable=False),
    Column("salt", String(_ID), nullable=False),
    Column("shadow", Boolean, nullable=False),
    Column("changed_by", String(_NAME), nullable=False),
    Column("reason", Text, nullable=False),
    Column("changed_at", String(_WORD), nullable=False),
    **_MYSQL,
)

rollout_connections: Final = Table(
    "mc_rollout_connections",
    metadata,
    Column("hub", String(_ID), primary_key=True),
    Column("connection_id", String(_NAME), primary_key=True),
    Column("side", String(_WORD), nullable=False),
    Column("user_id", String(_NAME), nullable=False),
    Column("role", String(_WORD), nullable=False),
    Column("marketplaces", JSON, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False, index=True),
    **_MYSQL,
)

rollout_counts: Final = Table(
    "mc_rollout_counts",
    metadata,
    Column("second", BigInteger, primary_key=True, autoincrement=False),
    Column("node", String(_ID), primary_key=True),
    Column("side", String(_WORD), primary_key=True),
    Column("negotiated", Integer, nullable=False),
    Column("refused", Integer, nullable=False),
    Column("connected", Integer, nullable=False),
    Column("calls", Integer, nullable=False),
    Column("failed_calls", Integer, nullable=False),
    Column("sends", Integer, nullable=False),
    Column("failed_sends", Integer, nullable=False),
    **_MYSQL,
)

rollout_reports: Final = Table(
    "mc_rollout_reports",
    metadata,
    Column("name", String(_WORD), primary_key=True),
    Column("content", JSON, nullable=False),
    **_MYSQL,
)
