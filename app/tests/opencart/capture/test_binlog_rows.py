"""Rows of the binary log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from meschain.opencart.capture.binlog_rows import RowCollector, UnreadableRow
from meschain.opencart.capture.rows import OPTION, PRODUCT, HistoryRow, LoginRow, ShopRows, StockRow

MOMENT = datetime(2026, 6, 15, 10, 0, 30)  # noqa: DTZ001 - as the library gives the store's own time


def product(quantity: int, *, key: int = 7, subtract: int = 1) -> dict[str, Any]:
    return {"product_id": key, "quantity": quantity, "subtract": subtract, "price": "1"}


def collect(table: str, *rows: dict[str, Any]) -> ShopRows:
    collector = RowCollector("oc_")
    collector.add(f"oc_{table}", rows)
    return collector.take()


def test_inserts_of_tables_that_only_grow() -> None:
    history = {"order_history_id": 1, "order_id": 2, "order_status_id": 3, "date_added": MOMENT}
    login = {"user_login_id": 1, "user_id": 2, "date_added": None}
    assert collect("order_history", {"values": history}).history == (HistoryRow(1, 2, 3, "2026-06-15 10:00:30"),)
    assert collect("user_login", {"values": login}).logins == (LoginRow(1, 2, None),)
    assert not collect("order_history", {"values": history, "deleted": {}})
    assert not collect("order_history", {"before_values": history, "after_values": history})


def test_stock_in_every_kind_of_row() -> None:
    option = {"product_option_value_id": 3, "product_id": 7, "quantity": 2, "subtract": 1}
    assert collect("product", {"values": product(5)}).stock == (StockRow(PRODUCT, 7, 7, 5),)
    assert collect("product", {"values": product(5, subtract=0)}).stock == (StockRow(PRODUCT, 7, 7, None),)
    assert collect("product", {"values": product(5), "deleted": {}}).stock == (StockRow(PRODUCT, 7, 7, None),)
    assert collect("product_option_value", {"values": option}).stock == (StockRow(OPTION, 3, 7, 2),)
    changed = {"before_values": product(5), "after_values": product(4)}
    assert collect("product", changed).stock == (StockRow(PRODUCT, 7, 7, 4),)
    moved = {"before_values": product(5), "after_values": product(5, key=8)}
    assert collect("product", moved).stock == (StockRow(PRODUCT, 7, 7, None), StockRow(PRODUCT, 8, 8, 5))


def test_an_update_of_something_else_says_nothing() -> None:
    assert not collect("product", {"before_values": product(5), "after_values": {**product(5), "price": "2"}})
    assert not collect("customer", {"values": {"customer_id": 1}})


def test_a_row_without_names_or_with_half_its_columns_is_refused() -> None:
    with pytest.raises(UnreadableRow, match="subtract"):
        collect("product", {"values": {"UNKNOWN_COL0": 7, "UNKNOWN_COL1": 5}})
    with pytest.raises(UnreadableRow, match="quantity"):
        collect("product", {"before_values": product(5), "after_values": {**product(5), "quantity": None}})
