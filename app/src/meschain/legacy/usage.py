"""Counts who uses which dialect, and writes it down now and then, for whoever wants to switch one off."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from meschain.domain.payloads import LegacyListenerRow, LegacyPage, LegacyReport
from meschain.legacy.options import LegacyOptions
from meschain.legacy_settings import LegacyListener
from meschain.services.clock import iso_utc
from meschain.services.legacy_use import LegacyUse, LegacyUser, LegacyUseStore
from meschain.services.ports import Clock

_log = logging.getLogger(__name__)

SHOWN: Final = 500
"""Pages in one report; a shop has a dozen."""
MOST_COUNTED: Final = 10_000
"""Pages counted between two writes; beyond it new ones are left out."""


class LegacyMetrics:
    """What Prometheus is shown."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.open = Gauge(
            "meschain_legacy_connections", "Open connections of old pages.", ("dialect",), registry=registry
        )
        self.received = Counter(
            "meschain_legacy_frames_received", "Frames that old pages sent.", ("dialect",), registry=registry
        )
        self.sent = Counter("meschain_legacy_frames_sent", "Frames sent to old pages.", ("dialect",), registry=registry)
        self.refused = Counter(
            "meschain_legacy_refused", "Upgrades of old pages that were refused.", ("reason",), registry=registry
        )
        self.cut = Counter(
            "meschain_legacy_cut", "Connections of old pages that were cut off.", ("reason",), registry=registry
        )


class LegacyUsage:
    """Counts in memory; `save` writes what was counted since."""

    def __init__(
        self,
        store: LegacyUseStore,
        listeners: Mapping[str, LegacyListener],
        clock: Clock,
        options: LegacyOptions,
    ) -> None:
        self._store = store
        self._listeners = listeners
        self._clock = clock
        self._options = options
        self._counted: dict[LegacyUser, LegacyUse] = {}
        self.ports: dict[str, int] = {}
        """Actual port of each listener that is open."""

    def seen(self, user: LegacyUser, role: str, proved: bool, *, connections: int = 0, received: int = 0) -> None:
        """It is there now; count these."""
        now = self._clock.now()
        before = self._counted.get(user)
        if before is None:
            if len(self._counted) >= MOST_COUNTED:
                return
            before = LegacyUse(user, role, proved, now, now, 0, 0)
        self._counted[user] = replace(
            before,
            role=role,
            proved=proved,
            last_seen_at=now,
            connections=before.connections + connections,
            received=before.received + received,
        )

    async def save(self) -> None:
        """Write what was counted; what cannot be written is counted on."""
        for user, use in list(self._counted.items()):
            del self._counted[user]
            try:
                await self._store.add(use)
            except Exception:
                self._put_back(use)
                raise

    def _put_back(self, use: LegacyUse) -> None:
        since = self._counted.get(use.user)
        if since is not None:
            use = replace(
                since,
                first_seen_at=use.first_seen_at,
                connections=use.connections + since.connections,
                received=use.received + since.received,
            )
        self._counted[use.user] = use

    async def report(self) -> LegacyReport:
        """Who uses what, of all processes; what this one counted just now included."""
        await self.save()
        is_open = self._clock.now() - timedelta(seconds=3 * self._options.usage_seconds)
        return LegacyReport(
            listeners=[
                LegacyListenerRow(
                    name=name,
                    port=self.ports.get(name, listener.port),
                    dialect=listener.dialect or "",
                    role=listener.role,
                    ceiling=listener.ceiling,
                )
                for name, listener in self._listeners.items()
            ],
            pages=[
                LegacyPage(
                    listener=use.user.listener,
                    dialect=use.user.dialect,
                    origin=use.user.origin,
                    address=use.user.address,
                    user_agent=use.user.user_agent,
                    role=use.role,
                    proved=use.proved,
                    first_seen_at=iso_utc(use.first_seen_at),
                    last_seen_at=iso_utc(use.last_seen_at),
                    open=use.last_seen_at >= is_open,
                    connections=use.connections,
                    received=use.received,
                )
                for use in await self._store.latest(SHOWN)
            ],
        )
