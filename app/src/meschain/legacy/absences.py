"""Who lost its connection, and what happened meanwhile, for the two dialects whose messages tell of events alone.

The panel and the dashboard stream are shown the present figures and latest orders when they come again. A client of the
marketplace stream or of roles and channels would never hear of what it missed: it goes on where its last connection
broke, in whichever process it arrives. None of them can say that it comes again, so it is told by what stays the same.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from meschain.domain.events import StoredEvent
from meschain.legacy.options import LegacyOptions
from meschain.services.legacy_absence import Absence, AbsenceStore
from meschain.services.legacy_use import LegacyUser
from meschain.services.ports import Clock, KeptEvents

_log = logging.getLogger(__name__)

MOST_UNSAVED: Final = 10_000
"""Broken connections that wait to be stored; beyond it those that break are left out."""
BATCH: Final = 100
"""Events told at once. All fit into the outbox: one becomes two messages at most."""


def client_of(user: LegacyUser, name: str) -> str:
    """The same on every listener: who is recalled from one comes again on another.

    Args:
        name: what the client calls itself; empty where it has no name.
    """
    parts = [user.dialect, user.origin, user.address, user.user_agent, name]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class Absences:
    """Of all connections of this process; `save` writes those that broke since."""

    def __init__(self, store: AbsenceStore, events: KeptEvents, clock: Clock, options: LegacyOptions) -> None:
        self._store = store
        self._events = events
        self._clock = clock
        self._options = options
        self._unsaved: list[Absence] = []
        self._saving = asyncio.Lock()

    def left(self, client: str, position: int) -> None:
        """Its connection broke, and up to there it was told what happened."""
        if len(self._unsaved) < MOST_UNSAVED:
            self._unsaved.append(Absence(client, position, self._clock.now()))

    async def back(self, client: str) -> int | None:
        """Up to where it was told what happened when its connection broke; None: it is new, or was away for long."""
        try:
            await self.save()
            return await self._store.take(client, self._clock.now() - timedelta(seconds=self._options.away_seconds))
        except Exception:  # noqa: BLE001 - boundary to our store: without it an old client is served as a new one
            _log.warning("what an old client missed cannot be told", exc_info=True)
            return None

    async def behind(self, position: int) -> Sequence[StoredEvent]:
        """The next events behind it; none: there are none, or they cannot be read."""
        try:
            return await self._events.behind(position, BATCH)
        except Exception:  # noqa: BLE001 - the same
            _log.warning("what an old client missed cannot be told", exc_info=True)
            return ()

    async def save(self) -> None:
        """Write who left since; who cannot be written is kept."""
        # In turn: who comes back looks only when what another call took to write is written.
        async with self._saving:
            unsaved, self._unsaved = self._unsaved, []
            try:
                await self._store.add(unsaved)
            except BaseException:
                self._unsaved = [*unsaved, *self._unsaved]
                raise

    async def forget(self) -> None:
        """Whoever is away for too long."""
        await self._store.forget(self._clock.now() - timedelta(seconds=self._options.away_seconds))
