"""The analytics page: its numbers are those of the shop's database, and follow what is sold."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from playwright.sync_api import Locator, expect
from web.e2e.person import WAIT_MILLISECONDS, Open
from web.e2e.server import Server

from meschain.bootstrap import DEMO_SHOP_FILE
from meschain.domain.marketplaces import MARKETPLACES
from meschain.opencart.demo.seed import ZONE
from meschain.opencart.store_time import store_months
from meschain.services.options import AnalyticsOptions

GRANTED = ("amazon", "trendyol", "hepsiburada", "n11")
"""To the demo's manager."""
KEPT_MILLISECONDS = AnalyticsOptions().longest_seconds * 1000
"""How long the server may give the same answer: the longer, the longer it took to find it."""


def past_month(months: int) -> str:
    """A month that is over in the shop's time zone, so that nothing is sold in it any more."""
    return store_months(datetime.now(UTC), ZONE, months + 1)[0][0]


def sold(server: Server, month: str) -> dict[str, tuple[int, Decimal]]:
    """Orders and revenue by marketplace, added up here from single rows."""
    with closing(sqlite3.connect(server.data_dir / DEMO_SHOP_FILE)) as shop:
        rows = shop.execute(
            "SELECT COALESCE(m.code, 'shop'), o.total FROM oc_order AS o"
            " LEFT JOIN oc_meschain_order AS l USING (order_id)"
            " LEFT JOIN oc_meschain_marketplace AS m USING (marketplace_id)"
            " WHERE o.date_added LIKE ? AND o.order_status_id NOT IN (0, 16)",
            (f"{month}-%",),
        ).fetchall()
    found = {code: (0, Decimal(0)) for code in (*MARKETPLACES, "shop")}
    for code, total in rows:
        orders, revenue = found[code]
        found[code] = (orders + 1, revenue + Decimal(total))
    return found


def rounded(amount: Decimal, places: int) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def amounts(row: Locator) -> list[Decimal]:
    """The numbers of a row of an English table, as they stand there."""
    return [Decimal(re.sub(r"[₺,%]", "", text)) for text in row.locator("td").all_text_contents()]


def test_months_are_what_the_database_says(server: Server, open_window: Open) -> None:
    person = open_window(server, "admin")
    person.go("analytics")
    for month in (past_month(2), past_month(7)):
        row = person.page.locator(f'[data-month="{month}"]')
        expect(row).to_be_visible()
        by_code = sold(server, month)
        orders = sum(count for count, _ in by_code.values())
        revenue = sum((each for _, each in by_code.values()), Decimal(0))
        assert orders > 50
        shown = amounts(row)
        assert shown[:2] == [orders, rounded(revenue, 2)]
        assert shown[2:-2] == [rounded(each, 0) for _, each in by_code.values()]
    person.page.select_option("#months", "3")
    expect(person.page.locator("#month-rows tr")).to_have_count(3)
    expect(person.page.locator("#revenue-chart svg .column")).to_have_count(3)


def test_an_order_appears_in_its_month_without_a_reload(server: Server, open_window: Open) -> None:
    person = open_window(server, "admin")
    person.go("analytics")
    person.wait_until_live()
    row = person.page.locator("#month-rows tr").first
    expect(row).to_be_visible()
    before = row.locator("td").first.text_content() or ""
    server.place_order("n11")
    expect(row.locator("td").first).not_to_have_text(before, timeout=KEPT_MILLISECONDS + WAIT_MILLISECONDS)


def test_stock_at_risk_is_what_runs_out(server: Server, open_window: Open) -> None:
    since = (datetime.now(UTC).astimezone(ZONE) - timedelta(days=30)).strftime("%Y-%m-%d %H:%M:%S")
    with closing(sqlite3.connect(server.data_dir / DEMO_SHOP_FILE)) as shop:
        sold_by_product = dict(
            shop.execute(
                "SELECT i.product_id, SUM(i.quantity) FROM oc_order AS o JOIN oc_order_product AS i USING (order_id)"
                " WHERE o.date_added >= ? AND o.order_status_id IN (1, 2, 3, 5, 12) GROUP BY 1",
                (since,),
            )
        )
    person = open_window(server, "admin")
    person.go("analytics")
    rows = person.page.locator("#risk-rows tr[data-product]")
    expect(rows.first).to_be_visible()
    # In one go: the demo shop sells and is supplied meanwhile.
    shown = person.page.evaluate(
        """() => [...document.querySelectorAll('#risk-rows tr')].map((row) =>
            [Number(row.dataset.product), ...[...row.querySelectorAll('td')].map((cell) => cell.textContent)])"""
    )
    days = []
    for product, quantity, pieces, _, lasts in shown:
        # What was sold between the two looks is no more than a few pieces.
        assert sold_by_product.get(product, 0) <= int(pieces) + 5
        days.append(0.0 if lasts == "Out of stock" else float(lasts.split()[0]))
        assert abs(max(0, int(quantity)) * 30 / int(pieces) - days[-1]) < 0.06
    assert days == sorted(days)
    assert max(days) <= 14


def test_a_manager_sees_the_granted_marketplaces_alone(server: Server, open_window: Open) -> None:
    person = open_window(server, "manager", width=400, locale="tr-TR", dark=True)
    person.go("analytics")
    month = past_month(3)
    row = person.page.locator(f'[data-month="{month}"]')
    expect(row).to_be_visible()
    granted = {code: found for code, found in sold(server, month).items() if code in GRANTED}
    orders = row.locator("td").first
    expect(orders).to_have_text(str(sum(count for count, _ in granted.values())))
    expect(person.page.locator("#share-rows li")).to_have_count(len(GRANTED))
    expect(person.page.locator("#conversion-missing")).to_have_text("kaynak yok")
    expect(person.page.locator("#risk-rows")).to_have_text("kaynak yok")
    assert person.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_who_sees_no_business_sees_no_sales(server: Server, open_window: Open) -> None:
    person = open_window(server, "technical")
    person.wait_until_live()
    expect(person.page.locator("#sales")).to_be_hidden()
