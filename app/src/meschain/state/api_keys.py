"""The store of publishers' keys, on our own database. Holds hashes, never keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Row, bindparam, insert, select, update

from meschain.auth.api_keys import ApiKey
from meschain.state.database import Database
from meschain.state.tables import api_keys

# Made once, as in `login_sessions`: each request asks it.
_BY_ID: Final = select(api_keys).where(api_keys.c.id == bindparam("key"))


class SqlApiKeyStore:
    """`auth.api_keys.ApiKeyStore` in the table of keys."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, key: ApiKey) -> None:
        async with self._database.begin() as connection:
            await connection.execute(insert(api_keys).values(id=key.id, **_values(key)))

    async def get(self, key_id: str) -> ApiKey | None:
        async with self._database.connect() as connection:
            row = (await connection.execute(_BY_ID, {"key": key_id})).one_or_none()
        return None if row is None else _key(row)

    async def save(self, key: ApiKey) -> None:
        async with self._database.begin() as connection:
            await connection.execute(update(api_keys).where(api_keys.c.id == key.id).values(**_values(key)))

    async def list(self) -> Sequence[ApiKey]:
        query = select(api_keys).order_by(api_keys.c.created_at, api_keys.c.id)
        async with self._database.connect() as connection:
            return [_key(row) for row in await connection.execute(query)]


def _values(key: ApiKey) -> dict[str, object]:
    return {
        "publisher": key.publisher,
        "kinds": list(key.kinds),
        "marketplaces": list(key.marketplaces),
        "secret_hash": key.secret_hash,
        "created_at": key.created_at,
        "revoked_at": key.revoked_at,
    }


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        id=row.id,
        publisher=row.publisher,
        kinds=tuple(row.kinds),
        marketplaces=tuple(row.marketplaces),
        secret_hash=row.secret_hash,
        created_at=row.created_at,
        revoked_at=row.revoked_at,
    )
