"""Long polling on a real socket, under both servers: the fast lane's, which hands HTTP on, and plain ASGI."""

from __future__ import annotations

from .conftest import HANDSHAKE, Serve
from .http_clients import Polling, polling


async def test_calls_are_posted_and_answers_are_polled(serve: Serve) -> None:
    async with serve() as running, polling(running, query="&color=red", User_Agent="tester") as client:
        assert (await client.invoke("Echo", {"ü": [1, None, "a\nb"]}))["result"] == {"ü": [1, None, "a\nb"]}
        who = (await client.invoke("Who"))["result"]
        assert (who["agent"], who["color"], who["address"]) == ("tester", "red", "127.0.0.1")
        assert (await client.delete()).status == 202
        assert await running.journal.until("disconnected") is None
        assert (await client.poll()).status == 404


async def test_a_handshake_may_be_posted_before_the_first_poll(serve: Serve) -> None:
    async with serve() as running:
        ids = await running.negotiate()
        client = Polling(running, f"/sample?id={ids['connectionToken']}", {})
        reply = await client.post(HANDSHAKE)
        assert (reply.status, reply.body) == (200, b"")
        reply = await client.poll()
        assert (reply.status, reply.body) == (200, b"")
        assert await client.receive() == {}
