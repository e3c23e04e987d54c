"""Follows a shop under test by a source, and stores what it finds as the service does: all or nothing, each id once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.tests.opencart.clock import ManualClock
from app.tests.opencart.world import World

from meschain.domain.events import ACTIVITY, INVENTORY, ORDER, NewEvent
from meschain.opencart.capture.journal import Capture, CaptureNames
from meschain.opencart.options import ShopOptions
from meschain.opencart.order_reader import OrderReader
from meschain.opencart.settings_table import SettingsTable
from meschain.services.ports import Changes, ChangeSource

NAMES = CaptureNames("test")
MakeSource = Callable[[Capture], ChangeSource]


class MemoryCursors:
    """Positions by name."""

    def __init__(self) -> None:
        self.rows: dict[str, str] = {}

    async def load(self, name: str) -> str | None:
        return self.rows.get(name)

    async def save(self, name: str, position: str) -> None:
        self.rows[name] = position


@dataclass
class Log:
    """What is stored."""

    events: list[NewEvent] = field(default_factory=list)
    cursors: MemoryCursors = field(default_factory=MemoryCursors)
    known: set[str] = field(default_factory=set)

    def append(self, changes: Changes) -> None:
        for event in changes.events:
            if event.event_id not in self.known:
                self.known.add(event.event_id)
                self.events.append(event)
        self.cursors.rows |= changes.cursors

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [dict(event.payload) for event in self.events if event.kind == kind]

    @property
    def orders(self) -> list[tuple[int, str]]:
        """Order and status of each notification."""
        return [(payload["orderId"], payload["status"]) for payload in self.of(ORDER)]

    @property
    def stock(self) -> list[tuple[int, int]]:
        """Product and quantity of each update."""
        return [(payload["productId"], payload["quantity"]) for payload in self.of(INVENTORY)]

    @property
    def activities(self) -> list[str]:
        return [payload["text"] for payload in self.of(ACTIVITY)]

    def taken(self) -> Log:
        """What came since the last time."""
        found, self.events = self.events, []
        return Log(found)


class Follower:
    """One life of a source; what it finds is in `log`."""

    def __init__(self, world: World, make_source: MakeSource, log: Log | None = None) -> None:
        self.world = world
        self.log = log or Log()
        self._make_source = make_source
        self.clock = ManualClock(jump=True)
        database = world.database()
        settings = SettingsTable(database, self.clock, keep_seconds=0)
        orders = OrderReader(database, settings, self.clock, ShopOptions())
        self.capture = Capture(database, settings, orders, self.log.cursors, self.clock, NAMES)
        self.source = make_source(self.capture)
        self._changes: AsyncGenerator[Changes, None] | None = None
        self._sentinel: int | None = None

    async def step(self) -> Sequence[NewEvent]:
        """The next batch, stored."""
        if self._changes is None:
            self._changes = self.source.changes()
        async with asyncio.timeout(30):
            changes = await anext(self._changes)
        self.log.append(changes)
        return changes.events

    async def start(self) -> None:
        """Return when what happens from now on will be told."""
        await self.step()
        await self.step()

    async def catch_up(self) -> Log:
        """What happened so far, found by something that happens last."""
        if self._sentinel is None:
            self._sentinel = await self.world.product(0, sku="sentinel")
        await self.world.run("UPDATE {product} SET quantity = quantity + 1 WHERE product_id = ?", self._sentinel)
        ((last,),) = await self.world.rows("SELECT quantity FROM {product} WHERE product_id = ?", self._sentinel)
        while (self._sentinel, last) not in self.log.stock:
            await self.step()
        # Options may stand behind it in this look, and rows of other tables in the next one.
        for _ in range(2):
            await self.step()
        found = self.log.taken()
        others = [event for event in found.events if event.payload.get("sku") != "sentinel"]
        return Log(others)

    async def stop(self) -> None:
        """As by a crash between two batches: nothing is stored any more."""
        if self._changes is not None:
            await self._changes.aclose()
            self._changes = None

    def again(self, make_source: MakeSource | None = None) -> Follower:
        """Another life with what this one stored."""
        following = Follower(self.world, make_source or self._make_source, self.log)
        following._sentinel = self._sentinel
        return following
