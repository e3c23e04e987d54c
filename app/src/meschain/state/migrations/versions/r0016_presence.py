"""Who is behind each connection and which process holds it, who was told of as being there, and the audit by action."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0016"
down_revision = "0014"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
MYSQL: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    """Add the columns, the table and the indexes."""
    for name, length in (("user_id", 190), ("user_name", 190), ("role", 32), ("marketplaces", 190), ("node", 64)):
        op.add_column("mc_connections", sa.Column(name, sa.String(length=length), nullable=False, server_default=""))
    op.add_column("mc_connections", sa.Column("opened_at", MOMENT, nullable=True))
    op.add_column("mc_connections", sa.Column("active_at", MOMENT, nullable=True))
    op.create_index("ix_mc_connections_node_ended_at", "mc_connections", ["node", "ended_at"])
    op.create_index("ix_mc_audit_action_sequence", "mc_audit", ["action", "sequence"])
    op.create_table(
        "mc_people",
        sa.Column("user_id", sa.String(length=190), nullable=False),
        sa.Column("user_name", sa.String(length=190), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("phase", sa.String(length=32), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("absent_since", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("user_id"),
        **MYSQL,
    )
