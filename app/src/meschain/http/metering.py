"""Counts HTTP requests for Prometheus and for our own figures. Plain ASGI; labels are route templates, never paths.

Knows nothing of what the routes do. Hub calls are counted beside it, by the engine's observer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Record = Callable[[float, bool], None]
"""Takes the seconds that a request took and whether it failed."""

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_NOT_TRAFFIC: Final = frozenset({"/healthz", "/readyz", "/metrics"})
"""Probes; in our own figures they would hide the users' requests."""


class HttpMetrics:
    """The Prometheus collectors of HTTP."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "meschain_http_requests", "HTTP requests answered.", ("method", "route", "status"), registry=registry
        )
        self.seconds = Histogram(
            "meschain_http_request_seconds", "Time to the end of an answer.", ("method", "route"), registry=registry
        )
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        """Found once: to look for those of some labels takes longer than to count."""

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one."""
        key = (method, route, status)
        found = self._children.get(key)
        if found is None:
            found = self.requests.labels(method, route, str(status)), self.seconds.labels(method, route)
            self._children[key] = found
        found[0].inc()
        found[1].observe(seconds)


class RequestMetering:
    """Measures each request until its last byte was sent.

    Args:
        monotonic: Seconds that never go back.
        record: Feeds the sliding window; probes are left out.
    """

    def __init__(self, app: ASGIApp, metrics: HttpMetrics, record: Record, monotonic: Callable[[], float]) -> None:
        self._app = app
        self._metrics = metrics
        self._record = record
        self._monotonic = monotonic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500  # what a client sees when the application raises before it answers
        begun = self._monotonic()

        async def send_noting_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_noting_status)
        finally:
            seconds = self._monotonic() - begun
            method = scope["method"] if scope["method"] in _METHODS else "other"
            route = getattr(scope.get("route"), "path", "none")
            self._metrics.answered(method, route, status, seconds)
            if route not in _NOT_TRAFFIC:
                self._record(seconds, status >= 500)
