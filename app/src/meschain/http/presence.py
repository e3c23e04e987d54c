"""`GET /api/presence`: who is online, for administrators."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from meschain.domain.roles import Operation
from meschain.http.bearer import Callers
from meschain.http.session import payload_answer
from meschain.services.who_is_online import WhoIsOnline


def presence_routes(callers: Callers, who: WhoIsOnline) -> list[Route]:
    """The route."""

    async def presence(request: Request) -> Response:
        """Answer `PeopleOnline`."""
        await callers.permitted(request, Operation.JOIN_ADMIN_GROUP, "Who is online is for administrators.")
        return payload_answer(await who.now())

    return [Route("/api/presence", presence, methods=["GET"])]
