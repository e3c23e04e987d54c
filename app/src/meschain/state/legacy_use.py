"""The store of who still uses the old dialects, on our own database."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, select, update

from meschain.services.legacy_use import LegacyUse, LegacyUser
from meschain.state.database import Database
from meschain.state.inserting import insert_new
from meschain.state.pruning import prune_rows
from meschain.state.tables import legacy_use

_PRUNE_STEP: Final = 1_000
"""Rows deleted in one transaction, so that nobody waits for long."""


class SqlLegacyUseStore:
    """`services.legacy_use.LegacyUseStore` in a table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, use: LegacyUse) -> None:
        if not await self._count(use):
            await self._insert(use)

    async def _insert(self, use: LegacyUse) -> None:
        values = {
            "id": _id(use.user),
            "listener": use.user.listener,
            "dialect": use.user.dialect,
            "origin": use.user.origin,
            "address": use.user.address,
            "user_agent": use.user.user_agent,
            "role": use.role,
            "proved": use.proved,
            "first_seen_at": use.first_seen_at,
            "last_seen_at": use.last_seen_at,
            "connections": use.connections,
            "received": use.received,
        }
        if not await insert_new(self._database, legacy_use, values):
            await self._count(use)  # another process was first

    async def _count(self, use: LegacyUse) -> bool:
        columns = legacy_use.c
        counted = (
            update(legacy_use)
            .where(columns.id == _id(use.user))
            .values(
                role=use.role,
                proved=use.proved,
                last_seen_at=use.last_seen_at,
                connections=columns.connections + use.connections,
                received=columns.received + use.received,
            )
        )
        return bool((await self._database.run(lambda connection: connection.execute(counted))).rowcount)

    async def latest(self, limit: int) -> Sequence[LegacyUse]:
        query = select(legacy_use).order_by(legacy_use.c.last_seen_at.desc(), legacy_use.c.id).limit(limit)
        async with self._database.connect() as connection:
            return [_use(row) for row in await connection.execute(query)]

    def prune(self, before: datetime, keep: int) -> AsyncGenerator[int, None]:
        return prune_rows(
            self._database,
            legacy_use,
            key=[legacy_use.c.id],
            moment=legacy_use.c.last_seen_at,
            before=before,
            keep=keep,
        )


def _id(user: LegacyUser) -> str:
    parts = [user.listener, user.dialect, user.origin, user.address, user.user_agent]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _use(row: Row[Any]) -> LegacyUse:
    user = LegacyUser(row.listener, row.dialect, row.origin, row.address, row.user_agent)
    return LegacyUse(user, row.role, row.proved, row.first_seen_at, row.last_seen_at, row.connections, row.received)
