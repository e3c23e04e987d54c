"""`GET /api/session`: who the caller is and what it may do; and the one function that puts a session on the wire."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from meschain.domain.payloads import SessionInfo
from meschain.domain.roles import PERMISSIONS, Identity, hubs_of
from meschain.http.bearer import Callers
from meschain.http.errors import NO_STORE


def session_info(identity: Identity, *, demo: bool, access_token: str = "", expires_in: int = 0) -> SessionInfo:
    """What a page is told about its user."""
    return SessionInfo(
        user_id=identity.user_id,
        name=identity.name,
        role=identity.role.value,
        permissions=list(PERMISSIONS[identity.role]),
        marketplaces=list(identity.visible_marketplaces),
        hubs=list(hubs_of(identity.role)),
        demo=demo,
        access_token=access_token,
        expires_in=expires_in,
    )


def session_routes(callers: Callers, *, demo: bool) -> list[Route]:
    """The route."""

    async def show(request: Request) -> Response:
        bearer = await callers.require(request)
        return payload_answer(session_info(bearer.identity, demo=demo))

    return [Route("/api/session", show, methods=["GET"])]


def payload_answer(payload: msgspec.Struct) -> Response:
    """200 with this payload, never to be stored."""
    return Response(msgspec.json.encode(payload), media_type="application/json", headers=NO_STORE)
