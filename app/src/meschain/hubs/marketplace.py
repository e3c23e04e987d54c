"""`MesChainMarketplaceHub`: who works with marketplaces watches and syncs those granted; programs publish changes."""

from __future__ import annotations

from typing import ClassVar

from hubwire import hub_method
from meschain.domain.events import MARKETPLACE_HUB, marketplace_group
from meschain.domain.payloads import ResumeAnswer
from meschain.hubs.arguments import fields, inventory_update, is_sync_request, marketplace_code, sync_progress
from meschain.hubs.authorise import ALL_MARKETPLACES, SYNC_MARKETPLACE_DATA
from meschain.hubs.clients import MarketplaceClient
from meschain.hubs.entered_groups import EnteredGroups
from meschain.hubs.resuming import ResumingHub
from meschain.services.clock import iso_utc
from meschain.services.notifications import NotificationService
from meschain.services.ports import Clock, GroupStore, Publisher
from meschain.services.resume import ResumeService
from meschain.services.sync import SyncService


class MarketplaceHub(ResumingHub[MarketplaceClient]):
    """Groups: `marketplace:<code>`, joined on request and restored at each later connect."""

    name: ClassVar[str] = MARKETPLACE_HUB

    def __init__(
        self,
        *,
        groups: GroupStore,
        entered: EnteredGroups,
        notifications: NotificationService,
        resuming: ResumeService,
        sync: SyncService,
        publisher: Publisher,
        clock: Clock,
    ) -> None:
        super().__init__(groups, entered, notifications, resuming)
        self._sync = sync
        self._publisher = publisher
        self._clock = clock

    @hub_method("JoinMarketplaceGroup")
    async def join_marketplace_group(self, marketplace: object, user_id: object) -> list[str]:
        """Watch one marketplace, or by `all` each that the caller may see. Returns the codes joined."""
        visible = self.identity.visible_marketplaces
        codes = visible if marketplace == ALL_MARKETPLACES else (marketplace_code(marketplace),)
        await self._join([marketplace_group(code) for code in codes])
        return list(codes)

    @hub_method(SYNC_MARKETPLACE_DATA)
    async def sync_marketplace_data(self, marketplace: object, data: object) -> None:
        """Start a sync by `{"action": "sync"}`; any other data is published as it is, for the shop's own programs."""
        code = marketplace_code(marketplace)
        if is_sync_request(data):
            await self._sync.request(self.identity, code)
        else:
            await self._publisher.marketplace_data(code, fields(data, "data"))

    @hub_method("UpdateInventoryStatus")
    async def update_inventory_status(self, product_id: object, status: object) -> None:
        """Publish a product's stock on a marketplace; for the shop's own programs."""
        await self._publisher.inventory_changed(inventory_update(product_id, status, iso_utc(self._clock.now())))

    @hub_method("BroadcastSyncProgress")
    async def broadcast_sync_progress(self, marketplace: object, progress: object) -> None:
        """Publish how far a sync is that runs elsewhere; for the shop's own programs."""
        await self._publisher.sync_progress(sync_progress(marketplace, progress, iso_utc(self._clock.now())))

    @hub_method("ResumeEvents")
    async def resume_events(self, position: object = None, in_answer: object = False) -> ResumeAnswer:
        """Replay what the caller's marketplaces missed behind a position; None: it has none yet, and begins now."""
        return await self._resume(position, in_answer)
