"""The first shape of our own state. Frozen: a later change is a new revision, nothing here follows `state.tables`."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MYSQL: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    """Create every table."""
    op.create_table(
        "mc_accounts",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("username", sa.String(length=190), nullable=False),
        sa.Column("username_key", sa.String(length=190), nullable=False),
        sa.Column("name", sa.String(length=190), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("marketplaces", sa.JSON(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("source", "username_key", name="uq_mc_accounts_source_username_key"),
        **MYSQL,
    )
    op.create_table(
        "mc_activity",
        sa.Column("sequence", SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("event_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("user_name", sa.String(length=255), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("occurred_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("sequence"),
        sa.UniqueConstraint("event_id", name="uq_mc_activity_event_id"),
        **MYSQL,
    )
    op.create_table(
        "mc_alerts",
        sa.Column("sequence", SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("level", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=255), nullable=False),
        sa.Column("raised_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("sequence"),
        sa.UniqueConstraint("id", name="uq_mc_alerts_id"),
        **MYSQL,
    )
    op.create_table(
        "mc_audit",
        sa.Column("sequence", SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("user_id", sa.String(length=190), nullable=False),
        sa.Column("action", sa.String(length=190), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("done_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("sequence"),
        **MYSQL,
    )
    op.create_index("ix_mc_audit_done_at", "mc_audit", ["done_at"], unique=False)
    op.create_index("ix_mc_audit_user_id_sequence", "mc_audit", ["user_id", "sequence"], unique=False)
    op.create_table(
        "mc_cursors",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        **MYSQL,
    )
    op.create_table(
        "mc_login_sessions",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=190), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("revoked", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token_hash", name="uq_mc_login_sessions_token_hash"),
        **MYSQL,
    )
    op.create_index("ix_mc_login_sessions_expires_at", "mc_login_sessions", ["expires_at"], unique=False)
    op.create_index("ix_mc_login_sessions_user_id", "mc_login_sessions", ["user_id"], unique=False)
    op.create_table(
        "mc_notifications",
        sa.Column("sequence", SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=190), nullable=False),
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("duration", sa.Integer(), nullable=False),
        sa.Column("persistent", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("acknowledged_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("sequence"),
        sa.UniqueConstraint("id", name="uq_mc_notifications_id"),
        **MYSQL,
    )
    op.create_index(
        "ix_mc_notifications_user_id_acknowledged_at_sequence",
        "mc_notifications",
        ["user_id", "acknowledged_at", "sequence"],
        unique=False,
    )
    op.create_table(
        "mc_sync_jobs",
        sa.Column("sequence", SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("marketplace", sa.String(length=32), nullable=False),
        sa.Column("active_marketplace", sa.String(length=32), nullable=True),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("requested_by", sa.String(length=190), nullable=False),
        sa.Column("progress", sa.Double(), nullable=False),
        sa.Column("processed", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("started_at", MOMENT, nullable=True),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.Column("report_token_hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("sequence"),
        sa.UniqueConstraint("active_marketplace", name="uq_mc_sync_jobs_active_marketplace"),
        sa.UniqueConstraint("id", name="uq_mc_sync_jobs_id"),
        **MYSQL,
    )
    op.create_index("ix_mc_sync_jobs_marketplace_sequence", "mc_sync_jobs", ["marketplace", "sequence"], unique=False)
    op.create_index("ix_mc_sync_jobs_status_sequence", "mc_sync_jobs", ["status", "sequence"], unique=False)
    op.create_table(
        "mc_user_groups",
        sa.Column("hub", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=190), nullable=False),
        sa.Column("group_name", sa.String(length=190), nullable=False),
        sa.Column("joined_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("hub", "user_id", "group_name"),
        **MYSQL,
    )
