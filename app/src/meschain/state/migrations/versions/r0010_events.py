"""Events that are kept and told, and cursors of any writing."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0010"
down_revision = "0004"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
MYSQL: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    """Create the tables, and let the positions that there are be text."""
    op.create_table(
        "mc_events",
        sa.Column(
            "position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, autoincrement=False
        ),
        sa.Column("event_id", sa.String(length=190), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("event_key", sa.String(length=190), nullable=False),
        sa.Column("marketplace", sa.String(length=32), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("occurred_at", MOMENT, nullable=False),
        sa.Column("stored_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("position"),
        sa.UniqueConstraint("event_id", name="uq_mc_events_event_id"),
        **MYSQL,
    )
    op.create_index("ix_mc_events_stored_at", "mc_events", ["stored_at"])
    head = op.create_table(
        "mc_event_head",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        **MYSQL,
    )
    op.bulk_insert(head, [{"id": 1, "position": 0}])
    with op.batch_alter_table("mc_cursors") as cursors:
        cursors.alter_column(
            "position",
            existing_type=sa.BigInteger(),
            type_=sa.Text(),
            existing_nullable=False,
            postgresql_using="position::text",
        )
