"""Hepsiburada's order API as far as we ask it: orders and packages. Facts: the vendor's pages of order details and of
a package's cargo."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Protocol, TypeVar
from urllib.parse import quote

import aiohttp
import msgspec

from meschain.marketplaces.vendor_http import VendorHttp
from meschain.services.webhook_ports import VendorApi, VendorLine, VendorOrder, VendorUnavailable
from meschain.vendor_settings.hepsiburada import HepsiburadaStore


@dataclass(frozen=True, slots=True)
class HepsiburadaLine:
    """One line of an order."""

    line_id: str
    sku: str
    quantity: int
    word: str
    """The product's word for its status; empty: it has none."""


@dataclass(frozen=True, slots=True)
class HepsiburadaOrder:
    """An order with its lines, those that were cancelled among them."""

    order: VendorOrder
    lines: Sequence[HepsiburadaLine]


@dataclass(frozen=True, slots=True)
class HepsiburadaPackage:
    """A package."""

    word: str
    """The product's word for its status; empty: it has none."""
    order_number: str
    """Empty: the API does not say."""


class HepsiburadaReads(VendorApi, Protocol):
    """What is asked of Hepsiburada."""

    async def detailed_order(self, order_number: str) -> HepsiburadaOrder | None:
        """The order as it is now; None: the merchant has none of that number. Raises: VendorUnavailable."""

    async def package(self, package_number: str) -> HepsiburadaPackage | None:
        """The package as it is now; None: the merchant has none of that number. Raises: VendorUnavailable."""


class _Money(msgspec.Struct, frozen=True):
    amount: Decimal = Decimal(0)
    currency: str = "TRY"


class _Item(msgspec.Struct, frozen=True, rename="camel"):
    quantity: int
    id: str = ""
    line_item_id: str = ""
    status: str = ""
    merchant_sku: str | None = None
    # The vendor's pages write it in both ways.
    merchant_sku_in_capitals: str | None = msgspec.field(default=None, name="merchantSKU")
    total_price: _Money = _Money()


class _Order(msgspec.Struct, frozen=True, rename="camel"):
    order_number: str
    items: list[_Item] = []


class _PackageItem(msgspec.Struct, frozen=True, rename="camel"):
    order_number: str = ""


class _Package(msgspec.Struct, frozen=True, rename="camel"):
    status: str = ""
    order_number: str = ""
    items: list[_PackageItem] = []


Answer = TypeVar("Answer")


class HepsiburadaApi:
    """`HepsiburadaReads` of one merchant."""

    def __init__(self, settings: HepsiburadaStore, session: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._http = VendorHttp("Hepsiburada", session)

    async def order(self, order_id: str) -> VendorOrder | None:
        found = await self.detailed_order(order_id)
        return None if found is None else found.order

    async def detailed_order(self, order_number: str) -> HepsiburadaOrder | None:
        answer = await self._ask(f"orders/merchantid/{{}}/ordernumber/{quote(order_number, safe='')}", _Order)
        return None if answer is None else _order(answer)

    async def package(self, package_number: str) -> HepsiburadaPackage | None:
        path = f"packages/merchantid/{{}}/packagenumber/{quote(package_number, safe='')}"
        answer = await self._ask(path, msgspec.Raw)
        found = None if answer is None else _package(bytes(answer))
        if found is None:
            return None
        numbers = [found.order_number, *(item.order_number for item in found.items)]
        return HepsiburadaPackage(_word(found.status), next((number for number in numbers if number), ""))

    async def _ask(self, path: str, type_: type[Answer]) -> Answer | None:
        settings = self._settings
        username = settings.api_username or settings.merchant_id
        pair = f"{username}:{settings.api_password.get_secret_value()}"
        headers = {
            "authorization": f"Basic {b64encode(pair.encode()).decode()}",
            "user-agent": settings.api_user_agent,
            "accept": "application/json",
        }
        return await self._http.get(
            f"{settings.api_url}/{path.format(quote(settings.merchant_id, safe=''))}", headers, type_
        )


def _package(answer: bytes) -> _Package | None:
    """The vendor's page shows a list of one; others who ask it read the package itself. Raises: VendorUnavailable."""
    try:
        if answer.lstrip().startswith(b"["):
            return next(iter(msgspec.json.decode(answer, type=list[_Package], strict=False)), None)
        return msgspec.json.decode(answer, type=_Package, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise VendorUnavailable("Hepsiburada answers a package that cannot be read") from None


def _order(answer: _Order) -> HepsiburadaOrder:
    lines = [
        HepsiburadaLine(
            item.line_item_id or item.id,
            item.merchant_sku or item.merchant_sku_in_capitals or "",
            item.quantity,
            _word(item.status),
        )
        for item in answer.items
    ]
    kept = [item for item, line in zip(answer.items, lines, strict=True) if line.word != "cancelled"]
    currencies = {item.total_price.currency for item in answer.items} or {"TRY"}
    if len(currencies) > 1:
        raise VendorUnavailable("Hepsiburada tells an order in several currencies, which cannot be added")
    words = {line.word for line in lines if line.word != "cancelled"}
    status = min(words, key=_STAGES.index) if words else "cancelled" if lines else ""
    order = VendorOrder(
        order_id=answer.order_number,
        order_number=answer.order_number,
        status=status,
        vendor_status=", ".join(sorted({item.status for item in answer.items if item.status}))[:64],
        total=sum((item.total_price.amount for item in kept), Decimal(0)),
        currency=currencies.pop(),
        lines=[VendorLine(line.sku, line.quantity) for line in lines],
        changed_at=None,
    )
    return HepsiburadaOrder(order, lines)


def _word(status: str) -> str:
    return _WORDS.get(status.replace(" ", "").casefold(), "")


_WORDS: Final = {
    "open": "created",
    "unpacked": "created",
    "packed": "picking",
    "packaged": "picking",
    "readytoship": "picking",
    "intransit": "shipped",
    "undelivered": "undelivered",
    "delivered": "delivered",
    "cancelled": "cancelled",
    "cancelledbymerchant": "cancelled",
    "cancelledbycustomer": "cancelled",
    "cancelledbysap": "cancelled",
}
"""By the folded status, of lines as of packages. The vendor's pages have no list of them; these are in its examples."""

_STAGES: Final = ("created", "picking", "shipped", "undelivered", "delivered", "")
"""An order whose lines differ is as far as the one that is least far."""
