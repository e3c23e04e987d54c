"""`GET /api/info`: what a page shows before log-in. Needs no token and tells nothing else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from meschain.domain.payloads import PublicInfo

ReadInfo = Callable[[], Awaitable[PublicInfo]]


class Info:
    """The route."""

    def __init__(self, read: ReadInfo) -> None:
        self._read = read

    async def show(self, request: Request) -> Response:
        """Answer `PublicInfo`."""
        body = msgspec.json.encode(await self._read())
        return Response(body, media_type="application/json", headers={"cache-control": "no-cache"})

    def routes(self) -> list[Route]:
        return [Route("/api/info", self.show, methods=["GET"])]
