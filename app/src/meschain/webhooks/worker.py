"""Works on stored deliveries: has the vendor translate them, settles what is told, and tells it through the event log.

One loop for each marketplace, so that a vendor that hangs holds up no other. It runs in one process at a time. The
events and that they were told are stored in one transaction: after a crash in between, what the log held and nobody
remembered could not be compared with, and something older would be told behind it. Knows no vendor.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from meschain.domain.events import NewEvent
from meschain.domain.new_events import inventory_event
from meschain.domain.payloads import InventoryUpdate, StockRow
from meschain.services.clock import iso_utc
from meschain.services.options import InboxOptions
from meschain.services.ports import Clock, ShopUnavailable
from meschain.services.waiting import Wakeup, within
from meschain.services.webhook_ports import (
    AlertHint,
    InboxStore,
    ListedStock,
    Malformed,
    Marketplace,
    Status,
    StoredDelivery,
    Translation,
    VendorUnavailable,
    Worked,
)
from meschain.webhooks.settling import Settling, object_of

_log = logging.getLogger(__name__)

Alert = Callable[[str, str, str], Awaitable[object]]
"""Raises an alert: message, level, and what names it, so that it is raised once."""


@dataclass(slots=True)
class _Result:
    """One delivery of a batch on its way."""

    stored: StoredDelivery
    translation: Translation | None = None
    """None: it failed."""
    error: Exception | None = None
    events: list[NewEvent] = field(default_factory=list)


class InboxWorker:
    """The loops behind the inbox.

    Args:
        vendors: by vendor and store.
        random: of the pauses before further attempts.
        told: called once there are new events in the log.
    """

    def __init__(
        self,
        *,
        vendors: Mapping[tuple[str, str], Marketplace],
        store: InboxStore,
        told: Callable[[], None],
        stock: ListedStock,
        alert: Alert,
        clock: Clock,
        random: Random,
        options: InboxOptions | None = None,
    ) -> None:
        self._vendors = vendors
        self._store = store
        self._told = told
        self._stock = stock
        self._alert = alert
        self._clock = clock
        self._random = random
        self._options = options or InboxOptions()
        self._words = _words_of(vendors)
        self._wakeups = {code: Wakeup(clock) for code in self._words}

    def wake(self) -> None:
        """Something may wait: look now."""
        for wakeup in self._wakeups.values():
            wakeup.set()

    async def run(self) -> None:
        """Work for ever."""
        async with asyncio.TaskGroup() as group:
            for code in self._words:
                group.create_task(self._work(code))
            # Without any store there is nothing to do, and a work that ends would be begun again and again.
            await asyncio.Event().wait()

    async def _work(self, code: str) -> None:
        while True:
            try:
                count = await self.round(code)
            except Exception:  # noqa: BLE001 - boundary to our own database: the deliveries wait there
                _log.exception("deliveries of %s could not be worked on; they wait", code)
                await self._clock.sleep(self._options.failure_pause_seconds)
                continue
            if count < self._options.batch:
                await self._wakeups[code].wait(self._options.poll_seconds)

    async def round(self, code: str) -> int:
        """Work once on what is due of a marketplace; returns how many deliveries.

        Raises: any error of our own database; nothing is lost then.
        """
        batch = await self._store.due(self._words[code], self._clock.now(), self._options.batch)
        if not batch:
            return 0
        turn = asyncio.Semaphore(self._options.parallel_reads)
        results = list(await asyncio.gather(*(self._translate(stored, turn) for stored in batch)))
        await self._add_stock(code, results)
        await self._finish(code, results)
        return len(batch)

    async def _translate(self, stored: StoredDelivery, turn: asyncio.Semaphore) -> _Result:
        result = _Result(stored)
        delivery = stored.delivery
        try:
            marketplace = self._vendors.get((delivery.vendor, delivery.store))
            if marketplace is None:
                raise VendorUnavailable("its store is not in the settings any more; put it back, or drop the delivery")
            async with turn:
                translation = await within(
                    self._clock, self._options.translate_timeout_seconds, marketplace.translate(delivery)
                )
            result.translation, result.events = translation, list(translation.events)
        except Exception as error:  # noqa: BLE001 - boundary to the vendor's code: it is tried again, and then shown
            result.error = error
        return result

    async def _add_stock(self, code: str, results: Sequence[_Result]) -> None:
        """Turn what is said of stock into events with the shop's own figures."""
        skus = sorted({hint.sku for each in results if each.translation for hint in each.translation.stock})
        if not skus:
            return
        try:
            rows = await self._stock.listed_stock(code, skus)
        except ShopUnavailable as error:
            for each in results:
                if each.translation is not None and each.translation.stock:
                    each.translation, each.error = None, error
            return
        for each in results:
            if each.translation is not None:
                try:
                    each.events += _stock_events(code, each.translation, rows)
                except ValueError as error:
                    # An event that could not be stored fails its own delivery, and not all of them.
                    each.translation, each.error = None, error

    async def _finish(self, code: str, results: Sequence[_Result]) -> None:
        told_before = await self._store.settled(
            [event.event_id for each in results for event in each.events]
            + [alert.event_id for each in results if each.translation for alert in each.translation.alerts],
            sorted({object_of(event) for each in results for event in each.events}),
        )
        settling = Settling(told_before)
        telling: list[NewEvent] = []
        alerts: list[AlertHint] = []
        worked: list[Worked] = []
        for each in results:
            if each.translation is None:
                worked.append(self._failed(each))
                continue
            verdicts: dict[str, int] = {}
            for event in each.events:
                verdict = settling.verdict(event)
                verdicts[verdict] = verdicts.get(verdict, 0) + 1
                if verdict == "told":
                    telling.append(event)
            for alert in each.translation.alerts:
                if not settling.is_told(alert.event_id):
                    settling.tell(alert.event_id)
                    alerts.append(alert)
            worked.append(self._done(each, _note(each.translation, verdicts)))
        for alert in alerts:
            await self._alert(alert.message, alert.level, alert.event_id)
        for text in sorted({text for each in results if each.translation for text in each.translation.erase}):
            count = await self._store.erase(self._words[code], text)
            _log.info("emptied %d stored deliveries of %s at the marketplace's request", count, code)
        await self._store.finish(worked, settling.told, settling.newest, telling)
        if telling:
            self._told()

    def _done(self, result: _Result, note: str) -> Worked:
        return Worked(result.stored.number, Status.DONE, result.stored.attempts + 1, self._clock.now(), note)

    def _failed(self, result: _Result) -> Worked:
        stored, error = result.stored, result.error
        attempts = stored.attempts + 1
        # Of other errors the text may hold anything; it is in the log.
        is_ours = isinstance(error, Malformed | VendorUnavailable | ShopUnavailable)
        note = str(error) if is_ours else f"failed: {type(error).__name__}; the log has the whole of it"
        if not is_ours:
            _log.error("working on delivery %d failed", stored.number, exc_info=error)
        if isinstance(error, Malformed) or attempts >= self._options.attempts:
            _log.error("delivery %d of %s is given up: %s", stored.number, stored.delivery.vendor, note)
            return Worked(stored.number, Status.DEAD, attempts, self._clock.now(), note)
        ceiling = min(self._options.longest_pause_seconds, self._options.first_pause_seconds * 2 ** (attempts - 1))
        pause = timedelta(seconds=self._random.uniform(0, ceiling))
        return Worked(stored.number, Status.WAITING, attempts, self._clock.now() + pause, note)


def _words_of(vendors: Mapping[tuple[str, str], Marketplace]) -> Mapping[str, Sequence[str]]:
    """The vendors' words in addresses, by marketplace."""
    words: dict[str, set[str]] = {}
    for (vendor, _store), marketplace in vendors.items():
        words.setdefault(marketplace.code, set()).add(vendor)
    return {code: sorted(found) for code, found in words.items()}


def _stock_events(code: str, translation: Translation, rows: Mapping[str, StockRow]) -> list[NewEvent]:
    return [
        inventory_event(
            InventoryUpdate(
                event_id=hint.event_id,
                marketplace=code,
                product_id=row.product_id,
                sku=row.sku,
                name=row.name,
                quantity=row.quantity,
                listed_quantity=row.listed_quantity if hint.listed_quantity is None else hint.listed_quantity,
                reason=hint.reason,
                occurred_at=iso_utc(hint.occurred_at),
            )
        )
        for hint in translation.stock
        if (row := rows.get(hint.sku)) is not None
    ]


def _note(translation: Translation, verdicts: Mapping[str, int]) -> str:
    counts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items()))
    return "; ".join(part for part in (counts or "nothing to tell", translation.note) if part)
