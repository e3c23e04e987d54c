"""What a service counts, for operators: the metrics of Azure SignalR Service by their names, in Prometheus' form.

Counts connections, calls and refusals. Messages that are delivered are not counted: it would cost on the way of each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from hubwire.observe import NullObserver, Observer
from hubwire.plane.nodes import NodeInfo

_PREFIX = "hubwire_"

_CATEGORIES = {
    "client": "Normal",
    "server": "ClosedByAppServer",
    "lost": "PingTimeout",  # a tab that was closed; the service counts those so, azure-serverless 7.4
    "timeout": "PingTimeout",
    "handshake": "HandshakeError",
    "protocol": "BadRequest",
    "slow": "SlowClient",
    "rate": "Throttled",
    "failed": "InvokeUpstreamFailed",
}

_METRICS = {
    "connection_count": ("gauge", "Open connections."),
    "connection_quota_utilization": ("gauge", "Open connections as a share of how many may be, 0 to 1."),
    "connection_open_count_total": ("counter", "Connections that finished their handshake."),
    "connection_close_count_total": ("counter", "Connections that ended, by ConnectionCloseCategory."),
    "connection_refused_count_total": ("counter", "Negotiates and connects that were refused, by status."),
    "invocation_count_total": ("counter", "Calls of clients that were answered."),
    "rest_request_count_total": ("counter", "REST requests by status."),
    "throttled_count_total": ("counter", "Connections held back because of their message rate."),
    "user_errors_total": ("counter", "Refusals and closes that clients or applications caused."),
    "system_errors_total": ("counter", "Refusals and failures that the service caused."),
    "broker_lost_count_total": ("counter", "Outages of the broker between nodes."),
}


class ServiceFigures:
    """Implements `Observer`, and passes everything on to another one."""

    def __init__(self, observer: Observer | None = None, maximum_connections: int | None = None) -> None:
        """Args:
        maximum_connections: the quota; None: there is none.
        """
        self._next: Observer = observer or NullObserver()
        self._maximum = maximum_connections
        self._open = 0
        self._counts: Counter[str] = Counter()

    # Observer

    def connection_opened(self, hub: str, transport: str) -> None:
        self._open += 1
        self._counts["connection_open_count_total"] += 1
        self._next.connection_opened(hub, transport)

    def connection_closed(self, hub: str, transport: str, reason: str) -> None:
        self._open -= 1
        category = _CATEGORIES.get(reason, "ServiceTransientError")
        self._counts[f'connection_close_count_total{{category="{category}"}}'] += 1
        if category not in ("Normal", "ClosedByAppServer"):
            self._counts["user_errors_total"] += 1
        self._next.connection_closed(hub, transport, reason)

    def invocation_finished(self, hub: str, target: str, seconds: float, failed: bool) -> None:
        self._counts["invocation_count_total"] += 1
        if failed:
            self._counts["system_errors_total"] += 1
        self._next.invocation_finished(hub, target, seconds, failed)

    def connect_refused(self, status: int) -> None:
        self._counts[f'connection_refused_count_total{{status="{status}"}}'] += 1
        self._count_error(status)
        self._next.connect_refused(status)

    def messages_throttled(self, hub: str) -> None:
        self._counts["throttled_count_total"] += 1
        self._next.messages_throttled(hub)

    def broker_lost(self) -> None:
        self._counts["broker_lost_count_total"] += 1
        self._next.broker_lost()

    def broker_restored(self, seconds: float) -> None:
        self._next.broker_restored(seconds)

    # Beside

    def rest_answered(self, status: int) -> None:
        """A REST request was answered."""
        self._counts[f'rest_request_count_total{{status="{status}"}}'] += 1
        if status >= 400 and status != 404:  # which is an answer to a question
            self._count_error(status)

    def numbers(self) -> Mapping[str, float]:
        """Return the figures of this process; a name may end with labels in braces."""
        numbers: dict[str, float] = {"connection_count": self._open, **self._counts}
        if self._maximum is not None:
            numbers["connection_quota_utilization"] = self._open / self._maximum
        return numbers

    def _count_error(self, status: int) -> None:
        self._counts["system_errors_total" if status >= 500 else "user_errors_total"] += 1


def prometheus_text(own: Mapping[str, float], nodes: Sequence[NodeInfo]) -> str:
    """Write figures as Prometheus reads them: those of each node that tells them, or of this process alone."""
    sources = [(f'node="{node.id}"', node.figures) for node in nodes if "connection_count" in node.figures]
    lines: list[str] = []
    for name, (kind, meaning) in _METRICS.items():
        samples = [line for label, numbers in sources or [("", own)] for line in _samples(name, label, numbers)]
        if samples:
            lines += [f"# HELP {_PREFIX}{name} {meaning}", f"# TYPE {_PREFIX}{name} {kind}", *samples]
    return "\n".join(lines) + "\n"


def _samples(name: str, label: str, numbers: Mapping[str, float]) -> Iterable[str]:
    for key, value in sorted(numbers.items()):
        found, _, labels = key.partition("{")
        if found == name:
            together = ",".join(each for each in (labels.rstrip("}"), label) if each)
            yield f"{_PREFIX}{name}{{{together}}} {value:g}" if together else f"{_PREFIX}{name} {value:g}"
