"""An application whose clients are on its own sockets or on a service, with another service as the green side."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from app.tests.azure_service import AzureService
from app.tests.program import free_port
from app.tests.rollout.tampered_way import TamperedWay
from app.tests.site import START_SECONDS, Site, running_site

from meschain.domain.rollout import Side


class Door(Protocol):
    """What stands before green."""

    target_port: int
    """Where green listens; told once it is known."""

    @property
    def url(self) -> str: ...


@dataclass(frozen=True)
class TwoSides:
    """A site, and where each side's clients are."""

    site: Site
    green: AzureService
    green_at: str
    """Where clients of green are sent to."""

    def side_of(self, url: str) -> Side:
        """The side of an address that negotiate answered."""
        return Side.GREEN if url.startswith(self.green_at) else Side.BLUE

    async def rollout(self, action: str, token: str, **body: object) -> dict[str, Any]:
        """What `POST /api/rollout/<action>` answers."""
        headers = {"Authorization": f"Bearer {token}"}
        async with self.site.http.post(f"{self.site.url}/api/rollout/{action}", json=body, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            report: dict[str, Any] = await answer.json()
            return report


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what another process does; there is no event to wait for."""
    async with asyncio.timeout(START_SECONDS):
        while not await condition():  # noqa: ASYNC110 - the same
            await asyncio.sleep(0.02)


@asynccontextmanager
async def two_sides(
    data_dir: Path,
    *,
    blue_on_a_service: bool = False,
    port: int | None = None,
    front: Door | None = None,
    way: TamperedWay | None = None,
    **settings: object,
) -> AsyncIterator[TwoSides]:
    """Green is a `hubwire service` of its own; blue is too, or the application's own sockets.

    Args:
        port: of the application; None: a free one.
        front: where clients of green are sent to; None: to green itself.
        way: what the application sends to green goes through this; None: to green itself.
    """
    code, port = secrets.token_urlsafe(33), port or free_port()
    base = f"http://127.0.0.1:{port}/api/upstream"
    async with AsyncExitStack() as stack:
        green = AzureService(data_dir.parent / "green", f"{base}-green?code={code}")
        services = [green]
        told: dict[str, Any] = {"port": port, "upstream_code": code, **settings}
        if blue_on_a_service:
            blue = AzureService(data_dir.parent / "blue", f"{base}?code={code}")
            services.append(blue)
            told["azure_signalr"] = blue.connection_string
        for service in services:
            stack.push_async_callback(asyncio.to_thread, service.stop)
            await asyncio.to_thread(service.start)
        green_at = green.url
        if front is not None:
            front.target_port, green_at = green.port, front.url
        told["green_signalr"] = f"{green.connection_string}ClientEndpoint={green_at};"
        if way is not None:
            way.target_port = green.port
            told["green_signalr"] += f"ServerEndpoint={way.url};"
        site = await stack.enter_async_context(running_site(data_dir, **told))
        blue_at = services[1].url if blue_on_a_service else site.clients_at
        yield TwoSides(replace(site, clients_at=blue_at), green, green_at)
