"""Deleting rows in small steps, in one way for all tables and databases. Knows no table and not what is still needed.

What is to go is looked for by a reader and deleted in a transaction of its own: the writer's lock is held for a step
alone, not while a large table is looked through.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlalchemy import Column, ColumnElement, Table, and_, delete, or_, select, true

from meschain.state.database import Database
from meschain.state.keys import one_of

Moment = TypeVar("Moment", datetime, int)
"""A point in time, or seconds since 1970."""

STEP: Final = 1_000
"""Rows deleted in one transaction, some milliseconds; SQLite takes some thousands of parameters at most."""


async def prune_rows(
    database: Database,
    table: Table,
    *,
    key: Sequence[Column[Any]],  # Any: columns of any type, here and below
    moment: Column[Moment],
    before: Moment,
    keep: int,
    order: Column[Any] | None = None,
    needless: ColumnElement[bool] | None = None,
    turn: AbstractAsyncContextManager[object] | None = None,
) -> AsyncGenerator[int, None]:
    """Delete what is older, and what is not among the newest `keep` rows; yields the number after each step.

    Args:
        key: the primary key, of one column or two; few values of the first of two.
        order: in which rows came; None: by `moment`.
        needless: only such rows are deleted, whatever the age and number. None: all.
        turn: held by each step beside its transaction.
    """
    by = moment if order is None else order
    async with database.connect() as connection:
        beyond = await connection.scalar(select(by).order_by(by.desc()).offset(keep).limit(1))
    condition = moment < before if beyond is None else or_(moment < before, by <= beyond)
    condition = and_(condition, true() if needless is None else needless)
    async for deleted in delete_in_steps(database, table, key=key, order=by, condition=condition, turn=turn):
        yield deleted


async def delete_in_steps(
    database: Database,
    table: Table,
    *,
    key: Sequence[Column[Any]],
    order: Column[Any],
    condition: ColumnElement[bool],
    turn: AbstractAsyncContextManager[object] | None = None,
) -> AsyncGenerator[int, None]:
    """Delete what the condition is true of, in that order; yields the number after each step."""
    query = select(*key).where(condition).order_by(order).limit(STEP)
    while True:
        async with database.connect() as connection:
            found = [tuple(row) for row in await connection.execute(query)]
        if not found:
            return
        # The condition once more: what was found may be needed again by now.
        command = delete(table).where(one_of(key, found), condition)
        async with turn or nullcontext(), database.begin() as connection:
            deleted = (await connection.execute(command)).rowcount
        yield deleted
        if len(found) < STEP:
            return
