"""POSTs that begin and do not end well, on real sockets. What order and back-pressure do stands in tests/transports."""

from __future__ import annotations

import asyncio
import json

import pytest

from hubwire.transports.posted_input import PostedInput

from .conftest import TIMEOUT_SECONDS, Running, Serve, read_reply, until
from .http_clients import Polling, polling

ECHO = json.dumps({"type": 1, "invocationId": "1", "target": "Echo", "arguments": ["x"]}) + "\x1e"


async def test_posts_that_wait_end_with_the_connection(serve: Serve) -> None:
    block = json.dumps({"type": 1, "invocationId": "b", "target": "Block", "arguments": []}) + "\x1e"
    async with serve() as running, polling(running) as client:
        await client.post(block)
        posting = [asyncio.create_task(client.post(ECHO * 2_000)) for _ in range(2)]
        await until(lambda: client.transport.input._is_held)
        assert (await client.delete()).status == 202  # at once, although the hub hangs
        for task in posting:
            assert (await task).status == 404
        assert await running.journal.until("disconnected") is None


async def test_a_client_that_leaves_in_the_middle_of_its_post_may_go_on_with_another(serve: Serve) -> None:
    async with serve() as running, polling(running) as client:
        _, writer = await running.open()
        writer.write(running.head("POST", client.target, Content_Length="1000") + ECHO[:10].encode())
        await until(lambda: client.transport.input._turn.locked())
        writer.transport.abort()
        await until(lambda: not client.transport.input._turn.locked())
        assert (await client.post(ECHO[10:])).status == 200
        assert (await client.receive())["result"] == "x"


async def test_a_post_that_stops_in_the_middle_is_400_and_lets_the_next_one_in(serve: Serve) -> None:
    async with serve() as running, polling(running) as client:
        reader, writer = await running.open()
        writer.write(running.head("POST", client.target, Content_Length="1000") + ECHO[:10].encode())
        await until(lambda: client.transport.input._turn.locked())
        async with client.waiting() as poll:
            posting = asyncio.create_task(client.post(ECHO[10:]))
            running.clock.advance(15.5)
            async with asyncio.timeout(TIMEOUT_SECONDS):
                reply = await read_reply(reader)
            assert (reply.status, reply.body) == (400, b"")
            assert (await posting).status == 200
            assert json.loads((await poll.answer()).body[:-1])["result"] == "x"
        writer.close()


@pytest.mark.parametrize("is_open", [True, False])
async def test_a_stop_does_not_wait_for_posts_that_go_on(serve: Serve, is_open: bool) -> None:
    async with serve() as running:
        ids = await running.negotiate()
        client = Polling(running, f"/sample?id={ids['connectionToken']}", {})
        if is_open:
            assert (await client.poll()).status == 200
        reader, writer = await running.open()
        writer.write(running.head("POST", client.target, Content_Length="1000") + b"x")
        await until(lambda: any(each.wheel_slot >= 0 for each in inputs(running)))
        running.server.should_exit = True
        async with asyncio.timeout(TIMEOUT_SECONDS):
            reply = await read_reply(reader)
        assert (reply.status, reply.body) == (404, b"")
        writer.close()


def inputs(running: Running) -> list[PostedInput]:
    table = running.hubs.endpoint.table
    early = [each.input for each in table.early._inputs.values()]
    return early + [each.input for each in table.requested.values()]
