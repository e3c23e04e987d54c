"""The versions of the roll-out's plan on our own database, and the last words of its parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import Row, select, update

from meschain.domain.rollout import Plan, PlanState
from meschain.state.database import Database
from meschain.state.inserting import insert_new
from meschain.state.sharing import SharedRead
from meschain.state.tables import rollout_plans, rollout_reports

_NEWEST: Final = select(rollout_plans).order_by(rollout_plans.c.version.desc())
_CURRENT: Final = _NEWEST.limit(1)


class SqlPlanStore:
    """`services.rollout_ports.PlanStore` in the table of plans."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # Each client that negotiates asks for it.
        self._current = SharedRead(self._read_current)

    async def current(self) -> Plan:
        return await self._current()

    async def _read_current(self) -> Plan:
        async with self._database.connect() as connection:
            row = (await connection.execute(_CURRENT)).one_or_none()
        return Plan() if row is None else _plan(row)

    async def add(self, plan: Plan) -> bool:
        values = asdict(plan)
        values["state"] = plan.state.value
        for name in ("roles", "user_ids", "marketplaces"):
            values[name] = list(values[name])
        return await insert_new(self._database, rollout_plans, values)

    async def history(self, limit: int) -> Sequence[Plan]:
        async with self._database.connect() as connection:
            return [_plan(row) for row in await connection.execute(_NEWEST.limit(limit))]


class SqlReportStore:
    """`services.rollout_ports.ReportStore` in the table of reports."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, name: str, content: Mapping[str, object]) -> None:
        command = update(rollout_reports).where(rollout_reports.c.name == name).values(content=dict(content))
        if not await insert_new(self._database, rollout_reports, {"name": name, "content": dict(content)}):
            async with self._database.begin() as connection:
                await connection.execute(command)

    async def get(self, name: str) -> Mapping[str, object]:
        query = select(rollout_reports.c.content).where(rollout_reports.c.name == name)
        async with self._database.connect() as connection:
            content: Mapping[str, object] | None = await connection.scalar(query)
        return content or {}


def _plan(row: Row[Any]) -> Plan:
    return Plan(
        version=row.version,
        state=PlanState(row.state),
        percent=row.percent,
        roles=tuple(row.roles),
        user_ids=tuple(row.user_ids),
        marketplaces=tuple(row.marketplaces),
        salt=row.salt,
        shadow=row.shadow,
        changed_by=row.changed_by,
        reason=row.reason,
        changed_at=row.changed_at,
    )
