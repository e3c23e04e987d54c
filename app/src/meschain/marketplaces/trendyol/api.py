"""Trendyol's API as far as we ask it: packages of orders. Facts: the vendor's reference of `getShipmentPackages`."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol
from urllib.parse import quote

import aiohttp
import msgspec

from meschain.marketplaces.trendyol.statuses import folded, word_of
from meschain.marketplaces.vendor_http import VendorHttp
from meschain.services.webhook_ports import VendorApi, VendorLine, VendorOrder
from meschain.vendor_settings.trendyol import TrendyolStore


@dataclass(frozen=True, slots=True)
class TrendyolPackage:
    """A package at Trendyol."""

    order: VendorOrder
    statuses: frozenset[str]
    """All that it has had, the present one among them; folded."""


class TrendyolReads(VendorApi, Protocol):
    """What is asked of Trendyol."""

    async def package(self, package_id: str) -> TrendyolPackage | None:
        """The package as it is now; None: the seller has none of that number. Raises: VendorUnavailable."""


class _Line(msgspec.Struct, frozen=True, rename="camel"):
    quantity: int
    merchant_sku: str | None = None
    stock_code: str | None = None
    barcode: str | None = None


class _History(msgspec.Struct, frozen=True):
    status: str = ""


class _Package(msgspec.Struct, frozen=True, rename="camel"):
    order_number: str
    status: str
    shipment_package_id: int | None = None
    id: int | None = None
    currency_code: str = "TRY"
    package_total_price: Decimal | None = None
    total_price: Decimal | None = None
    last_modified_date: int | None = None
    lines: list[_Line] = []
    package_histories: list[_History] = []


class _Packages(msgspec.Struct, frozen=True):
    content: list[_Package] = []


class TrendyolApi:
    """`TrendyolReads` of one seller."""

    def __init__(self, settings: TrendyolStore, session: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._http = VendorHttp("Trendyol", session)

    async def order(self, order_id: str) -> VendorOrder | None:
        package = await self.package(order_id)
        return None if package is None else package.order

    async def package(self, package_id: str) -> TrendyolPackage | None:
        seller_id = self._settings.seller_id
        path = f"/integration/order/sellers/{seller_id}/orders?shipmentPackageIds={quote(package_id, safe='')}"
        pair = f"{self._settings.api_key.get_secret_value()}:{self._settings.api_secret.get_secret_value()}"
        headers = {
            "authorization": f"Basic {b64encode(pair.encode()).decode()}",
            # Trendyol refuses requests that do not name the seller here.
            "user-agent": f"{seller_id} - SelfIntegration",
        }
        answer = await self._http.get(f"{self._settings.api_url}{path}", headers, _Packages)
        for found in answer.content if answer is not None else ():
            if str(found.shipment_package_id or found.id) == package_id:
                return _package(found, package_id)
        return None


def _package(found: _Package, package_id: str) -> TrendyolPackage:
    total = found.total_price if found.package_total_price is None else found.package_total_price
    order = VendorOrder(
        order_id=package_id,
        order_number=found.order_number,
        status=word_of(found.status),
        vendor_status=found.status,
        total=total or Decimal(0),
        currency=found.currency_code,
        lines=[
            VendorLine(line.merchant_sku or line.stock_code or line.barcode or "", line.quantity)
            for line in found.lines
        ],
        changed_at=None,
    )
    return TrendyolPackage(
        order, frozenset({folded(found.status), *(folded(e.status) for e in found.package_histories)})
    )
