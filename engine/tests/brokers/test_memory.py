"""The broker in memory keeps the promises of its port, and goes away as told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from hubwire.brokers.memory import MemoryBroker, MemoryExchange
from hubwire.errors import BrokerUnavailable
from hubwire.options import BrokerOptions
from hubwire.ports import Broker
from hubwire.testing.specs import BrokerSpec, Inbox


class TestMemoryBroker(BrokerSpec):
    @asynccontextmanager
    async def create(self) -> AsyncIterator[list[Broker]]:
        exchange = MemoryExchange()
        yield [MemoryBroker(exchange) for _ in range(3)]


async def test_an_outage_loses_what_waits_and_keeps_the_subscriptions() -> None:
    exchange, inbox = MemoryExchange(), Inbox()
    broker = MemoryBroker(exchange)
    await broker.start(inbox)
    broker.subscribe(b"s")
    await broker.publish([b"s"], b"lost")
    exchange.lose()
    with pytest.raises(BrokerUnavailable):
        broker.publish([b"s"], b"refused")
    broker.subscribe(b"t")
    exchange.restore()
    await inbox.until_told("lost", "restored")
    assert await broker.publish([b"s", b"t"], b"x") == 2
    assert await inbox.until(2) == [(b"s", b"x"), (b"t", b"x")]
    assert exchange.waiting_bytes == 0
    await broker.stop()
    assert exchange.subscribers == {}


async def test_what_waits_is_bounded_and_a_message_over_the_bound_reaches_nobody() -> None:
    exchange, inbox = MemoryExchange(BrokerOptions(publish_buffer_bytes=10)), Inbox()
    broker = MemoryBroker(exchange)
    await broker.start(inbox)
    broker.subscribe(b"s")
    broker.publish([b"s"], b"12345678")
    with pytest.raises(BrokerUnavailable, match="more than 10 bytes wait") as caught:
        broker.publish([b"s"], b"123")
    assert not caught.value.may_have_arrived
    await inbox.until(1)
    broker.publish([b"s"], b"123")
    assert await inbox.until(1) == [(b"s", b"123")]
    await broker.stop()


async def test_an_exchange_that_is_away_is_found_at_the_start() -> None:
    exchange = MemoryExchange()
    exchange.lose()
    with pytest.raises(BrokerUnavailable, match="told to be away"):
        await MemoryBroker(exchange).start(Inbox())
