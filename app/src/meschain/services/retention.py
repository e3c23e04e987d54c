"""Deletes old rows of our own tables at an interval, so that none grows without end. Knows stores by `prune` alone."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import aclosing
from datetime import timedelta

from meschain.services.options import Kept, RetentionOptions
from meschain.services.ports import Clock, Prunable

_log = logging.getLogger(__name__)


class Retention:
    """The loop behind the retention promises.

    Args:
        stores: Each store with what is kept of its rows.
    """

    def __init__(
        self, stores: Mapping[str, tuple[Prunable, Kept]], clock: Clock, options: RetentionOptions | None = None
    ) -> None:
        self._stores = stores
        self._clock = clock
        self._options = options or RetentionOptions()

    async def run(self) -> None:
        """Prune at every interval, for ever."""
        while True:
            await self.prune()
            await self._clock.sleep(self._options.interval_seconds)

    async def prune(self) -> None:
        """Prune every store once; one that fails does not keep the others from it."""
        for name, (store, kept) in self._stores.items():
            try:
                count = await self._prune(store, kept)
            except Exception:  # noqa: BLE001 - boundary between stores: the next round tries again
                _log.exception("old rows of %s could not be deleted", name)
            else:
                if count:
                    _log.info("deleted %d old rows of %s", count, name)

    async def _prune(self, store: Prunable, kept: Kept) -> int:
        count = 0
        async with aclosing(store.prune(self._clock.now() - timedelta(days=kept.days), kept.rows)) as steps:
            async for deleted in steps:
                count += deleted
                await self._clock.sleep(self._options.pause_seconds)
        return count
