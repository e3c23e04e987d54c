"""The store of publishers' requests by idempotency key, on our own database."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import datetime

from sqlalchemy import select, update

from meschain.services.publishing import Claim
from meschain.state.database import Database
from meschain.state.inserting import insert_new
from meschain.state.pruning import prune_rows
from meschain.state.tables import publications


class SqlPublicationStore:
    """`services.publishing.PublicationStore` in the table of publications."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, publisher: str, key: str, fingerprint: str, at: datetime) -> Claim:
        values = {
            "publisher": publisher,
            "idempotency_key": key,
            "fingerprint": fingerprint,
            "answer": "",
            "created_at": at,
        }
        if await insert_new(self._database, publications, values):
            return Claim(fingerprint, "")
        query = select(publications.c.fingerprint, publications.c.answer).where(
            publications.c.publisher == publisher, publications.c.idempotency_key == key
        )
        async with self._database.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        # None: pruned just now, a day after its first use.
        return Claim(fingerprint, "") if row is None else Claim(row.fingerprint, row.answer)

    async def answered(self, publisher: str, key: str, answer: str) -> None:
        async with self._database.begin() as connection:
            await connection.execute(
                update(publications)
                .where(publications.c.publisher == publisher, publications.c.idempotency_key == key)
                .values(answer=answer)
            )

    def prune(self, before: datetime, keep: int) -> AsyncGenerator[int, None]:
        return prune_rows(
            self._database,
            publications,
            key=[publications.c.publisher, publications.c.idempotency_key],
            moment=publications.c.created_at,
            before=before,
            keep=keep,
        )
