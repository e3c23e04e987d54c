"""Whatever arrives, a vendor reads a notice or says that it is malformed, and nothing else."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from app.tests.marketplaces.amazon import messages as amazon
from app.tests.marketplaces.hepsiburada import test_notifications as hepsiburada
from app.tests.marketplaces.n11 import packages as n11
from app.tests.marketplaces.requests import NOW, KnownOrders, delivery_of, request_of, vendor_order
from app.tests.marketplaces.trendyol import test_notifications as trendyol
from app.tests.services.fakes import FakeClock
from hypothesis import given
from hypothesis import strategies as st

from meschain.marketplaces.amazon.notifications import AmazonNotifications
from meschain.marketplaces.hepsiburada.notifications import HepsiburadaNotifications
from meschain.marketplaces.n11.notifications import N11Notifications
from meschain.marketplaces.trendyol.notifications import TrendyolNotifications
from meschain.services.webhook_ports import Malformed, Marketplace, VendorUnavailable

VENDORS: dict[str, tuple[Marketplace, list[tuple[str, Any]]]] = {
    "trendyol": (
        TrendyolNotifications(trendyol.SETTINGS, trendyol.KnownPackages()),
        [("", {"content": [trendyol.package()]})],
    ),
    "hepsiburada": (
        HepsiburadaNotifications(hepsiburada.SETTINGS, hepsiburada.KnownToHepsiburada(), FakeClock(NOW)),
        [
            (request.path, json.loads(request.body))
            for request in (hepsiburada.orders(), hepsiburada.cancel(), hepsiburada.undeliver())
        ],
    ),
    "amazon": (
        AmazonNotifications(amazon.settings(), KnownOrders(vendor_order(amazon.ORDER_ID))),
        [("", amazon.order_change()), ("", amazon.by_event_bridge(amazon.order_change()))],
    ),
    "n11": (N11Notifications(), [("", n11.package())]),
}

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=300) | st.just("2026-01-01T00:00:00"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def spoilt(draw: st.DrawFn, content: Any) -> Any:
    """The content with something in it replaced or left out."""
    if not isinstance(content, dict | list) or not content or draw(st.integers(0, 4)) == 0:
        return draw(anything)
    names = list(content) if isinstance(content, dict) else list(range(len(content)))
    name = draw(st.sampled_from(names))
    changed = dict(content) if isinstance(content, dict) else list(content)
    if draw(st.integers(0, 5)) == 0:
        del changed[name]
    else:
        changed[name] = draw(spoilt(content[name]))
    return changed


async def try_out(name: str, path: str, body: bytes) -> None:
    marketplace, _ = VENDORS[name]
    request = request_of(body, path=path)
    with suppress(Malformed):
        notice = marketplace.read(request)
        assert 0 < len(notice.key) <= 190
        assert 0 < len(notice.kind) <= 64
        assert (notice.key + notice.kind + notice.path).isprintable()
        with suppress(Malformed, VendorUnavailable):
            await marketplace.translate(delivery_of(marketplace, name, request))


@pytest.mark.parametrize("name", VENDORS)
@given(data=st.data())
async def test_of_a_message_that_is_nearly_right(name: str, data: st.DataObject) -> None:
    path, content = data.draw(st.sampled_from(VENDORS[name][1]))
    await try_out(name, path, json.dumps(data.draw(spoilt(content))).encode())


@pytest.mark.parametrize("name", VENDORS)
@given(path=st.sampled_from(["", "orders", "packages/1/deliver"]) | st.text(max_size=30), body=st.binary(max_size=60))
async def test_of_any_bytes(name: str, path: str, body: bytes) -> None:
    await try_out(name, path, body)
