"""The directory knows who lives, and nobody who does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from engine.tests.plane.clusters import Node, cluster

from hubwire.brokers.memory import MemoryBroker, MemoryExchange
from hubwire.options import ClusterOptions
from hubwire.plane.nodes import NodeInfo
from hubwire.testing import FakeClock

OPTIONS = ClusterOptions()


@pytest.fixture
def exchange() -> MemoryExchange:
    return MemoryExchange()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def nodes(exchange: MemoryExchange, clock: FakeClock) -> AsyncIterator[list[Node]]:
    async with running(exchange, clock, 3) as nodes:
        yield nodes


@asynccontextmanager
async def running(exchange: MemoryExchange, clock: FakeClock, count: int) -> AsyncIterator[list[Node]]:
    async with cluster([MemoryBroker(exchange) for _ in range(count)], clock=clock) as nodes:
        yield nodes


async def pass_by(clock: FakeClock, seconds: float, alive: int) -> None:
    """Let time pass with `alive` directories that run, and everybody hear what was said."""
    await clock.until_sleeping(alive)
    clock.advance(seconds)
    for _ in range(30):
        await asyncio.sleep(0)


async def test_nodes_find_each_other_at_once_with_addresses_and_figures(nodes: list[Node], clock: FakeClock) -> None:
    await nodes[0].until_sees("n1", "n2")
    await nodes[2].until_sees("n0", "n1")
    assert clock.monotonic() == 0
    nodes[1].figures["connections"] = 7
    await pass_by(clock, OPTIONS.announce_seconds, 3)
    own, other, _ = nodes[0].directory.nodes
    assert own == NodeInfo("n0", "http://n0", {}, is_self=True)
    assert other == NodeInfo("n1", "http://n1", {"connections": 7.0})
    assert nodes[0].directory.find("n1") == other
    assert nodes[0].directory.find("n0") == own
    assert nodes[0].directory.find("stranger") is None


async def test_one_that_ends_properly_is_forgotten_at_once(nodes: list[Node], clock: FakeClock) -> None:
    await nodes[0].until_sees("n1", "n2")
    nodes[1].directory.leave()
    await nodes[0].until_sees("n2")
    assert clock.monotonic() == 0


async def test_one_that_falls_silent_is_forgotten_in_time(nodes: list[Node], clock: FakeClock) -> None:
    await nodes[0].until_sees("n1", "n2")
    await nodes[2].bus.stop()
    await pass_by(clock, OPTIONS.announce_seconds, 2)
    await pass_by(clock, OPTIONS.announce_seconds, 2)
    await nodes[0].until_sees("n1", "n2")
    await pass_by(clock, OPTIONS.announce_seconds, 2)
    await nodes[0].until_sees("n1")


async def test_one_that_stood_still_itself_does_not_take_the_others_for_gone(
    nodes: list[Node], clock: FakeClock
) -> None:
    await nodes[0].until_sees("n1", "n2")
    await pass_by(clock, 100, 3)
    await nodes[0].until_sees("n1", "n2")


async def test_nobody_is_gone_while_nobody_can_be_heard(
    nodes: list[Node], exchange: MemoryExchange, clock: FakeClock
) -> None:
    await nodes[0].until_sees("n1", "n2")
    exchange.lose()
    await nodes[2].bus.stop()
    for _ in range(10):
        await pass_by(clock, OPTIONS.announce_seconds, 2)
    await nodes[0].until_sees("n1", "n2")
    exchange.restore()
    await pass_by(clock, OPTIONS.announce_seconds, 2)
    await nodes[0].until_sees("n1", "n2")
    await pass_by(clock, OPTIONS.announce_seconds, 2)
    await pass_by(clock, OPTIONS.announce_seconds, 2)
    await nodes[0].until_sees("n1")


async def test_figures_that_fail_are_none(
    nodes: list[Node], clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    nodes[1].figures = {"connections": "many"}  # type: ignore[dict-item] # what an application may do wrong
    await pass_by(clock, OPTIONS.announce_seconds, 3)
    await nodes[0].until_sees("n1", "n2")
    assert nodes[0].directory.nodes[1].figures == {}
    assert nodes[1].directory.nodes[0].figures == {}
    assert "it announces none" in caplog.text
