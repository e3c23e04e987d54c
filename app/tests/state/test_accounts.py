"""The account store on a real database."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import pytest
from sqlalchemy import update

from meschain.auth.ports import Account, AccountExists
from meschain.domain.roles import Role
from meschain.state.accounts import SqlAccountStore
from meschain.state.database import Database
from meschain.state.tables import accounts

ADA = Account(
    id="a1",
    source="own",
    username="Ada",
    name="Ada Lovelace",
    role=Role.MARKETPLACE_MANAGER,
    marketplaces=("amazon", "n11"),
    disabled=False,
    password_hash="hash",
    created_at=datetime(2026, 1, 2, 3, 4, 5, 678901, UTC),
)


@pytest.fixture
def store(opened: Database) -> SqlAccountStore:
    return SqlAccountStore(opened)


async def test_what_is_added_is_found_as_it_was(store: SqlAccountStore) -> None:
    await store.add(ADA)
    assert await store.get("a1") == ADA
    assert await store.find("own", "Ada") == ADA
    assert await store.list() == [ADA]


@pytest.mark.parametrize(("added", "asked"), [("Ada", " ADA"), ("Straße", "STRASSE"), ("Öznur", "o\u0308znur")])
async def test_names_are_found_without_regard_to_case_and_typing(
    store: SqlAccountStore, added: str, asked: str
) -> None:
    await store.add(dataclasses.replace(ADA, username=added))
    found = await store.find("own", asked)
    assert found is not None
    assert found.username == added


async def test_an_accent_makes_another_name(store: SqlAccountStore) -> None:
    await store.add(dataclasses.replace(ADA, username="Oznur"))
    assert await store.find("own", "Öznur") is None


async def test_sources_do_not_mix(store: SqlAccountStore) -> None:
    await store.add(ADA)
    assert await store.find("opencart", "ada") is None
    await store.add(dataclasses.replace(ADA, id="a2", source="opencart"))
    assert [account.source for account in await store.list()] == ["opencart", "own"]


async def test_a_name_is_taken_once(store: SqlAccountStore) -> None:
    await store.add(ADA)
    with pytest.raises(AccountExists, match="aDA"):
        await store.add(dataclasses.replace(ADA, id="a2", username="aDA"))


async def test_changes_are_saved(store: SqlAccountStore) -> None:
    await store.add(ADA)
    changed = dataclasses.replace(
        ADA, name="A", role=Role.VIEWER, marketplaces=(), disabled=True, password_hash=None, username="countess"
    )
    await store.save(changed)
    assert await store.get("a1") == changed
    assert await store.find("own", "ada") is None


async def test_who_is_not_there_is_none(store: SqlAccountStore) -> None:
    assert await store.find("own", "nobody") is None
    assert await store.get("nothing") is None


async def test_a_role_that_somebody_wrote_into_the_table_gives_nothing(
    store: SqlAccountStore, opened: Database
) -> None:
    await store.add(ADA)
    for written in ("service", "root"):
        async with opened.begin() as connection:
            await connection.execute(update(accounts).values(role=written))
        found = await store.get("a1")
        assert found is not None
        assert found.role is Role.USER
