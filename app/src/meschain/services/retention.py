"""Deletes old rows of our own tables at an interval, so that none grows without end. Knows stores by `prune` alone."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta

from meschain.services.options import RetentionOptions
from meschain.services.ports import Clock, Prunable

_log = logging.getLogger(__name__)


class Retention:
    """The loop behind the retention promises.

    Args:
        stores: Each store with the number of days that its rows are kept.
    """

    def __init__(
        self, stores: Mapping[str, tuple[Prunable, int]], clock: Clock, options: RetentionOptions | None = None
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
        for name, (store, days) in self._stores.items():
            try:
                count = await store.prune(self._clock.now() - timedelta(days=days))
            except Exception:  # noqa: BLE001 - boundary between stores: the next round tries again
                _log.exception("old rows of %s could not be deleted", name)
            else:
                if count:
                    _log.info("deleted %d old rows of %s", count, name)
