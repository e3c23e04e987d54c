"""`/metrics`: who may read it, and what requests leave in it."""

from __future__ import annotations

import aiohttp
import pytest
from app.tests.conftest import Serve
from app.tests.services.fakes import FakeClock
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from meschain.http.client_address import ClientAddress
from meschain.http.metering import HttpMetrics, RequestMetering
from meschain.http.metrics import Metrics


@pytest.mark.parametrize(
    ("networks", "trusted", "headers", "status"),
    [
        (["127.0.0.0/8"], [], {}, 200),
        (["10.0.0.0/8"], [], {}, 403),
        ([], [], {}, 403),
        # A proxy on this machine that nobody named: the sender behind it is unknown.
        (["127.0.0.0/8"], [], {"X-Forwarded-For": "203.0.113.7"}, 403),
        (["127.0.0.0/8"], [], {"Forwarded": "for=203.0.113.7"}, 403),
        (["127.0.0.0/8"], ["127.0.0.1"], {"X-Forwarded-For": "203.0.113.7"}, 403),
        (["203.0.113.0/24"], ["127.0.0.1"], {"X-Forwarded-For": "203.0.113.7"}, 200),
    ],
)
async def test_only_the_configured_networks_read_metrics(
    serve: Serve,
    http: aiohttp.ClientSession,
    networks: list[str],
    trusted: list[str],
    headers: dict[str, str],
    status: int,
) -> None:
    asked = []

    async def ask() -> None:
        asked.append("databases")

    metrics = Metrics(CollectorRegistry(), networks, ClientAddress(trusted).of, ask)
    base = await serve(Starlette(routes=metrics.routes()))
    async with http.get(f"{base}/metrics", headers=headers) as answer:
        assert answer.status == status
    assert asked == (["databases"] if status == 200 else [])


async def test_requests_are_counted_by_route_and_felt_in_the_window(serve: Serve, http: aiohttp.ClientSession) -> None:
    clock, registry, felt = FakeClock(), CollectorRegistry(), []

    async def item(request: Request) -> Response:
        return PlainTextResponse("")

    async def broken(request: Request) -> Response:
        return PlainTextResponse("", 503)

    site = Starlette(routes=[Route("/items/{id}", item), Route("/broken", broken), Route("/healthz", item)])
    metering = RequestMetering(
        site, HttpMetrics(registry), lambda seconds, failed: felt.append(failed), clock.monotonic
    )
    base = await serve(metering)
    for path in ("/items/1", "/items/2", "/broken", "/missing", "/healthz"):
        async with http.get(base + path):
            pass
    async with http.request("PURGE", f"{base}/items/3"):
        pass

    def count(method: str, route: str, status: str) -> float | None:
        labels = {"method": method, "route": route, "status": status}
        return registry.get_sample_value("meschain_http_requests_total", labels)

    assert count("GET", "/items/{id}", "200") == 2
    assert count("GET", "/broken", "503") == 1
    assert count("GET", "none", "404") == 1
    assert count("other", "/items/{id}", "405") == 1
    # Probes are left out of our own figures; what is our fault counts as failed.
    assert felt == [False, False, True, False, False]
