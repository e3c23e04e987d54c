"""Nodes in processes of their own that are killed or held still."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from engine.tests.brokers.redis_server import RedisServer, redis_server
from engine.tests.docs.pages import REPOSITORY
from engine.tests.plane.clusters import TIMEOUT_SECONDS, Node, cluster
from engine.tests.plane.node_process import OPTIONS

from hubwire.brokers.redis import RedisBroker
from hubwire.errors import ClientResultTimeout, ConnectionGone, NodeTimeout
from hubwire.model import Audience, Member
from hubwire.testing import MemoryLine, make_caller
from hubwire.wire.encoded import EncodedMessage

EVERYTHING = (Audience.all(), Audience.user("ann"), Audience.group("g"), Audience.connection("there"))


@asynccontextmanager
async def another_process(server: RedisServer) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "engine.tests.plane.node_process", server.url),
        cwd=REPOSITORY,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(TIMEOUT_SECONDS):
            assert await process.stdout.readline() == b"ready\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@asynccontextmanager
async def two_processes() -> AsyncIterator[tuple[Node, asyncio.subprocess.Process]]:
    async with (
        redis_server() as server,
        another_process(server) as process,
        cluster([RedisBroker(server.url)], OPTIONS) as (node,),
    ):
        await node.until_sees("n1")
        yield node, process


async def counts_as_there(node: Node) -> bool:
    """Whether Redis still counts the other process in, which is asked in vain then."""
    try:
        return await node.plane.exists(Audience.all())
    except NodeTimeout:
        return True


async def test_the_connections_of_a_process_that_was_killed_are_gone_at_once_and_itself_in_time() -> None:
    async with two_processes() as (node, process):
        assert [await node.plane.exists(audience) for audience in EVERYTHING] == [True] * 4
        question = asyncio.create_task(node.plane.invoke("there", "Ask", ()))
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not node.plane._requests.waiting():  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0)
        await asyncio.sleep(0)
        process.kill()
        await process.wait()
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while await counts_as_there(node):  # noqa: ASYNC110 - Redis notices in its own time
                await asyncio.sleep(0.01)
        assert [await node.plane.exists(audience) for audience in EVERYTHING] == [False] * 4
        await node.plane.add_to_group("g", Member.user("ann"))
        await node.until_sees()
        async with asyncio.timeout(TIMEOUT_SECONDS):
            with pytest.raises(ConnectionGone):
                await question


async def test_a_process_that_stands_still_holds_nobody_up_and_is_counted_out_in_time() -> None:
    async with two_processes() as (node, process):
        line = MemoryLine(make_caller("bob", connection_id="here"))
        reachable = node.plane.attach(line)
        assert reachable is not None
        await reachable
        os.kill(process.pid, signal.SIGSTOP)
        try:
            for number in range(100):
                await node.plane.send(Audience.all(), EncodedMessage.invocation(f"{number}", ()))
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await line.until("99")
            with pytest.raises(NodeTimeout, match="0 of 1 nodes answered"):
                await node.plane.add_to_group("g", Member.user("ann"))
            with pytest.raises(ClientResultTimeout):
                await node.plane.invoke("there", "Ask", (), 0.1)
            await node.until_sees()
        finally:
            os.kill(process.pid, signal.SIGCONT)
        await node.until_sees("n1")
        await node.plane.add_to_group("g", Member.user("ann"))
