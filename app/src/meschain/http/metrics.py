"""`/metrics` for Prometheus. Answers the configured networks (by default this machine), nobody else.

A scraper needs no token; so the address decides, and a request that came through a proxy that is not trusted counts as
foreign: its sender is unknown.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address, ip_network
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

_FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-real-ip")


class Metrics:
    """The scrape route.

    Args:
        registry: What is shown.
        networks: Networks (CIDR) that may ask.
        client_address: The address that a request comes from, forwarded headers counted from trusted proxies only.
        ask: Called before each answer, to read the figures that are not counted as things happen. It never raises.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        networks: Sequence[str],
        client_address: Callable[[Request], str],
        ask: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._ask = ask
        self._registry = registry
        self._networks = tuple(ip_network(network, strict=False) for network in networks)
        self._client_address = client_address

    async def scrape(self, request: Request) -> Response:
        """Answer the exposition format, or 403."""
        if not self._may_ask(request):
            return JSONResponse({"error": "Metrics are shown to metrics_networks only."}, 403)
        if self._ask is not None:
            await self._ask()
        return Response(generate_latest(self._registry), headers={"content-type": CONTENT_TYPE_LATEST})

    def _may_ask(self, request: Request) -> bool:
        client = self._client_address(request)
        peer = request.client.host if request.client is not None else ""
        if client == peer and any(name in request.headers for name in _FORWARDED):
            return False
        try:
            address = ip_address(client)
        except ValueError:
            return False
        return any(address in network for network in self._networks)

    def routes(self) -> list[Route]:
        return [Route("/metrics", self.scrape, methods=["GET"])]
