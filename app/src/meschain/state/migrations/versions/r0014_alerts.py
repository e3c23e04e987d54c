"""The book of alerts: what became of each, the rules that watch figures, and what is to leave by mail and webhook."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MYSQL: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}

ADDED: tuple[tuple[str, Any, str], ...] = (  # Any: a type or an instance of one, as Column takes it
    ("origin", sa.String(length=32), "system"),
    ("rule", sa.String(length=32), ""),
    ("state", sa.String(length=32), "resolved"),
    ("unit", sa.String(length=32), ""),
    ("acknowledged_by", sa.String(length=255), ""),
)
"""What alerts get that have been raised before: they are over, and the pages were told."""


def upgrade() -> None:
    """Complete the alerts and create the other two."""
    with op.batch_alter_table("mc_alerts") as batch:
        batch.alter_column("id", existing_type=sa.String(length=64), type_=sa.String(length=190), nullable=False)
        for name, kind, before in ADDED:
            batch.add_column(sa.Column(name, kind, nullable=False, server_default=before))
        for name in ("value", "threshold"):
            batch.add_column(sa.Column(name, sa.Double(), nullable=True))
        for name in ("acknowledged_at", "resolved_at"):
            batch.add_column(sa.Column(name, MOMENT, nullable=True))
        batch.add_column(sa.Column("is_told", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.execute("UPDATE mc_alerts SET origin = 'person' WHERE source <> 'system'")
    op.create_index("ix_mc_alerts_is_told_sequence", "mc_alerts", ["is_told", "sequence"])
    op.create_table(
        "mc_alert_rules",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("alert_id", sa.String(length=190), nullable=False),
        sa.Column("since", MOMENT, nullable=True),
        sa.Column("fired_at", MOMENT, nullable=True),
        sa.Column("is_known", sa.Boolean(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("silenced_until", MOMENT, nullable=True),
        sa.Column("silenced_by", sa.String(length=255), nullable=False),
        sa.Column("silence_reason", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        **MYSQL,
    )
    op.create_table(
        "mc_alert_outbox",
        sa.Column("sequence", SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("channel", sa.String(length=64), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", MOMENT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("sequence"),
        sa.UniqueConstraint("id", name="uq_mc_alert_outbox_id"),
        **MYSQL,
    )
    op.create_index("ix_mc_alert_outbox_channel_sequence", "mc_alert_outbox", ["channel", "sequence"])
