"""Rows by many keys in one statement, also where a key is a pair. Knows no table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, and_, or_


def by_first(values: Iterable[tuple[str, str]]) -> Mapping[str, list[str]]:
    """The second parts of pairs, by their first: for statements that are made once, for one first part."""
    found: dict[str, list[str]] = {}
    for first, second in values:
        found.setdefault(first, []).append(second)
    return found


def one_of(key: Sequence[Column[Any]], values: Sequence[tuple[Any, ...]]) -> ColumnElement[bool]:
    """Whether a row has one of these keys, said so that all databases use the index: not all do for pairs."""
    if len(key) == 1:
        return key[0].in_([value[0] for value in values])
    first, second = key
    return or_(
        *(
            and_(first == each, second.in_([value[1] for value in values if value[0] == each]))
            for each in dict.fromkeys(value[0] for value in values)
        )
    )
