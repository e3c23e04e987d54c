"""Amazon's queue, played by a server of its own; the inbox is a receiver that remembers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest
from app.tests.marketplaces.amazon.messages import by_event_bridge, order_change, settings, text
from app.tests.marketplaces.amazon.queue_server import KEYS, REGION, Queue, queue_at, running_queues
from app.tests.marketplaces.receiver import RememberingReceiver
from app.tests.marketplaces.told_clock import ToldClock
from app.tests.services.fakes import FakeClock

from meschain.marketplaces.amazon.queue import AmazonQueue, QueueOptions
from meschain.services.webhook_ports import InboxUnavailable
from meschain.vendor_settings.amazon import AmazonStore

OPTIONS = QueueOptions(wait_seconds=1)


@pytest.fixture(scope="module")
def queues() -> Iterator[str]:
    with running_queues() as address:
        yield address


@pytest.fixture
async def queue(queues: str, request: pytest.FixtureRequest) -> AsyncIterator[Queue]:
    async with queue_at(queues, request.node.name[:80]) as queue:
        yield queue


@pytest.fixture
def receiver() -> RememberingReceiver:
    return RememberingReceiver()


def store_of(url: str) -> AmazonStore:
    return settings(
        queue_url=url,
        queue_region=REGION,
        access_key_id=KEYS["aws_access_key_id"],
        secret_access_key=KEYS["aws_secret_access_key"],
    )


def consumer(url: str, receiver: RememberingReceiver, clock: FakeClock) -> AmazonQueue:
    return AmazonQueue("main", store_of(url), receiver, clock, OPTIONS)


async def test_what_is_stored_is_deleted(queue: Queue, receiver: RememberingReceiver, clock: FakeClock) -> None:
    sent = [text(order_change(number="n-1")), text(by_event_bridge(order_change(number="n-2"))), "not JSON"]
    await queue.put(*sent)
    amazon = consumer(queue.url, receiver, clock)
    taken = 0
    while taken < len(sent):
        taken += await amazon.take(queue.client)
    assert sorted(receiver.bodies) == sorted(body.encode() for body in sent)
    assert {(vendor, store) for vendor, store, _ in receiver.kept} == {("amazon", "main")}
    assert await queue.counts() == (0, 0)


async def test_what_cannot_be_stored_stays_in_the_queue_and_comes_again(
    queue: Queue, receiver: RememberingReceiver, clock: FakeClock
) -> None:
    await queue.put("1", "2", "3")
    receiver.takes = 1
    # Below what the settings allow, so that nobody waits.
    store = store_of(queue.url).model_copy(update={"visibility_seconds": 1})
    amazon = AmazonQueue("main", store, receiver, clock, QueueOptions(wait_seconds=3))
    with pytest.raises(InboxUnavailable):
        await amazon.take(queue.client)
    assert len(receiver.bodies) == 1
    receiver.takes = None
    taken = 0
    while taken < 2:
        taken += await amazon.take(queue.client)
    assert sorted(receiver.bodies) == [b"1", b"2", b"3"]


async def test_it_runs_until_it_is_cancelled(queue: Queue, receiver: RememberingReceiver, clock: FakeClock) -> None:
    running = asyncio.create_task(consumer(queue.url, receiver, clock).run())
    await queue.put(text(order_change()))
    await receiver.has(1)
    await queue.put(text(order_change(number="n-2")))
    await receiver.has(2)
    running.cancel()
    await asyncio.wait({running})
    assert running.cancelled()
    assert [json.loads(body)["NotificationMetadata"]["NotificationId"] for body in receiver.bodies] == ["n-1", "n-2"]


async def test_while_aws_refuses_us_messages_wait(
    queues: str,
    queue: Queue,
    receiver: RememberingReceiver,
    http: aiohttp.ClientSession,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await queue.put(text(order_change()))
    clock = ToldClock()
    # From now on moto looks at who asks, and knows nobody.
    await http.post(f"{queues}/moto-api/reset-auth", data="0")
    try:
        running = asyncio.create_task(consumer(queue.url, receiver, clock).run())
        await clock.has_paused(1)
    finally:
        await http.post(f"{queues}/moto-api/reset-auth", data="inf")
    assert not receiver.kept
    assert "cannot be read" in caplog.text
    assert KEYS["aws_secret_access_key"] not in caplog.text
    await clock.advance(OPTIONS.first_pause_seconds)
    await receiver.has(1)
    running.cancel()
    await asyncio.wait({running})
