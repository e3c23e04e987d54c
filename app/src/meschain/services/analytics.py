"""Months of sales and stock at risk, for one caller: what the whole shop did, or the caller's marketplaces alone.

Reading is heavy, so one reading serves everybody for a while. Knows no SQL.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeVar

from meschain.domain.marketplaces import MARKETPLACES
from meschain.domain.payloads import Analytics, AnalyticsMonth, MarketplaceSales, ProductAtRisk, StockRisk
from meschain.domain.roles import Identity, sees_whole_shop
from meschain.services.clock import iso_utc
from meschain.services.dashboard import NO_CURRENCY, rounded
from meschain.services.health import NO_SOURCE
from meschain.services.options import AnalyticsOptions
from meschain.services.ports import (
    Clock,
    MonthOfCheckouts,
    MonthOfSales,
    SalesHistory,
    Shop,
    ShopUnavailable,
    ShortProduct,
    StockOutlook,
)
from meschain.services.waiting import within

_log = logging.getLogger(__name__)

T = TypeVar("T")

SHOP: Final = "shop"
"""The shop's own counter among the marketplaces."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """What one look at the shop gave; None: it could not be read."""

    sales: SalesHistory | None
    stock: StockOutlook | None
    months: int
    """That were asked for."""
    timestamp: str
    read_at: float
    """Of the monotonic clock."""
    kept_seconds: float


class AnalyticsService:
    """Reads and keeps analytics."""

    def __init__(self, *, shop: Shop, clock: Clock, options: AnalyticsOptions | None = None) -> None:
        self._shop = shop
        self._clock = clock
        self.options = options or AnalyticsOptions()
        self._lock = asyncio.Lock()
        self._kept: _Reading | None = None

    async def read(self, identity: Identity, months: int) -> Analytics:
        """What this caller may see of so many months; figures that the shop cannot give now have the source `none`.

        Args:
            months: 1 to `options.most_months`, the present one among them.
        """
        # Two sizes: what nearly everybody asks for, and whatever else anybody may ask for.
        wanted = self.options.months if months <= self.options.months else self.options.most_months
        async with self._lock:  # those who ask at the same time share one reading
            reading = self._kept
            if (
                reading is None
                or reading.months < wanted
                or self._clock.monotonic() - reading.read_at >= reading.kept_seconds
            ):
                reading = self._kept = await self._look(wanted)
        age = self._clock.monotonic() - reading.read_at
        whole = sees_whole_shop(identity.role)
        sales = _Sales(reading.sales, months, None if whole else identity.visible_marketplaces)
        return Analytics(
            timestamp=reading.timestamp,
            age_seconds=round(age, 3),
            fresh_seconds=round(max(0.0, reading.kept_seconds - age), 3),
            currency=sales.currency,
            currency_decimals=sales.decimals,
            months=sales.by_month(),
            marketplaces=sales.by_marketplace(),
            stock=_stock(reading.stock if whole else None, self.options.products),
            sources=sales.sources | _stock_sources(reading.stock if whole else None),
        )

    async def _look(self, months: int) -> _Reading:
        started = self._clock.monotonic()
        sales = await self._ask("sales", self._shop.sales_history(months))
        stock = await self._ask("stock", self._shop.stock_outlook())
        now = self._clock.monotonic()
        options = self.options
        kept = min(options.longest_seconds, max(options.shortest_seconds, options.rest_factor * (now - started)))
        if sales is None or stock is None:
            kept = options.shortest_seconds
        return _Reading(sales, stock, months, iso_utc(self._clock.now()), now, kept)

    async def _ask(self, what: str, question: Awaitable[T]) -> T | None:
        try:
            return await within(self._clock, self.options.shop_timeout_seconds, question)
        except (ShopUnavailable, TimeoutError) as error:
            _log.warning("analytics lacks the shop's %s: %s", what, error)
            return None


