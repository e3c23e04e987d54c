"""Old pages that are to come again, a few at a time: to where the front in front of the listeners sends them by then.

An old page has no word for moving. It is ended in the way that its client takes for temporary, and comes back by its
own delay; all at once they would storm whoever takes them in. Knows no socket.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable
from ipaddress import ip_address, ip_network
from typing import Protocol

from meschain.legacy.options import LegacyOptions
from meschain.services.legacy_recall import Recall, RecallStore
from meschain.services.ports import Clock
from meschain.services.waiting import Pace

_log = logging.getLogger(__name__)


class Page(Protocol):
    """An open connection."""

    @property
    def listener(self) -> str: ...

    @property
    def address(self) -> str: ...

    async def recall(self) -> None:
        """End it so that its client comes again."""


class Recalls:
    """Carries them out for the connections of this process.

    Args:
        open_pages: those of this moment.
    """

    def __init__(
        self, store: RecallStore, open_pages: Callable[[], Collection[Page]], clock: Clock, options: LegacyOptions
    ) -> None:
        self._store = store
        self._open_pages = open_pages
        self._clock = clock
        self._options = options
        self._known: int | None = None
        """Number of the last one that was read; None: none was asked for yet."""

    async def run(self) -> None:
        """Look for them for ever."""
        async with asyncio.TaskGroup() as group:
            while True:
                try:
                    await self._look(group)
                except Exception:  # noqa: BLE001 - boundary to our database: the next look finds them
                    _log.warning("recalls of old pages cannot be read now", exc_info=True)
                await self._clock.sleep(self._options.recall_look_seconds)

    async def _look(self, group: asyncio.TaskGroup) -> None:
        if self._known is None:  # what was asked for before we began was for others
            self._known = await self._store.newest()
            return
        for stored in await self._store.behind(self._known):
            self._known = stored.number
            pages = [page for page in self._open_pages() if _is_for(stored.recall, page)]
            if pages:
                _log.info("%d old pages of %s are told to come again", len(pages), stored.recall.listener)
                # Beside those before it: whoever takes back a move does not wait for its end.
                group.create_task(self._end(pages, stored.recall.per_second))

    async def _end(self, pages: Iterable[Page], per_second: int) -> None:
        pace = Pace(self._clock, 1 / max(1, per_second))
        async with asyncio.TaskGroup() as group:
            for page in pages:
                if page not in self._open_pages():
                    continue  # it has left by itself
                group.create_task(_recall(page))
                await pace.next()


async def _recall(page: Page) -> None:
    try:
        await page.recall()
    except Exception:  # noqa: BLE001 - boundary between connections: it has left by itself
        _log.debug("an old page could not be told to come again", exc_info=True)


def _is_for(recall: Recall, page: Page) -> bool:
    if page.listener != recall.listener:
        return False
    return not recall.network or ip_address(page.address) in ip_network(recall.network)
