"""The present moment by the database's own clock, which several machines share. Knows no table.

Where processes compete for something with an end, only this clock counts, so that theirs need not agree.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import ColumnElement, Double, literal_column
from sqlalchemy.ext.asyncio import AsyncConnection

_NOW: Final = {
    "sqlite": "(julianday('now') - 2440587.5) * 86400.0",
    # Not UNIX_TIMESTAMP(NOW()), which is ambiguous in the hour that a zone has twice.
    "mysql": "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) / 1000000.0",
    "postgresql": "EXTRACT(EPOCH FROM clock_timestamp())",
}

SLACK_SECONDS: Final = 1.0
"""A lease may have so much more left than it was taken for: times are rounded, and clocks are put right a little."""


def server_now(connection: AsyncConnection) -> ColumnElement[float]:
    """Seconds since 1970, as part of a statement."""
    return literal_column(f"({_NOW[connection.dialect.name]})", Double)
