"""The page "Groups and users" is true."""

from __future__ import annotations

from typing import Any

import pytest
from engine.tests.docs.pages import HOW_TO, run_page

from hubwire.testing import HubTester, InvocationFailed


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    return run_page(HOW_TO / "groups-and-users.md")


async def test_members_hear_what_concerns_their_groups(page: dict[str, Any]) -> None:
    tester = HubTester(page["ShopHub"])
    ann = await tester.connect("ann", claims={"shops": ["izmir", "bursa"]})
    bob = await tester.connect("bob", claims={"shops": ["izmir"]})
    customer = await tester.connect()
    await customer.invoke("Watch", "lamp")
    await ann.invoke("Sell", "izmir", "lamp", 3)
    assert [each.received for each in (ann, bob)] == [[], [("StockChanged", ["lamp", 3])]]
    assert customer.received == [("StockChanged", ["lamp", 3])]
    await customer.invoke("Unwatch", "lamp")
    await ann.invoke("Sell", "bursa", "lamp", 2)
    assert len(bob.received) == len(customer.received) == 1
    with pytest.raises(InvocationFailed, match="because user is unauthorized"):
        await customer.invoke("Sell", "izmir", "lamp", 0)


async def test_a_user_is_reached_on_every_connection(page: dict[str, Any]) -> None:
    tester = HubTester(page["TasksHub"])
    tab, phone, boss = [await tester.connect(user) for user in ("ann", "ann", "boss")]
    await boss.invoke("Assign", "ann", "count the lamps")
    assert tab.received == phone.received == [("TaskAssigned", ["count the lamps"])]
    assert boss.received == [("Assigned", ["ann", "count the lamps"])]
