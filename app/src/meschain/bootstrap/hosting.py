"""Whether this process is alone, or one of several that act as one over a Redis. Chosen here and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import Final

from hubwire import Cluster, ClusterOptions
from hubwire.brokers.redis import RedisBroker
from meschain.auth.keys import CLUSTER_KEYS, Secrets
from meschain.hubs.neighbours import BrokerNeighbours
from meschain.services.neighbours import NoNeighbours
from meschain.services.ports import Topic
from meschain.settings import Settings

Numbers = Callable[[], Mapping[str, float]]
"""A few figures of this process, which the others see."""

Neighbours = BrokerNeighbours | NoNeighbours

ALONE: Final = NoNeighbours()


@dataclass(frozen=True, slots=True)
class ServiceProcess:
    """Which of the processes of one service this one is."""

    node_id: str
    address: str | None = None
    """Base address on which the others reach it; None: they do not."""


class NodeNumbers:
    """What this process tells the others of itself; its parts are given once they are made."""

    def __init__(self) -> None:
        self._parts: list[Numbers] = []

    def add(self, part: Numbers) -> None:
        self._parts.append(part)

    def __call__(self) -> Mapping[str, float]:
        return {name: number for part in self._parts for name, number in part().items()}


@dataclass(frozen=True, slots=True)
class Hosting:
    """How this process is one of a service."""

    node_id: str
    neighbours: Neighbours
    numbers: NodeNumbers
    cluster: Cluster | None
    """How connections held here and there are reached; None: it is alone, or holds none."""

    def reaches_all(self) -> bool:
        """Whether this process reaches every page of the service, and hears the other processes.

        Where another service holds the connections, pages are reached without a broker; what processes tell each other
        is then worth less than work that goes on.
        """
        return self.cluster is None or (self.cluster.broker.is_available and self.neighbours.is_available)


def make_hosting(settings: Settings, secrets: Secrets, process: ServiceProcess | None = None) -> Hosting:
    """With a `redis_url` one of several, and else alone."""
    process = process or ServiceProcess(token_urlsafe(6))
    numbers = NodeNumbers()
    if settings.redis_url is None:
        return Hosting(process.node_id, ALONE, numbers, None)
    url = settings.redis_url.get_secret_value()
    # Several services on one Redis are told apart by their secrets, of which this shows nothing.
    namespace = f"meschain.{secrets.keys(CLUSTER_KEYS)[0].id}"
    neighbours = BrokerNeighbours(RedisBroker(url), process.node_id, f"{namespace}/neighbours".encode())
    # Of the two connections to the broker either may come back later; what is told over one that is away is lost.
    neighbours.call_when_restored(lambda: neighbours.tell_all(Topic.REFRESH))
    if settings.azure_signalr:
        return Hosting(process.node_id, neighbours, numbers, None)

    async def refresh(_seconds: float) -> None:
        neighbours.tell_all(Topic.REFRESH)

    cluster = Cluster(
        RedisBroker(url),
        ClusterOptions(namespace=namespace),
        node_id=process.node_id,
        address=process.address,
        key=secrets.keys(CLUSTER_KEYS)[0].value,
        figures=numbers,
        on_restored=refresh,
    )
    return Hosting(process.node_id, neighbours, numbers, cluster)


async def reach_redis(settings: Settings) -> None:
    """Connect to the Redis of the settings and leave again. Raises: BrokerUnavailable; ValueError without one."""
    if settings.redis_url is None:
        raise ValueError("There is no redis_url; set one.")
    broker = RedisBroker(settings.redis_url.get_secret_value())
    await broker.start(BrokerNeighbours(broker, "", b""))
    await broker.stop()
