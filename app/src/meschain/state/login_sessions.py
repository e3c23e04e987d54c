"""The store of log-ins that can be refreshed, on our own database. Holds hashes of tokens, never tokens."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, bindparam, delete, insert, select, update

from meschain.auth.ports import LoginSession
from meschain.state.database import Database
from meschain.state.tables import login_sessions

# Made once, so that no read builds the query and its key in SQLAlchemy's cache again. This and reading without a
# transaction (`Database`) save more than half of a read (bench/results/sign_on.json; neither was measured alone).
_BY_ID: Final = select(login_sessions).where(login_sessions.c.id == bindparam("key"))
_BY_TOKEN_HASH: Final = select(login_sessions).where(login_sessions.c.token_hash == bindparam("key"))


class SqlLoginSessionStore:
    """`auth.ports.LoginSessionStore` in the table of log-in sessions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, session: LoginSession) -> None:
        values = {
            "id": session.id,
            "user_id": session.user_id,
            "token_hash": session.token_hash,
            "created_at": session.created_at,
            "expires_at": session.expires_at,
            "revoked": session.revoked,
        }
        async with self._database.begin() as connection:
            await connection.execute(insert(login_sessions).values(**values))

    async def by_token_hash(self, token_hash: str) -> LoginSession | None:
        return await self._one(_BY_TOKEN_HASH, token_hash)

    async def get(self, session_id: str) -> LoginSession | None:
        return await self._one(_BY_ID, session_id)

    async def revoke(self, session_id: str) -> None:
        async with self._database.begin() as connection:
            await connection.execute(
                update(login_sessions).where(login_sessions.c.id == session_id).values(revoked=True)
            )

    async def revoke_all(self, user_id: str) -> None:
        async with self._database.begin() as connection:
            await connection.execute(
                update(login_sessions).where(login_sessions.c.user_id == user_id).values(revoked=True)
            )

    async def remove_expired(self, now: datetime) -> None:
        async with self._database.begin() as connection:
            await connection.execute(delete(login_sessions).where(login_sessions.c.expires_at <= now))

    async def ended(self, session_ids: Sequence[str], now: datetime) -> Sequence[str]:
        query = select(login_sessions.c.id).where(
            login_sessions.c.id.in_(session_ids), login_sessions.c.revoked.is_(False), login_sessions.c.expires_at > now
        )
        async with self._database.connect() as connection:
            holding = set(await connection.scalars(query))
        return [session_id for session_id in session_ids if session_id not in holding]

    async def _one(self, query: Select[Any], key: str) -> LoginSession | None:
        async with self._database.connect() as connection:
            row = (await connection.execute(query, {"key": key})).one_or_none()
        if row is None:
            return None
        return LoginSession(
            id=row.id,
            user_id=row.user_id,
            token_hash=row.token_hash,
            created_at=row.created_at,
            expires_at=row.expires_at,
            revoked=row.revoked,
        )
