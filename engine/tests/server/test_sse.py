"""Server-Sent Events on a real socket, under both servers: the fast lane's, which hands HTTP on, and plain ASGI."""

from __future__ import annotations

import asyncio

from .conftest import TIMEOUT_SECONDS, Serve
from .http_clients import listening


async def test_the_head_is_to_the_letter_and_the_comment_comes_at_once(serve: Serve) -> None:
    async with serve() as running, listening(running, handshake=None) as events:
        ours = [field for field in events.head if field[0] not in ("date", "server", "transfer-encoding")]
        assert ours == [
            ["content-type", "text/event-stream"],
            ["cache-control", "no-cache,no-store"],
            ["pragma", "no-cache"],
            ["content-encoding", "identity"],
            ["x-accel-buffering", "no"],
        ]


async def test_calls_are_posted_and_answers_are_events(serve: Serve) -> None:
    async with serve() as running, listening(running, query="&color=red", User_Agent="tester") as events:
        assert (await events.invoke("Echo", {"ü": [1, None, "a\nb"]}))["result"] == {"ü": [1, None, "a\nb"]}
        who = (await events.invoke("Who"))["result"]
        assert (who["agent"], who["color"], who["address"]) == ("tester", "red", "127.0.0.1")


async def test_leaving_the_answer_ends_the_connection_properly(serve: Serve) -> None:
    async with serve() as running:
        async with listening(running):
            await running.journal.until("connected")
        assert await running.journal.until("disconnected") is None
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await running.hubs.endpoint.until_empty()


async def test_the_server_ends_the_answer_behind_its_close_message(serve: Serve) -> None:
    async with serve() as running, listening(running) as events:
        await events.send({"type": 1, "target": "Abort", "arguments": []})
        assert await events.receive() == {"type": 7}
        await events.ended()
        assert running.hubs.connection_count == 0
