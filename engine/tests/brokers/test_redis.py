"""The broker over Redis keeps the promises of its port, and what it promises of outages; all on a real server."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from engine.tests.brokers.redis_server import TIMEOUT_SECONDS, RedisServer, redis_server
from engine.tests.client.certificate import write_certificate
from engine.tests.free_ports import free_port

from hubwire.brokers.redis import RedisBroker
from hubwire.errors import BrokerUnavailable, LocalProtocolError
from hubwire.options import BrokerOptions
from hubwire.ports import Broker
from hubwire.testing import FakeClock
from hubwire.testing.specs import BrokerSpec, Inbox


async def settled(broker: RedisBroker) -> None:
    waiting = broker.settled()
    assert waiting is not None
    await waiting


# A second: a Redis that only waits for its turn on a busy machine must not count as lost.
IMPATIENT = BrokerOptions(health_check_seconds=0.05, broker_timeout_seconds=1.0, maximum_backoff_seconds=0.1)


class TestRedisBroker(BrokerSpec):
    @asynccontextmanager
    async def create(self) -> AsyncIterator[list[Broker]]:
        async with redis_server() as server:
            yield [RedisBroker(server.url) for _ in range(3)]


async def until_connected(server: RedisServer, count: int) -> None:
    """Wait until just so many connections are open; Redis notices the ends of others in its own time."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while len(await server.clients()) != count:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


@asynccontextmanager
async def started(server: RedisServer, options: BrokerOptions = IMPATIENT) -> AsyncIterator[tuple[RedisBroker, Inbox]]:
    broker, inbox = RedisBroker(server.url, options), Inbox()
    await broker.start(inbox)
    try:
        yield broker, inbox
    finally:
        await broker.stop()


async def test_a_server_that_was_restarted_is_found_again_with_all_subscriptions() -> None:
    subjects = [b"s%d" % number for number in range(2500)]
    async with redis_server() as server, started(server) as (broker, inbox):
        for subject in subjects:
            broker.subscribe(subject)
        await settled(broker)
        for _ in range(2):
            await server.kill()
            await inbox.until_told("lost")
            assert not broker.is_available
            with pytest.raises(BrokerUnavailable) as caught:
                broker.publish([b"s0"], b"")
            assert not caught.value.may_have_arrived
            await server.start()
            await inbox.until_told("restored")
            assert await broker.publish(subjects, b"x") == len(subjects)
            assert len(await inbox.until(len(subjects))) == len(subjects)


async def test_wishes_made_during_an_outage_stand_when_it_is_over() -> None:
    async with redis_server() as server, started(server) as (broker, inbox):
        broker.subscribe(b"goes")
        await settled(broker)
        await server.kill()
        await inbox.until_told("lost")
        broker.subscribe(b"comes")
        broker.unsubscribe(b"goes")
        assert broker.settled() is None  # nobody waits for a broker that is away
        await server.start()
        await inbox.until_told("restored")
        assert await broker.publish([b"comes"], b"") == 1
        assert await server.channels() == ["comes"]


@pytest.mark.parametrize("kind", ["normal", "pubsub"])
async def test_one_connection_that_is_cut_is_told_and_both_are_made_anew(kind: str) -> None:
    async with redis_server() as server, started(server) as (broker, inbox):
        broker.subscribe(b"s")
        await settled(broker)
        await server.cut(kind)
        await inbox.until_told("lost", "restored")
        assert await broker.publish([b"s"], b"x") == 1
        assert await inbox.until(1) == [(b"s", b"x")]
        await until_connected(server, 2)


async def test_a_server_that_stands_still_counts_as_lost_and_calls_under_way_say_that_they_may_have_arrived() -> None:
    async with redis_server() as server, started(server) as (broker, inbox):
        server.hold()
        waiting = broker.publish([b"s"], b"")
        try:
            await inbox.until_told("lost")
            with pytest.raises(BrokerUnavailable, match="said nothing") as caught:
                await waiting
            assert caught.value.may_have_arrived
        finally:
            server.let_go()
        await inbox.until_told("restored")
        assert await broker.publish([b"s"], b"") == 0


async def test_an_idle_broker_notices_a_server_that_stands_still() -> None:
    async with redis_server() as server, started(server) as (_, inbox):
        server.hold()
        try:
            await inbox.until_told("lost")
        finally:
            server.let_go()
        await inbox.until_told("restored")


