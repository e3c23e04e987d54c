"""Says the time to everybody, in turn from a hub of its own and through a service's REST API.

Usage: python bench/rest_publisher.py PORT < connection string; runs until it is terminated. The hub and the service's
clients hear `local` and `rest` with the moment (perf_counter, which all processes of a machine share) as argument.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from time import perf_counter

from starlette.applications import Starlette
from starlette.routing import Mount

import hubwire
from hubwire import AzureSignalR, HubServer

EVERY_SECONDS = 0.005


class TimesClient(hubwire.ClientContract):
    @hubwire.client_method("local")
    async def local(self, moment: float) -> None: ...

    @hubwire.client_method("rest")
    async def rest(self, moment: float) -> None: ...


class Times(hubwire.Hub[TimesClient]):
    """Clients only listen."""


hubs = HubServer()
hubs.add(Times, path="/times")


async def publish(service: AzureSignalR) -> None:
    far = service.context("times", TimesClient)
    near = hubs.context(Times)
    while True:
        await near.clients.all.local(perf_counter())
        await asyncio.sleep(EVERY_SECONDS)
        await far.clients.all.rest(perf_counter())
        await asyncio.sleep(EVERY_SECONDS)


@contextlib.asynccontextmanager
async def lifespan(_app: Starlette) -> AsyncIterator[None]:
    async with hubs.lifespan(), AzureSignalR(connection_string) as service:
        publishing = asyncio.create_task(publish(service))
        try:
            yield
        finally:
            publishing.cancel()


if __name__ == "__main__":
    connection_string = sys.stdin.readline().strip()
    hubwire.run(Starlette(routes=[Mount("/", hubs)], lifespan=lifespan), hubs, port=int(sys.argv[1]))
