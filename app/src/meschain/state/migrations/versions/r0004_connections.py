"""Open connections and audiences, for processes that do not hold the connections themselves."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
MYSQL: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "mc_connections",
        sa.Column("hub", sa.String(length=64), nullable=False),
        sa.Column("connection_id", sa.String(length=190), nullable=False),
        sa.Column("log_in", sa.String(length=64), nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("hub", "connection_id"),
        **MYSQL,
    )
    op.create_index("ix_mc_connections_log_in_ended_at", "mc_connections", ["log_in", "ended_at"])
    op.create_index("ix_mc_connections_ended_at_seen_at", "mc_connections", ["ended_at", "seen_at"])
    op.create_table(
        "mc_audiences",
        sa.Column("marketplaces", sa.String(length=190), nullable=False),
        sa.Column("watched_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("marketplaces"),
        **MYSQL,
    )
