"""The ways in which the application is hosted, and which tests of the whole application run in which.

A test that uses `site` or `run_site` runs in a single process, and in every other way if its module is in `EVERYWHERE`.
What does not hold in some hosting stands in `EXCLUDED`, with the reason.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from app.tests.azure_service import AzureService
from app.tests.balancer import Balancer
from app.tests.functions_host.site import on_functions
from app.tests.program import free_port
from app.tests.site import START_SECONDS, Site, running_site
from engine.tests.brokers.redis_server import redis_server

SINGLE = "single process"
NODES = "two nodes"
SERVICE = "behind a service"
FUNCTIONS = "as functions"


class RunSite(Protocol):
    """Runs the application on free ports."""

    def __call__(
        self, data_dir: Path, *, demo_people: bool = False, **settings: object
    ) -> AbstractAsyncContextManager[Site]: ...


@asynccontextmanager
async def two_nodes(data_dir: Path, *, demo_people: bool = False, **settings: object) -> AsyncIterator[Site]:
    """Two applications over a Redis, with a balancer before them; each connection meets the next of them."""
    async with redis_server() as redis, Balancer().listening() as balancer:
        shared = {**settings, "redis_url": redis.url, "public_url": balancer.url}
        async with (
            running_site(data_dir, demo_people=demo_people, **shared) as first,
            running_site(data_dir, demo_people=demo_people, **shared) as second,
        ):
            balancer.ports = (first.settings.port, second.settings.port)
            async with asyncio.timeout(START_SECONDS):
                while any(len(each.application.hubs.nodes) < 2 for each in (first, second)):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)  # another process tells; there is no event to wait for
            yield replace(first, url=balancer.url)


@asynccontextmanager
async def on_a_service(data_dir: Path, *, demo_people: bool = False, **settings: object) -> AsyncIterator[Site]:
    """An application that holds no connection, and a `hubwire service` as a process of its own that holds them all."""
    code, port = secrets.token_urlsafe(33), free_port()
    service = AzureService(data_dir.parent / "service", f"http://127.0.0.1:{port}/api/upstream?code={code}")
    await asyncio.to_thread(service.start)
    try:
        behind = {**settings, "port": port, "upstream_code": code, "azure_signalr": service.connection_string}
        async with running_site(data_dir, demo_people=demo_people, **behind) as site:
            yield replace(site, clients_at=service.url)
    finally:
        await asyncio.to_thread(service.stop)


HOSTINGS: Mapping[str, RunSite] = {
    SINGLE: running_site,
    NODES: two_nodes,
    SERVICE: on_a_service,
    FUNCTIONS: on_functions,
}

EVERYWHERE = frozenset(
    {
        "test_attendance_live",
        "test_catching_up",
        "test_counting",
        "test_live",
        "test_served",
        "test_transports",
        "test_whole",
        "test_whole_site",
    }
)
"""Modules whose tests are about what users get, whoever holds the connections."""

_ONE_PROCESS = "what a process says of itself differs from process to process behind a balancer"

_NONE_HELD = "no process holds connections to count, and there is one thing more to be ready: test_behind_a_service"

EXCLUDED: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("test_counting", "test_it_is_ready_and_counts_itself"): {
        NODES: _ONE_PROCESS,
        SERVICE: _NONE_HELD,
        FUNCTIONS: _NONE_HELD,
    },
}
"""(module, test) -> hosting -> why it is not asked there."""


def hostings_of(module: str, test: str) -> list[str]:
    """Where a test runs."""
    if module not in EVERYWHERE:
        return [SINGLE]
    return [name for name in HOSTINGS if name not in EXCLUDED.get((module, test), {})]
