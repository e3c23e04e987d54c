"""Deliveries are translated, settled and told once, through failures, restarts and the wrong order."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from app.tests.services.fakes import START, FakeClock, settle
from app.tests.webhooks.example_vendor import Crash, ExampleVendor, Rig, request

from meschain.services.options import InboxOptions
from meschain.services.webhook_ports import (
    AlertHint,
    Arrival,
    Delivery,
    Malformed,
    Status,
    StoredDelivery,
    Translation,
)
from meschain.state.database import Database

CREATED, SHIPPED = "etsy:1:created", "etsy:1:shipped"


async def statuses(rig: Rig) -> list[str]:
    return [each.status for each in reversed(await rig.store.list(None, None, None, 99))]


async def only(rig: Rig) -> StoredDelivery:
    [found] = await rig.store.list(None, None, None, 99)
    return found


async def test_a_delivery_is_told_and_done(rig: Rig) -> None:
    await rig.send(request())
    await rig.work()
    assert rig.told() == [CREATED]
    done = await only(rig)
    assert (done.status, done.attempts, done.note, done.finished_at) == (Status.DONE, 1, "1 told", START)


async def test_the_second_level_key_holds_over_deliveries(rig: Rig) -> None:
    await rig.send(request(id="line-1"), request(id="line-2"))
    await rig.work()
    await rig.send(request(id="line-3"))
    await rig.work()
    assert rig.told() == [CREATED]
    assert await statuses(rig) == [Status.DONE] * 3


async def test_what_is_older_is_stored_and_not_told(rig: Rig) -> None:
    await rig.send(request(id="2", status="shipped", at=10))
    await rig.work()
    await rig.send(request(id="1", status="created", at=5), request(id="3", order="2", at=1))
    await rig.work()
    assert rig.told() == [SHIPPED, "etsy:2:created"]
    assert await statuses(rig) == [Status.DONE] * 3
    notes = {each.delivery.key: each.note for each in await rig.store.list(None, None, None, 9)}
    assert notes["etsy:1"] == "1 stale"


async def test_within_a_batch_the_order_of_arrival_holds(rig: Rig) -> None:
    await rig.send(request(id="2", status="shipped", at=10), request(id="1", status="created", at=5))
    await rig.send(request(id="3", status="delivered", at=10))
    await rig.work()
    assert rig.told() == [SHIPPED, "etsy:1:delivered"]
    assert rig.moments() == sorted(rig.moments())


async def test_a_failure_is_tried_again_after_a_random_pause(rig: Rig, vendor: ExampleVendor) -> None:
    vendor.failures["1"] = 2
    await rig.send(request())
    await rig.work()
    waiting = await only(rig)
    assert (waiting.status, waiting.attempts, waiting.note) == (Status.WAITING, 1, "the vendor is away")
    pause = waiting.next_attempt_at - START
    assert timedelta(0) < pause <= timedelta(seconds=rig.options.first_pause_seconds)
    assert rig.told() == []
    await rig.clock.advance(rig.options.first_pause_seconds)
    await rig.work()
    await rig.clock.advance(2 * rig.options.first_pause_seconds)
    await rig.work()
    assert rig.told() == [CREATED]
    assert vendor.translated == ["1"] * 3


async def test_pauses_grow_and_end_at_the_longest(rig: Rig, vendor: ExampleVendor) -> None:
    rig.options = InboxOptions(attempts=8, first_pause_seconds=10, longest_pause_seconds=60)
    rig.worker = rig.new_worker()
    vendor.failures["1"] = 99
    await rig.send(request())
    for attempt in range(1, 8):
        await rig.work()
        pause = (await only(rig)).next_attempt_at - rig.clock.now()
        assert pause <= timedelta(seconds=min(60, 10 * 2 ** (attempt - 1)))
        await rig.clock.advance(60)
    await rig.work()
    dead = await only(rig)
    assert (dead.status, dead.attempts, dead.note) == (Status.DEAD, 8, "the vendor is away")
    await rig.clock.advance(3600)
    assert await rig.worker.round("etsy") == 0


async def test_what_can_never_be_understood_is_given_up_at_once(rig: Rig, vendor: ExampleVendor) -> None:
    vendor.failures["1"], vendor.error = 1, lambda: Malformed("orderId is missing")
    await rig.send(request())
    await rig.work()
    dead = await only(rig)
    assert (dead.status, dead.attempts, dead.note) == (Status.DEAD, 1, "orderId is missing")


async def test_an_error_of_the_vendors_code_is_noted_without_its_text(rig: Rig, vendor: ExampleVendor) -> None:
    vendor.failures["1"], vendor.error = 1, lambda: KeyError("a buyer's name")
    await rig.send(request())
    await rig.work()
    note = (await only(rig)).note
    assert "KeyError" in note
    assert "buyer" not in note


async def test_one_that_fails_holds_up_no_other(rig: Rig, vendor: ExampleVendor) -> None:
    vendor.failures["1"] = 1
    await rig.send(request(), request(id="2", order="2"))
    await rig.work()
    assert rig.told() == ["etsy:2:created"]


async def test_an_event_that_cannot_be_stored_fails_its_delivery_alone(rig: Rig, vendor: ExampleVendor) -> None:
    vendor.stock_id = "x" * 500
    await rig.send(request(sku="MUG"), request(id="2", order="2"))
    await rig.work()
    assert rig.told() == ["etsy:2:created"]
    found = {each.delivery.key: each.note for each in await rig.store.list(None, None, None, 9)}
    assert "ValueError" in found["etsy:1"]


async def test_a_vendor_that_hangs_is_given_up_for_now(rig: Rig, vendor: ExampleVendor, clock: FakeClock) -> None:
    vendor.hangs = asyncio.Event()
    await rig.send(request())
    working = asyncio.create_task(rig.worker.round("etsy"))
    # The store works in threads of its own: its turns are none of the clock's.
    await rig.until(lambda: bool(vendor.translated))
    await clock.advance(rig.options.translate_timeout_seconds + 1)
    await working
    assert (await only(rig)).status == Status.WAITING


async def test_a_vendor_that_hangs_holds_up_no_other_marketplace(database: Database, clock: FakeClock) -> None:
    slow, quick = ExampleVendor("etsy"), ExampleVendor("ozon")
    slow.hangs = asyncio.Event()
    rig = Rig(database, clock, {("etsy", "main"): slow, ("ozon", "main"): quick})
    await rig.send(request())
    await rig.send(request(), vendor="ozon")
    running = asyncio.create_task(rig.worker.run())
    await rig.until(lambda: rig.told() == ["ozon:1:created"] and slow.translated == ["1"])
    running.cancel()
    await asyncio.wait([running])


async def test_a_wake_is_work_at_once_and_a_neighbours_store_is_found_by_looking(rig: Rig) -> None:
    running = asyncio.create_task(rig.worker.run())
    await rig.send(request())
    await rig.until(lambda: rig.told() == [CREATED])
    async with asyncio.timeout(20):
        [stored] = await rig.store.list(None, None, None, 9)
        full = await rig.store.get(stored.number)
        assert full is not None
        other = Arrival(_renamed(full, "etsy:2", b'{"id": "2", "order": "2"}'))
        await rig.store.add([other])
        while rig.told() != [CREATED, "etsy:2:created"]:
            await rig.clock.advance(rig.options.poll_seconds)
    running.cancel()
    await asyncio.wait([running])


def _renamed(stored: StoredDelivery, key: str, body: bytes) -> Delivery:
    return replace(stored.delivery, key=key, body=body)


async def test_after_a_crash_in_between_everything_is_told_once(rig: Rig) -> None:
    await rig.send(request(), request(id="2", status="shipped", at=5))
    rig.events.crashes = 1
    with pytest.raises(Crash):
        await rig.work()
    assert await rig.events.behind(0, 9) == []
    rig.worker = rig.new_worker()
    await rig.work()
    assert rig.told() == [CREATED, SHIPPED]
    assert await statuses(rig) == [Status.DONE] * 2
    assert rig.events_woken == 1


async def test_after_a_crash_what_failed_before_it_is_not_told_behind_what_is_newer(
    rig: Rig, vendor: ExampleVendor
) -> None:
    # The newer one is told and the older one fails; nobody may remember less of that than the log does.
    vendor.failures["1"] = 1
    await rig.send(request(), request(id="2", status="shipped", at=5))
    rig.events.crashes = 1
    with pytest.raises(Crash):
        await rig.work()
    rig.worker = rig.new_worker()
    await rig.work()
    assert rig.moments() == sorted(rig.moments())
    assert rig.told()[-1] == SHIPPED
    assert await statuses(rig) == [Status.DONE] * 2


async def test_when_our_own_database_fails_nothing_is_counted_and_the_work_goes_on(
    rig: Rig, database: Database, clock: FakeClock
) -> None:
    await rig.send(request())
    async with database.begin() as connection:
        await connection.exec_driver_sql("ALTER TABLE mc_inbox_told RENAME TO away")
    with pytest.raises(Exception, match="mc_inbox_told"):
        await rig.worker.round("etsy")
    assert (await only(rig)).attempts == 0
    running = asyncio.create_task(rig.worker.run())
    await settle()
    async with database.begin() as connection:
        await connection.exec_driver_sql("ALTER TABLE away RENAME TO mc_inbox_told")
    async with asyncio.timeout(20):
        while rig.told() != [CREATED]:
            await clock.advance(rig.options.failure_pause_seconds)
    running.cancel()
    await asyncio.wait([running])


async def test_stock_is_told_with_the_shops_own_figures(rig: Rig) -> None:
    await rig.send(request(sku="MUG"), request(id="2", order="2", sku="NOT-LISTED"))
    await rig.work()
    assert rig.shelf.asked == [("etsy", ["MUG", "NOT-LISTED"])]
    [stock] = [row.event for row in rig.events.rows if row.event.kind == "inventory"]
    assert (stock.key, stock.payload["quantity"], stock.payload["listedQuantity"]) == ("product:5", 3, 4)
    assert stock.payload["reason"] == "order"


async def test_without_the_shop_what_needs_it_waits(rig: Rig) -> None:
    rig.shelf.is_away = True
    await rig.send(request(sku="MUG"), request(id="2", order="2"))
    await rig.work()
    assert rig.told() == ["etsy:2:created"]
    rig.shelf.is_away = False
    await rig.clock.advance(rig.options.first_pause_seconds)
    await rig.work()
    assert set(rig.told()) == {"etsy:2:created", CREATED, f"{CREATED}:stock"}


async def test_an_alert_is_raised_once(rig: Rig, vendor: ExampleVendor) -> None:
    vendor.extra = Translation(alerts=[AlertHint("alert-1", "error", "consent is gone")])
    await rig.send(request(), request(id="2", order="2"))
    await rig.work()
    await rig.send(request(id="3", order="3"))
    await rig.work()
    assert rig.alerts == [("consent is gone", "error")]


async def test_a_persons_data_is_erased_from_what_is_stored(rig: Rig, vendor: ExampleVendor) -> None:
    await rig.send(request(buyer="ada"), request(id="2", buyer="bob", order="2"))
    await rig.work()
    vendor.extra = Translation(erase=['"ada"'])
    await rig.send(request(id="3", order="3"))
    await rig.work()
    bodies = [await rig.store.get(each.number) for each in await rig.store.list(None, None, None, 9)]
    assert [b"bob" in each.delivery.body for each in bodies if each is not None] == [False, True, False]
    assert [bool(each.delivery.body) for each in bodies if each is not None] == [True, True, False]


async def test_a_store_that_left_the_settings_keeps_its_deliveries(rig: Rig) -> None:
    await rig.send(request())
    await rig.store.add([Arrival(_moved(await rig.store.get(1)))])
    await rig.work()
    found = {each.delivery.store: each for each in await rig.store.list(None, None, None, 9)}
    assert found["main"].status == Status.DONE
    assert found["gone"].status == Status.WAITING
    assert "not in the settings" in found["gone"].note


def _moved(stored: StoredDelivery | None) -> Delivery:
    assert stored is not None
    return replace(stored.delivery, store="gone")