class _Sales:
    """The last months of a history, of all that was sold or of these marketplaces alone."""

    def __init__(self, history: SalesHistory | None, months: int, codes: Sequence[str] | None) -> None:
        self._whole = codes is None
        self._months = list(history.months[-months:]) if history is not None else []
        self.currency = history.currency if history is not None else NO_CURRENCY
        self.decimals = history.currency_decimals if history is not None else 2
        said: Mapping[str, str] = history.sources if history is not None else {}
        self.sources = {key: said.get(key, NO_SOURCE) for key in ("revenue", "orders", "marketplaces", "conversion")}
        self._checkouts = history.checkouts if history is not None else {}
        rows = history.sales if history is not None else ()
        if codes is not None:
            rows = [row for row in rows if row.marketplace in codes]
            self.sources["conversion"] = NO_SOURCE  # checkouts are the shop's own
            if self.sources["marketplaces"] == NO_SOURCE:
                self.sources |= {"revenue": NO_SOURCE, "orders": NO_SOURCE}
        self._rows: dict[tuple[str, str], MonthOfSales] = {
            (row.month, row.marketplace): row for row in rows if row.month in set(self._months)
        }
        self._codes = self._listed(codes) if self.sources["marketplaces"] != NO_SOURCE else []

    def _listed(self, codes: Sequence[str] | None) -> list[str]:
        """The product's marketplaces, then what else brought orders, then the shop's own counter."""
        if codes is not None:
            return list(codes)
        others = sorted({code for _, code in self._rows} - {*MARKETPLACES, SHOP})
        return [*MARKETPLACES, *others, SHOP]

    def by_month(self) -> list[AnalyticsMonth]:
        has_sales = self.sources["revenue"] != NO_SOURCE
        return [self._month(month, has_sales=has_sales) for month in self._months]

    def _month(self, month: str, *, has_sales: bool) -> AnalyticsMonth:
        rows = [row for (of, _), row in self._rows.items() if of == month]
        checkouts = None
        if self.sources["conversion"] != NO_SOURCE:
            checkouts = self._checkouts.get(month, MonthOfCheckouts(0, 0))
        return AnalyticsMonth(
            month=month,
            revenue=rounded(_revenue(rows), self.decimals) if has_sales else None,
            orders=sum(row.orders for row in rows) if has_sales else None,
            checkouts=checkouts.begun if checkouts else None,
            confirmed=checkouts.confirmed if checkouts else None,
            conversion=_percent(checkouts.confirmed, checkouts.begun) if checkouts else None,
        )

    def by_marketplace(self) -> list[MarketplaceSales]:
        total = _revenue(self._rows.values())
        return [self._marketplace(code, total) for code in self._codes]

    def _marketplace(self, code: str, total: Decimal) -> MarketplaceSales:
        none = MonthOfSales("", code, 0, Decimal(0))
        rows = [self._rows.get((month, code), none) for month in self._months]
        return MarketplaceSales(
            code=code,
            revenue=[rounded(row.revenue, self.decimals) for row in rows],
            orders=[row.orders for row in rows],
            total_revenue=rounded(_revenue(rows), self.decimals),
            total_orders=sum(row.orders for row in rows),
            share=_percent(_revenue(rows), total),
        )


def _revenue(rows: Iterable[MonthOfSales]) -> Decimal:
    return sum((row.revenue for row in rows), Decimal(0))


def _percent(part: Decimal | int, whole: Decimal | int) -> float | None:
    return rounded(Decimal(part) * 100 / Decimal(whole), 2) if whole else None


def _stock(outlook: StockOutlook | None, limit: int) -> StockRisk:
    if outlook is None:
        return StockRisk(out_of_stock=None, low_stock=None, at_risk=None, risk_days=0, sale_days=0, products=[])
    return StockRisk(
        out_of_stock=int(outlook.out_of_stock.value),
        low_stock=int(outlook.low_stock.value),
        at_risk=len(outlook.short),
        risk_days=outlook.risk_days,
        sale_days=outlook.sale_days,
        products=[_product(each, outlook.sale_days) for each in outlook.short[:limit]],
    )


def _product(product: ShortProduct, days: int) -> ProductAtRisk:
    return ProductAtRisk(
        product_id=product.product_id,
        sku=product.sku,
        name=product.name,
        quantity=product.quantity,
        sold=product.sold,
        per_day=rounded(Decimal(product.sold) / days, 2),
        days_left=rounded(Decimal(max(0, product.quantity)) * days / product.sold, 1),
    )


def _stock_sources(outlook: StockOutlook | None) -> dict[str, str]:
    if outlook is None:
        return dict.fromkeys(("outOfStock", "lowStock", "atRisk"), NO_SOURCE)
    return {
        "outOfStock": outlook.out_of_stock.source,
        "lowStock": outlook.low_stock.source,
        "atRisk": outlook.source,
    }
