"""Sync jobs with leases and requests to cancel; schedules of syncs."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0013"
down_revision = "0015"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
MYSQL: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    """Add the columns and the table. A job that an older version left running may be taken by whoever asks first."""
    added: tuple[sa.Column[Any], ...] = (
        sa.Column("worker", sa.String(length=64), nullable=False, server_default=""),
        sa.Column("lease_until", sa.Double(), nullable=False, server_default=sa.text("0")),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("cancel_requested_by", sa.String(length=190), nullable=False, server_default=""),
    )
    for column in added:
        op.add_column("mc_sync_jobs", column)
    op.create_index("ix_mc_sync_jobs_finished_at", "mc_sync_jobs", ["finished_at"])
    op.create_table(
        "mc_sync_schedules",
        sa.Column("marketplace", sa.String(length=32), nullable=False),
        sa.Column("every_minutes", sa.Integer(), nullable=False),
        sa.Column("next_at", MOMENT, nullable=True),
        sa.Column("set_by", sa.String(length=190), nullable=False),
        sa.PrimaryKeyConstraint("marketplace"),
        **MYSQL,
    )
