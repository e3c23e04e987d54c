"""Orders of the demo shop before they are written: who buys what, where, in which currency. Pure.

`order_rows` turns a draft into rows of the real tables, for the seed (thousands at once) and for the driver (one at a
time) alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import Any, Final

from meschain.domain.marketplaces import MARKETPLACES
from meschain.opencart.demo.catalogue import (
    BUYER_CURRENCIES,
    CURRENCIES,
    FAMILY_NAMES,
    GIVEN_NAMES,
    MARKETPLACE_SHARE,
    PRODUCTS,
    SHOP_NAME,
)
from meschain.opencart.marketplace_links import SHOP

CUSTOMERS: Final = 240
TAX_RATE: Final = Decimal("0.20")
SHIPPING: Final = Decimal("59.90")
FREE_SHIPPING_FROM: Final = Decimal("750")
_PLACES: Final = Decimal("0.0001")
_ASCII: Final = str.maketrans("çğıöşüÇĞİÖŞÜ", "cgiosuCGIOSU")


@dataclass(frozen=True, slots=True)
class Buyer:
    """A person of the demo; `customer_id` 0 is a guest."""

    customer_id: int
    given_name: str
    family_name: str

    @property
    def email(self) -> str:
        name = f"{self.given_name}.{self.family_name}".translate(_ASCII).lower()
        return f"{name}{self.customer_id or ''}@example.com"


@dataclass(frozen=True, slots=True)
class Item:
    """One line of an order; `product_id` is the product's place in the catalogue, from 1."""

    product_id: int
    quantity: int


@dataclass(frozen=True, slots=True)
class OrderDraft:
    """A checkout as it begins."""

    buyer: Buyer
    items: tuple[Item, ...]
    marketplace: str
    marketplace_order_id: str
    currency: str
    ip: str

    @property
    def sub_total(self) -> Decimal:
        return sum((PRODUCTS[item.product_id - 1].price * item.quantity for item in self.items), Decimal(0))

    @property
    def shipping(self) -> Decimal:
        return Decimal(0) if self.sub_total >= FREE_SHIPPING_FROM else SHIPPING

    @property
    def tax(self) -> Decimal:
        return (self.sub_total * TAX_RATE).quantize(_PLACES, ROUND_HALF_UP)


def draft_order(random: Random, marketplace: str | None = None) -> OrderDraft:
    """A plausible checkout; on that marketplace, or on one drawn by share."""
    if marketplace is None:
        (marketplace,) = random.choices(list(MARKETPLACE_SHARE), weights=list(MARKETPLACE_SHARE.values()))
    lines = random.choices((1, 2, 3, 4), weights=(58, 27, 11, 4))[0]
    chosen: dict[int, int] = {}
    for product_id in random.choices(range(1, len(PRODUCTS) + 1), weights=[each.weight for each in PRODUCTS], k=lines):
        chosen[product_id] = random.choices((1, 2, 3), weights=(80, 15, 5))[0]
    return OrderDraft(
        buyer=draft_buyer(random, guest=marketplace != SHOP and random.random() < 0.6),
        items=tuple(Item(product_id, quantity) for product_id, quantity in chosen.items()),
        marketplace=marketplace,
        marketplace_order_id="" if marketplace == SHOP else marketplace_number(random, marketplace),
        currency=random.choice(BUYER_CURRENCIES.get(marketplace, ("TRY",))),
        ip=visitor_ip(random),
    )


def draft_buyer(random: Random, *, guest: bool) -> Buyer:
    """A guest with any name, or one of the shop's customers."""
    if guest:
        return Buyer(0, random.choice(GIVEN_NAMES), random.choice(FAMILY_NAMES))
    return customer(random.randrange(1, CUSTOMERS + 1))


def customer(customer_id: int) -> Buyer:
    """The shop's customer of that id: always the same person."""
    given = GIVEN_NAMES[customer_id * 7 % len(GIVEN_NAMES)]
    family = FAMILY_NAMES[customer_id * 11 % len(FAMILY_NAMES)]
    return Buyer(customer_id, given, family)


