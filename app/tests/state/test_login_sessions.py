"""The store of log-ins on a real database."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from meschain.auth.ports import LoginSession
from meschain.state.database import Database
from meschain.state.login_sessions import SqlLoginSessionStore

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
SESSION = LoginSession("s1", "own:1", "h1", NOW, NOW + timedelta(hours=1), revoked=False)


@pytest.fixture
def store(opened: Database) -> SqlLoginSessionStore:
    return SqlLoginSessionStore(opened)


async def test_what_is_added_is_found_as_it_was(store: SqlLoginSessionStore) -> None:
    await store.add(SESSION)
    assert await store.get("s1") == SESSION
    assert await store.by_token_hash("h1") == SESSION
    assert await store.get("h1") is None
    assert await store.by_token_hash("s1") is None


async def test_one_is_revoked_and_the_others_stay(store: SqlLoginSessionStore) -> None:
    other = dataclasses.replace(SESSION, id="s2", token_hash="h2")
    await store.add(SESSION)
    await store.add(other)
    await store.revoke("s1")
    await store.revoke("nothing")
    assert await store.get("s1") == dataclasses.replace(SESSION, revoked=True)
    assert await store.get("s2") == other


async def test_all_of_one_user_are_revoked(store: SqlLoginSessionStore) -> None:
    await store.add(SESSION)
    await store.add(dataclasses.replace(SESSION, id="s2", token_hash="h2"))
    await store.add(dataclasses.replace(SESSION, id="s3", token_hash="h3", user_id="own:2"))
    await store.revoke_all("own:1")
    found = [await store.get(session_id) for session_id in ("s1", "s2", "s3")]
    assert [session.revoked for session in found if session] == [True, True, False]


async def test_the_expired_are_removed(store: SqlLoginSessionStore) -> None:
    await store.add(SESSION)
    await store.remove_expired(NOW)
    assert await store.get("s1") is not None
    await store.remove_expired(SESSION.expires_at)
    assert await store.get("s1") is None


async def test_the_ended_among_many_are_told(store: SqlLoginSessionStore) -> None:
    await store.add(SESSION)
    await store.add(dataclasses.replace(SESSION, id="s2", token_hash="h2", revoked=True))
    await store.add(dataclasses.replace(SESSION, id="s3", token_hash="h3", expires_at=NOW))
    asked = ["s1", "s2", "s3", "gone"]
    assert await store.ended(asked, NOW) == ["s2", "s3", "gone"]
    assert await store.ended(asked, SESSION.expires_at) == asked
    assert await store.ended([], NOW) == []
