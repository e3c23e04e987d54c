"""The book of alerts on our own database: the alerts, and what their rules remember. Rows are deleted by age and
number (`prune`).

What happens to an alert is stored in one transaction with the messages that leave for it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from meschain.domain.alert_rules import RuleState
from meschain.domain.alerts import RESOLVED, Alert
from meschain.services.alert_ports import AlertMessage, KeptRule, Silence
from meschain.services.options import AlertOutboxOptions
from meschain.state.alert_outbox import put
from meschain.state.database import Database
from meschain.state.pruning import prune_rows
from meschain.state.tables import alert_rules, alerts


class SqlAlertBook:
    """`services.alert_ports.AlertBook` in the tables of alerts and rules.

    Args:
        most_messages: that may wait to leave.
    """

    def __init__(self, database: Database, *, most_messages: int = AlertOutboxOptions().waiting) -> None:
        self._database = database
        self._most_messages = most_messages

    async def add(self, alert: Alert, messages: Sequence[AlertMessage] = ()) -> bool:
        try:
            async with self._database.begin() as connection:
                await connection.execute(insert(alerts).values(id=alert.id, **_values(alert)))
                await put(connection, messages, self._most_messages)
        except IntegrityError:
            if await self.get(alert.id) is None:
                raise
            return False
        return True

    async def change(self, alert: Alert, was: str, messages: Sequence[AlertMessage] = ()) -> bool:
        async with self._database.begin() as connection:
            present = select(alerts.c.state).where(alerts.c.id == alert.id).with_for_update()
            if await connection.scalar(present) != was:
                return False
            await connection.execute(update(alerts).where(alerts.c.id == alert.id).values(**_values(alert)))
            await put(connection, messages, self._most_messages)
        return True

    async def get(self, alert_id: str) -> Alert | None:
        async with self._database.connect() as connection:
            return await _one(connection, select(alerts).where(alerts.c.id == alert_id))

    async def latest(self, limit: int) -> Sequence[Alert]:
        return await self._read(select(alerts).order_by(alerts.c.sequence.desc()).limit(limit))

    async def untold(self, limit: int) -> Sequence[Alert]:
        return await self._read(
            select(alerts).where(alerts.c.is_told.is_(False)).order_by(alerts.c.sequence).limit(limit)
        )

    async def mark_told(self, alert_id: str, state: str) -> None:
        command = update(alerts).where(alerts.c.id == alert_id, alerts.c.state == state).values(is_told=True)
        async with self._database.begin() as connection:
            await connection.execute(command)

    async def rules(self) -> Mapping[str, KeptRule]:
        async with self._database.connect() as connection:
            return {row.name: _kept(row) for row in await connection.execute(select(alert_rules))}

    async def remember(self, states: Mapping[str, RuleState]) -> None:
        async with self._database.begin() as connection:
            for name, state in states.items():
                await _touch(connection, name)
                # The alert that stands is changed by the next two only.
                command = update(alert_rules).where(
                    alert_rules.c.name == name, alert_rules.c.alert_id == state.alert_id
                )
                await connection.execute(command.values(**_state_values(state)))

    async def fires(self, rule: str, state: RuleState, alert: Alert, messages: Sequence[AlertMessage]) -> bool:
        async with self._database.begin() as connection:
            if await _touch(connection, rule):
                return False
            await connection.execute(insert(alerts).values(id=alert.id, **_values(alert)))
            await connection.execute(
                update(alert_rules).where(alert_rules.c.name == rule).values(**_state_values(state))
            )
            await put(connection, messages, self._most_messages)
        return True

    async def resolves(
        self,
        rule: str,
        state: RuleState,
        alert_id: str,
        now: datetime,
        messages: Callable[[Alert], Sequence[AlertMessage]],
    ) -> Alert | None:
        async with self._database.begin() as connection:
            if await _touch(connection, rule) != alert_id:
                return None
            await connection.execute(
                update(alert_rules).where(alert_rules.c.name == rule).values(**_state_values(state))
            )
            over = {"state": RESOLVED, "resolved_at": now, "is_told": False}
            await connection.execute(
                update(alerts).where(alerts.c.id == alert_id, alerts.c.state != RESOLVED).values(**over)
            )
            alert = await _one(connection, select(alerts).where(alerts.c.id == alert_id))
            if alert is not None:
                await put(connection, messages(alert), self._most_messages)
        return alert

    async def silence(self, rule: str, silence: Silence | None) -> None:
        values = {
            "silenced_until": silence.until if silence else None,
            "silenced_by": silence.by if silence else "",
            "silence_reason": silence.reason if silence else "",
        }
        async with self._database.begin() as connection:
            await _touch(connection, rule)
            await connection.execute(update(alert_rules).where(alert_rules.c.name == rule).values(**values))

    def prune(self, before: datetime, keep: int) -> AsyncGenerator[int, None]:
        """Those of a rule stay until they are over: the rule still needs them."""
        return prune_rows(
            self._database,
            alerts,
            key=[alerts.c.sequence],
            order=alerts.c.sequence,
            moment=alerts.c.raised_at,
            before=before,
            keep=keep,
            needless=or_(alerts.c.rule == "", alerts.c.state == RESOLVED),
        )

    async def _read(self, query: Select[Any]) -> Sequence[Alert]:
        async with self._database.connect() as connection:
            return [_alert(row) for row in await connection.execute(query)]


async def _one(connection: AsyncConnection, query: Select[Any]) -> Alert | None:
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _alert(row)


async def _touch(connection: AsyncConnection, rule: str) -> str:
    """Lock a rule's row, which is made if there is none; returns the id of the alert that stands."""
    query = select(alert_rules.c.alert_id).where(alert_rules.c.name == rule).with_for_update()
    found: str | None = await connection.scalar(query)
    if found is None:
        await connection.execute(
            insert(alert_rules).values(name=rule, silenced_by="", silence_reason="", **_state_values(RuleState()))
        )
    return found or ""


def _values(alert: Alert) -> dict[str, object]:
    return {
        "message": alert.message,
        "level": alert.level,
        "source": alert.raised_by,
        "raised_at": alert.raised_at,
        "origin": alert.origin,
        "rule": alert.rule,
        "state": alert.state,
        "value": alert.value,
        "threshold": alert.threshold,
        "unit": alert.unit,
        "acknowledged_by": alert.acknowledged_by,
        "acknowledged_at": alert.acknowledged_at,
        "resolved_at": alert.resolved_at,
        "is_told": False,
    }


def _alert(row: Row[Any]) -> Alert:
    return Alert(
        id=row.id,
        message=row.message,
        level=row.level,
        origin=row.origin,
        raised_by=row.source,
        raised_at=row.raised_at,
        state=row.state,
        rule=row.rule,
        value=row.value,
        threshold=row.threshold,
        unit=row.unit,
        acknowledged_by=row.acknowledged_by,
        acknowledged_at=row.acknowledged_at,
        resolved_at=row.resolved_at,
    )


def _state_values(state: RuleState) -> dict[str, object]:
    return {
        "alert_id": state.alert_id,
        "since": state.since,
        "fired_at": state.fired_at,
        "is_known": state.is_known,
        "value": state.value,
    }


def _kept(row: Row[Any]) -> KeptRule:
    state = RuleState(row.alert_id, row.since, row.fired_at, row.is_known, row.value)
    silence = None
    if row.silenced_until is not None:
        silence = Silence(row.silenced_until, row.silenced_by, row.silence_reason)
    return KeptRule(state, silence)