async def test_an_idle_broker_is_asked_now_and_then_and_is_not_lost() -> None:
    clock = FakeClock()
    async with redis_server() as server:
        broker, inbox = RedisBroker(server.url, clock=clock), Inbox()
        await broker.start(inbox)
        for _ in range(5):
            await clock.until_sleeping()
            clock.advance(BrokerOptions().health_check_seconds)
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await broker.publish([b"s"], b"")  # behind the question
                broker.subscribe(b"s")
                await settled(broker)
        assert broker.is_available
        assert inbox.states == []
        await broker.stop()


@pytest.mark.parametrize("seconds", [5.5, 60])
async def test_a_process_that_stood_still_reads_first_what_was_answered_meanwhile(seconds: float) -> None:
    clock = FakeClock()
    async with redis_server() as server:
        broker, inbox = RedisBroker(server.url, clock=clock), Inbox()
        await broker.start(inbox)
        await clock.until_sleeping()
        waiting = broker.publish([b"s"], b"")
        clock.advance(seconds)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            assert await waiting == 0
        assert inbox.states == []
        await broker.stop()


async def test_what_waits_is_bounded_and_what_is_refused_was_not_taken() -> None:
    options = BrokerOptions(publish_buffer_bytes=2000)
    async with redis_server() as server, started(server, options) as (broker, inbox):
        broker.subscribe(b"s")
        await settled(broker)
        taken = [broker.publish([b"s"], bytes(400)) for _ in range(4)]
        with pytest.raises(BrokerUnavailable, match=r"BrokerOptions\.publish_buffer_bytes \(2000\)") as caught:
            broker.publish([b"s"], bytes(400))
        assert not caught.value.may_have_arrived
        assert [await each for each in taken] == [1] * 4
        assert await broker.publish([b"s"], b"after") == 1
        assert len(await inbox.until(5)) == 5


async def test_calls_that_were_not_sent_yet_say_that_nothing_arrived() -> None:
    async with redis_server() as server, started(server) as (broker, inbox):
        server.hold()
        try:
            sent = broker.publish([b"s"], bytes(8_000_000))  # more than the sockets hold
            for _ in range(20):
                await asyncio.sleep(0)
            behind = broker.publish([b"s"], b"")
            await inbox.until_told("lost")
        finally:
            server.let_go()
        for call, may_have_arrived in ((sent, True), (behind, False)):
            with pytest.raises(BrokerUnavailable) as caught:
                await call
            assert caught.value.may_have_arrived is may_have_arrived
        await inbox.until_told("restored")
        await until_connected(server, 2)


async def test_many_outages_leave_no_sockets_and_no_tasks() -> None:
    async with redis_server() as server:
        before = len(asyncio.all_tasks())
        async with started(server) as (broker, inbox):
            broker.subscribe(b"s")
            await settled(broker)
            running = len(asyncio.all_tasks())
            for turn in range(30):
                await server.cut("pubsub" if turn % 2 else "normal")
                await inbox.until_told("lost", "restored")
            assert len(asyncio.all_tasks()) == running
            await until_connected(server, 2)
        assert len(asyncio.all_tasks()) == before
        await until_connected(server, 0)
        gc.collect()  # an open socket would warn, and warnings are errors


async def test_stopping_right_after_the_start_leaves_no_sockets() -> None:
    async with redis_server() as server:
        broker = RedisBroker(server.url)
        await broker.start(Inbox())
        await broker.stop()
        assert len(asyncio.all_tasks()) == 1
        await until_connected(server, 0)


async def test_stopping_during_an_outage_ends_the_attempts() -> None:
    async with redis_server() as server:
        broker, inbox = RedisBroker(server.url, IMPATIENT), Inbox()
        await broker.start(inbox)
        await server.kill()
        await inbox.until_told("lost")
        await broker.stop()
        assert len(asyncio.all_tasks()) == 1


async def test_a_server_that_cannot_be_reached_is_found_at_the_start() -> None:
    async with redis_server() as server:
        await server.kill()
        broker = RedisBroker(server.url)
        with pytest.raises(BrokerUnavailable, match=f"127.0.0.1:{server.port}"):
            await broker.start(Inbox())
        await server.start()
        inbox = Inbox()
        await broker.start(inbox)
        with pytest.raises(LocalProtocolError, match="runs already"):
            await broker.start(inbox)
        await broker.stop()


