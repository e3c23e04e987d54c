"""`POST /api/sync-jobs/{id}/progress`: the shop's own program reports on a sync that we asked it for.

Its bearer token is the one of that job alone; what the report may say is for `services.sync`.
"""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from meschain.http.bearer import bearer_token
from meschain.http.errors import NO_STORE, error_answer, unauthorized, unavailable
from meschain.services.errors import ReportInvalid, ReportNotTaken, ReportRefused, ReportTooLate
from meschain.services.sync import SyncService

_ID_CHARACTERS: Final = 64


def report_routes(sync: SyncService) -> list[Route]:
    """The route."""

    async def progress(request: Request) -> Response:
        """Answer 204, or 400, 401, 409 and 503 with the reason."""
        token = bearer_token(request)
        job_id = request.path_params["id"]
        if token is None or len(job_id) > _ID_CHARACTERS:
            return unauthorized()
        try:
            report = msgspec.json.decode(await request.body())
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return error_answer(400, "A report is a JSON object with processed, failed and total.")
        try:
            await sync.report(job_id, token, report)
        except ReportRefused as refused:
            return error_answer(401, str(refused), headers={"www-authenticate": "Bearer"})
        except ReportInvalid as refused:
            return error_answer(400, str(refused))
        except ReportTooLate as refused:
            return error_answer(409, str(refused))
        except ReportNotTaken as refused:
            return unavailable(str(refused))
        return Response(status_code=204, headers=NO_STORE)

    return [Route("/api/sync-jobs/{id}/progress", progress, methods=["POST"])]
