"""`/api/rollout`: how a roll-out stands, and its dial, for administrators. Knows no plan's rules and no side."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from meschain.domain.payloads import RolloutPlan, RolloutReport, SideFigures
from meschain.domain.roles import Identity, Operation
from meschain.domain.rollout import Plan, Side
from meschain.http.bearer import Callers
from meschain.http.errors import error_answer
from meschain.http.session import payload_answer
from meschain.services.rollout_ports import Choice, PlanChanged, PlanRefused, RolloutUse

HISTORY: Final = 20
"""Versions shown."""


Body = TypeVar("Body")


class _Start(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    percent: int = 0
    roles: tuple[str, ...] = ()
    user_ids: tuple[str, ...] = ()
    marketplaces: tuple[str, ...] = ()
    shadow: bool = False
    version: int | None = None


class _Advance(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    percent: int | None = None
    version: int | None = None


class _Hold(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    reason: str = ""
    version: int | None = None


class _RollBack(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    reason: str = ""


class RolloutRoutes:
    """The routes; the roll-out knows who did what."""

    def __init__(self, callers: Callers, rollout: RolloutUse, *, has_green: bool) -> None:
        self._callers = callers
        self._rollout = rollout
        self._has_green = has_green

    def routes(self) -> list[Route]:
        return [
            Route("/api/rollout", self._show, methods=["GET"]),
            Route("/api/rollout/start", self._start, methods=["POST"]),
            Route("/api/rollout/advance", self._advance, methods=["POST"]),
            Route("/api/rollout/hold", self._hold, methods=["POST"]),
            Route("/api/rollout/rollback", self._roll_back, methods=["POST"]),
        ]

    async def _show(self, request: Request) -> Response:
        """Answer `RolloutReport`."""
        await self._admin(request)
        return payload_answer(await self._report())

    async def _start(self, request: Request) -> Response:
        """Answer `RolloutReport`; 409: not so, or not any more."""

        async def start(who: str, body: _Start) -> Plan:
            choice = Choice(body.roles, body.user_ids, body.marketplaces)
            return await self._rollout.start(
                who, percent=body.percent, choice=choice, shadow=body.shadow, version=body.version
            )

        return await self._do(request, _Start, start)

    async def _advance(self, request: Request) -> Response:
        """The same."""

        async def advance(who: str, body: _Advance) -> Plan:
            return await self._rollout.advance(who, percent=body.percent, version=body.version)

        return await self._do(request, _Advance, advance)

    async def _hold(self, request: Request) -> Response:
        """The same."""

        async def hold(who: str, body: _Hold) -> Plan:
            return await self._rollout.hold(who, body.reason, version=body.version)

        return await self._do(request, _Hold, hold)

    async def _roll_back(self, request: Request) -> Response:
        """The same; whatever was decided meanwhile."""

        async def roll_back(who: str, body: _RollBack) -> Plan:
            return await self._rollout.roll_back(who, body.reason)

        return await self._do(request, _RollBack, roll_back)

    async def _do(self, request: Request, kind: type[Body], change: Callable[[str, Body], Awaitable[Plan]]) -> Response:
        identity = await self._admin(request)
        try:
            body = msgspec.json.decode(await request.body() or b"{}", type=kind)
        except msgspec.DecodeError as error:
            return error_answer(400, f"The body is not what this takes: {error}.")
        try:
            await change(identity.user_id, body)
        except (PlanRefused, PlanChanged) as error:
            return error_answer(409, str(error))
        return payload_answer(await self._report())

    async def _admin(self, request: Request) -> Identity:
        return await self._callers.permitted(request, Operation.JOIN_ADMIN_GROUP, "The roll-out is for administrators.")

    async def _report(self) -> RolloutReport:
        status = await self._rollout.status()
        history = await self._rollout.history(HISTORY)
        return RolloutReport(
            has_green=self._has_green,
            plan=_shown(status.plan),
            sides={side.value: _figures(status.connections.get(side, 0), status.figures, side) for side in Side},
            guard=str(status.figures.get("guard", "")),
            compared=int(_number(status.shadow, "compared")),
            differences=_texts(status.shadow.get("differences")),
            history=[_shown(plan) for plan in history],
        )


def _shown(plan: Plan) -> RolloutPlan:
    return RolloutPlan(
        version=plan.version,
        state=plan.state.value,
        percent=plan.percent,
        roles=list(plan.roles),
        user_ids=list(plan.user_ids),
        marketplaces=list(plan.marketplaces),
        shadow=plan.shadow,
        changed_by=plan.changed_by,
        changed_at=plan.changed_at,
        reason=plan.reason,
    )


def _figures(connections: int, figures: Mapping[str, object], side: Side) -> SideFigures:
    found = figures.get(side.value)
    mine: Mapping[str, object] = found if isinstance(found, Mapping) else {}
    return SideFigures(
        connections=connections,
        connects_failed=_number(mine, "connectsFailed"),
        errors=_number(mine, "errors"),
        latency_ms=_number(mine, "latencyMs"),
    )


def _number(content: Mapping[str, object], name: str) -> float:
    value = content.get(name, 0.0)
    return float(value) if isinstance(value, int | float) else 0.0


def _texts(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []
