"""`meschain serve --workers 3` over a real Redis, and the worker killed that runs a sync: the sync ends once."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from app.tests.entrypoints.test_serve import login
from app.tests.entrypoints.test_workers import WORKERS, Service, often, service, until
from engine.tests.brokers.redis_server import RedisServer, redis_server

from hubwire.client import HubConnection

PAGES = 4


@pytest.fixture
async def redis() -> AsyncIterator[RedisServer]:
    async with redis_server() as server:
        yield server


@dataclass
class Page:
    """What a browser would be: it comes back after a loss, and asks for what it missed."""

    connection: HubConnection
    updates: list[dict[str, Any]] = field(default_factory=list)

    def of(self, job_id: str) -> list[dict[str, Any]]:
        """What it heard of a job, each event once and in its place."""
        by_position = {update["position"]: update for update in self.updates if update["jobId"] == job_id}
        return [by_position[position] for position in sorted(by_position)]

    def live(self, job_id: str) -> list[float]:
        """Progress as it came by itself."""
        return [u["progress"] for u in self.updates if u["jobId"] == job_id and not u.get("replayed")]

    async def catch_up(self) -> None:
        position = max((update["position"] for update in self.updates), default=0)
        while (answer := await self.connection.invoke("ResumeEvents", position))["more"]:
            position = answer["position"]


@asynccontextmanager
async def page(url: str, token: str) -> AsyncIterator[Page]:
    opened = Page(HubConnection(f"{url}/api", access_token=token, reconnect=often))

    @opened.connection.on("marketplaceSyncUpdate")
    def update(data: dict[str, Any]) -> None:
        opened.updates.append(data)

    @opened.connection.on_reconnected
    async def reconnected(_connection_id: str | None) -> None:
        await opened.catch_up()

    async with opened.connection:
        yield opened


async def processes(started: Service) -> dict[str, int]:
    """Process id of each worker, by its name."""
    texts = [await started.metrics(number) for number in range(WORKERS)]
    found = [re.search(r'meschain_node\{node="([^"]+)",process="(\d+)"\}', text) for text in texts]
    return {match[1]: int(match[2]) for match in found if match}


def rows(data_dir: Path, query: str, *values: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(data_dir / "demo.db", timeout=30)) as database:
        return database.execute(query, values).fetchall()


async def test_a_sync_whose_worker_is_killed_ends_once_and_never_goes_back(
    data_dir: Path, redis: RedisServer, http: aiohttp.ClientSession
) -> None:
    async with service(data_dir, redis, http) as started, AsyncExitStack() as stack:
        token = await login(http, started.process, "admin")
        pages = [await stack.enter_async_context(page(started.process.url, token)) for _ in range(PAGES)]
        by_name = await processes(started)
        headers = {"Authorization": f"Bearer {token}"}
        asked = http.post(f"{started.process.url}/api/jobs", json={"marketplace": "trendyol"}, headers=headers)
        async with asked as answer:
            job_id = (await answer.json())["jobId"]

        def job() -> tuple[Any, ...]:
            (row,) = rows(data_dir, "SELECT status, worker, progress, attempts FROM mc_sync_jobs WHERE id = ?", job_id)
            return row

        async def is_in_the_middle() -> bool:
            return bool(job()[2] > 0)

        await until(is_in_the_middle)
        os.kill(by_name[job()[1]], signal.SIGKILL)
        status, _, reached, attempts = job()
        assert (status, attempts) == ("running", 1)
        assert reached < 100

        async def has_ended() -> bool:
            return bool(job()[0] != "running") and all(any(u["completed"] for u in each.of(job_id)) for each in pages)

        await until(has_ended)
        assert (job()[0], job()[3]) == ("success", 2)

        def told(kind: str) -> list[str]:
            query = "SELECT payload FROM mc_events WHERE kind = ? AND payload LIKE ? ORDER BY position"
            return [payload for (payload,) in rows(data_dir, query, kind, f"%{job_id}%")]

        assert len([text for text in told("sync") if '"success"' in text]) == 1
        assert len([text for text in told("activity") if '"success"' in text]) == 1
        for each in pages:
            heard = each.of(job_id)
            progress = [update["progress"] for update in heard]
            assert progress == sorted(progress)
            assert each.live(job_id) == sorted(each.live(job_id))
            assert [update["status"] for update in heard if update["completed"]] == ["success"]
        # Somebody heard the whole of it: what was reached before the kill, and what came after it.
        assert any(0 < update["progress"] <= reached for each in pages for update in each.of(job_id))
        await stack.aclose()
        assert await started.process.stop() == 0
