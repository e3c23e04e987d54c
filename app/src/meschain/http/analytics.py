"""`GET /api/analytics`: months of sales and stock at risk, of as much of the shop as the caller may see."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from meschain.domain.roles import visible_metrics
from meschain.http.bearer import Callers
from meschain.http.errors import error_answer
from meschain.http.queries import parsed
from meschain.http.session import payload_answer
from meschain.services.analytics import AnalyticsService


def analytics_routes(callers: Callers, analytics: AnalyticsService) -> list[Route]:
    """The route."""
    options = analytics.options

    async def show(request: Request) -> Response:
        """Answer `Analytics` to whoever may see the metric `business`."""
        bearer = await callers.require(request)
        if "business" not in visible_metrics(bearer.identity.role):
            return error_answer(403, "This role sees no business figures.")
        months = parsed(request.query_params.get("months", str(options.months))) or 0
        if not 1 <= months <= options.most_months:
            return error_answer(400, f"months is a whole number from 1 to {options.most_months}.")
        return payload_answer(await analytics.read(bearer.identity, months))

    return [Route("/api/analytics", show, methods=["GET"])]
