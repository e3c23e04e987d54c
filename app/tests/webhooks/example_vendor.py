"""A vendor that does what a test says, its requests, and the inbox around it on a real database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

import msgspec
from app.tests.services.fakes import START, FakeClock
from sqlalchemy.ext.asyncio import AsyncConnection

from meschain.domain.events import NewEvent, StoredEvent
from meschain.domain.payloads import StockRow
from meschain.services.options import InboxOptions
from meschain.services.ports import ShopUnavailable
from meschain.services.webhook_json import read_json
from meschain.services.webhook_ports import (
    Delivery,
    Malformed,
    Marketplace,
    Notice,
    Outcome,
    StockHint,
    Translation,
    VendorUnavailable,
    WebhookAnswer,
    WebhookRequest,
)
from meschain.state.database import Database
from meschain.state.events import SqlEventStore
from meschain.state.inbox import SqlInboxStore
from meschain.webhooks.receiving import Inbox
from meschain.webhooks.worker import InboxWorker

RIGHT = "right"
STATUSES = {Outcome.STORED: 200, Outcome.FORGED: 401, Outcome.MALFORMED: 400, Outcome.UNAVAILABLE: 503}


class Message(msgspec.Struct, frozen=True):
    """`{"id": …, "order": …, "status": …, "at": seconds}`."""

    id: str
    order: str = "1"
    status: str = "created"
    at: float = 0.0
    sku: str = ""


def request(secret: str = RIGHT, *, method: str = "POST", path: str = "", **content: Any) -> WebhookRequest:
    body = msgspec.json.encode({"id": "1", **content})
    headers = {"x-secret": secret, "x-kept": "kept", "content-type": "application/json"}
    return WebhookRequest(method, path, {}, headers, body, START)


class ExampleVendor:
    """A `Marketplace`: believes the header x-secret, and fails as often as `failures` says for an id."""

    def __init__(self, code: str = "etsy") -> None:
        self._code = code
        self.failures: dict[str, int] = {}
        self.error: Callable[[], Exception] = lambda: VendorUnavailable("the vendor is away")
        self.translated: list[str] = []
        self.extra = Translation()
        self.hangs: asyncio.Event | None = None
        self.cannot_tell = False
        self.stock_id = ""

    @property
    def code(self) -> str:
        return self._code

    @property
    def kept_headers(self) -> frozenset[str]:
        return frozenset({"x-kept"})

    async def is_authentic(self, request: WebhookRequest) -> bool:
        if self.cannot_tell:
            raise VendorUnavailable("keys cannot be had")
        return request.headers.get("x-secret") == RIGHT

    def greeting(self, request: WebhookRequest) -> WebhookAnswer | None:
        if request.method != "GET":
            return None
        if request.path == "odd":
            raise Malformed("an odd greeting")
        return WebhookAnswer(200, b'"hello"')

    def read(self, request: WebhookRequest) -> Notice:
        message = read_json(request.body, Message)
        return Notice(f"{self._code}:{message.id}", message.status, path="kept" if request.path else "")

    def answer(self, outcome: Outcome, request: WebhookRequest) -> WebhookAnswer:
        return WebhookAnswer(STATUSES[outcome])

    async def translate(self, delivery: Delivery) -> Translation:
        message = read_json(delivery.body, Message)
        self.translated.append(message.id)
        if self.hangs is not None:
            await self.hangs.wait()
        if self.failures.get(message.id, 0) > 0:
            self.failures[message.id] -= 1
            raise self.error()
        at = START + timedelta(seconds=message.at)
        event_id = f"{self._code}:{message.order}:{message.status}"
        event = NewEvent(event_id, "order", f"order:{message.order}", self._code, {"status": message.status}, at)
        stock = [StockHint(self.stock_id or f"{event_id}:stock", message.sku, "order", at)] if message.sku else []
        return Translation(
            events=[event, *self.extra.events],
            stock=stock,
            alerts=self.extra.alerts,
            erase=self.extra.erase,
            note=self.extra.note,
        )


class Shelf:
    """A `ListedStock` of one mug."""

    def __init__(self) -> None:
        self.is_away = False
        self.asked: list[tuple[str, Sequence[str]]] = []

    async def listed_stock(self, marketplace: str, skus: Sequence[str]) -> Mapping[str, StockRow]:
        self.asked.append((marketplace, skus))
        if self.is_away:
            raise ShopUnavailable("the shop is away")
        row = StockRow(product_id=5, sku="MUG", name="Kupa", quantity=3, listed_quantity=4, in_step=False)
        return {sku: row for sku in skus if sku == "MUG"}


class Crash(Exception):
    """The process ends here."""


class WatchedEvents(SqlEventStore):
    """The log, which also says without waiting what is in it, and crashes when a test says so."""

    def __init__(self, database: Database, clock: FakeClock) -> None:
        super().__init__(database, clock)
        self.rows: Sequence[StoredEvent] = []
        self.crashes = 0
        """How often the process ends before what was written beside the events is committed."""

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        async with super().transaction() as connection:
            yield connection
            if self.crashes:
                self.crashes -= 1
                raise Crash
        self.rows = await self.behind(0, 1_000)


@dataclass
class Rig:
    """An inbox with its worker, both on the same database."""

    database: Database
    clock: FakeClock
    vendors: Mapping[tuple[str, str], Marketplace]
    options: InboxOptions = field(default_factory=InboxOptions)

    def __post_init__(self) -> None:
        self.events = WatchedEvents(self.database, self.clock)
        self.store = SqlInboxStore(self.database, self.clock, self.events)
        self.shelf = Shelf()
        self.alerts: list[tuple[str, str]] = []
        self.counted: list[tuple[str, str]] = []
        self.woken = 0
        self.events_woken = 0
        self.worker = self.new_worker()
        self.inbox = Inbox(
            vendors=self.vendors,
            store=self.store,
            wake=self._wake,
            counted=lambda vendor, outcome: self.counted.append((vendor, outcome)),
            clock=self.clock,
            options=self.options,
        )

    def new_worker(self) -> InboxWorker:
        """As after a restart."""
        return InboxWorker(
            vendors=self.vendors,
            store=self.store,
            told=self._told,
            stock=self.shelf,
            alert=self._alert,
            clock=self.clock,
            random=Random(5),  # noqa: S311 - test data
            options=self.options,
        )

    async def send(self, *requests: WebhookRequest, vendor: str = "etsy", store: str = "main") -> list[int]:
        answers = [await self.inbox.receive(vendor, store, each) for each in requests]
        return [answer.status if answer is not None else 404 for answer in answers]

    async def work(self, code: str = "etsy") -> None:
        while await self.worker.round(code):
            pass

    async def until(self, holds: Callable[[], bool]) -> None:
        """Let the loop and the store's threads run until that holds."""
        async with asyncio.timeout(20):
            while not holds():  # noqa: ASYNC110 - what it waits for has no event
                await asyncio.sleep(0)

    def told(self) -> list[str]:
        return [row.event.event_id for row in self.events.rows]

    def moments(self) -> list[datetime]:
        return [row.event.occurred_at for row in self.events.rows]

    def _told(self) -> None:
        self.events_woken += 1

    def _wake(self) -> None:
        self.woken += 1
        self.worker.wake()

    async def _alert(self, message: str, level: str, about: str) -> None:
        self.alerts.append((message, level))
