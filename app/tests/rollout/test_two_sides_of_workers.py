"""Blue on the sockets of several workers: all move to green and back, hear everything once, and leave together."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
from app.tests.azure_service import AzureService
from app.tests.conftest import START_SECONDS
from app.tests.entrypoints.test_serve import login, serving
from app.tests.entrypoints.test_workers import Page, page, until
from app.tests.program import free_port
from engine.tests.brokers.redis_server import redis_server

from hubwire.client import ConnectionState
from meschain.domain.rollout import Side

PAGES = 6


async def test_the_pages_of_all_workers_move_to_green_and_back(data_dir: Path, http: aiohttp.ClientSession) -> None:
    code, port = secrets.token_urlsafe(33), free_port()
    green = AzureService(data_dir.parent / "green", f"http://127.0.0.1:{port}/api/upstream-green?code={code}")
    settings = {
        "MESCHAIN_GREEN_SIGNALR": green.connection_string,
        "MESCHAIN_UPSTREAM_CODE": code,
        "MESCHAIN_MOVE_SECONDS": "1",
        "MESCHAIN_ROLLOUT_GUARDS": "watch",
    }
    async with AsyncExitStack() as stack:
        stack.push_async_callback(asyncio.to_thread, green.stop)
        await asyncio.to_thread(green.start)
        redis = await stack.enter_async_context(redis_server())
        workers = ("--workers", "2", "--redis-url", redis.url)
        process = await stack.enter_async_context(serving(data_dir, *workers, port=port, settings=settings))
        token = await login(http, process, "admin")
        headers = {"Authorization": f"Bearer {token}"}
        pages: list[Page] = []
        for _ in range(PAGES):
            pages.append(await stack.enter_async_context(page(process.url, token, "WebSockets")))

        async def turn(action: str, **body: object) -> None:
            async with http.post(f"{process.url}/api/rollout/{action}", json=body, headers=headers) as answer:
                assert answer.status == 200, await answer.text()

        async def all_are_on(side: Side) -> None:
            async def are_they() -> bool:
                async with http.get(f"{process.url}/api/rollout", headers=headers) as answer:
                    report: dict[str, Any] = await answer.json()
                found = {name: figures["connections"] for name, figures in report["sides"].items()}
                # One may be noted there a moment before its client knows, which could not call anything then.
                know_it = all(each.connection.state is ConnectionState.CONNECTED for each in pages)
                return know_it and found == {side: PAGES, side.other: 0}

            await until(are_they)

        async def each_hears_once(text: str) -> None:
            await pages[0].connection.invoke("BroadcastSystemAlert", text, "info")
            async with asyncio.timeout(START_SECONDS):
                while not all(text in each.alerts for each in pages):  # noqa: ASYNC110 - each page has its own event
                    await asyncio.sleep(0.02)

        texts = ["on blue", "on green", "back on blue"]
        await all_are_on(Side.BLUE)
        await each_hears_once(texts[0])
        await turn("start", percent=100)
        await all_are_on(Side.GREEN)
        await each_hears_once(texts[1])
        await turn("rollback")
        await all_are_on(Side.BLUE)
        await each_hears_once(texts[2])
        assert [each.alerts for each in pages] == [texts] * PAGES
        async with http.post(f"{process.url}/api/logout", headers=headers) as answer:
            assert answer.status == 204

        async def all_have_left() -> bool:
            return not any(each.connection.state is ConnectionState.CONNECTED for each in pages)

        await until(all_have_left)
        await stack.aclose()
