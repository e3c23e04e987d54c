"""Clients that ask for much, and what the server spends on those that ask for nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hubwire import HubOptions
from hubwire.model import Principal

from .conftest import HANDSHAKE, TIMEOUT_SECONDS, Serve, fast_lane_only


async def test_what_a_client_queued_in_one_turn_may_be_one_large_frame(serve: Serve) -> None:
    calls = [{"type": 1, "invocationId": "i", "target": "Echo", "arguments": ["x" * 500]} for _ in range(1500)]
    async with serve() as running, running.connected() as client:
        await client.send(*calls)
        for _ in calls:
            assert (await client.receive())["result"] == "x" * 500


@fast_lane_only
@pytest.mark.parametrize(
    ("options", "size", "code"),
    [
        (HubOptions(maximum_receive_message_bytes=50_000, maximum_receive_frame_bytes=10), 50_001, 1009),
        (HubOptions(maximum_receive_message_bytes=50_000, maximum_receive_frame_bytes=60_000), 60_001, 1009),
        (HubOptions(maximum_receive_message_bytes=50_000, maximum_receive_frame_bytes=60_000), 60_000, 1000),
    ],
)
async def test_a_frame_has_its_own_limit(serve: Serve, options: HubOptions, size: int, code: int) -> None:
    async with serve(hub_options=options) as running, running.connected() as client:
        await client.socket.send("x" * size)
        assert await client.closed() == code


async def test_who_is_admitted_while_the_drain_begins_is_refused(serve: Serve) -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    class SlowTokens:
        async def verify(self, token: str | None, hub: str, request: object) -> Any:
            entered.set()
            await leave.wait()
            return Principal()

    async with serve(verifier=SlowTokens()) as running, asyncio.timeout(TIMEOUT_SECONDS):
        upgrade = asyncio.create_task(running.upgrade("/sample"))
        await entered.wait()
        await running.hubs.drain()
        leave.set()
        assert (await upgrade).status == 503
        assert running.hubs.connection_count == 0


@fast_lane_only
async def test_connections_at_rest_have_no_task(serve: Serve) -> None:
    payload = HANDSHAKE.encode()
    async with serve() as running, asyncio.timeout(TIMEOUT_SECONDS):
        before = asyncio.all_tasks()
        writers = []
        for _ in range(20):
            reader, writer = await running.open()
            writer.write(running.upgrade_head("/sample"))
            await reader.readuntil(b"\r\n\r\n")
            writer.write(bytes((0x81, 0x80 | len(payload))) + bytes(4) + payload)
            await reader.readexactly(5)
            writers.append(writer)
        await running.hubs.tasks.wait()
        assert running.hubs.connection_count == 20
        assert asyncio.all_tasks() == before
        for writer in writers:
            writer.close()
