"""Etsy's API as far as we ask it: receipts. Facts: the vendor's reference of `getShopReceipt`."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import aiohttp
import msgspec

from meschain.marketplaces.access_tokens import AccessToken, TokenAnswer
from meschain.marketplaces.vendor_http import VendorHttp
from meschain.services.ports import Clock
from meschain.services.webhook_ports import VendorLine, VendorOrder, VendorUnavailable
from meschain.vendor_settings.etsy import EtsyStore


class _Money(msgspec.Struct, frozen=True):
    amount: int
    divisor: int
    currency_code: str


class _Transaction(msgspec.Struct, frozen=True):
    quantity: int
    sku: str | None = None


class _Receipt(msgspec.Struct, frozen=True):
    receipt_id: int
    grandtotal: _Money
    status: str = ""
    is_shipped: bool = False
    transactions: list[_Transaction] = []
    updated_timestamp: int | None = None


class EtsyApi:
    """`VendorApi` of one shop."""

    def __init__(self, settings: EtsyStore, session: aiohttp.ClientSession, clock: Clock) -> None:
        self._settings = settings
        self._http = VendorHttp("Etsy", session)
        self._token = AccessToken(self._new_token, clock)
        self._refresh_token = settings.refresh_token.get_secret_value()

    async def order(self, order_id: str) -> VendorOrder | None:
        url = f"{self._settings.api_url}/v3/application/shops/{self._settings.shop_id}/receipts/{int(order_id)}"
        headers = {
            "authorization": f"Bearer {await self._token.get()}",
            "x-api-key": self._settings.api_key.get_secret_value(),
        }
        receipt = await self._http.get(url, headers, _Receipt)
        if receipt is None:
            return None
        if receipt.grandtotal.divisor <= 0:
            raise VendorUnavailable("Etsy tells an amount with a divisor that is none")
        changed = receipt.updated_timestamp
        return VendorOrder(
            order_id=str(receipt.receipt_id),
            order_number=str(receipt.receipt_id),
            status=_status(receipt),
            vendor_status=receipt.status,
            total=Decimal(receipt.grandtotal.amount) / receipt.grandtotal.divisor,
            currency=receipt.grandtotal.currency_code,
            lines=[VendorLine(each.sku or "", each.quantity) for each in receipt.transactions],
            changed_at=None if changed is None else datetime.fromtimestamp(changed, UTC),
        )

    async def _new_token(self) -> TokenAnswer:
        form = {
            "grant_type": "refresh_token",
            # Of a keystring with the shared secret behind a colon the first part alone is the client's id.
            "client_id": self._settings.api_key.get_secret_value().partition(":")[0],
            "refresh_token": self._refresh_token,
        }
        answer = await self._http.post_form(self._settings.token_url, form, {}, TokenAnswer)
        if answer is None:
            raise VendorUnavailable("Etsy knows no address for tokens; look at token_url")
        self._refresh_token = answer.refresh_token or self._refresh_token
        return answer


def _status(receipt: _Receipt) -> str:
    if receipt.status.lower() == "canceled":
        return "cancelled"
    return "shipped" if receipt.is_shipped else "created"
