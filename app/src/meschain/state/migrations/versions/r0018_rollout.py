"""Versions of the roll-out's plan, where connections are held meanwhile, and how both sides do."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
MYSQL: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
COUNTS = ("negotiated", "refused", "connected", "calls", "failed_calls", "sends", "failed_sends")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "mc_rollout_plans",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("percent", sa.Integer(), nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("user_ids", sa.JSON(), nullable=False),
        sa.Column("marketplaces", sa.JSON(), nullable=False),
        sa.Column("salt", sa.String(length=64), nullable=False),
        sa.Column("shadow", sa.Boolean(), nullable=False),
        sa.Column("changed_by", sa.String(length=190), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("version"),
        **MYSQL,
    )
    op.create_table(
        "mc_rollout_connections",
        sa.Column("hub", sa.String(length=64), nullable=False),
        sa.Column("connection_id", sa.String(length=190), nullable=False),
        sa.Column("side", sa.String(length=32), nullable=False),
        sa.Column("user_id", sa.String(length=190), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("marketplaces", sa.JSON(), nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("hub", "connection_id"),
        **MYSQL,
    )
    op.create_index("ix_mc_rollout_connections_seen_at", "mc_rollout_connections", ["seen_at"])
    op.create_table(
        "mc_rollout_counts",
        sa.Column("second", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("node", sa.String(length=64), nullable=False),
        sa.Column("side", sa.String(length=32), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in COUNTS),
        sa.PrimaryKeyConstraint("second", "node", "side"),
        **MYSQL,
    )
    op.create_table(
        "mc_rollout_reports",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        **MYSQL,
    )
