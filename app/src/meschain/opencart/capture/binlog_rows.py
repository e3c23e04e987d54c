"""Rows of the binary log as rows of the shop. Pure; knows the shop's columns, not how events come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Final

from meschain.opencart.capture.rows import OPTION, PRODUCT, HistoryRow, LoginRow, ShopRows, StockKind, StockRow
from meschain.opencart.store_time import FORMAT

Values = Mapping[str, Any]

_KEYS: Final[Mapping[StockKind, str]] = {PRODUCT: "product_id", OPTION: "product_option_value_id"}


class UnreadableRow(Exception):
    """A row of the log does not say what it must: it was written under other settings of the server."""


@dataclass(slots=True)
class RowCollector:
    """Collects what rows of the log say.

    Args:
        prefix: of the shop's tables.
    """

    COLUMNS: ClassVar[frozenset[str]] = frozenset(
        {
            *("order_history_id", "order_id", "order_status_id", "date_added", "user_login_id", "user_id"),
            *("product_id", "product_option_value_id", "quantity", "subtract"),
        }
    )
    """Those that are looked at."""

    prefix: str
    history: list[HistoryRow] = field(default_factory=list)
    logins: list[LoginRow] = field(default_factory=list)
    stock: list[StockRow] = field(default_factory=list)

    @property
    def tables(self) -> list[str]:
        """Those whose rows say something."""
        return [self.prefix + name for name in ("order_history", "user_login", "product", "product_option_value")]

    def __len__(self) -> int:
        return len(self.history) + len(self.logins) + len(self.stock)

    def add(self, table: str, rows: Iterable[Mapping[str, Values]]) -> None:
        """Take rows of one event. Raises: UnreadableRow.

        Args:
            rows: of an insert or a deletion with `values`, of an update with `before_values` and `after_values`; a
                deletion also with `deleted`.
        """
        name = table.removeprefix(self.prefix)
        for row in rows:
            if name == "order_history" and "values" in row and "deleted" not in row:
                self.history.append(_history(row["values"]))
            elif name == "user_login" and "values" in row and "deleted" not in row:
                self.logins.append(_login(row["values"]))
            elif name == "product":
                self._add_stock(PRODUCT, row)
            elif name == "product_option_value":
                self._add_stock(OPTION, row)

    def take(self) -> ShopRows:
        """What was collected so far, which is forgotten here."""
        rows = ShopRows(tuple(self.history), tuple(self.logins), tuple(self.stock))
        self.clear()
        return rows

    def clear(self) -> None:
        """Forget what was collected."""
        self.history.clear()
        self.logins.clear()
        self.stock.clear()

    def _add_stock(self, kind: StockKind, row: Mapping[str, Values]) -> None:
        before = row.get("before_values")
        after = row["values"] if before is None else row["after_values"]
        now = _stock(kind, after)
        if "deleted" in row:
            self.stock.append(StockRow(kind, now.row_id, now.product_id, None))
        elif before is None:
            self.stock.append(now)
        else:
            was = _stock(kind, before)
            if was.row_id != now.row_id:
                self.stock.append(StockRow(kind, was.row_id, was.product_id, None))
            if was != now:
                self.stock.append(now)


def _history(values: Values) -> HistoryRow:
    return HistoryRow(
        _number(values, "order_history_id"),
        _number(values, "order_id"),
        _number(values, "order_status_id"),
        _date(values),
    )


def _login(values: Values) -> LoginRow:
    return LoginRow(_number(values, "user_login_id"), _number(values, "user_id"), _date(values))


def _stock(kind: StockKind, values: Values) -> StockRow:
    quantity = _number(values, "quantity") if _number(values, "subtract") else None
    return StockRow(kind, _number(values, _KEYS[kind]), _number(values, "product_id"), quantity)


def _number(values: Values, column: str) -> int:
    value = values.get(column)
    if not isinstance(value, int):
        raise UnreadableRow(f"a row of the binary log has no {column}")
    return value


def _date(values: Values) -> str | None:
    value = values.get("date_added")
    return value.strftime(FORMAT) if isinstance(value, datetime) else None
