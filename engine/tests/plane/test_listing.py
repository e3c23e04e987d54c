"""Lists of members between nodes: bounded answers, whatever their number, and what keeps one from coming whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence

import pytest
from engine.tests.plane.clusters import Node, cluster

from hubwire.brokers.memory import MemoryBroker, MemoryExchange
from hubwire.errors import BrokerUnavailable, NodeTimeout
from hubwire.model import Audience, Connected
from hubwire.options import ClusterOptions
from hubwire.plane.listing import PAGE_SIZE, joined, listed, pack_page, unpack_page
from hubwire.testing import FakeClock, MemoryLine, make_caller


class MeasuringBroker(MemoryBroker):
    """Remembers the longest payload that it was given."""

    longest = 0

    def publish(self, subjects: Sequence[bytes], payload: bytes) -> Awaitable[int]:
        self.longest = max(self.longest, len(payload))
        return super().publish(subjects, payload)


@pytest.fixture
def exchange() -> MemoryExchange:
    return MemoryExchange()


@pytest.fixture
def brokers(exchange: MemoryExchange) -> list[MeasuringBroker]:
    return [MeasuringBroker(exchange) for _ in range(3)]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def nodes(brokers: list[MeasuringBroker], clock: FakeClock) -> AsyncIterator[list[Node]]:
    async with cluster(brokers, clock=clock) as nodes:
        yield nodes


def attach(node: Node, connection_id: str, user_id: str | None = None) -> None:
    node.plane.attach(MemoryLine(make_caller(user_id, connection_id=connection_id)))


async def test_a_hundred_thousand_members_come_in_bounded_answers(
    nodes: list[Node], brokers: list[MeasuringBroker]
) -> None:
    for number in range(100_000):
        attach(nodes[1 if number % 4 else 2], f"{number * 7_919 % 100_000:022}", f"user-{number:08}")
    everybody = await nodes[0].plane.members(Audience.all())
    assert [each.connection_id for each in everybody] == [f"{number:022}" for number in range(100_000)]
    assert max(broker.longest for broker in brokers) < PAGE_SIZE * 64
    page = await nodes[0].plane.members(Audience.all(), after=f"{49_999:022}", limit=200)
    assert page == everybody[50_000:50_200]


async def test_a_page_longer_than_an_answer_is_put_together_from_several(nodes: list[Node]) -> None:
    for number in range(PAGE_SIZE * 3):
        attach(nodes[number % 2], f"{number:06}")
    page = await nodes[2].plane.members(Audience.all(), limit=PAGE_SIZE + 500)
    assert [each.connection_id for each in page] == [f"{number:06}" for number in range(PAGE_SIZE + 500)]


async def test_a_node_that_does_not_answer_is_not_left_out_silently(
    nodes: list[Node], exchange: MemoryExchange, clock: FakeClock
) -> None:
    attach(nodes[1], "a")

    class Deaf:
        """Subscribed as a node is, and answers nothing."""

        def received(self, subject: bytes, payload: bytes) -> None:
            return

        def lost(self) -> None:
            return

        def restored(self, seconds: float) -> None:
            return

    deaf = MemoryBroker(exchange)
    await deaf.start(Deaf())
    deaf.subscribe(nodes[0].plane.subjects.of(Audience.all())[0])
    try:
        asking = asyncio.ensure_future(nodes[0].plane.members(Audience.all()))
        await clock.until_sleeping(len(nodes) + 1)  # each node's directory, and whoever waits for the answers
        clock.advance(ClusterOptions().answer_timeout_seconds)
        with pytest.raises(NodeTimeout):
            await asking
    finally:
        await deaf.stop()


async def test_nobody_is_listed_while_the_broker_is_away(nodes: list[Node], exchange: MemoryExchange) -> None:
    attach(nodes[0], "a")
    exchange.lose()
    with pytest.raises(BrokerUnavailable):
        await nodes[0].plane.members(Audience.connection("a"))


async def test_lines_are_listed_from_a_place_on() -> None:
    lines = [MemoryLine(make_caller(connection_id=each)) for each in ("c", "a", "b", "a\uffff", "ä")]
    assert [each.connection_id for each in await listed(lines, "a", 3)] == ["a\uffff", "b", "c"]


def test_a_page_is_read_as_it_was_written() -> None:
    page = [Connected("a", None), Connected("b", ""), Connected("\ud800", "ö\ud800")]
    assert unpack_page(pack_page(page)) == page


@pytest.mark.parametrize(
    ("pages", "complete", "has_more"),
    [
        ([], "", False),
        ([""], "", False),
        (["ab", "c"], "ab", True),
        (["af", "bc"], "abc", True),
        (["a", "b"], "ab", False),
        (["ab", "ab"], "ab", True),
        (["az", ""], "az", True),
    ],
)
def test_answers_of_several_nodes_are_complete_up_to_where_the_first_full_one_ends(
    pages: list[str], complete: str, has_more: bool
) -> None:
    result, more = joined([[Connected(each) for each in page] for page in pages], 2)
    assert ("".join(each.connection_id for each in result), more) == (complete, has_more)
