"""Ozon's Seller API as far as we ask it: postings and stock. Facts: the vendor's reference of `/v3/posting/fbs/get`,
`/v2/posting/fbo/get` and `/v3/product/info/list`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Protocol, TypeVar

import aiohttp
import msgspec

from meschain.marketplaces.vendor_http import VendorHttp
from meschain.services.webhook_ports import VendorApi, VendorLine, VendorOrder, VendorUnavailable
from meschain.vendor_settings.ozon import OzonStore


@dataclass(frozen=True, slots=True)
class OzonArticle:
    """An article at Ozon."""

    offer_id: str
    """The shop's own code."""
    available: int
    """What buyers can order, over all warehouses."""


class OzonReads(VendorApi, Protocol):
    """What is asked of Ozon."""

    async def articles(self, skus: Sequence[int]) -> Mapping[int, OzonArticle]:
        """By Ozon's own number, those that it knows. Raises: VendorUnavailable."""


class _Product(msgspec.Struct, frozen=True):
    quantity: int
    offer_id: str = ""
    price: Decimal = Decimal(0)
    currency_code: str = "RUB"


class _Posting(msgspec.Struct, frozen=True):
    posting_number: str
    status: str = ""
    order_number: str = ""
    products: list[_Product] = []


class _PostingAnswer(msgspec.Struct, frozen=True):
    result: _Posting


class _Stock(msgspec.Struct, frozen=True):
    present: int = 0
    reserved: int = 0
    sku: int = 0


class _Stocks(msgspec.Struct, frozen=True):
    stocks: list[_Stock] = []


class _Item(msgspec.Struct, frozen=True):
    offer_id: str
    stocks: _Stocks = _Stocks()


class _ItemsAnswer(msgspec.Struct, frozen=True):
    items: list[_Item] = []


Answer = TypeVar("Answer")


class OzonApi:
    """`OzonReads` of one account."""

    def __init__(self, settings: OzonStore, session: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._http = VendorHttp("Ozon", session)

    async def order(self, order_id: str) -> VendorOrder | None:
        """A posting, from the seller's warehouses or, where those have none of that number, from Ozon's."""
        content = {"posting_number": order_id}
        answer = await self._ask("/v3/posting/fbs/get", content, _PostingAnswer)
        if answer is None:
            answer = await self._ask("/v2/posting/fbo/get", content, _PostingAnswer)
        if answer is None:
            return None
        posting = answer.result
        currencies = {product.currency_code for product in posting.products} or {"RUB"}
        if len(currencies) > 1:
            raise VendorUnavailable("Ozon tells a posting in several currencies, which cannot be added")
        return VendorOrder(
            order_id=posting.posting_number,
            order_number=posting.posting_number,
            status=STATUSES.get(posting.status, ""),
            vendor_status=posting.status,
            total=sum((product.price * product.quantity for product in posting.products), Decimal(0)),
            currency=currencies.pop(),
            lines=[VendorLine(product.offer_id, product.quantity) for product in posting.products],
            changed_at=None,
        )

    async def articles(self, skus: Sequence[int]) -> Mapping[int, OzonArticle]:
        content = {"sku": [str(sku) for sku in skus]}
        answer = await self._ask("/v3/product/info/list", content, _ItemsAnswer)
        found: dict[int, OzonArticle] = {}
        for item in answer.items if answer is not None else ():
            available = sum(stock.present - stock.reserved for stock in item.stocks.stocks)
            for stock in item.stocks.stocks:
                if stock.sku in skus:
                    found[stock.sku] = OzonArticle(item.offer_id, max(0, available))
        return found

    async def _ask(self, path: str, content: object, type_: type[Answer]) -> Answer | None:
        headers = {
            "client-id": str(self._settings.seller_id),
            "api-key": self._settings.api_key.get_secret_value(),
        }
        return await self._http.post_json(f"{self._settings.api_url}{path}", content, headers, type_)


STATUSES: Final = {
    "acceptance_in_progress": "created",
    "awaiting_registration": "created",
    "awaiting_approve": "created",
    "awaiting_packaging": "created",
    "awaiting_deliver": "created",
    "delivering": "shipped",
    "driver_pickup": "shipped",
    "sent_by_seller": "shipped",
    "delivered": "delivered",
    "cancelled": "cancelled",
    "not_accepted": "cancelled",
}
"""The API's statuses of postings in the product's words."""
