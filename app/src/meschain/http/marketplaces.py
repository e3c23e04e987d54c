"""`GET /api/marketplaces`: the panel's data, of those marketplaces that the caller may see."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from meschain.domain.roles import Operation
from meschain.http.bearer import Callers
from meschain.http.session import payload_answer
from meschain.services.marketplaces import MarketplaceService


def marketplace_routes(callers: Callers, marketplaces: MarketplaceService) -> list[Route]:
    """The route."""

    async def show(request: Request) -> Response:
        """Answer `PanelSnapshot` to whoever may join marketplaces' groups."""
        identity = await callers.permitted(request, Operation.JOIN_MARKETPLACE_GROUP, "This role sees no marketplaces.")
        return payload_answer(await marketplaces.snapshot(identity))

    return [Route("/api/marketplaces", show, methods=["GET"])]
