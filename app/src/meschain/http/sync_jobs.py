"""`/api/jobs…` and `/api/schedules…`: syncs for people, and how often they begin by themselves.

Administrators see and do it for all marketplaces, managers for those granted to them; schedules are for administrators.
"""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from meschain.domain.payloads import ScheduleRow, SyncJobAccepted, SyncJobList, SyncJobRow
from meschain.domain.roles import Identity, Operation
from meschain.http.bearer import Callers
from meschain.http.errors import NO_STORE, error_answer
from meschain.http.queries import whole_number
from meschain.http.session import payload_answer
from meschain.services.clock import iso_utc
from meschain.services.errors import ScheduleRefused, SyncJobEnded, SyncJobUnknown, SyncRefused
from meschain.services.ports import SyncJob, SyncSchedule
from meschain.services.sync import SyncService
from meschain.services.sync_schedules import SyncSchedules
from meschain.services.sync_status import UNFINISHED

T = TypeVar("T")

_ID_CHARACTERS: Final = 64


class _Start(msgspec.Struct):
    marketplace: str


class _Every(msgspec.Struct):
    every_minutes: int = msgspec.field(name="everyMinutes")


class SyncJobRoutes:
    """The routes."""

    def __init__(self, callers: Callers, sync: SyncService, schedules: SyncSchedules) -> None:
        self._callers = callers
        self._sync = sync
        self._schedules = schedules

    def routes(self) -> list[Route]:
        return [
            Route("/api/jobs", self._list, methods=["GET"]),
            Route("/api/jobs", self._start, methods=["POST"]),
            Route("/api/jobs/{id}/cancel", self._cancel, methods=["POST"]),
            Route("/api/schedules/{marketplace}", self._schedule, methods=["PUT"]),
        ]

    async def _list(self, request: Request) -> Response:
        """Answer `SyncJobList`, of one marketplace if `marketplace` is given."""
        identity = await self._who_may_sync(request)
        wanted = request.query_params.get("marketplace")
        if wanted is not None and wanted not in identity.visible_marketplaces:
            return _not_granted()
        codes = identity.visible_marketplaces if wanted is None else (wanted,)
        jobs = await self._sync.history(codes, whole_number(request, "limit"))
        schedules = await self._schedules.of(codes)
        return payload_answer(SyncJobList(jobs=[_row(job) for job in jobs], schedules=[_every(s) for s in schedules]))

    async def _start(self, request: Request) -> Response:
        """Answer 202 with `SyncJobAccepted` once it is stored; audited."""
        identity = await self._who_may_sync(request)
        wanted = await _body(request, _Start)
        if wanted is None:
            return error_answer(400, 'Send {"marketplace": "<code>"}.')
        if wanted.marketplace not in identity.visible_marketplaces:
            return _not_granted()
        try:
            job = await self._sync.request(identity, wanted.marketplace)
        except SyncRefused as refused:
            return error_answer(400, str(refused))
        answer = payload_answer(SyncJobAccepted(job_id=job.id))
        answer.status_code = 202
        return answer

    async def _cancel(self, request: Request) -> Response:
        """Answer 202 once it is cancelled, or whoever runs it will find out; 404: there is none; 409: it has ended."""
        identity, job_id = await self._who_may_sync(request), request.path_params["id"]
        try:
            if len(job_id) > _ID_CHARACTERS:
                raise SyncJobUnknown("There is no such sync.")
            await self._sync.cancel(identity, job_id)
        except SyncJobUnknown as refused:
            return error_answer(404, str(refused))
        except SyncJobEnded as refused:
            return error_answer(409, str(refused))
        return Response(status_code=202, headers=NO_STORE)

    async def _schedule(self, request: Request) -> Response:
        """Answer `ScheduleRow` once it is stored."""
        identity = await self._callers.permitted(request, Operation.SCHEDULE_SYNC, "Schedules are for administrators.")
        wanted = await _body(request, _Every)
        if wanted is None:
            return error_answer(400, 'Send {"everyMinutes": <a whole number, 0 for never>}.')
        try:
            schedule = await self._schedules.set(identity, request.path_params["marketplace"], wanted.every_minutes)
        except ScheduleRefused as refused:
            return error_answer(400, str(refused))
        return payload_answer(_every(schedule))

    async def _who_may_sync(self, request: Request) -> Identity:
        return await self._callers.permitted(request, Operation.START_SYNC, "This role starts no syncs.")


async def _body(request: Request, form: type[T]) -> T | None:
    """None: it is another one."""
    try:
        return msgspec.json.decode(await request.body(), type=form)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _not_granted() -> Response:
    return error_answer(403, "This marketplace is not yours to sync.")


def _row(job: SyncJob) -> SyncJobRow:
    return SyncJobRow(
        id=job.id,
        marketplace=job.marketplace,
        status=job.status,
        requested_by=job.requested_by,
        progress=job.progress,
        processed=job.processed,
        failed=job.failed,
        total=job.total,
        message=job.message,
        created_at=iso_utc(job.created_at),
        started_at=None if job.started_at is None else iso_utc(job.started_at),
        finished_at=None if job.finished_at is None else iso_utc(job.finished_at),
        attempts=job.attempts,
        can_cancel=job.status in UNFINISHED and not job.cancel_requested_by,
    )


def _every(schedule: SyncSchedule) -> ScheduleRow:
    return ScheduleRow(
        marketplace=schedule.marketplace,
        every_minutes=schedule.every_minutes,
        next_at=None if schedule.next_at is None else iso_utc(schedule.next_at),
        set_by=schedule.set_by,
    )
