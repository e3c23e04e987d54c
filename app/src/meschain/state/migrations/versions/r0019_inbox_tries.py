"""What came of each attempt to work on a delivery."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("mc_inbox", sa.Column("tries", sa.JSON(), nullable=True))
