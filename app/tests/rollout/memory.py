"""Doubles of `services.rollout_ports` in memory; they pass the suites of those on SQL."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import datetime

from app.tests.services.fakes import FakeClock

from meschain.domain.rollout import Plan, Side
from meschain.services.ports import ConnectionKey, OpenConnection
from meschain.services.rollout_ports import PlacedConnection, SideCounts


class MemoryPlans:
    def __init__(self) -> None:
        self.versions: list[Plan] = []

    async def current(self) -> Plan:
        return self.versions[-1] if self.versions else Plan()

    async def add(self, plan: Plan) -> bool:
        if plan.version <= (await self.current()).version:
            return False
        self.versions.append(plan)
        return True

    async def history(self, limit: int) -> Sequence[Plan]:
        return self.versions[::-1][:limit]


class MemoryPlaced:
    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.open: dict[tuple[str, str], PlacedConnection] = {}
        self._seen: dict[tuple[str, str], datetime] = {}

    async def opened(self, connection: PlacedConnection) -> None:
        key = (connection.hub, connection.connection_id)
        self.open.setdefault(key, connection)
        self._seen.setdefault(key, self._clock.now())

    async def ended(self, hub: str, connection_id: str) -> None:
        self.open.pop((hub, connection_id), None)
        self._seen.pop((hub, connection_id), None)

    async def open_among(self, keys: Sequence[ConnectionKey]) -> set[ConnectionKey]:
        return {key for key in keys if key in self.open}

    async def page(self, after: tuple[str, str], limit: int) -> Sequence[PlacedConnection]:
        return [self.open[key] for key in sorted(self.open) if key > after][:limit]

    async def count(self) -> Mapping[Side, int]:
        return {side: sum(each.side is side for each in self.open.values()) for side in Side}

    async def unseen(self, before: datetime, limit: int) -> Sequence[OpenConnection]:
        old = sorted((at, key) for key, at in self._seen.items() if at < before)
        return [OpenConnection(*key, "") for _, key in old[:limit]]

    async def seen(self, connection: OpenConnection) -> None:
        self._seen[connection.hub, connection.connection_id] = self._clock.now()


class MemoryCounts:
    def __init__(self) -> None:
        self.rows: dict[tuple[int, str], Mapping[Side, SideCounts]] = {}
        self.is_away = False

    async def add(self, node: str, second: int, counts: Mapping[Side, SideCounts]) -> None:
        if self.is_away:
            raise ConnectionError("the database is away")
        assert (second, node) not in self.rows
        self.rows[second, node] = dict(counts)

    async def between(self, first: int, last: int) -> Mapping[Side, SideCounts]:
        found = [counts for (second, _), counts in self.rows.items() if first <= second <= last]
        return {side: sum((each.get(side, SideCounts()) for each in found), SideCounts()) for side in Side}

    async def prune(self, before: datetime, keep: int) -> AsyncGenerator[int, None]:
        old = [key for key in self.rows if key[0] < before.timestamp()]
        for key in old:
            del self.rows[key]
        yield len(old)


class MemoryReports:
    def __init__(self) -> None:
        self.contents: dict[str, Mapping[str, object]] = {}

    async def put(self, name: str, content: Mapping[str, object]) -> None:
        self.contents[name] = dict(content)

    async def get(self, name: str) -> Mapping[str, object]:
        return self.contents.get(name, {})
