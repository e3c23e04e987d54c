"""Column types whose Python values are exact: dates as the shop's own strings, amounts as `Decimal`. Knows no tables.

OpenCart stores dates without zone and may hold zero dates (`0000-00-00 00:00:00`), so a date stays text until somebody
who knows the store's time zone reads it. SQLite has no decimals: amounts are text there, never a float.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import DECIMAL, Date, DateTime, Dialect, String
from sqlalchemy.types import TypeDecorator, TypeEngine


class StoreTime(TypeDecorator[str]):
    """`YYYY-MM-DD HH:MM:SS` in whatever zone the column has."""

    impl = String(19)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return String(19) if dialect.name == "sqlite" else DateTime()

    def process_bind_param(self, value: str | None, dialect: Dialect) -> Any:
        return value

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        if isinstance(value, datetime):
            return value.strftime("%Y-%m-%d %H:%M:%S")
        return None if value is None else str(value)[:19]

    def coerce_compared_value(self, op: Any, value: Any) -> TypeEngine[Any]:
        return self

    def bind_processor(self, dialect: Dialect) -> None:
        """Strings go to the driver as they are: MariaDB compares a DATETIME with them, and keeps the index."""
        return None


class StoreDay(StoreTime):
    """`YYYY-MM-DD` in the store's time."""

    impl = String(10)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return String(10) if dialect.name == "sqlite" else Date()

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        if isinstance(value, date):
            return value.isoformat()[:10]
        return None if value is None else str(value)[:10]


class Amount(TypeDecorator[Decimal]):
    """DECIMAL with `places` behind the point; text on SQLite."""

    impl = DECIMAL
    cache_ok = True

    def __init__(self, places: int = 4) -> None:
        super().__init__(15, places)
        self.places = places

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return String(24) if dialect.name == "sqlite" else DECIMAL(15, self.places)

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        if value is None or dialect.name != "sqlite":
            return value
        return str(value.quantize(Decimal(1).scaleb(-self.places)))

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(str(value))
