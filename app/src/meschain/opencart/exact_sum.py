"""`exact_sum(column)`: the sum of an amount column as a `Decimal`, added up by the database. Knows no tables.

MariaDB and MySQL add DECIMAL exactly. SQLite's own SUM of our text amounts would be a float, so there each amount
becomes a whole number of its smallest unit first; on the way it is a float, which holds the 15 digits of a column
exactly enough to be rounded right.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Column, Dialect, Integer, cast, func, literal_column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

from meschain.opencart.column_types import Amount


class _Total(TypeDecorator[Decimal]):
    """What the sum of amounts with so many places comes back as; None for no rows."""

    impl = BigInteger
    cache_ok = True

    def __init__(self, places: int) -> None:
        super().__init__()
        self.places = places

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        if value is None:
            return None
        return Decimal(value).scaleb(-self.places) if dialect.name == "sqlite" else Decimal(str(value))


class exact_sum(FunctionElement[Decimal]):  # noqa: N801 - written as the SQL functions beside it
    """SUM of one column of type `Amount`."""

    inherit_cache = True

    def __init__(self, column: Column[Any]) -> None:
        self.places = column.type.places if isinstance(column.type, Amount) else 4
        self.type = _Total(self.places)
        super().__init__(column)


@compiles(exact_sum)
def _add(element: exact_sum, compiler: SQLCompiler, **options: Any) -> str:
    (column,) = element.clauses
    return compiler.process(func.sum(column), **options)


@compiles(exact_sum, "sqlite")
def _add_units(element: exact_sum, compiler: SQLCompiler, **options: Any) -> str:
    (column,) = element.clauses
    units = cast(func.round(column.op("*")(literal_column(str(10**element.places)))), Integer)
    return compiler.process(func.sum(units), **options)
