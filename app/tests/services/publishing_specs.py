"""The promises of the stores behind publishing and sign-in, as suites."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Protocol

import pytest
from app.tests.services.fakes import START
from app.tests.services.store_specs import pruned

from meschain.auth.api_keys import ApiKey, ApiKeyStore
from meschain.auth.shop_sign_in import TicketStore
from meschain.services.ports import Prunable
from meschain.services.publishing import Claim, PublicationStore


def some_key(number: int = 1) -> ApiKey:
    return ApiKey(f"{number:016x}", "erp", ("order", "alert"), ("shop", "n11"), "ab" * 32, START, None)


class PrunablePublications(PublicationStore, Prunable, Protocol): ...


class ApiKeyStoreSpec:
    @pytest.fixture
    def store(self) -> ApiKeyStore:
        raise NotImplementedError

    async def test_a_key_comes_back_as_it_was(self, store: ApiKeyStore) -> None:
        await store.add(some_key(2))
        await store.add(some_key(1))
        assert await store.get(some_key(1).id) == some_key(1)
        assert await store.get("0" * 16) is None
        assert list(await store.list()) == [some_key(1), some_key(2)]

    async def test_a_change_is_kept(self, store: ApiKeyStore) -> None:
        await store.add(some_key())
        revoked = ApiKey("1".zfill(16), "erp", ("order",), (), "ab" * 32, START, START + timedelta(days=1))
        await store.save(revoked)
        assert await store.get(revoked.id) == revoked


class PublicationStoreSpec:
    @pytest.fixture
    def store(self) -> PrunablePublications:
        raise NotImplementedError

    async def test_the_first_who_claims_a_key_has_it(self, store: PrunablePublications) -> None:
        assert await store.claim("erp", "k", "one", START) == Claim("one", "")
        assert await store.claim("erp", "k", "two", START) == Claim("one", "")
        assert await store.claim("erp", "K", "two", START) == Claim("two", "")
        assert await store.claim("pos", "k", "two", START) == Claim("two", "")

    async def test_of_many_at_once_all_are_told_of_the_same_one(self, store: PrunablePublications) -> None:
        claims = await asyncio.gather(*(store.claim("erp", "k", str(n), START) for n in range(8)))
        assert len(set(claims)) == 1

    async def test_an_answer_is_kept(self, store: PrunablePublications) -> None:
        await store.claim("erp", "k", "one", START)
        await store.answered("erp", "k", '{"accepted":1}')
        assert await store.claim("erp", "k", "one", START) == Claim("one", '{"accepted":1}')

    async def test_old_ones_are_pruned(self, store: PrunablePublications) -> None:
        for number in range(5):
            await store.claim("erp", str(number), "one", START + timedelta(minutes=number))
        assert await pruned(store, START + timedelta(minutes=3)) == 3
        assert await store.claim("erp", "0", "two", START) == Claim("two", "")
        assert await store.claim("erp", "3", "two", START) == Claim("one", "")

    async def test_the_newest_are_kept(self, store: PrunablePublications) -> None:
        for number in range(5):
            await store.claim("erp" if number % 2 else "pos", str(number), "one", START + timedelta(minutes=number))
        assert await pruned(store, START, keep=2) == 3
        assert await store.claim("pos", "2", "two", START) == Claim("two", "")
        assert await store.claim("erp", "3", "two", START) == Claim("one", "")


class TicketStoreSpec:
    @pytest.fixture
    def store(self) -> TicketStore:
        raise NotImplementedError

    async def test_a_ticket_is_good_once(self, store: TicketStore) -> None:
        await store.add("hash", "opencart:1", START + timedelta(minutes=1), START)
        assert await store.take("other", START) is None
        assert await store.take("hash", START) == "opencart:1"
        assert await store.take("hash", START) is None

    async def test_of_many_at_once_one_gets_it(self, store: TicketStore) -> None:
        await store.add("hash", "opencart:1", START + timedelta(minutes=1), START)
        taken = await asyncio.gather(*(store.take("hash", START) for _ in range(8)))
        assert sorted(taken, key=str) == [None] * 7 + ["opencart:1"]

    async def test_one_that_ran_out_is_not_good_and_forgotten(self, store: TicketStore) -> None:
        end = START + timedelta(minutes=1)
        for name in ("first", "second"):
            await store.add(name, "opencart:1", end, START)
        assert await store.take("first", end) is None
        await store.add("third", "opencart:2", end + timedelta(minutes=1), end)
        assert await store.take("second", START) is None
