"""The cluster's plane keeps the promises of its port on one, two and three nodes, in memory and over a real Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from engine.tests.brokers.redis_server import redis_server
from engine.tests.plane.clusters import cluster

from hubwire.brokers.memory import MemoryBroker, MemoryExchange
from hubwire.brokers.redis import RedisBroker
from hubwire.ports import DataPlane, LineRegistry
from hubwire.testing import SpreadRegistry
from hubwire.testing.specs import ClientResultsSpec


class TestInMemory(ClientResultsSpec):
    nodes, first = 3, 0

    @asynccontextmanager
    async def create(self) -> AsyncIterator[tuple[DataPlane, LineRegistry]]:
        exchange = MemoryExchange()
        async with cluster([MemoryBroker(exchange) for _ in range(self.nodes)]) as nodes:
            planes = [node.plane for node in nodes]
            yield planes[0], SpreadRegistry(planes[self.first :] + planes[: self.first])


class TestOneInMemory(TestInMemory):
    nodes = 1


class TestTwoInMemory(TestInMemory):
    nodes = 2


class TestTwoInMemoryFromTheOther(TestInMemory):
    nodes, first = 2, 1


class TestThreeInMemoryFromAnother(TestInMemory):
    nodes, first = 3, 1


class TestTwoOverRedis(ClientResultsSpec):
    nodes, first = 2, 0

    @asynccontextmanager
    async def create(self) -> AsyncIterator[tuple[DataPlane, LineRegistry]]:
        async with redis_server() as server, cluster([RedisBroker(server.url) for _ in range(self.nodes)]) as nodes:
            planes = [node.plane for node in nodes]
            yield planes[0], SpreadRegistry(planes[self.first :] + planes[: self.first])


class TestTwoOverRedisFromTheOther(TestTwoOverRedis):
    first = 1


class TestThreeOverRedis(TestTwoOverRedis):
    nodes, first = 3, 1
