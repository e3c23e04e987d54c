"""Events of the running application: live, and replayed to who was away, over real connections in each hosting."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.tests.conftest import Site
from app.tests.hostings import RunSite
from app.tests.signalr_client import SignalRClient


def orders(client: SignalRClient, placed: Sequence[int]) -> list[dict[str, Any]]:
    """What it was told of these, each event once: one that is told again is known by its id."""
    found: dict[str, dict[str, Any]] = {}
    for order in client.all_received("orderNotification"):
        if order["orderId"] in placed:
            found.setdefault(order["eventId"], order)
    return list(found.values())


def has_heard_of(client: SignalRClient, placed: Sequence[int]) -> bool:
    return {*placed} <= {order["orderId"] for order in orders(client, placed)}


async def place(site: Site, *marketplaces: str) -> list[int]:
    """Place orders in the demo shop; their ids."""
    assert site.application.demo_shop is not None
    driver = site.application.demo_shop.driver()
    return [await driver.place_order(code) for code in marketplaces]


async def test_who_was_away_is_replayed_what_it_missed_and_then_hears_what_is_live(site: Site) -> None:
    admin, manager = await site.login("admin"), await site.login("manager")
    await site.orders_are_watched()
    async with site.connected(admin["accessToken"]) as watching:
        await watching.invoke("JoinAdminGroup", admin["userId"], "admin")
        async with site.connected(manager["accessToken"]) as client:
            await client.invoke("JoinMarketplaceGroup", "n11", manager["userId"])
            begun = await client.invoke("ResumeEvents", None)
            assert (begun["complete"], begun["more"]) == (True, False)
        missed = await place(site, "n11", "etsy", "n11", "n11")
        await watching.until(lambda: has_heard_of(watching, missed))
        async with site.connected(manager["accessToken"]) as client:
            answer = await client.invoke("ResumeEvents", begun["position"])
            assert (answer["complete"], answer["more"], answer["orders"]) == (True, False, [])
            await client.until(lambda: len(orders(client, missed)) == 3)
            (live,) = await place(site, "n11")
            await client.received("orderNotification", lambda order: order["orderId"] == live)
            seen = orders(client, [*missed, live])
        assert [order["orderId"] for order in seen] == [missed[0], *missed[2:], live]
        assert [order.get("replayed") for order in seen] == [True, True, True, None]
        positions = [order["position"] for order in seen]
        assert positions == sorted(positions)
        assert positions[2] <= answer["position"] < positions[3]
        await watching.until(lambda: has_heard_of(watching, [*missed, live]))
        # Orders of different marketplaces that came within a moment are told side by side.
        told = orders(watching, [*missed, live])
        assert sorted(order["orderId"] for order in told) == [*missed, live]
        assert [order["position"] for order in told] == sorted(order["position"] for order in told)


async def test_a_page_goes_on_behind_a_restart_of_the_server(data_dir: Path, run_site: RunSite) -> None:
    async with run_site(data_dir) as site:
        admin = await site.login("admin")
        async with site.connected(admin["accessToken"]) as client:
            begun = await client.invoke("ResumeEvents", None)
            await site.orders_are_watched()
            (first,) = await place(site, "n11")
            await client.received("orderNotification", lambda order: order["orderId"] == first)
    async with run_site(data_dir) as site:
        admin = await site.login("admin")
        async with site.connected(admin["accessToken"]) as client:
            await client.invoke("ResumeEvents", begun["position"])
            # What could not be marked as told before the stop is told once more, besides.
            replayed = await client.received(
                "orderNotification", lambda order: order["orderId"] == first and "replayed" in order
            )
            (second,) = await place(site, "n11")
            live = await client.received("orderNotification", lambda order: order["orderId"] == second)
            assert live["position"] > replayed["position"]


async def test_who_can_take_it_has_what_it_missed_in_the_answer(site: Site) -> None:
    manager = await site.login("manager")
    await site.orders_are_watched()
    async with site.connected(manager["accessToken"]) as client:
        await client.invoke("JoinMarketplaceGroup", "n11", manager["userId"])
        begun = await client.invoke("ResumeEvents", None, True)
        assert begun["events"] == []
        (placed,) = await place(site, "n11")
        live = await client.received("orderNotification", lambda order: order["orderId"] == placed)
        answer = await client.invoke("ResumeEvents", begun["position"], True)
        # What another test has placed may still come in.
        (missed,) = [each["payload"] for each in answer["events"] if each["payload"].get("orderId") == placed]
        assert missed == {**live, "replayed": True}
        assert not any("replayed" in order for order in client.all_received("orderNotification"))


async def test_a_position_that_nobody_knows_is_answered_with_the_current_figures(site: Site) -> None:
    admin, manager = await site.login("admin"), await site.login("manager")
    async with site.connected(admin["accessToken"]) as client:
        answer = await client.invoke("ResumeEvents", 10**9)
        assert not answer["complete"]
        assert len(answer["orders"]) == 10
        await client.received("updateAdminDashboard")
    async with site.connected(manager["accessToken"]) as client:
        answer = await client.invoke("ResumeEvents", 10**9)
        assert not answer["complete"]
        granted = set(manager["marketplaces"])
        assert {order["marketplace"] for order in answer["orders"]} <= granted
