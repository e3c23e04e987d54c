"""`GET /api/names`: the names behind the ids of jobs and of the audit, for whoever may see those.

Administrators may ask for anybody; others for those alone whose ids their jobs and schedules show them.
"""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from meschain.auth.names import PeopleNames
from meschain.domain.payloads import NamesAnswer
from meschain.domain.roles import Identity, Operation, may
from meschain.http.bearer import Callers
from meschain.http.errors import error_answer, unavailable
from meschain.http.session import payload_answer
from meschain.services.ports import ShopUnavailable
from meschain.services.sync import SyncService
from meschain.services.sync_schedules import SyncSchedules

_MOST: Final = 100
"""Ids in one question; a page shows fewer."""
_MOST_JOBS: Final = 500
"""The page of jobs shows fewer."""


def names_routes(callers: Callers, names: PeopleNames, sync: SyncService, schedules: SyncSchedules) -> list[Route]:
    """The route."""

    async def shown(identity: Identity) -> set[str]:
        """The ids that this caller's pages show."""
        marketplaces = identity.visible_marketplaces
        jobs = await sync.history(marketplaces, _MOST_JOBS)
        return {job.requested_by for job in jobs} | {each.set_by for each in await schedules.of(marketplaces)}

    async def show(request: Request) -> Response:
        """Answer `NamesAnswer` for the ids of the query; those that nobody knows are left out."""
        identity = await callers.permitted(request, Operation.START_SYNC, "Names are for those who see jobs.")
        ids = list(dict.fromkeys(request.query_params.getlist("id")))
        if len(ids) > _MOST:
            return error_answer(400, f"Ask for at most {_MOST} names at once.")
        if not may(identity.role, Operation.JOIN_ADMIN_GROUP):
            known = await shown(identity)
            ids = [each for each in ids if each in known]
        try:
            return payload_answer(NamesAnswer(names=dict(await names.of(ids))))
        except ShopUnavailable:
            return unavailable("The shop's users cannot be asked at the moment; try again.")

    return [Route("/api/names", show, methods=["GET"])]
