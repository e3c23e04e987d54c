"""Many connects and disconnects in every transport and every manner of leaving: counted afterwards, nothing is left."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable

import pytest

from hubwire.plane.local import LocalDataPlane
from hubwire.server.connection import Connection
from hubwire.transports.asgi_websocket import AsgiWebSocketTransport
from hubwire.transports.long_polling import LongPollingTransport
from hubwire.transports.posted_input import PostedInput
from hubwire.transports.sse import ServerSentEventsTransport
from hubwire.transports.websocket import WebSocketTransport

from .conftest import HANDSHAKE, TIMEOUT_SECONDS, Running, Serve, until
from .http_clients import Polling, listening, open_events, polling

ROUNDS = 300
AT_ONCE = 20

KEPT = (
    Connection,
    AsgiWebSocketTransport,
    WebSocketTransport,
    LongPollingTransport,
    ServerSentEventsTransport,
    PostedInput,
)


async def websocket_closed(running: Running, number: int) -> None:
    async with running.connected():
        pass


async def websocket_lost(running: Running, number: int) -> None:
    async with running.connected() as client:
        client.socket.transport.abort()


async def events_left(running: Running, number: int) -> None:
    async with listening(running):
        pass


async def events_lost_before_the_handshake(running: Running, number: int) -> None:
    async with listening(running, handshake=None) as events:
        events.writer.transport.abort()


async def events_ended_by_the_server(running: Running, number: int) -> None:
    async with listening(running) as events:
        await events.send({"type": 1, "target": "Abort", "arguments": []})
        assert await events.receive() == {"type": 7}
        await events.ended()


async def polling_deleted(running: Running, number: int) -> None:
    async with polling(running) as client:
        assert (await client.delete()).status == 202


async def polling_ended_by_the_server(running: Running, number: int) -> None:
    async with polling(running) as client:
        await client.send({"type": 1, "target": "Abort", "arguments": []})
        assert await client.receive() == {"type": 7}
        assert (await client.poll()).status == 204


async def polling_forgotten(running: Running, number: int) -> None:
    async with polling(running) as client, client.waiting() as poll:
        poll.writer.transport.abort()


async def negotiated_posted_to_and_never_opened(running: Running, number: int) -> None:
    ids = await running.negotiate()
    assert (await Polling(running, f"/sample?id={ids['connectionToken']}", {}).post(HANDSHAKE)).status == 200


async def refused(running: Running, number: int) -> None:
    for target in ("/sample?id=x", "/sample"):
        events = await open_events(running, target)
        assert events.status.split()[1] in ("400", "404")
        events.writer.close()


@pytest.mark.parametrize(
    "leave",
    [
        websocket_closed,
        websocket_lost,
        events_left,
        events_lost_before_the_handshake,
        events_ended_by_the_server,
        polling_deleted,
        polling_ended_by_the_server,
        polling_forgotten,
        negotiated_posted_to_and_never_opened,
        refused,
    ],
)
async def test_connections_that_came_and_went_leave_nothing_behind(
    serve: Serve, leave: Callable[[Running, int], Awaitable[None]]
) -> None:
    async with serve() as running:
        hubs = running.hubs
        async with running.connected() as client:
            await client.invoke("Echo", 1)  # from the first call on there is a spare task
        await until(lambda: not (running.server.server_state.connections or running.server.server_state.tasks))
        await hubs.endpoint.until_empty()
        await hubs.tasks.wait()
        tasks = len(asyncio.all_tasks())
        gc.collect()
        before = count()
        for start in range(0, ROUNDS, AT_ONCE):
            async with asyncio.timeout(2 * TIMEOUT_SECONDS):
                await asyncio.gather(*(leave(running, number) for number in range(start, start + AT_ONCE)))
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while hubs.endpoint.connections or len(hubs.endpoint.table.early) or len(hubs.endpoint.table.used):
                await asyncio.sleep(0)
                running.clock.advance(1.0)
            await hubs.tasks.wait()
        assert not hubs.endpoint.table.requested
        plane = hubs.plane("Sample")
        assert isinstance(plane, LocalDataPlane)
        assert (len(plane.registry), plane.registry.group_count) == (0, 0)
        await until(lambda: not any(hubs.wheel._slots.values()))
        await until(lambda: not running.server.server_state.connections)
        await until(lambda: not running.server.server_state.tasks)
        await until(lambda: len(asyncio.all_tasks()) <= tasks)
        gc.collect()
        assert count() == before


def count() -> dict[str, int]:
    """Live objects of each kind that a connection is made of."""
    kept = dict.fromkeys((kind.__name__ for kind in KEPT), 0)
    for each in gc.get_objects():
        if type(each) in KEPT:
            kept[type(each).__name__] += 1
    return kept