async def test_a_wrong_password_is_found_at_the_start_and_told_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with redis_server("--requirepass", "secret-one") as server:
        right = RedisBroker(server.url.replace("//", "//:secret-one@"), IMPATIENT)
        await right.start(Inbox())
        assert await right.publish([b"s"], b"") == 0
        wrong = RedisBroker(server.url.replace("//", "//:secret-two@"))
        with pytest.raises(BrokerUnavailable) as caught:
            await wrong.start(Inbox())
        await right.stop()
        shown = f"{right!r} {wrong!r} {caught.value} {caplog.text} {vars(caught.value)}"
        assert "secret" not in shown


@pytest.mark.parametrize("url", ["", "http://secret@x", "redis", "redis://:secret@host:port"])
def test_an_address_that_cannot_be_one_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match="cannot be read: give redis://") as caught:
        RedisBroker(url)
    assert "secret" not in repr(caught.value)
    assert caught.value.__suppress_context__


async def test_redis_is_spoken_to_over_tls_by_whoever_it_can_trust(tmp_path: Path) -> None:
    certificate = str(write_certificate(tmp_path / "redis.pem"))
    port = free_port()
    files = ("--tls-cert-file", certificate, "--tls-key-file", certificate, "--tls-auth-clients", "no")
    async with redis_server("--tls-port", str(port), *files):
        trusting = RedisBroker(f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={certificate}")
        await trusting.start(Inbox())
        assert await trusting.publish([b"s"], b"") == 0
        await trusting.stop()
        with pytest.raises(BrokerUnavailable, match="certificate verify failed"):
            await RedisBroker(f"rediss://127.0.0.1:{port}/0").start(Inbox())


async def test_redis_is_spoken_to_over_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "redis.sock"
    async with redis_server("--unixsocket", str(path)):
        broker = RedisBroker(f"unix://{path}")
        await broker.start(Inbox())
        assert await broker.publish([b"s"], b"") == 0
        assert repr(broker) == f"RedisBroker({path})"
        await broker.stop()


async def test_a_user_without_the_rights_is_refused_subject_by_subject_and_keeps_no_subscription(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rights = ("resetchannels", "&hubwire:*", "+publish", "+subscribe", "+unsubscribe", "+ping")
    async with redis_server() as server:
        await server.ask("ACL", "SETUSER", "shop", "on", ">secret", *rights)
        broker, inbox = RedisBroker(server.url.replace("//", "//shop:secret@"), IMPATIENT), Inbox()
        await broker.start(inbox)
        broker.subscribe(b"hubwire:s")
        await settled(broker)
        assert await broker.publish([b"hubwire:s"], b"") == 1
        with pytest.raises(BrokerUnavailable, match="no permissions"):
            await broker.publish([b"other"], b"")
        assert await broker.publish([b"hubwire:s"], b"") == 1
        for subjects, may_have_arrived in (
            ((b"other", b"hubwire:s"), True),
            ((b"hubwire:s", b"other"), True),
            ((b"hubwire:nobody", b"other"), False),
            ((b"other", b"another"), False),
        ):
            with pytest.raises(BrokerUnavailable, match="no permissions") as caught:
                await broker.publish(subjects, b"")
            assert caught.value.may_have_arrived is may_have_arrived
        assert await broker.publish([b"hubwire:s"], b"") == 1
        broker.subscribe(b"other")
        await inbox.until_told("lost")
        broker.unsubscribe(b"other")
        await inbox.until_told("restored")
        await broker.stop()
    assert "no permissions" in caplog.text


async def test_a_listener_that_takes_its_time_does_not_make_redis_count_as_lost() -> None:
    clock, options = FakeClock(), BrokerOptions()
    async with redis_server() as server:
        broker, inbox = RedisBroker(server.url, clock=clock), Inbox()
        await broker.start(inbox)
        broker.subscribe(b"s")
        await settled(broker)
        inbox.gate = asyncio.Event()
        await broker.publish([b"s"], b"1")
        while not inbox.messages:  # noqa: ASYNC110 - it takes the message in its own time
            await asyncio.sleep(0)
        for _ in range(10):
            await clock.until_sleeping()
            clock.advance(options.health_check_seconds)
            assert await broker.publish([b"t"], b"") == 0
        assert broker.is_available
        inbox.gate.set()
        await broker.publish([b"s"], b"2")
        assert len(await inbox.until(2)) == 2
        assert inbox.states == []
        await broker.stop()
