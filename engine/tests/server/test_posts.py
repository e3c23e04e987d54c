"""POSTs that begin and do not end, on real sockets. What order and back-pressure do stands in tests/transports."""

from __future__ import annotations

import asyncio
import json

import pytest

from hubwire.transports.posted_input import PostedInput

from .conftest import TIMEOUT_SECONDS, Running, Serve, read_reply, until
from .http_clients import Polling, polling

ECHO = json.dumps({"type": 1, "invocationId": "1", "target": "Echo", "arguments": ["x"]}) + "\x1e"


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
    early = [each.early.input for each in table.pending._pending.values() if each.early is not None]
    return early + [each.input for each in table.requested.values()]
