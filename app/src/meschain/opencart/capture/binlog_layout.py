"""Where a table's columns stand in the rows of the binary log: reads those that count and passes over the others. Pure.

The library reads every column of every row into an object of its own, some fifty for a product: the larger part of what
following a shop costs. Of a table with a type that is not known here there is no layout, and the library reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pymysqlreplication.constants import FIELD_TYPE

Values = dict[str, Any]

_FIXED: Final[Mapping[int, int]] = {
    FIELD_TYPE.TINY: 1,
    FIELD_TYPE.SHORT: 2,
    FIELD_TYPE.INT24: 3,
    FIELD_TYPE.LONG: 4,
    FIELD_TYPE.LONGLONG: 8,
    FIELD_TYPE.FLOAT: 4,
    FIELD_TYPE.DOUBLE: 8,
    FIELD_TYPE.YEAR: 1,
    FIELD_TYPE.DATE: 3,
    FIELD_TYPE.TIME: 3,
    FIELD_TYPE.DATETIME: 8,
    FIELD_TYPE.TIMESTAMP: 4,
}
_WHOLE_NUMBERS: Final = frozenset(
    {FIELD_TYPE.TINY, FIELD_TYPE.SHORT, FIELD_TYPE.INT24, FIELD_TYPE.LONG, FIELD_TYPE.LONGLONG}
)
_WITH_FRACTION: Final[Mapping[int, int]] = {
    FIELD_TYPE.TIMESTAMP2: 4,
    FIELD_TYPE.DATETIME2: 5,
    FIELD_TYPE.TIME2: 3,
}
"""Bytes before those of the fraction."""
_DIGIT_BYTES: Final = (0, 1, 1, 2, 2, 3, 3, 4, 4, 4)
"""Of a decimal's digits that fill no group of nine."""


_MOST_COLUMNS: Final = 250
"""The log writes higher numbers in several bytes."""


@dataclass(frozen=True, slots=True)
class _Step:
    """One column."""

    size: int
    """Of its value; of one with a length of its own: of that length."""
    has_length: bool
    name: str
    """Empty: nobody asks for it."""
    read: Callable[[bytes], object]


class RowLayout:
    """Reads rows of one table as it stands in the log's last map of it."""

    def __init__(self, steps: Sequence[_Step]) -> None:
        self._steps = steps
        self.columns = len(steps)
        self.bitmap_bytes = (self.columns + 7) // 8
        """Of a bit for each column."""
        self._all = (1 << self.columns) - 1
        self._nowhere = bytes(self.bitmap_bytes)

    @classmethod
    def of(cls, columns: Sequence[Any], wanted: frozenset[str]) -> RowLayout | None:
        """The layout of these columns, the library's; None: one of them cannot be read here."""
        if len(columns) > _MOST_COLUMNS:
            return None
        steps = []
        for column in columns:
            step = _step(column, wanted)
            if step is None:
                return None
            steps.append(step)
        return cls(steps)

    def holds(self, present: bytes) -> bool:
        """Whether rows with this bitmap of columns have all of them."""
        return int.from_bytes(present, "little") & self._all == self._all

    def rows(self, body: bytes, at: int) -> Iterator[Values]:
        """The rows from there to the end, images of updates one after the other.

        Raises: IndexError when the last one is cut off.
        """
        while at < len(body):
            nulls = body[at : at + self.bitmap_bytes]
            at += self.bitmap_bytes
            values: Values = {}
            has_nulls = nulls != self._nowhere
            for number, step in enumerate(self._steps):
                if has_nulls and nulls[number >> 3] & (1 << (number & 7)):
                    if step.name:
                        values[step.name] = None
                    continue
                size = step.size
                if step.has_length:
                    size += int.from_bytes(body[at : at + size], "little")
                elif step.name:
                    values[step.name] = step.read(body[at : at + size])
                at += size
            if at > len(body):
                raise IndexError("a row of the binary log is cut off")
            yield values


def _step(column: Any, wanted: frozenset[str]) -> _Step | None:
    if not column.name:
        return None
    is_wanted = column.name in wanted
    if is_wanted and column.type in _WHOLE_NUMBERS:
        read = _unsigned if column.unsigned else _signed
        return _Step(_FIXED[column.type], False, column.name, read)
    if is_wanted and column.type == FIELD_TYPE.DATETIME2:
        return _Step(5 + (column.fsp + 1) // 2, False, column.name, _moment)
    if is_wanted:
        return None
    size = _size(column)
    if size is not None:
        return _Step(size, False, "", _signed)
    if column.type in (FIELD_TYPE.VARCHAR, FIELD_TYPE.STRING):
        return _Step(2 if column.max_length > 255 else 1, True, "", _signed)
    if column.type in (FIELD_TYPE.BLOB, FIELD_TYPE.GEOMETRY, FIELD_TYPE.JSON):
        return _Step(column.length_size, True, "", _signed)
    return None


def _size(column: Any) -> int | None:
    """Bytes of a value that always has as many."""
    if column.type in _FIXED:
        return _FIXED[column.type]
    if column.type in _WITH_FRACTION:
        return int(_WITH_FRACTION[column.type] + (column.fsp + 1) // 2)
    if column.type == FIELD_TYPE.NEWDECIMAL:
        whole = column.precision - column.decimals
        return int(sum(digits // 9 * 4 + _DIGIT_BYTES[digits % 9] for digits in (whole, column.decimals)))
    if column.type in (FIELD_TYPE.ENUM, FIELD_TYPE.SET):
        return int(column.size)
    if column.type == FIELD_TYPE.BIT:
        return int(column.bytes)
    return None


def _signed(value: bytes) -> int:
    return int.from_bytes(value, "little", signed=True)


def _unsigned(value: bytes) -> int:
    return int.from_bytes(value, "little")


def _moment(value: bytes) -> datetime | None:
    """None: it is a zero date."""
    packed = int.from_bytes(value[:5], "big")
    months, day = packed >> 22 & 0x1FFFF, packed >> 17 & 0x1F
    try:
        return datetime(  # noqa: DTZ001 - the store's time, as everywhere in its tables
            months // 13, months % 13, day, packed >> 12 & 0x1F, packed >> 6 & 0x3F, packed & 0x3F
        )
    except ValueError:
        return None
