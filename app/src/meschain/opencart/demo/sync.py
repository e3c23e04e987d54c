"""Reconciles one marketplace of the demo shop: listings against stock, imported orders against the shop's orders.

The demo has no marketplace to talk to: its side of things is the listing row, as the old extension keeps it. What is
compared and changed is real; the time per item stands for the marketplace's API, whose calls a real sync waits for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import func, select, update

from meschain.domain.marketplaces import MARKETPLACES
from meschain.domain.payloads import InventoryUpdate
from meschain.opencart.connection import ShopDatabase
from meschain.opencart.demo.drafts import marketplace_id
from meschain.opencart.demo.seed import ZONE
from meschain.opencart.schema import ShopTables
from meschain.opencart.store_time import iso_utc, local_text
from meschain.services.ports import Clock, ShopUnavailable, SyncFailed, SyncJob, SyncStep

ITEM_SECONDS: Final = 0.06
"""What one item costs: about a marketplace's answer to one update of price and stock."""
STEP_ITEMS: Final = 5
"""Items per reported step."""
ORDERS_CHECKED: Final = 20
"""The newest orders of the marketplace, compared with the shop's."""


@dataclass(frozen=True, slots=True)
class _Listing:
    listing_id: int
    product_id: int
    sku: str
    name: str
    stock: int
    listed: int


class DemoSyncRunner:
    """`services.ports.SyncRunner` for the demo shop."""

    def __init__(
        self, database: ShopDatabase, tables: ShopTables, clock: Clock, *, item_seconds: float = ITEM_SECONDS
    ) -> None:
        self._database = database
        self._tables = tables
        self._clock = clock
        self._item_seconds = item_seconds

    async def run(self, job: SyncJob, report_token: str) -> AsyncIterator[SyncStep]:
        """One step per few items; the last one has everything processed. Raises: SyncFailed."""
        if job.marketplace not in MARKETPLACES:
            raise SyncFailed(f"There is no marketplace {job.marketplace!r}.")
        try:
            async for step in self._steps(job):
                yield step
        except ShopUnavailable as error:
            raise SyncFailed(str(error)) from error

    async def _steps(self, job: SyncJob) -> AsyncIterator[SyncStep]:
        listings = await self._listings(job.marketplace)
        links = await self._links(job.marketplace)
        total = len(listings) + len(links)
        processed = failed = corrected = 0
        yield SyncStep(0, 0, total, f"{len(listings)} listings and {len(links)} orders to compare")
        for start in range(0, len(listings), STEP_ITEMS):
            batch = listings[start : start + STEP_ITEMS]
            await self._clock.sleep(self._item_seconds * len(batch))
            changed = await self._reconcile(job, batch)
            processed += len(batch)
            corrected += len(changed)
            yield SyncStep(processed, failed, total, f"{corrected} listings corrected", changed)
        for start in range(0, len(links), STEP_ITEMS):
            part = links[start : start + STEP_ITEMS]
            await self._clock.sleep(self._item_seconds * len(part))
            failed += await self._compare_orders(part)
            processed += len(part)
            yield SyncStep(processed, failed, total, f"{processed - len(listings)} of {len(links)} orders compared")
        message = f"{corrected} listings corrected, {len(links)} orders compared, {failed} orders without a counterpart"
        await self._log(job.marketplace, failed, message)
        yield SyncStep(processed, failed, total, message)

    async def _listings(self, code: str) -> Sequence[_Listing]:
        listing, product, description = (
            self._tables.meschain_product,
            self._tables.product,
            self._tables.product_description,
        )
        async with self._database.connect() as connection:
            rows = await connection.execute(
                select(
                    listing.c.meschain_product_id,
                    product.c.product_id,
                    product.c.sku,
                    description.c.name,
                    product.c.quantity,
                    listing.c.quantity,
                )
                .select_from(
                    listing.join(product, product.c.product_id == listing.c.product_id).outerjoin(
                        description,
                        (description.c.product_id == product.c.product_id) & (description.c.language_id == 1),
                    )
                )
                .where(listing.c.marketplace_id == marketplace_id(code))
                .order_by(product.c.product_id)
            )
            return [_Listing(*row) for row in rows]

    async def _reconcile(self, job: SyncJob, batch: Sequence[_Listing]) -> list[InventoryUpdate]:
        """Give the listings what the shop has now; those that changed."""
        listing, product = self._tables.meschain_product, self._tables.product
        changed: list[InventoryUpdate] = []
        moment = self._clock.now()
        now = local_text(moment, ZONE)
        async with self._database.begin() as connection:
            ids = [each.listing_id for each in batch]
            # Read again inside the transaction: an order may have come in while the marketplace answered.
            rows = await connection.execute(
                select(listing.c.meschain_product_id, product.c.quantity, listing.c.quantity)
                .select_from(listing.join(product, product.c.product_id == listing.c.product_id))
                .where(listing.c.meschain_product_id.in_(ids))
            )
            current = {listing_id: (stock, listed) for listing_id, stock, listed in rows}
            for each in batch:
                stock, listed = current.get(each.listing_id, (each.stock, each.listed))
                wanted = max(0, stock)
                values: dict[str, Any] = {"sync_status": "success", "last_sync": now}
                if wanted != listed:
                    values |= {"quantity": wanted, "date_modified": now}
                    changed.append(
                        InventoryUpdate(
                            event_id=f"sync:{job.id}:{each.listing_id}",
                            marketplace=job.marketplace,
                            product_id=each.product_id,
                            sku=each.sku,
                            name=each.name or each.sku,
                            quantity=stock,
                            listed_quantity=wanted,
                            reason="sync",
                            occurred_at=iso_utc(moment),
                        )
                    )
                await connection.execute(
                    update(listing).where(listing.c.meschain_product_id == each.listing_id).values(**values)
                )
        return changed

    async def _links(self, code: str) -> Sequence[int]:
        link = self._tables.meschain_order
        async with self._database.connect() as connection:
            found = await connection.scalars(
                select(link.c.meschain_order_id)
                .where(link.c.marketplace_id == marketplace_id(code))
                .order_by(link.c.meschain_order_id.desc())
                .limit(ORDERS_CHECKED)
            )
            return list(found)

    async def _compare_orders(self, link_ids: Sequence[int]) -> int:
        """Mark those whose order is there with the same total as synced; returns how many are not."""
        link, order = self._tables.meschain_order, self._tables.order
        async with self._database.begin() as connection:
            rows = (
                await connection.execute(
                    select(link.c.meschain_order_id, link.c.total, order.c.total)
                    .select_from(link.outerjoin(order, order.c.order_id == link.c.order_id))
                    .where(link.c.meschain_order_id.in_(link_ids))
                )
            ).all()
            good = [link_id for link_id, linked, total in rows if total is not None and linked == total]
            bad = [link_id for link_id, *_ in rows if link_id not in good]
            for ids, status in ((good, "synced"), (bad, "error")):
                if ids:
                    await connection.execute(
                        update(link).where(link.c.meschain_order_id.in_(ids)).values(status=status)
                    )
        return len(bad)

    async def _log(self, code: str, failed: int, message: str) -> None:
        log = self._tables.meschain_sync_log
        async with self._database.begin() as connection:
            number = int(await connection.scalar(select(func.max(log.c.log_id))) or 0) + 1
            await connection.execute(
                log.insert(),
                {
                    "log_id": number,
                    "marketplace": code,
                    "operation": "reconcile",
                    "status": "warning" if failed else "success",
                    "message": message,
                    "created_at": local_text(self._clock.now(), ZONE),
                },
            )
