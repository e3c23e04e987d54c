"""What a shop's owner may choose about the figures. Knows no database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

RevenueRule = Literal["gross", "net", "opencart"]


@dataclass(frozen=True, slots=True)
class ShopOptions:
    """How figures are read."""

    revenue_rule: RevenueRule = "gross"
    """`gross`: every order that counts; `net`: processing and complete statuses only; `opencart`: status > 0 alone,
    void orders included, which matches OpenCart's own sales report."""
    low_stock_threshold: int = 5
    """Products with at most this many pieces, and more than none, are low on stock."""
    stock_risk_days: int = 14
    """Stock that lasts less than so many days is at risk: a supplier takes one or two weeks."""
    session_minutes: int = 30
    """A session counts as active when a request touched it in so many minutes."""
    session_lifetime_seconds: int | None = None
    """Life of a shop session where the database does not know it: 3.x, whose lifetime stands in PHP's settings."""
    settings_seconds: float = 30.0
    """How long `config_*` values, status names and currencies are kept: an owner changes them a few times a year."""
    day_scan_seconds: float = 600.0
    """How long the first order id of the day is kept. Orders have no index on dates, so finding it reads the table."""
    history_scan_seconds: float = 600.0
    """How long recent orders are followed by the order history alone before the table is read again."""
    sync_history_seconds: float = 10.0
    """How long the last syncs from the old tables are kept: reading them scans a log."""
