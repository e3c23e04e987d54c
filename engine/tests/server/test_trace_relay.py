"""Who watches at one process sees what happens in all, and nothing is sent while nobody watches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from engine.tests.server.conftest import TIMEOUT_SECONDS, until

from hubwire.brokers.memory import MemoryBroker, MemoryExchange
from hubwire.model import Audience
from hubwire.options import ClusterOptions
from hubwire.plane.bus import Bus
from hubwire.plane.envelope import Traced, pack
from hubwire.plane.subjects import trace as trace_subject
from hubwire.server.live_trace import LiveTrace, TraceCategory, TraceEvent, TraceFilter, TraceWatch
from hubwire.server.trace_relay import TraceRelay
from hubwire.testing import FakeClock, make_caller

EVERYTHING = TraceFilter()


class CountingBroker(MemoryBroker):
    """Counts what is published on the subject of traces."""

    traced = 0

    def publish(self, subjects: Sequence[bytes], payload: bytes) -> Awaitable[int]:
        self.traced += trace_subject("hubwire") in subjects
        return super().publish(subjects, payload)


class Node:
    """One process, as far as its trace goes."""

    def __init__(self, exchange: MemoryExchange, name: str, clock: FakeClock) -> None:
        self.broker = CountingBroker(exchange)
        self.bus = Bus(self.broker, name, ClusterOptions(), clock)
        self.trace = LiveTrace(clock=clock, is_diagnostic=lambda caller: caller.user_id == "dora")
        self.relay = TraceRelay(self.bus, self.trace)

    def happen(self, event: str, user_id: str = "ann") -> None:
        if self.trace.is_watched:
            caller = make_caller(user_id, hub="chat")
            self.trace.tell_of_caller(caller, TraceCategory.CONNECTIVITY, event, "It happened.")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def exchange() -> MemoryExchange:
    return MemoryExchange()


@asynccontextmanager
async def running(exchange: MemoryExchange, name: str, clock: FakeClock) -> AsyncIterator[Node]:
    node = Node(exchange, name, clock)
    await node.bus.start()
    node.bus.run(node.relay.run())
    await asyncio.sleep(0)
    try:
        yield node
    finally:
        await node.bus.stop()


@pytest.fixture
async def nodes(exchange: MemoryExchange, clock: FakeClock) -> AsyncIterator[list[Node]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(running(exchange, f"n{number}", clock)) for number in range(3)]


async def seen(watch: TraceWatch) -> list[TraceEvent]:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        taken = await watch.take()
    assert taken is not None
    return taken[0]


async def test_who_watches_at_one_node_sees_what_happens_in_all(nodes: list[Node]) -> None:
    with nodes[0].trace.watch(EVERYTHING) as watch:
        await until(lambda: all(node.trace.is_watched for node in nodes))
        for node in nodes:
            node.happen(f"at {node.bus.node_id}")
        found: list[TraceEvent] = []
        while len(found) < 3:
            found += await seen(watch)
        assert sorted((event.event, event.node) for event in found) == [
            ("at n0", None),
            ("at n1", "n1"),
            ("at n2", "n2"),
        ]
        assert found[0].user_id == "ann"


async def test_nothing_is_told_while_nobody_watches(nodes: list[Node]) -> None:
    with nodes[0].trace.watch(EVERYTHING):
        await until(lambda: nodes[1].trace.is_watched)
    await until(lambda: not nodes[1].trace.is_watched)
    nodes[1].happen("unseen")
    assert nodes[1].broker.traced == 0
    with nodes[2].trace.watch(EVERYTHING):  # and it can begin again
        await until(lambda: nodes[1].trace.is_watched)


async def test_a_node_that_comes_later_soon_hears_that_somebody_watches(
    nodes: list[Node], exchange: MemoryExchange, clock: FakeClock
) -> None:
    with nodes[0].trace.watch(EVERYTHING) as watch:
        async with running(exchange, "n3", clock) as late:
            clock.advance(2)
            await until(lambda: late.trace.is_watched)
            late.happen("late")
            assert [event.node for event in await seen(watch)] == ["n3"]


@pytest.mark.parametrize("how", ["silence", "told"])
async def test_a_watching_node_that_is_gone_is_sent_nothing_more(
    nodes: list[Node], exchange: MemoryExchange, clock: FakeClock, how: str
) -> None:
    async with running(exchange, "n3", clock) as dying:
        with dying.trace.watch(EVERYTHING):
            await until(lambda: all(node.trace.is_watched for node in nodes))
            dying.trace.on_watched = None  # it says no word any more
            await dying.bus.stop()
    for node in nodes:
        if how == "told":
            node.bus.node_gone("n3")
    if how == "silence":
        for _ in range(4):
            clock.advance(2)
            await asyncio.sleep(0)
    await until(lambda: not any(node.trace.is_watched for node in nodes))


async def test_filters_count_for_what_happens_elsewhere(nodes: list[Node]) -> None:
    with (
        nodes[0].trace.watch(TraceFilter(user_id="bob")) as of_bob,
        nodes[0].trace.watch(TraceFilter(is_diagnostic_only=True)) as diagnostic,
    ):
        await until(lambda: nodes[1].trace.is_watched)
        for user_id in ("ann", "bob", "dora"):
            nodes[1].happen(f"of {user_id}", user_id)
        assert [event.event for event in await seen(of_bob)] == ["of bob"]
        assert [event.event for event in await seen(diagnostic)] == ["of dora"]


async def test_a_node_with_too_much_to_tell_says_how_much_is_lost(nodes: list[Node], clock: FakeClock) -> None:
    with nodes[0].trace.watch(EVERYTHING) as watch:
        await until(lambda: nodes[1].trace.is_watched)
        for number in range(1_000):
            nodes[1].happen(f"{number}")
        async with asyncio.timeout(TIMEOUT_SECONDS):
            taken = await watch.take()
        assert taken is not None
        assert (len(taken[0]), taken[1]) == (200, 800)
        assert nodes[1].broker.traced == 1


async def test_names_of_any_kind_go_from_node_to_node(nodes: list[Node]) -> None:
    with nodes[0].trace.watch(EVERYTHING) as watch:
        await until(lambda: nodes[1].trace.is_watched)
        audience = Audience.user("a\ud800b")
        nodes[1].trace.tell_of_audience("chat", audience, TraceCategory.MESSAGING, "MessageSent", "to 'a\ud800b'")
        (event,) = await seen(watch)
        assert event.user_id == "a?b"


async def test_an_outage_ends_nothing(nodes: list[Node], exchange: MemoryExchange, clock: FakeClock) -> None:
    with nodes[0].trace.watch(EVERYTHING) as watch:
        await until(lambda: nodes[1].trace.is_watched)
        exchange.lose()
        nodes[1].happen("missed")
        nodes[0].happen("here")
        assert [event.event for event in await seen(watch)] == ["here"]
        exchange.restore()
        clock.advance(0.05)
        nodes[1].happen("seen again")
        while "seen again" not in [event.event for event in await seen(watch)]:
            continue


async def test_a_node_that_traces_in_another_way_is_ignored(
    nodes: list[Node], caplog: pytest.LogCaptureFixture
) -> None:
    with nodes[0].trace.watch(EVERYTHING) as watch:
        await until(lambda: nodes[1].trace.is_watched)
        await nodes[1].broker.publish([trace_subject("hubwire")], pack(Traced("n1", b"\x91\xc0", 0)))
        nodes[1].happen("behind")
        assert [event.event for event in await seen(watch)] == ["behind"]
    assert "Run the same release on all nodes" in caplog.text
