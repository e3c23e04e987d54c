"""`GET /api/audit`: who did what, for administrators."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from meschain.domain.roles import Operation
from meschain.http.bearer import Callers
from meschain.http.queries import whole_number
from meschain.http.session import payload_answer
from meschain.services.audit_trail import AuditTrail


def audit_routes(callers: Callers, trail: AuditTrail) -> list[Route]:
    """The route."""

    async def audit(request: Request) -> Response:
        """Answer `AuditPage`: the newest, those before the number `before`, of `user`, of `action`, where given."""
        await callers.permitted(request, Operation.JOIN_ADMIN_GROUP, "The audit is for administrators.")
        query = request.query_params
        page = await trail.page(
            before=whole_number(request, "before"),
            user_id=query.get("user") or None,
            action=query.get("action") or None,
            limit=whole_number(request, "limit"),
        )
        return payload_answer(page)

    return [Route("/api/audit", audit, methods=["GET"])]
