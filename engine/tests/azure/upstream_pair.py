"""Both ends of the upstream contract on real HTTP: a forwarder, a server on loopback, the endpoint behind it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import uvicorn

from hubwire.azure.jwt import ClientTokens
from hubwire.azure.negotiate import ClientAccess, negotiate_answer
from hubwire.azure.upstream_forwarder import UpstreamForwarder
from hubwire.azure.upstream_signature import UpstreamSignatures
from hubwire.azure.upstream_templates import UpstreamTemplate, UpstreamTemplates
from hubwire.model import Features
from hubwire.options import HubOptions, UpstreamOptions
from hubwire.plane.local import LocalDataPlane
from hubwire.ports import DataPlane
from hubwire.server.azure_hubs import AzureHubs
from hubwire.server.run import AsgiApplication

PRIMARY = "primary-key-of-32-characters-or-more"
SECONDARY = "secondary-key-of-32-characters-or-so"


class MemoryService:
    """Implements `ConnectionService` without a service: planes of this process, tokens for nobody's address."""

    unready_reason: str | None = None

    def __init__(self, keys: Sequence[str] = (PRIMARY, SECONDARY)) -> None:
        self.keys = keys
        self.planes: dict[str, LocalDataPlane] = {}
        self.tokens = ClientTokens(keys or [PRIMARY], ["https://service.example.com"])
        self.has_started = False

    def plane(self, hub: str, options: HubOptions | None = None) -> DataPlane:
        plane = self.planes[hub] = LocalDataPlane()
        plane.features = Features.CLIENT_RESULTS | Features.ABORT_CALLER  # what REST has
        return plane

    async def negotiate(
        self,
        hub: str,
        *,
        user_id: str | None = None,
        claims: Mapping[str, object] | None = None,
        lifetime_seconds: float | None = None,
        region: str | None = None,
    ) -> ClientAccess:
        return negotiate_answer(self.tokens, hub, user_id=user_id, claims=claims, lifetime_seconds=lifetime_seconds)

    async def start(self) -> None:
        self.has_started = True

    async def stop(self) -> None:
        self.has_started = False


@asynccontextmanager
async def forwarding(
    url: str, *, keys: Sequence[str] = (PRIMARY, SECONDARY), options: UpstreamOptions | None = None
) -> AsyncIterator[UpstreamForwarder]:
    """A forwarder that sends everything to one address."""
    templates = UpstreamTemplates([UpstreamTemplate(url)])
    forwarder = UpstreamForwarder(templates, UpstreamSignatures(keys), options)
    await forwarder.start()
    try:
        yield forwarder
    finally:
        await forwarder.stop()


@asynccontextmanager
async def serving_asgi(app: AsgiApplication) -> AsyncIterator[str]:
    """Serve any ASGI application on uvicorn as it is, and yield its address."""
    server = _Server(uvicorn.Config(app, lifespan="on", log_config=None, access_log=False))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        running = asyncio.create_task(server.serve([listener]))
        await server.has_started.wait()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await running


class _Server(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.has_started = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.has_started.set()


@asynccontextmanager
async def connected_pair(hubs: AzureHubs, options: UpstreamOptions | None = None) -> AsyncIterator[UpstreamForwarder]:
    """A forwarder whose requests these hubs answer."""
    async with serving_asgi(hubs) as address, forwarding(f"{address}/api/upstream", options=options) as forwarder:
        yield forwarder
