"""`/api/alerts…` and `/api/alert-rules…`: the book of alerts and its rules, for administrators.

What is done is audited by the services.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from meschain.domain.payloads import Payload
from meschain.domain.roles import Identity, Operation
from meschain.http.bearer import Callers
from meschain.http.errors import error_answer
from meschain.http.queries import whole_number
from meschain.http.session import payload_answer
from meschain.services.alert_administration import AlertAdministration
from meschain.services.errors import AlertStands, AlertUnknown, Refused

Act = Callable[[Identity, Request], Awaitable[Payload]]


class _Silence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    minutes: int
    reason: Annotated[str, msgspec.Meta(max_length=1000)] = ""


_silence_decoder = msgspec.json.Decoder(_Silence)


class AlertRoutes:
    """The routes."""

    def __init__(self, callers: Callers, alerts: AlertAdministration) -> None:
        self._callers = callers
        self._alerts = alerts

    def routes(self) -> list[Route]:
        return [
            Route("/api/alerts", self._guarded(self._list), methods=["GET"]),
            # Ids of published alerts are their publisher's own, and may hold a slash.
            Route("/api/alerts/{id:path}/acknowledge", self._guarded(self._acknowledge), methods=["POST"]),
            Route("/api/alerts/{id:path}/resolve", self._guarded(self._resolve), methods=["POST"]),
            Route("/api/alert-rules/{name}/silence", self._guarded(self._silence), methods=["PUT"]),
            Route("/api/alert-rules/{name}/silence", self._guarded(self._end_silence), methods=["DELETE"]),
        ]

    async def _list(self, identity: Identity, request: Request) -> Payload:
        """`AlertBookAnswer`."""
        return await self._alerts.list(whole_number(request, "limit"))

    async def _acknowledge(self, identity: Identity, request: Request) -> Payload:
        """`AlertRow`."""
        return await self._alerts.acknowledge(identity, request.path_params["id"])

    async def _resolve(self, identity: Identity, request: Request) -> Payload:
        """`AlertRow`."""
        return await self._alerts.resolve(identity, request.path_params["id"])

    async def _silence(self, identity: Identity, request: Request) -> Payload:
        """`AlertRuleRow`."""
        try:
            wanted = _silence_decoder.decode(await request.body())
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise ValueError('Send {"minutes": 60, "reason": "…"} as JSON.') from None
        return await self._alerts.silence(identity, request.path_params["name"], wanted.minutes, wanted.reason)

    async def _end_silence(self, identity: Identity, request: Request) -> Payload:
        """`AlertRuleRow`."""
        return await self._alerts.end_silence(identity, request.path_params["name"])

    def _guarded(self, act: Act) -> Callable[[Request], Awaitable[Response]]:
        """200 with what it gives; 400, 403, 404 and 409 with the reason."""

        async def answer(request: Request) -> Response:
            identity = await self._callers.permitted(
                request, Operation.JOIN_ADMIN_GROUP, "Alerts are for administrators."
            )
            try:
                return payload_answer(await act(identity, request))
            except AlertUnknown as refused:
                return error_answer(404, str(refused))
            except AlertStands as refused:
                return error_answer(409, str(refused))
            except (Refused, ValueError) as refused:
                return error_answer(400, str(refused))

        return answer
