"""`meschain serve --workers 3` over a real Redis: clients on every transport, and a worker that is killed."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from app.tests.conftest import DEMO_STATE_FILE, START_SECONDS
from app.tests.entrypoints.test_serve import COMMAND, Process, environment, login, serving
from app.tests.program import free_port, free_ports
from app.tests.site import orders_are_watched
from engine.tests.brokers.redis_server import RedisServer, redis_server

from hubwire.client import ConnectionState, HubConnection, RetryContext

WORKERS = 3
TRANSPORTS = ("WebSockets", "ServerSentEvents", "LongPolling")


@pytest.fixture
async def redis() -> AsyncIterator[RedisServer]:
    async with redis_server() as server:
        yield server


def often(context: RetryContext) -> float | None:
    """A retry policy for a server that is back within seconds."""
    return 0.1


@dataclass
class Page:
    """What a browser would be: a client that comes back, and joins again when it does."""

    connection: HubConnection
    alerts: list[str] = field(default_factory=list)
    orders: list[int] = field(default_factory=list)


@asynccontextmanager
async def page(url: str, token: str, transport: str) -> AsyncIterator[Page]:
    opened = Page(HubConnection(f"{url}/api", access_token=token, transports=[transport], reconnect=often))

    @opened.connection.on("systemAlert")
    def alert(data: dict[str, object]) -> None:
        opened.alerts.append(str(data["message"]))

    @opened.connection.on("orderNotification")
    def order(data: dict[str, object]) -> None:
        assert isinstance(data["orderId"], int)
        opened.orders.append(data["orderId"])

    async with opened.connection:
        yield opened


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what happens in other processes; there is no event to wait for."""
    async with asyncio.timeout(START_SECONDS):
        while not await condition():  # noqa: ASYNC110 - the same
            await asyncio.sleep(0.05)


@dataclass
class Service:
    """The workers, each asked by its own port."""

    process: Process
    metrics_port: int
    http: aiohttp.ClientSession

    async def metrics(self, number: int) -> str:
        """What one worker says; empty: it does not answer."""
        try:
            async with self.http.get(f"http://127.0.0.1:{self.metrics_port + number}/metrics") as answer:
                return await answer.text()
        except (aiohttp.ClientError, TimeoutError):  # a worker listens before it is open
            return ""

    async def working(self) -> list[int]:
        """The workers that do the background work."""
        return [number for number in range(WORKERS) if "meschain_background_work 1.0" in await self.metrics(number)]

    async def pid(self, number: int) -> int:
        found = re.search(r'meschain_node\{.*process="(\d+)"', await self.metrics(number))
        return int(found[1]) if found else 0

    async def all_know_each_other(self) -> bool:
        texts = [await self.metrics(number) for number in range(WORKERS)]
        return all(f"meschain_nodes {WORKERS}.0" in text for text in texts)

    async def one_works(self) -> bool:
        return len(await self.working()) == 1


@asynccontextmanager
async def service(
    data_dir: Path, redis: RedisServer, http: aiohttp.ClientSession, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Service]:
    port = free_ports(WORKERS)
    given = {"MESCHAIN_METRICS_PORT": str(port), **(settings or {})}
    arguments = ("--workers", str(WORKERS), "--redis-url", redis.url)
    async with serving(data_dir, *arguments, settings=given) as process:
        started = Service(process, port, http)
        await until(started.all_know_each_other)
        await until(started.one_works)
        yield started


async def place_order(data_dir: Path) -> int:
    placing = await asyncio.create_subprocess_exec(
        *(COMMAND, "demo", "order", "--marketplace", "etsy", "--data-dir", str(data_dir)),
        stdout=asyncio.subprocess.PIPE,
        env=environment({}),
    )
    output, _ = await placing.communicate()
    found = re.match(r"Placed order (\d+)", output.decode())
    assert found is not None
    return int(found[1])


async def test_pages_on_any_worker_are_one_service_and_outlive_one_of_them(
    data_dir: Path, redis: RedisServer, http: aiohttp.ClientSession
) -> None:
    async with service(data_dir, redis, http) as started, AsyncExitStack() as stack:
        url = started.process.url
        token = await login(http, started.process, "admin")
        pages = [
            await stack.enter_async_context(page(url, token, transport)) for transport in TRANSPORTS for _ in range(3)
        ]

        async def alert_reaches_all(text: str) -> None:
            await pages[0].connection.invoke("BroadcastSystemAlert", text, "info")

            async def have_it() -> bool:
                return all(text in each.alerts for each in pages)

            await until(have_it)

        await alert_reaches_all("Everybody hears it")
        (holder,) = await started.working()
        first_pid = await started.pid(holder)
        os.kill(first_pid, signal.SIGKILL)

        async def all_are_back() -> bool:
            is_back = await started.pid(holder) not in {0, first_pid}
            return is_back and all(each.connection.state is ConnectionState.CONNECTED for each in pages)

        await until(all_are_back)
        await until(started.one_works)
        await until(started.all_know_each_other)
        await alert_reaches_all("And so after one was killed")
        await orders_are_watched(str(data_dir / DEMO_STATE_FILE))
        # Told once by whoever watches now, whatever the number of workers.
        order_id = await place_order(data_dir)

        async def have_the_order() -> bool:
            return all(order_id in each.orders for each in pages)

        await until(have_the_order)
        await alert_reaches_all("What came before this came in time")
        assert [each.orders.count(order_id) for each in pages] == [1] * len(pages)
        assert len(await started.working()) == 1
        await stack.aclose()
        assert await started.process.stop() == 0


async def test_a_stop_leaves_nobody_behind(data_dir: Path, redis: RedisServer, http: aiohttp.ClientSession) -> None:
    async with service(data_dir, redis, http) as started:
        workers = [await started.pid(number) for number in range(WORKERS)]
        assert len(set(workers)) == WORKERS
        assert await started.process.stop() == 0
        for pid in workers:
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)


async def test_without_a_redis_several_workers_are_refused_with_what_to_do(data_dir: Path) -> None:
    with pytest.raises(RuntimeError, match=r"2 workers need redis_url.*give --redis-url"):
        async with serving(data_dir, "--workers", "2"):
            pass


async def test_too_many_connections_for_a_worker_are_said_once_before_there_is_one(data_dir: Path) -> None:
    away = f"redis://127.0.0.1:{free_port()}/0"
    settings = {"MESCHAIN_MAXIMUM_CONNECTIONS": str(10**12)}
    with pytest.raises(RuntimeError, match="it ended") as refused:
        async with serving(data_dir, "--workers", "2", "--redis-url", away, settings=settings):
            pass
    assert str(refused.value).count("connections do not fit") == 1
    assert "Traceback" not in str(refused.value)


async def test_a_redis_that_is_away_is_said_in_one_line(data_dir: Path) -> None:
    address = f"redis://:hunter2@127.0.0.1:{free_port()}/0"
    with pytest.raises(RuntimeError, match="The Redis of redis_url cannot be reached") as refused:
        async with serving(data_dir, "--workers", "2", "--redis-url", address):
            pass
    assert "hunter2" not in str(refused.value)
    assert "Traceback" not in str(refused.value)


async def test_an_internal_host_that_nobody_can_dial_is_refused_with_what_to_do(
    data_dir: Path, redis: RedisServer
) -> None:
    arguments = ("--workers", "2", "--redis-url", redis.url)
    with pytest.raises(RuntimeError, match="Give internal_host the one address") as refused:
        async with serving(data_dir, *arguments, settings={"MESCHAIN_INTERNAL_HOST": "0.0.0.0"}):
            pass
    assert "Traceback" not in str(refused.value)
