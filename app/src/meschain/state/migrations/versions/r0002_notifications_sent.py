"""Remember whether a notification ever went out, so that the timer finds those that did not."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")


def upgrade() -> None:
    """Add the column and its index."""
    op.add_column("mc_notifications", sa.Column("sent_at", MOMENT, nullable=True))
    op.create_index(
        "ix_mc_notifications_sent_at_acknowledged_at_user_id",
        "mc_notifications",
        ["sent_at", "acknowledged_at", "user_id"],
        unique=False,
    )
