"""What the engine tells about its connections and calls, for Prometheus and for our own figures. Knows no hub."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from hubwire import NullObserver

Record = Callable[[float, bool], None]
"""Takes the seconds that a hub call took and whether it failed."""


class HubObserver:
    """The engine's `Observer`. Each method returns at once and never raises.

    Args:
        registry: Where the collectors are shown.
        record: Feeds the sliding window of our own figures.
        holds_connections: Whether this process holds them itself. Else it hears of some only, and what it would count
            says nothing: no number of open ones is shown.
    """

    def __init__(self, registry: CollectorRegistry, record: Record, *, holds_connections: bool = True) -> None:
        self._record = record
        self._open = 0
        self._connections = Gauge(
            "meschain_hub_connections",
            "Open hub connections.",
            ("hub", "transport"),
            registry=registry if holds_connections else None,
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
        self._outages = Counter(
            "meschain_broker_outages", "Times that the broker between processes was lost.", registry=registry
        )
        self._outage_seconds = Counter(
            "meschain_broker_outage_seconds", "How long it was away, outages that are over.", registry=registry
        )
        self._throttled = Counter(
            "meschain_hub_messages_throttled",
            "Times that a connection sent more than its rate, and was not read for a moment.",
            ("hub",),
            registry=registry,
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

    def broker_lost(self) -> None:
        self._outages.inc()

    def broker_restored(self, seconds: float) -> None:
        self._outage_seconds.inc(seconds)

    def messages_throttled(self, hub: str) -> None:
        self._throttled.labels(hub).inc()


class CallObserver(NullObserver):
    """The calls of hubs whose connections a service holds, counted with those of another observer.

    Connections are left out: each process hears of some of them only.
    """

    def __init__(self, observer: HubObserver) -> None:
        self._observer = observer

    def invocation_finished(self, hub: str, target: str, seconds: float, failed: bool) -> None:
        self._observer.invocation_finished(hub, target, seconds, failed)
