"""The store of sign-in tickets, on our own database. Holds hashes of tickets, never tickets."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, insert, select

from meschain.state.database import Database
from meschain.state.tables import sign_in_tickets


class SqlTicketStore:
    """`auth.shop_sign_in.TicketStore` in the table of tickets."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, token_hash: str, user_id: str, expires_at: datetime, now: datetime) -> None:
        async with self._database.begin() as connection:
            await connection.execute(delete(sign_in_tickets).where(sign_in_tickets.c.expires_at <= now))
            await connection.execute(
                insert(sign_in_tickets).values(token_hash=token_hash, user_id=user_id, expires_at=expires_at)
            )

    async def take(self, token_hash: str, now: datetime) -> str | None:
        this = sign_in_tickets.c.token_hash == token_hash
        async with self._database.begin() as connection:
            row = (await connection.execute(select(sign_in_tickets).where(this))).one_or_none()
            # Of two who come with the same ticket one deletes it.
            deleted = await connection.execute(delete(sign_in_tickets).where(this))
            if row is None or deleted.rowcount != 1 or row.expires_at <= now:
                return None
            user_id: str = row.user_id
            return user_id
