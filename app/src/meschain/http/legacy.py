"""`/api/legacy`: who still uses which old dialect, for administrators."""

from __future__ import annotations

from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from meschain.domain.payloads import LegacyReport
from meschain.domain.roles import Operation
from meschain.http.bearer import Callers
from meschain.http.session import payload_answer


class Reporting(Protocol):
    async def report(self) -> LegacyReport: ...


def legacy_routes(callers: Callers, usage: Reporting) -> list[Route]:
    async def show(request: Request) -> Response:
        """Answer the listeners, and the pages seen last."""
        await callers.permitted(request, Operation.JOIN_ADMIN_GROUP, "Who uses the old dialects is for administrators.")
        return payload_answer(await usage.report())

    return [Route("/api/legacy", show, methods=["GET"])]