def marketplace_number(random: Random, marketplace: str) -> str:
    """An order number as that marketplace writes them."""
    digits = f"{random.randrange(10**10):010d}"
    match marketplace:
        case "amazon":
            return f"405-{digits[:7]}-{random.randrange(10**7):07d}"
        case "ebay":
            return f"{digits[:2]}-{digits[2:7]}-{digits[5:]}"
        case "ozon":
            return f"{digits[:8]}-{digits[6:]}-1"
        case "hepsiburada":
            return f"44{digits[:8]}"
        case _:
            return f"{random.randrange(1, 10)}{digits}"[:11]


def visitor_ip(random: Random) -> str:
    """An address of the networks reserved for documentation and tests: it belongs to nobody."""
    return f"198.{random.choice((18, 19))}.{random.randrange(256)}.{random.randrange(1, 255)}"


@dataclass(frozen=True, slots=True)
class OrderRows:
    """Rows of the shop's tables, all of one order."""

    order: dict[str, Any]
    products: list[dict[str, Any]]
    totals: list[dict[str, Any]]
    link: dict[str, Any] | None


def order_rows(draft: OrderDraft, order_id: int, date: str, modified: str, status: int) -> OrderRows:
    """The rows of an order whose checkout began at `date` (store time)."""
    buyer = draft.buyer
    sub_total, shipping, tax = draft.sub_total, draft.shipping, draft.tax
    total = sub_total + shipping + tax
    order = {
        "order_id": order_id,
        "store_name": SHOP_NAME,
        "customer_id": buyer.customer_id,
        "firstname": buyer.given_name,
        "lastname": buyer.family_name,
        "email": buyer.email,
        "telephone": "",
        "language_code": "tr-tr",
        "payment_method": '{"name":"Kredi Kartı","code":"demo.card"}',
        "shipping_method": '{"name":"Kargo","code":"flat.flat"}',
        "comment": "",
        "total": total,
        "order_status_id": status,
        "language_id": 2,
        "currency_id": list(CURRENCIES).index(draft.currency) + 1,
        "currency_code": draft.currency,
        "currency_value": CURRENCIES[draft.currency][4],
        "ip": draft.ip,
        "date_added": date,
        "date_modified": modified,
    }
    products = [
        {
            "order_id": order_id,
            "product_id": item.product_id,
            "name": PRODUCTS[item.product_id - 1].turkish,
            "model": PRODUCTS[item.product_id - 1].sku,
            "quantity": item.quantity,
            "price": PRODUCTS[item.product_id - 1].price,
            "total": PRODUCTS[item.product_id - 1].price * item.quantity,
            "tax": (PRODUCTS[item.product_id - 1].price * TAX_RATE).quantize(_PLACES, ROUND_HALF_UP),
        }
        for item in draft.items
    ]
    lines = (
        ("sub_total", "Ara Toplam", sub_total, 1),
        ("shipping", "Kargo", shipping, 3),
        ("tax", "KDV %20", tax, 5),
        ("total", "Toplam", total, 9),
    )
    totals = [
        {
            "order_id": order_id,
            "extension": "opencart",
            "code": code,
            "title": title,
            "value": value,
            "sort_order": sort,
        }
        for code, title, value, sort in lines
    ]
    link = None
    if draft.marketplace != SHOP:
        link = {
            "order_id": order_id,
            "marketplace_id": marketplace_id(draft.marketplace),
            "marketplace_order_id": draft.marketplace_order_id,
            "status": "imported",
            "total": total,
            "currency_code": draft.currency,
            "date_added": modified,
            "date_modified": modified,
        }
    return OrderRows(order, products, totals, link)


def marketplace_id(code: str) -> int:
    """The row of `meschain_marketplace` that the seed writes for a code."""
    return list(MARKETPLACES).index(code) + 1
