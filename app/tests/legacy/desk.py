"""A connection on doubles: a socket that tests hold both ends of, and the services as `services/conftest` has them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from app.tests.services.conftest import World
from app.tests.services.fakes import settle
from prometheus_client import CollectorRegistry

from meschain.auth.bearer import Bearer
from meschain.auth.keys import Secrets
from meschain.auth.login_tokens import InvalidToken, LoginTokens
from meschain.domain.roles import Identity
from meschain.legacy.absences import Absences
from meschain.legacy.connection import Desk, LegacyConnection, SocketClosed
from meschain.legacy.options import LegacyOptions
from meschain.legacy.proof import LINK_KEYS, Guest, Proofs
from meschain.legacy.reading import FigureReading
from meschain.legacy.usage import LegacyMetrics, LegacyUsage
from meschain.legacy_settings import Dialect, LegacyListener
from meschain.services.legacy_absence import Absence
from meschain.services.legacy_use import LegacyUse, LegacyUser


class MemoryLegacyUse:
    """`LegacyUseStore` in memory; fails while `is_away`."""

    def __init__(self) -> None:
        self.rows: dict[LegacyUser, LegacyUse] = {}
        self.is_away = False

    async def add(self, use: LegacyUse) -> None:
        if self.is_away:
            raise ConnectionError("the database is away")
        before = self.rows.get(use.user)
        if before is not None:
            use = LegacyUse(
                use.user,
                use.role,
                use.proved,
                before.first_seen_at,
                use.last_seen_at,
                before.connections + use.connections,
                before.received + use.received,
            )
        self.rows[use.user] = use

    async def latest(self, limit: int) -> Sequence[LegacyUse]:
        return sorted(self.rows.values(), key=lambda use: use.last_seen_at, reverse=True)[:limit]


class MemoryAbsences:
    """`AbsenceStore` in memory; fails while `is_away`."""

    def __init__(self) -> None:
        self.rows: list[Absence] = []
        self.is_away = False
        self.answers = asyncio.Event()
        """Unset: `take` waits."""
        self.answers.set()

    async def add(self, absences: Sequence[Absence]) -> None:
        if self.is_away:
            raise ConnectionError("the database is away")
        self.rows.extend(absences)

    async def take(self, client: str, since: datetime) -> int | None:
        await self.answers.wait()
        found = [row for row in self.rows if row.client == client and row.since >= since]
        if not found:
            return None
        first = min(found, key=lambda row: row.since)
        self.rows.remove(first)
        return first.position

    async def forget(self, before: datetime) -> None:
        self.rows = [row for row in self.rows if row.since >= before]


@dataclass(frozen=True)
class FixedTotals:
    revenue: Decimal = Decimal("1000.005")
    orders: int = 8
    pending: int = 2

    async def totals(self) -> FixedTotals:
        return self

    async def amounts(self, order_ids: Sequence[int]) -> Mapping[int, Decimal]:
        return {number: Decimal("33.333") for number in order_ids}


class FakeSocket:
    """What the client sends is put in; what it is sent is kept."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.closed_with: int | None = None
        self._is_dropped = self._is_left = False
        self.reads = True
        self.answers_pings = True
        self.answers_close = asyncio.Event()
        self.answers_close.set()
        self._incoming: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self._more = asyncio.Event()

    def say(self, frame: object) -> None:
        self._incoming.put_nowait(frame if isinstance(frame, str | bytes) else json.dumps(frame))

    async def receive(self) -> str | bytes:
        frame = await self._incoming.get()
        if frame is None:
            raise SocketClosed(by_client=self._is_left)
        return frame

    async def send(self, text: str) -> None:
        if not self.reads:
            await self._more.wait()
        if self._is_dropped:
            raise SocketClosed
        self.sent.append(json.loads(text.encode()))

    async def close(self, code: int) -> None:
        await self.answers_close.wait()
        self.closed_with = code
        self._incoming.put_nowait(None)

    def drop(self) -> None:
        self._is_dropped = True
        self._incoming.put_nowait(None)

    def say_goodbye(self) -> None:
        """As a browser does whose page is left."""
        self._is_left = True
        self._incoming.put_nowait(None)

    def ping(self) -> bool:
        return self.answers_pings

    def was_dropped(self) -> bool:
        return self._is_dropped

    def types(self) -> list[str]:
        return [message["type"] for message in self.sent]


async def no_log_ins(_token: str) -> Bearer:
    raise InvalidToken("there are no log-ins here")


@dataclass
class Rig:
    """Where connections are tested."""

    world: World = field(default_factory=World)
    options: LegacyOptions = field(default_factory=LegacyOptions)
    listener: LegacyListener = field(default_factory=lambda: LegacyListener(port=8080))

    def __post_init__(self) -> None:
        self.registry = CollectorRegistry()
        self.rows = MemoryLegacyUse()
        self.absences = MemoryAbsences()
        clock = self.world.clock
        self.desk = Desk(
            reading=FigureReading(
                shop=self.world.shop,
                totals=FixedTotals(),
                dashboard=self.world.dashboard,
                jobs=self.world.jobs,
                clock=clock,
                connections=lambda: 1,
                options=self.options,
            ),
            commands=self.world.commands,
            proofs=Proofs(LoginTokens(Secrets("s" * 40).keys(LINK_KEYS), clock), no_log_ins),
            usage=LegacyUsage(self.rows, {"test": self.listener}, clock, self.options),
            absences=Absences(self.absences, self.world.events, clock, self.options),
            metrics=LegacyMetrics(self.registry),
            clock=clock,
            options=self.options,
        )

    def cut(self, reason: str) -> float:
        """How many were cut off for that."""
        return self.registry.get_sample_value("meschain_legacy_cut_total", {"reason": reason}) or 0.0

    def open(self, dialect: Dialect) -> float:
        """How many speak it."""
        return self.registry.get_sample_value("meschain_legacy_connections", {"dialect": dialect}) or 0.0

    @asynccontextmanager
    async def connected(
        self,
        *among: Dialect,
        who: Identity,
        is_proved: bool = False,
        until: datetime | None = None,
        listener: str = "test",
    ) -> AsyncIterator[tuple[FakeSocket, LegacyConnection]]:
        socket = FakeSocket()
        connection = LegacyConnection(
            socket,
            1,
            self.desk,
            self.listener,
            listener,
            Guest(who, is_proved, until),
            among,
            lambda dialect: LegacyUser(listener, dialect, "https://old.example.com", "10.0.0.1", "Browser"),
            heard=await self.world.events.newest(),
        )
        running = asyncio.create_task(connection.run())
        await settle()
        try:
            yield socket, connection
        finally:
            socket.drop()
            await settle()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
