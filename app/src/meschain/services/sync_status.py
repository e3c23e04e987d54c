"""How each marketplace's sync stands, from our own jobs and the shop's old tables. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from meschain.domain.marketplaces import MARKETPLACES
from meschain.domain.payloads import MarketplaceSync
from meschain.services.clock import iso_utc
from meschain.services.ports import LastSync, SyncJob

JOBS: Final = "jobs"
QUEUED: Final = "queued"
RUNNING: Final = "running"
SUCCESS: Final = "success"
ERROR: Final = "error"
CANCELLED: Final = "cancelled"
UNFINISHED: Final = frozenset({QUEUED, RUNNING})
ENDED_BY_ITSELF: Final = frozenset({SUCCESS, ERROR})
"""What counts as a marketplace's last sync; one that was cancelled says nothing of it."""

_OLD_WORDS: Final = {
    "success": "success",
    "synced": "success",
    "completed": "success",
    "error": "error",
    "failed": "error",
    "warning": "warning",
    "partial": "warning",
    "pending": "queued",
    "processing": "running",
    "running": "running",
    "idle": "idle",
}
"""The old tables' words, which were written by many hands; any other is `unknown`."""


def sync_states(
    latest: Mapping[str, SyncJob], finished: Mapping[str, SyncJob], old: Mapping[str, LastSync]
) -> dict[str, MarketplaceSync]:
    """One state for each marketplace that the product knows, in its order.

    Our job decides unless the old tables know of a later end. One that nothing is known of is `unknown`, source `none`.
    """
    return {code: _state(latest.get(code), finished.get(code), old.get(code)) for code in MARKETPLACES}


def _state(latest: SyncJob | None, finished: SyncJob | None, old: LastSync | None) -> MarketplaceSync:
    ended_here = finished.finished_at if finished else None
    ended_there = old.finished_at if old else None
    last_sync = _text(_later(ended_here, ended_there))
    if latest is not None and latest.status in UNFINISHED:
        return MarketplaceSync(status=latest.status, last_sync=last_sync, source=JOBS)
    if finished is not None and (ended_there is None or (ended_here is not None and ended_here >= ended_there)):
        status = "warning" if finished.status == "success" and finished.failed else finished.status
        return MarketplaceSync(status=status, last_sync=last_sync, source=JOBS)
    if old is not None:
        return MarketplaceSync(
            status=_OLD_WORDS.get(old.status.lower(), "unknown"), last_sync=last_sync, source=old.source
        )
    return MarketplaceSync(status="unknown", last_sync="", source="none")


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    if one is None or other is None:
        return one or other
    return max(one, other)


def _text(moment: datetime | None) -> str:
    return "" if moment is None else iso_utc(moment)
