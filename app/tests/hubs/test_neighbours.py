"""Processes tell each other things over a broker: three in memory, one of them with ears that fail."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest
from app.tests.services.fakes import settle
from app.tests.services.neighbour_specs import TOPIC, NeighboursSpec, Talk

from hubwire.brokers.memory import MemoryBroker, MemoryExchange
from meschain.hubs.neighbours import BrokerNeighbours

SUBJECT = b"a service/neighbours"


@dataclass
class Service:
    """Three processes that note what they hear of one topic."""

    exchange: MemoryExchange = field(default_factory=MemoryExchange)
    heard: dict[str, list[str]] = field(default_factory=lambda: {"a": [], "b": [], "c": []})
    processes: dict[str, BrokerNeighbours] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, heard in self.heard.items():
            self.processes[name] = self.process(name)
            self.processes[name].hear(TOPIC, heard.append)

    def process(self, name: str) -> BrokerNeighbours:
        return BrokerNeighbours(MemoryBroker(self.exchange), name, SUBJECT)


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    service = Service()
    async with AsyncExitStack() as stack:
        for process in service.processes.values():
            await stack.enter_async_context(process.lifespan())
        yield service


class TestBrokerNeighbours(NeighboursSpec):
    @pytest.fixture
    def talk(self, service: Service) -> Talk:
        return Talk(
            service.processes["a"], service.heard["a"], [service.heard["b"], service.heard["c"]], service.exchange.lose
        )


async def test_what_concerns_all_reaches_the_teller_too(service: Service) -> None:
    service.processes["a"].tell_all("topic")
    await settle()
    assert service.heard == {"a": [""], "b": [""], "c": [""]}


async def test_one_that_is_alone_on_its_broker_reaches_nobody() -> None:
    alone = BrokerNeighbours(MemoryBroker(), "alone", SUBJECT)
    async with alone.lifespan():
        assert not await alone.reach("topic", "1")


async def test_after_an_outage_they_hear_again_and_say_that_it_is_over(service: Service) -> None:
    available = [service.processes["a"].is_available]
    service.exchange.lose()
    available.append(service.processes["a"].is_available)
    back: list[str] = []
    service.processes["a"].call_when_restored(lambda: back.append("a"))
    service.exchange.restore()
    service.processes["a"].tell("topic", "heard")
    await settle()
    assert service.heard["b"] == ["heard"]
    assert [*available, service.processes["a"].is_available] == [True, False, True]
    assert back == ["a"]


async def test_ears_that_fail_hear_the_next_word(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[str] = []

    async def failing(message: str) -> None:
        heard.append(message)
        raise RuntimeError("broken")

    service.processes["b"].hear("topic", failing)
    service.processes["a"].tell("topic", "1")
    service.processes["a"].tell("topic", "2")
    await settle()
    assert heard == ["1", "2"]
    assert "could not be made use of: topic" in caplog.text


@pytest.mark.parametrize("payload", [b"\xff", b"{}", b"[1, 2]", b'"text"', b"[]"])
async def test_what_others_put_on_the_subject_harms_nobody(service: Service, payload: bytes) -> None:
    stranger = MemoryBroker(service.exchange)
    await stranger.start(service.process("stranger"))
    stranger.publish([SUBJECT], payload)
    service.processes["a"].tell("topic", "heard")
    await settle()
    await stranger.stop()
    assert service.heard["b"] == ["heard"]
