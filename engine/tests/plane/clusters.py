"""Nodes of a cluster without their servers: a bus and a plane each, over any broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from hubwire.clock import Clock, SystemClock
from hubwire.options import ClusterOptions, HubOptions
from hubwire.plane.bus import Bus
from hubwire.plane.cluster import ClusterDataPlane
from hubwire.plane.nodes import NodeDirectory
from hubwire.ports import Broker

TIMEOUT_SECONDS = 30


class Node:
    """One of them."""

    def __init__(
        self, broker: Broker, name: str, options: ClusterOptions, hub_options: HubOptions | None, clock: Clock
    ) -> None:
        self.broker = broker
        self.bus = Bus(broker, name, options, clock)
        self.figures: dict[str, float] = {}
        self.directory = NodeDirectory(self.bus, f"http://{name}", lambda: self.figures)
        self.plane = ClusterDataPlane(self.bus, "hub", hub_options)
        self.bus.add(self.plane.subjects.hub, self.plane)

    async def start(self) -> None:
        await self.bus.start()
        self.bus.run(self.directory.run())

    async def until_sees(self, *names: str) -> None:
        """Wait until just these others live, as this one sees it."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while [node.id for node in self.directory.nodes[1:]] != list(names):  # noqa: ASYNC110 - told to nobody
                await asyncio.sleep(0)


@asynccontextmanager
async def cluster(
    brokers: Sequence[Broker],
    options: ClusterOptions | None = None,
    *,
    hub_options: HubOptions | None = None,
    clock: Clock | None = None,
    first: int = 0,
) -> AsyncIterator[list[Node]]:
    """Nodes n0, n1 … that run, or with names from another number on."""
    nodes = [
        Node(broker, f"n{number}", options or ClusterOptions(), hub_options, clock or SystemClock())
        for number, broker in enumerate(brokers, first)
    ]
    for node in nodes:
        await node.start()
    try:
        yield nodes
    finally:
        for node in nodes:
            await node.bus.stop()
