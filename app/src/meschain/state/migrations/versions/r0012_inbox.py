"""The inbox of what marketplaces send."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0012"
down_revision = "0010"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
MYSQL: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "mc_inbox",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, autoincrement=True),
        sa.Column("vendor", sa.String(length=32), nullable=False),
        sa.Column("store", sa.String(length=64), nullable=False),
        sa.Column("dedupe_key", sa.String(length=190), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("method", sa.String(length=32), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("headers", sa.JSON(), nullable=False),
        sa.Column("body", sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql"), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", MOMENT, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("sequence"),
        sa.UniqueConstraint("vendor", "store", "dedupe_key", name="uq_mc_inbox_vendor_store_dedupe_key"),
        **MYSQL,
    )
    op.create_index("ix_mc_inbox_received_at", "mc_inbox", ["received_at"])
    op.create_index("ix_mc_inbox_status_vendor_sequence", "mc_inbox", ["status", "vendor", "sequence"])
    op.create_index("ix_mc_inbox_vendor_store_sequence", "mc_inbox", ["vendor", "store", "sequence"])
    op.create_table(
        "mc_inbox_told",
        sa.Column("event_id", sa.String(length=190), nullable=False),
        sa.Column("told_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("event_id"),
        **MYSQL,
    )
    op.create_index("ix_mc_inbox_told_told_at", "mc_inbox_told", ["told_at"])
    op.create_table(
        "mc_inbox_objects",
        sa.Column("object_key", sa.String(length=190), nullable=False),
        sa.Column("newest_at", MOMENT, nullable=False),
        sa.Column("told_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("object_key"),
        **MYSQL,
    )
    op.create_index("ix_mc_inbox_objects_told_at", "mc_inbox_objects", ["told_at"])
