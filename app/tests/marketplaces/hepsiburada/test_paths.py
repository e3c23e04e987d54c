"""Paths of Hepsiburada's calls."""

from __future__ import annotations

import pytest

from meschain.marketplaces.hepsiburada.paths import happening_of
from meschain.vendor_settings.hepsiburada import PATHS


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("orders", ("orders", "")),
        ("Orders/", ("orders", "")),
        ("lineitems/l-1/cancel", ("cancel", "l-1")),
        ("orders/41/shippingaddress", ("address", "41")),
        ("orders/41/shippingAddress", ("address", "41")),
        ("packages/500/undeliver", ("undeliver", "500")),
        ("packages/500/intransit", ("intransit", "500")),
        ("packages/500/deliver", ("deliver", "500")),
        ("", None),
        ("orders/41", None),
        ("packages/500/deliver/again", None),
        ("orders/41/changeslot", None),
    ],
)
def test_a_path_tells_of_what_the_vendors_pages_say(path: str, found: tuple[str, str] | None) -> None:
    assert happening_of(path, PATHS) == found


def test_paths_may_be_called_otherwise() -> None:
    assert happening_of("createOrder", {"createOrder": "orders"}) == ("orders", "")
