"""Raises an alert for a store that sends nothing while the shop finds newer orders of its marketplace by itself.

A subscription may be switched off by the vendor after errors, or expire, and then nothing comes at all. A marketplace
on which nobody buys is silent too, and no alert is raised for it. Knows no vendor.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta

from meschain.services.clock import iso_utc
from meschain.services.dedupe_keys import key_of
from meschain.services.options import InboxOptions
from meschain.services.ports import Clock, Shop
from meschain.services.webhook_ports import InboxStore, Marketplace
from meschain.webhooks.worker import Alert

_log = logging.getLogger(__name__)


class SilenceWatch:
    """Looks at each store at an interval.

    Args:
        vendors: by vendor and store.
    """

    def __init__(
        self,
        *,
        vendors: Mapping[tuple[str, str], Marketplace],
        store: InboxStore,
        shop: Shop,
        alert: Alert,
        clock: Clock,
        options: InboxOptions | None = None,
    ) -> None:
        self._vendors = vendors
        self._store = store
        self._shop = shop
        self._alert = alert
        self._clock = clock
        self._options = options or InboxOptions()

    async def run(self) -> None:
        """Look at every interval, for ever."""
        while True:
            try:
                await self.look()
            except Exception:  # noqa: BLE001 - boundary to the two databases: the next look is soon
                _log.warning("whether marketplaces are silent cannot be told now", exc_info=True)
            await self._clock.sleep(self._options.silence_interval_seconds)

    async def look(self) -> None:
        """Look once. Each silence is told once, also over a restart."""
        for (vendor, store), marketplace in self._vendors.items():
            last = await self._store.latest(vendor, store)
            if last is None or self._clock.now() - last < timedelta(hours=self._options.silence_hours):
                continue  # a store that never sent anything may be waiting for its registration
            newest = await self._newest_order(marketplace.code)
            if newest is None or newest <= last + timedelta(hours=self._options.silence_grace_hours):
                continue
            name = key_of("silence", vendor, store, iso_utc(last))
            if name in (await self._store.settled([name], [])).told:
                continue
            await self._alert(
                f"{vendor} has sent nothing for the store {store} since {iso_utc(last)}, but there are newer orders; "
                "look whether the vendor has switched its notifications off.",
                "warning",
                name,
            )
            await self._store.finish([], [name], {})

    async def _newest_order(self, code: str) -> datetime | None:
        orders = await self._shop.recent_orders(1, [code])
        return datetime.fromisoformat(orders[0].occurred_at) if orders else None
