"""Clients that ask for much and read nothing: what each may cost the server, and that the others do not notice."""

from __future__ import annotations

import asyncio

import pytest
from compliance.checklist import ALL, shows
from compliance.raw.conftest import fast_only
from compliance.raw.judge import SMALL_BUFFER_BYTES, Judge, call, completion
from compliance.raw.peers import Peer, PollingPeer, WebSocketPeer
from compliance.raw.silent import read_nothing
from websockets.frames import Frame, Opcode

SILENT = 10
ECHOES = 200
MESSAGE_BYTES = 20_000
LIMIT_BYTES = 64 * 1024 + 64 * 1024 + 2 * MESSAGE_BYTES
"""What one may cost: the buffer below the transport, the outbox of `/outbox`, and a message over each of them."""
GENEROUS = 4
"""Python's own memory moves in larger steps."""
LARGE_BYTES = 8 * 1024 * 1024
"""A message that no kernel takes whole."""
NOISE_BYTES = 4 * 1024 * 1024


async def silent_peer(judge: Judge, over: str) -> Peer:
    """One that reads nothing once it is connected."""
    peer = judge.peer(over, "/outbox")
    await read_nothing(peer)
    return peer


async def flood(peer: Peer) -> None:
    """Let the server stream without end."""
    await peer.send({"type": 4, "invocationId": "s", "target": "Flood", "arguments": [MESSAGE_BYTES]})


def check_cost(judge: Judge, before: int, count: int) -> None:
    cost = judge.resident_bytes - before
    assert cost < GENEROUS * count * LIMIT_BYTES + NOISE_BYTES, f"{cost} bytes for {count} clients"


@shows("reads-nothing", over=ALL)
async def test_clients_that_read_nothing_cost_no_more_than_their_limit_and_delay_nobody(
    judge: Judge, over: str
) -> None:
    async with judge.connected("WebSockets-json", "/outbox") as other:
        before = judge.resident_bytes
        silent = [await silent_peer(judge, over) for _ in range(SILENT)]
        for peer in silent:
            await flood(peer)
        for number in range(ECHOES):
            assert await other.result("Echo", number) == number
        check_cost(judge, before, SILENT)
        # The streams wait for their readers; what is sent regardless runs into the outbox.
        ids = [peer.connection_id for peer in silent]
        await other.send(call("Burst", ids, "Message", 400, MESSAGE_BYTES, invocation_id="1"))
        assert await other.receive() == completion("1", result=400)
        check_cost(judge, before, SILENT)
        for peer in silent:
            events = await judge.events(peer.connection_id, "disconnected")
            assert events[-1].startswith("disconnected SlowConsumer: ")
        for number in range(ECHOES):
            assert await other.result("Echo", number) == number


@shows("reads-no-results", over=ALL)
async def test_a_client_that_calls_and_reads_no_result_is_cut(judge: Judge, over: str) -> None:
    async with judge.connected("WebSockets-json", "/outbox") as other:
        before = judge.resident_bytes
        peer = await silent_peer(judge, over)
        sending = asyncio.create_task(call_without_end(peer))
        events = await judge.events(peer.connection_id, "disconnected")
        assert events[-1].startswith("disconnected SlowConsumer: ")
        check_cost(judge, before, 1)
        if isinstance(peer, WebSocketPeer):  # where the server cannot cut a socket, it waits for its reader
            peer.socket.streams.go_on_reading()
            while (frame := await peer.socket.frame()) is not None:
                assert frame.opcode is not Opcode.CLOSE
        with pytest.raises((ConnectionError, AssertionError)):  # the socket is gone, or the POST is answered with 404
            await sending
        for number in range(ECHOES):
            assert await other.result("Echo", number) == number


async def call_without_end(peer: Peer) -> None:
    while True:
        await peer.send(*[call("Large", MESSAGE_BYTES, invocation_id="i")] * 20)


@shows("reads-no-polls")
async def test_polls_that_are_not_read_do_not_pile_up(judge: Judge) -> None:
    async with judge.connected("WebSockets-json", "/outbox") as other, judge.connected("LongPolling-json") as peer:
        assert isinstance(peer, PollingPeer)
        before = judge.resident_bytes
        large = peer.notation.write(call("Large", LARGE_BYTES, invocation_id="1"))
        count = 0
        while (await peer.post(large)).status == 200:
            count += 1
            streams = await judge.dial(receive_buffer_bytes=SMALL_BUFFER_BYTES)
            streams.stop_reading()
            streams.writer.write(judge.head("GET", peer.target))
            await judge.fence()
        assert count <= 2  # one answer is under way, and the next message is more than may wait behind it
        assert (await judge.events(peer.connection_id, "disconnected"))[-1].startswith("disconnected SlowConsumer: ")
        assert judge.resident_bytes - before < 4 * LARGE_BYTES
        for number in range(ECHOES):
            assert await other.result("Echo", number) == number


@fast_only
@shows("reads-no-pongs")
async def test_pings_of_a_client_that_reads_no_pongs_are_left_unanswered(judge: Judge) -> None:
    async with judge.connected("WebSockets-json", "/outbox") as other:
        before = judge.resident_bytes
        peer = await silent_peer(judge, "WebSockets-json")
        assert isinstance(peer, WebSocketPeer)
        for _ in range(40):
            await peer.socket.send(*[Frame(Opcode.PING, b"x" * 125)] * 5_000)
        for number in range(ECHOES):
            assert await other.result("Echo", number) == number
        check_cost(judge, before, 1)
