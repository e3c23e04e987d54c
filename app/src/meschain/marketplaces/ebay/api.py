"""eBay's REST API as far as we ask it: public keys of notifications, and orders. Facts: the vendor's reference of
`getPublicKey` (Notification API) and `getOrder` (Fulfillment API)."""

from __future__ import annotations

from base64 import b64encode
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
from meschain.vendor_settings.ebay import EbayAccess

_APPLICATION_SCOPE: Final = "https://api.ebay.com/oauth/api_scope"
_ORDER_SCOPE: Final = "https://api.ebay.com/oauth/api_scope/sell.fulfillment.readonly"


class _PublicKey(msgspec.Struct, frozen=True):
    key: str


class _Amount(msgspec.Struct, frozen=True):
    value: Decimal
    currency: str


class _Pricing(msgspec.Struct, frozen=True):
    total: _Amount


class _Line(msgspec.Struct, frozen=True, rename="camel"):
    quantity: int
    sku: str | None = None


class _Cancel(msgspec.Struct, frozen=True, rename="camel"):
    cancel_state: str = ""


class _Order(msgspec.Struct, frozen=True, rename="camel"):
    order_id: str
    pricing_summary: _Pricing
    line_items: list[_Line]
    order_fulfillment_status: str = ""
    cancel_status: _Cancel = _Cancel()
    last_modified_date: str | None = None


class EbayApi:
    """`VendorApi` of one store, and the keys that eBay signs with."""

    def __init__(self, settings: EbayAccess, session: aiohttp.ClientSession, clock: Clock) -> None:
        self._settings = settings
        self._http = VendorHttp("eBay", session)
        self._application = AccessToken(self._application_token, clock)
        self._seller = AccessToken(self._seller_token, clock)

    async def public_key(self, key_id: str) -> str | None:
        """The key as eBay writes it; None: it knows none of that id. Raises: VendorUnavailable."""
        url = f"{self._settings.api_url}/commerce/notification/v1/public_key/{quote(key_id, safe='')}"
        answer = await self._http.get(url, _bearer(await self._application.get()), _PublicKey)
        return None if answer is None else answer.key

    async def order(self, order_id: str) -> VendorOrder | None:
        url = f"{self._settings.api_url}/sell/fulfillment/v1/order/{quote(order_id, safe='')}"
        answer = await self._http.get(url, _bearer(await self._seller.get()), _Order)
        if answer is None:
            return None
        vendor_status = "CANCELED" if _is_cancelled(answer) else answer.order_fulfillment_status
        try:
            changed_at = moment_of(answer.last_modified_date, "lastModifiedDate") if answer.last_modified_date else None
        except Malformed:
            changed_at = None
        return VendorOrder(
            order_id=answer.order_id,
            order_number=answer.order_id,
            status=_STATUSES.get(vendor_status, ""),
            vendor_status=vendor_status,
            total=answer.pricing_summary.total.value,
            currency=answer.pricing_summary.total.currency,
            lines=[VendorLine(line.sku or "", line.quantity) for line in answer.line_items],
            changed_at=changed_at,
        )

    async def _application_token(self) -> TokenAnswer:
        return await self._token({"grant_type": "client_credentials", "scope": _APPLICATION_SCOPE})

    async def _seller_token(self) -> TokenAnswer:
        refresh_token = self._settings.refresh_token.get_secret_value()
        return await self._token({"grant_type": "refresh_token", "refresh_token": refresh_token, "scope": _ORDER_SCOPE})

    async def _token(self, form: dict[str, str]) -> TokenAnswer:
        pair = f"{self._settings.client_id}:{self._settings.client_secret.get_secret_value()}"
        headers = {"authorization": f"Basic {b64encode(pair.encode()).decode()}"}
        url = f"{self._settings.api_url}/identity/v1/oauth2/token"
        answer = await self._http.post_form(url, form, headers, TokenAnswer)
        if answer is None:
            raise VendorUnavailable("eBay knows no address for tokens; look at api_url")
        return answer


_STATUSES: Final = {
    "NOT_STARTED": "created",
    "IN_PROGRESS": "picking",
    "FULFILLED": "shipped",
    "CANCELED": "cancelled",
}
"""Fulfilment statuses in the product's words; IN_PROGRESS: some lines are shipped."""


def _is_cancelled(order: _Order) -> bool:
    return order.cancel_status.cancel_state == "CANCELED"


def _bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}", "accept": "application/json"}
