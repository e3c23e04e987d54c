"""`GET /api/dashboard`: the dashboard object for administrators, for pages that wait for their hub connection."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from meschain.domain.roles import Operation
from meschain.http.bearer import Callers
from meschain.http.session import payload_answer
from meschain.services.dashboard import DashboardService


def dashboard_routes(callers: Callers, dashboard: DashboardService) -> list[Route]:
    """The route."""

    async def show(request: Request) -> Response:
        """Answer `DashboardData` to whoever may join `admins`."""
        await callers.permitted(request, Operation.JOIN_ADMIN_GROUP, "The dashboard is for administrators.")
        return payload_answer(await dashboard.current())

    return [Route("/api/dashboard", show, methods=["GET"])]
