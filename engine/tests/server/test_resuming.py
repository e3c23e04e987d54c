"""Upgrades with the token of an open connection: taken over where that is promised, refused elsewhere, on both lanes.

What is said on the new WebSocket stands in test_stateful.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from hubwire import ConnectRequest, HubOptions, Principal, ServerOptions, Unauthorized

from .conftest import TIMEOUT_SECONDS, Running, Serve, until

STATEFUL = HubOptions(stateful_reconnect=True)
NEGOTIATE = "/sample/negotiate?negotiateVersion=1&useStatefulReconnect=true"
HANDSHAKE = '{"protocol":"json","version":2}\x1e'
PING = '{"type":6}\x1e'


class Users:
    """Implements `TokenVerifier`: the token is the user's name, then anything."""

    async def verify(self, token: str | None, hub: str, request: ConnectRequest) -> Principal:
        if token is None:
            raise Unauthorized("no token")
        return Principal(token.partition(":")[0], {"token": token})


class Dialled:
    """A WebSocket whose hub messages are read one by one."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self._messages: list[dict[str, Any]] = []

    async def send(self, *texts: str) -> None:
        await self.socket.send("".join(texts))

    async def receive(self) -> dict[str, Any]:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not self._messages:
                text = await self.socket.recv()
                assert isinstance(text, str)
                self._messages += [json.loads(part) for part in text.split("\x1e")[:-1]]
        return self._messages.pop(0)


@asynccontextmanager
async def dialled(running: Running, target: str, **headers: str) -> AsyncIterator[Dialled]:
    url = f"ws://127.0.0.1:{running.port}{target}"
    async with connect(url, additional_headers=headers, compression=None, ping_interval=None, proxy=None) as socket:
        yield Dialled(socket)


def call(invocation_id: str, target: str, *arguments: object) -> str:
    message = {"type": 1, "invocationId": invocation_id, "target": target, "arguments": arguments}
    return json.dumps(message) + "\x1e"


async def test_a_lost_connection_is_taken_over_with_its_token_and_keeps_its_id(serve: Serve) -> None:
    # One connection is all that may be open: a resume is none more.
    async with serve(ServerOptions(maximum_connections=1), hub_options=STATEFUL) as running:
        ids = await running.negotiate(NEGOTIATE)
        assert ids["useStatefulReconnect"] is True
        target = f"/sample?id={ids['connectionToken']}"
        async with dialled(running, target) as first:
            await first.send(HANDSHAKE, PING)
            assert await first.receive() == {}
            first.socket.transport.abort()
            await first.socket.wait_closed()
        async with dialled(running, target) as second:
            assert await second.receive() == {"type": 9, "sequenceId": 1}
            await second.send('{"type":9,"sequenceId":1}\x1e', call("1", "Who"))
            assert (await second.receive())["result"]["connection"] == ids["connectionId"]
            assert running.hubs.connection_count == 1
        assert [name for name, _ in running.journal.entries].count("connected") == 1


async def test_a_socket_that_still_looks_alive_is_replaced(serve: Serve) -> None:
    async with serve(hub_options=STATEFUL) as running:
        ids = await running.negotiate(NEGOTIATE)
        target = f"/sample?id={ids['connectionToken']}"
        async with dialled(running, target) as first, dialled_after_handshake(running, first, target) as second:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await first.socket.wait_closed()
            assert await second.receive() == {"type": 9, "sequenceId": 1}
            await second.send('{"type":9,"sequenceId":1}\x1e', call("1", "Echo", "x"))
            assert (await second.receive())["result"] == "x"


@asynccontextmanager
async def dialled_after_handshake(running: Running, first: Dialled, target: str) -> AsyncIterator[Dialled]:
    await first.send(HANDSHAKE, PING)
    assert await first.receive() == {}
    await running.journal.until("connected")
    async with dialled(running, target) as second:
        yield second


async def test_without_the_promise_a_second_socket_is_409_and_the_first_goes_on(serve: Serve) -> None:
    async with serve() as running:
        ids = await running.negotiate(NEGOTIATE)
        assert "useStatefulReconnect" not in ids
        target = f"/sample?id={ids['connectionToken']}"
        async with running.connected(target) as client:
            reply = await running.upgrade(target)
            assert (reply.status, reply.body) == (409, b"")
            assert (await client.invoke("Echo", 1))["result"] == 1


async def test_a_handshake_for_less_makes_a_connection_that_nobody_takes_over(serve: Serve) -> None:
    async with serve(hub_options=STATEFUL) as running:
        target = f"/sample?id={(await running.negotiate(NEGOTIATE))['connectionToken']}"
        async with running.connected(target) as client:
            assert (await running.upgrade(target)).status == 409
            assert (await client.invoke("Echo", 1))["result"] == 1


async def test_a_connection_that_stayed_away_for_too_long_is_404(serve: Serve) -> None:
    async with serve(hub_options=STATEFUL) as running:
        target = f"/sample?id={(await running.negotiate(NEGOTIATE))['connectionToken']}"
        async with dialled(running, target) as first:
            await first.send(HANDSHAKE, PING)
            assert await first.receive() == {}
            first.socket.transport.abort()
        await until(lambda: running.hubs.endpoint.connections)
        while running.hubs.endpoint.connections:
            running.clock.advance(1.0)
            await asyncio.sleep(0)
        reply = await running.upgrade(target)
        assert (reply.status, reply.body) == (404, b"No Connection with that ID")


async def test_nobody_takes_over_another_users_connection_and_a_newer_token_counts(serve: Serve) -> None:
    async with serve(hub_options=STATEFUL, verifier=Users()) as running:
        ids = await running.negotiate(NEGOTIATE, Authorization="Bearer ann:1")
        target = f"/sample?id={ids['connectionToken']}"
        async with dialled(running, target, Authorization="Bearer ann:1") as first:
            await first.send(HANDSHAKE, PING)
            assert await first.receive() == {}
            reply = await running.upgrade(target, Authorization="Bearer bob:1")
            assert (reply.status, reply.body) == (403, b"")
            assert (await running.upgrade(target)).status == 401
            await first.send(call("1", "Who"))
            assert (await first.receive())["result"]["user"] == "ann"  # and was not disturbed
            async with dialled(running, target, Authorization="Bearer ann:2"):
                connection = running.hubs.endpoint.connections[ids["connectionToken"]]
                assert connection.caller.claims == {"token": "ann:2"}


async def test_requests_other_than_upgrades_do_not_resume(serve: Serve) -> None:
    async with serve(hub_options=STATEFUL) as running:
        target = f"/sample?id={(await running.negotiate(NEGOTIATE))['connectionToken']}"
        async with dialled(running, target) as first:
            await first.send(HANDSHAKE, PING)
            assert await first.receive() == {}
            assert (await running.request("GET", target)).status == 400
            assert (await running.request("POST", target)).status == 405
            assert (await running.request("DELETE", target)).status == 400
