"""What preparing forgets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_urlsafe

from app.tests.services.fakes import FakeClock

from meschain.bootstrap import prepare
from meschain.domain.rollout import Side
from meschain.settings import Settings
from meschain.state.database import Database
from meschain.state.events import SqlEventStore


@asynccontextmanager
async def events_of(settings: Settings) -> AsyncIterator[SqlEventStore]:
    database = await Database.open(settings.state_url, migrate=False)
    try:
        yield SqlEventStore(database, FakeClock())
    finally:
        await database.close()


async def test_a_green_side_that_was_taken_away_begins_anew(data_dir: Path) -> None:
    alone = Settings(data_dir=data_dir)
    green = "Endpoint=http://localhost;AccessKey=a;Version=1.0;"
    beside_green = Settings.model_validate(
        {"data_dir": data_dir, "green_signalr": green, "upstream_code": token_urlsafe(33)}
    )
    await prepare(beside_green)
    async with events_of(alone) as events:
        await events.mark_published(1, Side.GREEN)
        await events.mark_published(5)
        await prepare(beside_green)
        assert await events.published(Side.GREEN) == 1
        await prepare(alone)
        assert await events.published(Side.GREEN) == 5
