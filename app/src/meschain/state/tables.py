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
    # The marketplace while the job is queued or running, else NULL: unique, so that two requests at once make one job.
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
    Column("report_token_hash", String(64), nullable=False),
    Index(None, "status", "sequence"),
    Index(None, "marketplace", "sequence"),
    **_MYSQL,
)

alerts: Final = Table(
    "mc_alerts",
    metadata,
    _sequence(),
    Column("id", String(_ID), nullable=False, unique=True),
    Column("message", Text, nullable=False),
    Column("level", String(_WORD), nullable=False),
    Column("source", String(255), nullable=False),
    Column("raised_at", UtcDateTime, nullable=False),
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
    Column("position", BigInteger, nullable=False),
    **_MYSQL,
)
