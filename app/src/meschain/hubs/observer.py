"""What the engine tells about its connections and calls, for Prometheus and for our own figures. Knows no hub."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

Record = Callable[[float, bool], None]
"""Takes the seconds that a hub call took and whether it failed."""


class HubObserver:
    """The engine's `Observer`. Each method returns at once and never raises.

    Args:
        registry: Where the collectors are shown.
        record: Feeds the sliding window of our own figures.
    """

    def __init__(self, registry: CollectorRegistry, record: Record) -> None:
        self._record = record
        self._open = 0
        self._connections = Gauge(
            "meschain_hub_connections", "Open hub connections.", ("hub", "transport"), registry=registry
        )
        self._closed = Counter(
            "meschain_hub_connections_closed", "Hub connections that ended.", ("hub", "reason"), registry=registry
        )
        self._invocations = Counter(
            "meschain_hub_invocations",
            "Hub calls by outcome; failed: by a fault of ours.",
            ("hub", "target", "outcome"),
            registry=registry,
        )
        self._seconds = Histogram(
            "meschain_hub_invocation_seconds", "Time in a hub method.", ("hub", "target"), registry=registry
        )
        self._refused = Counter(
            "meschain_hub_connects_refused", "Negotiations and upgrades refused.", ("status",), registry=registry
        )

    def connections(self) -> int:
        """Connections open now, over all hubs."""
        return self._open

    def connection_opened(self, hub: str, transport: str) -> None:
        self._open += 1
        self._connections.labels(hub, transport).inc()

    def connection_closed(self, hub: str, transport: str, reason: str) -> None:
        self._open -= 1
        self._connections.labels(hub, transport).dec()
        self._closed.labels(hub, reason).inc()

    def invocation_finished(self, hub: str, target: str, seconds: float, failed: bool) -> None:
        self._invocations.labels(hub, target, "failed" if failed else "done").inc()
        self._seconds.labels(hub, target).observe(seconds)
        self._record(seconds, failed)

    def connect_refused(self, status: int) -> None:
        self._refused.labels(str(status)).inc()
