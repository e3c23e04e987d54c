"""Inserting what may be there already, in one way for all three databases."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Table, insert
from sqlalchemy.exc import IntegrityError

from meschain.state.database import Database


async def insert_new(database: Database, table: Table, values: Mapping[str, object]) -> bool:
    """Insert the row in a transaction of its own; False when its unique key is taken.

    The values must be complete: a missing one looks like a taken key to the database's drivers.
    """
    try:
        await database.run(lambda connection: connection.execute(insert(table).values(**values)))
    except IntegrityError:
        return False
    return True
