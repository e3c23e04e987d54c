"""Packages as n11 lists them, with made-up content."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from app.tests.marketplaces.vendor_server import VendorServer
from pydantic import SecretStr

from meschain.marketplaces.n11.api import PAGE_SIZE
from meschain.vendor_settings.n11 import N11Store

PACKAGES = ("GET", "/rest/delivery/v1/shipmentPackages")
MINUTE = 60_000
NOW_MILLISECONDS = 1767258900000
"""The moment of the tests' clock."""


def settings(url: str = "https://api.n11.com", **changes: object) -> N11Store:
    given: dict[str, object] = {"app_key": SecretStr("the-key"), "app_secret": SecretStr("the-secret"), "api_url": url}
    return N11Store.model_validate({**given, **changes})


def package(
    number: int = 1, status: str = "Created", changed: int = NOW_MILLISECONDS, **changes: object
) -> dict[str, Any]:
    lines = [
        {"quantity": 2, "stockCode": "MUG-01", "price": 160, "sellerInvoiceAmount": 300.1, "barcode": None},
        {"quantity": 1, "stockCode": "MUG-02", "price": 10, "sellerInvoiceAmount": 9.9},
    ]
    return {
        "id": number,
        "orderNumber": f"2000{number}",
        "shipmentPackageStatus": status,
        "lastModifiedDate": changed,
        "totalAmount": 305,
        "lines": lines,
        "customerfullName": "Ayşe Örnek",
        **changes,
    }


def listing(n11: VendorServer, packages: Sequence[object]) -> Callable[[], object]:
    """Answers the page that was asked for, those that changed last first, as n11 does."""

    def answer() -> object:
        number, size = int(n11.queries[-1]["page"]), int(n11.queries[-1]["size"])
        pages = -(-len(packages) // size)
        return {"totalPages": pages, "page": number, "content": list(packages[number * size : (number + 1) * size])}

    return answer


def many(count: int, changed: int) -> list[dict[str, Any]]:
    """Packages, each a millisecond older than the one before."""
    return [package(number + 1, changed=changed - number) for number in range(count)]


THREE_PAGES = 2 * PAGE_SIZE + 1
