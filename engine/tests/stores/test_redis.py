"""A real Redis keeps the promises of a store, and its outages are told and lived through."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from engine.tests.brokers.redis_server import TIMEOUT_SECONDS, RedisServer, redis_server

from hubwire.errors import LocalProtocolError, StoreUnavailable
from hubwire.options import BrokerOptions
from hubwire.ports import MembershipStore
from hubwire.stores.redis import EXPIRED_KEPT_SECONDS, RedisMembershipStore
from hubwire.stores.redis_commands import MAXIMUM_WAITING
from hubwire.testing.specs import MembershipStoreSpec

NOW = 1_700_000_000.0
# A second: a Redis that only waits for its turn on a busy machine must not be given up.
IMPATIENT = BrokerOptions(health_check_seconds=0.05, broker_timeout_seconds=1.0)


@asynccontextmanager
async def opened(
    server: RedisServer, namespace: str = "hubwire", options: BrokerOptions = IMPATIENT
) -> AsyncIterator[RedisMembershipStore]:
    store = RedisMembershipStore(server.url, options, namespace=namespace)
    await store.start()
    try:
        yield store
    finally:
        await store.stop()


@pytest.fixture
async def server() -> AsyncIterator[RedisServer]:
    async with redis_server() as server:
        yield server


async def put(store: MembershipStore, group: str, expires_at: float = NOW + 60) -> None:
    await store.put("chat", "ann", group, now=NOW, expires_at=expires_at)


class TestRedis(MembershipStoreSpec):
    @asynccontextmanager
    async def create(self) -> AsyncIterator[MembershipStore]:
        async with redis_server() as server, opened(server, options=BrokerOptions()) as store:
            yield store


async def test_other_processes_see_what_was_put(server: RedisServer) -> None:
    async with opened(server) as one, opened(server) as other:
        await asyncio.gather(*(put((one, other)[number % 2], f"{number}") for number in range(500)))
        assert len(await one.of_user("chat", "ann")) == len(await other.of_user("chat", "ann")) == 500


async def test_a_namespace_has_memberships_of_its_own(server: RedisServer) -> None:
    async with opened(server) as one, opened(server, "another") as other:
        await put(one, "g")
        assert await other.of_user("chat", "ann") == {}


async def test_redis_forgets_a_user_an_hour_after_the_last_membership(server: RedisServer) -> None:
    async with opened(server) as store:
        await put(store, "g", NOW + 60)
        await store.put("chat", "ann", "h", now=NOW, expires_at=NOW + 7_200.5, kept=1)
        await store.put("chat", "ann", "i", now=NOW, expires_at=NOW + 30, kept=1)
        keys = ("hubwire:groups:chat:ann", "hubwire:kept:chat:ann")
        seconds = [int((await server.ask("TTL", key))[1:]) for key in keys]
        assert all(EXPIRED_KEPT_SECONDS + 50 < each <= EXPIRED_KEPT_SECONDS + 60 for each in seconds), seconds


async def test_what_expired_long_ago_is_forgotten_with_the_next_change(server: RedisServer) -> None:
    async with opened(server) as store:
        await put(store, "still there")
        await put(store, "g", NOW - EXPIRED_KEPT_SECONDS - 1)
        await put(store, "still there")
        assert await store.of_user("chat", "ann") == {"still there": NOW + 60}


async def test_a_redis_that_is_away_is_told_at_the_start() -> None:
    async with redis_server() as server:
        await server.kill()
        with pytest.raises(StoreUnavailable, match=f"Redis at 127.0.0.1:{server.port}"):
            await RedisMembershipStore(server.url).start()


async def test_an_outage_is_told_and_lived_through(server: RedisServer) -> None:
    async with opened(server) as store:
        await put(store, "g")
        await server.kill()
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="Try again once Redis answers"):
                await store.of_user("chat", "ann")
        await server.start()
        await put(store, "h")
        assert (await store.of_user("chat", "ann")).keys() == {"h"}  # this one was told to keep nothing


async def test_what_waits_for_an_answer_fails_with_the_connection(server: RedisServer) -> None:
    async with opened(server) as store:
        server.hold()
        calls = [asyncio.ensure_future(put(store, f"{number}")) for number in range(10)]
        await asyncio.sleep(0)
        await server.kill()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(outcome, StoreUnavailable) for outcome in outcomes)


async def test_a_redis_that_stands_still_is_given_up(server: RedisServer) -> None:
    async with opened(server) as store:
        server.hold()
        with pytest.raises(StoreUnavailable, match="it said nothing for"):
            await put(store, "g")
        server.let_go()
        await put(store, "g")
        assert await store.find("chat", "ann", "g") == NOW + 60


async def test_a_connection_that_redis_cuts_is_made_anew(server: RedisServer) -> None:
    async with opened(server) as store:
        await put(store, "g")
        await server.cut("normal")
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while True:
                try:
                    assert await store.find("chat", "ann", "g") == NOW + 60
                    break
                except StoreUnavailable:
                    continue  # it was sent before the cut was seen


async def test_many_who_come_after_an_outage_share_one_connection(server: RedisServer) -> None:
    async with opened(server) as store:
        await server.cut("normal")
        await asyncio.gather(*(store.find("chat", "ann", f"{number}") for number in range(50)), return_exceptions=True)
        await asyncio.gather(*(store.find("chat", "ann", f"{number}") for number in range(50)))
        assert len(await server.clients()) == 1


async def test_what_redis_refuses_is_told_with_its_reason_and_the_next_goes_on(server: RedisServer) -> None:
    async with opened(server) as store:
        await put(store, "g")
        await server.ask("CONFIG", "SET", "maxmemory", "1")
        with pytest.raises(StoreUnavailable, match="refuses: OOM"):
            await put(store, "h")
        assert await store.of_user("chat", "ann") == {"g": NOW + 60}


async def test_more_calls_than_may_wait_are_refused(server: RedisServer) -> None:
    async with opened(server, options=BrokerOptions()) as store:
        calls = [asyncio.ensure_future(store.find("chat", "ann", "g")) for _ in range(MAXIMUM_WAITING + 1)]
        refused = [each for each in await asyncio.gather(*calls, return_exceptions=True) if each is not None]
        assert len(refused) == 1
        assert isinstance(refused[0], StoreUnavailable)


async def test_a_stop_waits_for_what_was_asked(server: RedisServer) -> None:
    async with opened(server) as store:
        calls = [asyncio.ensure_future(put(store, f"{number}")) for number in range(100)]
        await asyncio.sleep(0)
    await asyncio.gather(*calls)
    assert await server.clients() == []


async def test_a_store_that_does_not_run_says_so(server: RedisServer) -> None:
    store = RedisMembershipStore(server.url)
    with pytest.raises(StoreUnavailable, match="Start it"):
        await store.find("chat", "ann", "g")
    await store.start()
    with pytest.raises(LocalProtocolError, match="runs already"):
        await store.start()
    await store.stop()
    await store.stop()


def test_the_password_is_never_shown() -> None:
    store = RedisMembershipStore("redis://ann:secret@example.com:7000/0")
    assert repr(store) == "RedisMembershipStore(example.com:7000)"
