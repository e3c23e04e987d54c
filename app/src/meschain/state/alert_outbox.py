"""The outbox of alerts on our own database: what the book puts in, in its transactions, until it is sent."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from meschain.domain.payloads import AlertRow
from meschain.services.alert_ports import AlertMessage
from meschain.state.database import Database
from meschain.state.pruning import prune_rows
from meschain.state.tables import alert_outbox as outbox

_log = logging.getLogger(__name__)


class SqlAlertOutbox:
    """`services.alert_ports.AlertOutbox` in the table of the outbox."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def waiting(self, channel: str, limit: int) -> Sequence[AlertMessage]:
        query = select(outbox).where(outbox.c.channel == channel).order_by(outbox.c.sequence).limit(limit)
        async with self._database.connect() as connection:
            return [_message(row) for row in await connection.execute(query)]

    async def next_attempt(self, channel: str) -> datetime | None:
        oldest = select(outbox.c.next_attempt_at).where(outbox.c.channel == channel).order_by(outbox.c.sequence)
        async with self._database.connect() as connection:
            found: datetime | None = await connection.scalar(oldest.limit(1))
            return found

    async def sent(self, ids: Sequence[str]) -> None:
        async with self._database.begin() as connection:
            await connection.execute(delete(outbox).where(outbox.c.id.in_(ids)))

    async def failed(self, ids: Sequence[str], next_attempt_at: datetime) -> None:
        command = update(outbox).where(outbox.c.id.in_(ids))
        async with self._database.begin() as connection:
            await connection.execute(command.values(attempts=outbox.c.attempts + 1, next_attempt_at=next_attempt_at))

    def prune(self, before: datetime, keep: int) -> AsyncGenerator[int, None]:
        return prune_rows(
            self._database,
            outbox,
            key=[outbox.c.id],
            moment=outbox.c.created_at,
            before=before,
            keep=keep,
        )

    async def count(self) -> int:
        async with self._database.connect() as connection:
            return await _count(connection)


async def put(connection: AsyncConnection, messages: Sequence[AlertMessage], most: int) -> None:
    """Store those that are new, in a transaction of the book's; none when more than `most` would wait."""
    if not messages:
        return
    known = set(
        (await connection.scalars(select(outbox.c.id).where(outbox.c.id.in_([each.id for each in messages])))).all()
    )
    fresh = [each for each in messages if each.id not in known]
    if await _count(connection) + len(fresh) > most:
        _log.error("%d messages about alerts wait to leave, so what follows does not leave; the book has it", most)
        return
    for each in fresh:
        await connection.execute(
            insert(outbox).values(
                id=each.id,
                channel=each.channel,
                content=msgspec.to_builtins(each.content),
                attempts=each.attempts,
                next_attempt_at=each.created_at,
                created_at=each.created_at,
            )
        )


async def _count(connection: AsyncConnection) -> int:
    return int(await connection.scalar(select(func.count()).select_from(outbox)) or 0)


def _message(row: Row[Any]) -> AlertMessage:
    return AlertMessage(
        id=row.id,
        channel=row.channel,
        content=msgspec.convert(row.content, AlertRow),
        created_at=row.created_at,
        attempts=row.attempts,
    )
