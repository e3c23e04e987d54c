"""Fetches what changed at n11 and hands it to the inbox, once per change. Knows neither what a package means nor where
it is stored.

n11 lists the packages that changed last first, so a look ends at the first page that holds nothing new. Where it stands
is stored after a whole look: what a look that fails had fetched is fetched again, and the inbox knows it already.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Final

import msgspec

from meschain.marketplaces.n11.api import N11Api
from meschain.marketplaces.n11.notifications import CODE, changed_at
from meschain.services.clock import iso_utc
from meschain.services.ports import Clock, CursorStore
from meschain.services.webhook_ports import Malformed, VendorUnavailable, WebhookReceiver, WebhookRequest
from meschain.vendor_settings.n11 import N11Store

_log = logging.getLogger(__name__)

OVERLAP_SECONDS: Final = 60.0
"""A look goes back so far behind the newest change of the one before: listings of databases may lag behind."""
_MOST_PAGES: Final = 500
"""Of one look: 50,000 packages. A listing that does not end is n11's fault, and must not keep us for ever."""
_LONGEST_PAUSE_SECONDS: Final = 300.0
"""Between looks that fail, doubled from the ordinary pause."""


class _Changed(msgspec.Struct, frozen=True, rename="camel"):
    last_modified_date: int


class N11Polling:
    """Looks at one seller's packages at an interval.

    Args:
        store: its name in the settings.
    """

    def __init__(
        self,
        store: str,
        settings: N11Store,
        api: N11Api,
        receiver: WebhookReceiver,
        cursors: CursorStore,
        clock: Clock,
    ) -> None:
        self._store = store
        self._settings = settings
        self._api = api
        self._receiver = receiver
        self._cursors = cursors
        self._clock = clock

    async def run(self) -> None:
        """Look for ever. What cannot be fetched or stored now waits at n11."""
        pause = self._settings.poll_seconds
        while True:
            try:
                await self.look()
                pause = self._settings.poll_seconds
            except VendorUnavailable as error:
                _log.warning("the orders of the n11 store %s cannot be fetched: %s", self._store, error)
                pause = self._longer(pause)
            except Exception:  # noqa: BLE001 - boundary to our own database: the packages wait at n11
                _log.warning("the orders of the n11 store %s cannot be stored now", self._store, exc_info=True)
                pause = self._longer(pause)
            await self._clock.sleep(pause)

    async def look(self) -> None:
        """Hand over what changed since the last look.

        Raises: VendorUnavailable. InboxUnavailable, and any error of our own database; nothing is lost then.
        """
        now = self._clock.now()
        name = f"{CODE}:{self._store}"
        stored = await self._cursors.load(name)
        since = now - timedelta(hours=self._settings.first_hours) if stored is None else datetime.fromisoformat(stored)
        newest = since
        begin = now - timedelta(days=self._settings.window_days)
        for number in range(_MOST_PAGES):
            page = await self._api.page(begin, number)
            moments = [moment for each in page.packages if (moment := await self._hand_over(each, since, now))]
            newest = max([newest, *moments])
            if page.is_last or not moments:
                break
        # A change of the future, by a clock that is wrong, would hide those before it.
        newest = min(newest, now) - timedelta(seconds=OVERLAP_SECONDS)
        if stored is None or newest > since:
            await self._cursors.save(name, iso_utc(max(newest, since)))

    async def _hand_over(self, package: bytes, since: datetime, now: datetime) -> datetime | None:
        """Store it; returns when it changed. None: before, and it was not stored, or it does not say."""
        try:
            moment = changed_at(msgspec.json.decode(package, type=_Changed).last_modified_date)
        except (msgspec.DecodeError, Malformed):
            moment = None  # the inbox keeps it on its dead-letter list, where a person sees it
        if moment is not None and moment < since:
            return None
        await self._receiver.keep(CODE, self._store, WebhookRequest("POST", "", {}, {}, package, now))
        return moment

    def _longer(self, pause: float) -> float:
        return min(pause * 2, max(_LONGEST_PAUSE_SECONDS, self._settings.poll_seconds))
