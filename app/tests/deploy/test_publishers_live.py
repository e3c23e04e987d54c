"""Both publishers against the running application: what they send is stored once, whatever happens in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from app.tests.deploy.php import run_php
from app.tests.deploy.test_php_publisher import PUBLISHER, SCRIPT
from app.tests.site import Site
from deploy.publishers.meschain_publisher import EventRefused, Publisher

from meschain.auth.api_keys import ApiKeys
from meschain.services.clock import SystemClock
from meschain.state.api_keys import SqlApiKeyStore
from meschain.state.database import Database
from meschain.state.events import SqlEventStore

ORDER = {"kind": "order", "eventId": "o-1", "orderId": 7, "status": "created", "total": "149.90", "currency": "TRY"}


@dataclass
class Desk:
    """A key, and a look into the service's database."""

    url: str
    key: str
    database: Database

    async def stored(self) -> list[str]:
        rows = await SqlEventStore(self.database, SystemClock()).behind(0, 1_000)
        return [row.event.event_id for row in rows if row.event.event_id.startswith("publish:")]


@pytest.fixture
async def desk(site: Site) -> AsyncIterator[Desk]:
    database = await Database.open(site.settings.state_url)
    _, key = await ApiKeys(SqlApiKeyStore(database), SystemClock()).create("erp", ["order"], ["shop"])
    yield Desk(site.url, key, database)
    await database.close()


async def test_the_python_publisher(desk: Desk, tmp_path: Path) -> None:
    spool = str(tmp_path / "spool")
    away = Publisher("http://127.0.0.1:1", desk.key, spool)
    assert not await asyncio.to_thread(away.publish, ORDER)
    publisher = Publisher(desk.url, desk.key, spool)
    assert await asyncio.to_thread(publisher.flush)
    for _ in range(2):
        assert await asyncio.to_thread(publisher.publish, ORDER, {**ORDER, "eventId": "o-2"})
    stock = {"kind": "inventory", "productId": 1, "quantity": 1}
    with pytest.raises(EventRefused, match="not for inventory"):
        await asyncio.to_thread(Publisher(desk.url, desk.key).publish, stock)
    assert await desk.stored() == ["publish:erp:o-1", "publish:erp:o-2"]


async def test_the_php_publisher(desk: Desk, tmp_path: Path) -> None:
    spool = str(tmp_path / "spool")

    options = {"attempts": 1, "timeout_milliseconds": 60_000, "publish_seconds": 60}  # a busy machine may be slow

    async def call(call: str, url: str, *events: object) -> object:
        given = {"url": url, "key": desk.key, "spool": spool, "call": call, "options": options}
        return await asyncio.to_thread(run_php, SCRIPT, str(PUBLISHER), given={**given, "events": events})

    assert await call("publish", "http://127.0.0.1:1", ORDER) == {"done": False}
    assert await call("flush", desk.url) == {"done": True}
    wrong = {**ORDER, "eventId": "o-3", "currency": "lira"}
    assert await call("publish", desk.url, ORDER, wrong, {**ORDER, "eventId": "o-2"}) == {"done": True}
    assert await desk.stored() == ["publish:erp:o-1", "publish:erp:o-2"]
    assert "currency" in await asyncio.to_thread(Path(f"{spool}.refused").read_text)
