"""Amazon's Selling Partner API as far as we ask it: orders. Facts: the vendor's model of the Orders API 2026-01-01,
operation `getOrder`; the one before, v0, ends in March 2027."""

from __future__ import annotations

from decimal import Decimal
from typing import Final
from urllib.parse import quote

import aiohttp
import msgspec

from meschain.marketplaces.access_tokens import AccessToken, TokenAnswer
from meschain.marketplaces.orders import moment_of
from meschain.marketplaces.vendor_http import VendorHttp
from meschain.services.ports import Clock
from meschain.services.webhook_ports import Malformed, VendorLine, VendorOrder, VendorUnavailable
from meschain.vendor_settings.amazon import AmazonStore


class _Money(msgspec.Struct, frozen=True, rename="camel"):
    amount: Decimal = Decimal(0)
    currency_code: str = ""


class _Proceeds(msgspec.Struct, frozen=True, rename="camel"):
    grand_total: _Money = _Money()


class _Fulfillment(msgspec.Struct, frozen=True, rename="camel"):
    fulfillment_status: str = ""


class _Product(msgspec.Struct, frozen=True, rename="camel"):
    seller_sku: str = ""


class _Item(msgspec.Struct, frozen=True, rename="camel"):
    quantity_ordered: int
    product: _Product = _Product()


class _Order(msgspec.Struct, frozen=True, rename="camel"):
    order_id: str
    last_updated_time: str = ""
    fulfillment: _Fulfillment = _Fulfillment()
    # Missing while the payment is pending.
    proceeds: _Proceeds = _Proceeds()
    order_items: list[_Item] = []


class _Answer(msgspec.Struct, frozen=True):
    order: _Order


class AmazonApi:
    """`VendorApi` of one seller."""

    def __init__(self, settings: AmazonStore, session: aiohttp.ClientSession, clock: Clock) -> None:
        self._settings = settings
        self._http = VendorHttp("Amazon", session)
        self._token = AccessToken(self._new_token, clock)

    async def order(self, order_id: str) -> VendorOrder | None:
        path = f"/orders/2026-01-01/orders/{quote(order_id, safe='')}?includedData=PROCEEDS,FULFILLMENT"
        headers = {"x-amz-access-token": await self._token.get()}
        answer = await self._http.get(f"{self._settings.api_url}{path}", headers, _Answer)
        if answer is None:
            return None
        order = answer.order
        try:
            changed_at = moment_of(order.last_updated_time, "lastUpdatedTime") if order.last_updated_time else None
        except Malformed:
            changed_at = None
        return VendorOrder(
            order_id=order.order_id,
            order_number=order.order_id,
            status=STATUSES.get(order.fulfillment.fulfillment_status.replace("_", "").casefold(), ""),
            vendor_status=order.fulfillment.fulfillment_status,
            total=order.proceeds.grand_total.amount,
            currency=order.proceeds.grand_total.currency_code,
            lines=[VendorLine(item.product.seller_sku, item.quantity_ordered) for item in order.order_items],
            changed_at=changed_at,
        )

    async def _new_token(self) -> TokenAnswer:
        form = {
            "grant_type": "refresh_token",
            "client_id": self._settings.client_id,
            "client_secret": self._settings.client_secret.get_secret_value(),
            "refresh_token": self._settings.refresh_token.get_secret_value(),
        }
        answer = await self._http.post_form(self._settings.token_url, form, {}, TokenAnswer)
        if answer is None:
            raise VendorUnavailable("Amazon knows no address for tokens; look at token_url")
        return answer


STATUSES: Final = {
    "pendingavailability": "awaiting",
    "pending": "awaiting",
    "unshipped": "created",
    "partiallyshipped": "shipped",
    "shipped": "shipped",
    "canceled": "cancelled",
    "cancelled": "cancelled",
}
"""Statuses of orders in the product's words, folded: notifications write PartiallyShipped, the API
PARTIALLY_SHIPPED."""
