"""Hand-written doubles of `services.alert_ports`: the book and its outbox in memory, a channel to program."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from meschain.domain.alert_rules import RuleState
from meschain.domain.alerts import RESOLVED, Alert
from meschain.services.alert_messages import AlertMessages
from meschain.services.alert_ports import AlertMessage, ChannelUnavailable, KeptRule, Silence
from meschain.services.ports import Clock


class MemoryAlertBook:
    """The book, and the outbox in which it puts messages."""

    def __init__(self, outbox: MemoryAlertOutbox | None = None) -> None:
        self.rows: list[Alert] = []
        self.outbox = outbox or MemoryAlertOutbox()
        self.kept: dict[str, KeptRule] = {}
        self._untold: set[str] = set()

    async def add(self, alert: Alert, messages: Sequence[AlertMessage] = ()) -> bool:
        if await self.get(alert.id) is not None:
            return False
        self.rows.append(alert)
        self._untold.add(alert.id)
        self.outbox.put(messages)
        return True

    async def change(self, alert: Alert, was: str, messages: Sequence[AlertMessage] = ()) -> bool:
        present = await self.get(alert.id)
        if present is None or present.state != was:
            return False
        self._put(alert)
        self.outbox.put(messages)
        return True

    async def get(self, alert_id: str) -> Alert | None:
        return next((row for row in self.rows if row.id == alert_id), None)

    async def latest(self, limit: int) -> Sequence[Alert]:
        return self.rows[::-1][:limit]

    async def untold(self, limit: int) -> Sequence[Alert]:
        return [row for row in self.rows if row.id in self._untold][:limit]

    async def mark_told(self, alert_id: str, state: str) -> None:
        present = await self.get(alert_id)
        if present is not None and present.state == state:
            self._untold.discard(alert_id)

    async def rules(self) -> Mapping[str, KeptRule]:
        return dict(self.kept)

    async def remember(self, states: Mapping[str, RuleState]) -> None:
        for name, state in states.items():
            if self._kept(name).state.alert_id == state.alert_id:
                self.kept[name] = replace(self._kept(name), state=state)

    async def fires(self, rule: str, state: RuleState, alert: Alert, messages: Sequence[AlertMessage]) -> bool:
        if self._kept(rule).state.alert_id:
            return False
        await self.add(alert, messages)
        self.kept[rule] = replace(self._kept(rule), state=state)
        return True

    async def resolves(
        self,
        rule: str,
        state: RuleState,
        alert_id: str,
        now: datetime,
        messages: Callable[[Alert], Sequence[AlertMessage]],
    ) -> Alert | None:
        present = await self.get(alert_id)
        if self._kept(rule).state.alert_id != alert_id or present is None:
            return None
        over = replace(present, state=RESOLVED, resolved_at=now)
        self._put(over)
        self.kept[rule] = replace(self._kept(rule), state=state)
        self.outbox.put(messages(over))
        return over

    async def silence(self, rule: str, silence: Silence | None) -> None:
        self.kept[rule] = replace(self._kept(rule), silence=silence)

    async def prune(self, before: datetime, keep: int) -> AsyncGenerator[int, None]:
        newest = self.rows[-keep:]
        kept = [
            row
            for row in self.rows
            if (row in newest and row.raised_at >= before) or (row.rule and row.state != RESOLVED)
        ]
        removed, self.rows = len(self.rows) - len(kept), kept
        yield removed

    def _kept(self, rule: str) -> KeptRule:
        return self.kept.get(rule, KeptRule())

    def _put(self, alert: Alert) -> None:
        self.rows = [alert if row.id == alert.id else row for row in self.rows]
        self._untold.add(alert.id)


class MemoryAlertOutbox:
    def __init__(self, most: int = 1000) -> None:
        self.rows: list[tuple[AlertMessage, datetime]] = []
        self._most = most

    def put(self, messages: Sequence[AlertMessage]) -> None:
        known = {message.id for message, _ in self.rows}
        fresh = [each for each in messages if each.id not in known]
        if len(self.rows) + len(fresh) <= self._most:
            self.rows += [(each, each.created_at) for each in fresh]

    async def waiting(self, channel: str, limit: int) -> Sequence[AlertMessage]:
        return [message for message, _ in self.rows if message.channel == channel][:limit]

    async def next_attempt(self, channel: str) -> datetime | None:
        return next((at for message, at in self.rows if message.channel == channel), None)

    async def sent(self, ids: Sequence[str]) -> None:
        self.rows = [row for row in self.rows if row[0].id not in ids]

    async def failed(self, ids: Sequence[str], next_attempt_at: datetime) -> None:
        self.rows = [
            (replace(message, attempts=message.attempts + 1), next_attempt_at) if message.id in ids else (message, at)
            for message, at in self.rows
        ]

    async def count(self) -> int:
        return len(self.rows)

    async def prune(self, before: datetime, keep: int) -> AsyncGenerator[int, None]:
        kept = [row for row in self.rows[-keep:] if row[0].created_at >= before]
        removed, self.rows = len(self.rows) - len(kept), kept
        yield removed


@dataclass
class FakeChannel:
    """Remembers what was sent; fails while `failures` is above 0."""

    name: str = "mail"
    most_together: int = 50
    apart_seconds: float = 0.0
    failures: int = 0
    sent: list[list[str]] = field(default_factory=list)
    """Ids of the messages of each send."""

    async def send(self, messages: Sequence[AlertMessage]) -> None:
        if self.failures > 0:
            self.failures -= 1
            raise ChannelUnavailable("the receiver answered 503")
        self.sent.append([message.id for message in messages])


def no_messages(clock: Clock) -> AlertMessages:
    """Of a service without any channel."""
    return AlertMessages((), "warning", clock)
