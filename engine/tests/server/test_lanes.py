"""Hub connections over real WebSockets; every test runs on the fast lane and on plain ASGI."""

from __future__ import annotations

import asyncio
import json

import pytest

from hubwire import HubOptions, ServerOptions
from hubwire.errors import ClientTimeout, SlowConsumer, WriteTimeout
from hubwire.model import Audience
from hubwire.server.connection import Connection
from hubwire.wire.encoded import EncodedMessage

from .conftest import HANDSHAKE, TIMEOUT_SECONDS, Serve, fast_lane_only, until_cut_off


async def test_a_negotiated_connection_has_the_id_it_was_promised(serve: Serve) -> None:
    async with serve() as running:
        ids = await running.negotiate()
        async with running.connected(f"/sample?id={ids['connectionToken']}&color=red", User_Agent="tester") as client:
            who = (await client.invoke("Who"))["result"]
            assert who == {
                "connection": ids["connectionId"],
                "user": None,
                "address": "127.0.0.1",
                "scheme": "http",
                "agent": "tester",
                "color": "red",
                "path": "/sample",
            }
            assert running.hubs.connection_count == 1
        assert await running.journal.until("connected") == ids["connectionId"]
        assert await running.journal.until("disconnected") is None


async def test_a_version_0_client_connects_with_its_public_id(serve: Serve) -> None:
    async with serve() as running:
        ids = await running.negotiate("/sample/negotiate")
        async with running.connected(f"/sample?id={ids['connectionId']}") as client:
            assert (await client.invoke("Who"))["result"]["connection"] == ids["connectionId"]


@pytest.mark.parametrize("target", ["/sample", "/sample?id="])
async def test_a_client_may_skip_negotiate(serve: Serve, target: str) -> None:
    async with serve() as running, running.connected(target) as client:
        assert await client.invoke("Echo", {"ü": [1, None]}) == {
            "type": 3,
            "invocationId": "i",
            "result": {"ü": [1, None]},
        }


@pytest.mark.parametrize("target", ["/SAMPLE", "/sample/", "/Sample/?x=1"])
async def test_case_and_a_slash_at_the_end_make_no_difference(serve: Serve, target: str) -> None:
    async with serve() as running, running.connected(target) as client:
        assert (await client.invoke("Echo", 1))["result"] == 1


async def test_errors_have_the_reference_texts(serve: Serve) -> None:
    async with serve() as running, running.connected() as client:
        assert (await client.invoke("fail"))["error"] == (
            "An unexpected error occurred invoking 'Fail' on the server. HubException: on purpose"
        )
        assert (await client.invoke("nope"))["error"] == (
            "Failed to invoke 'nope' due to an error on the server. HubException: Method does not exist."
        )
        await client.send({"type": 4, "invocationId": "s", "target": "echo", "arguments": [1]})
        assert (await client.receive())["error"] == (
            "The client attempted to invoke the non-streaming 'Echo' method with a streaming invocation."
        )
        await client.send({"type": 4, "invocationId": "s", "target": "nope", "arguments": [1]})
        assert "Method does not exist." in (await client.receive())["error"]
        assert running.observer.invoked == [("Fail", False), ("unknown", False), ("Echo", False), ("unknown", False)]


async def test_only_faults_of_the_server_count_as_failures(serve: Serve) -> None:
    async with serve() as running, running.connected() as client:
        assert "ZeroDivisionError" not in (await client.invoke("Crash"))["error"]
        await client.invoke("Crash", "one argument too many")
        assert running.observer.invoked == [("Crash", True), ("Crash", False)]


@pytest.mark.parametrize(
    ("handshake", "text"),
    [
        ('{"protocol":"X","version":1}\x1e', "The protocol 'X' is not supported."),
        ("{}\x1e", "An unexpected error occurred during connection handshake."),
        ("x" * 40_000, "Handshake was canceled."),
    ],
)
async def test_a_bad_handshake_is_told_and_closed(serve: Serve, handshake: str, text: str) -> None:
    async with serve() as running, running.connected(handshake=None) as client:
        await client.socket.send(handshake)
        assert await client.receive() == {"error": text}
        assert await client.closed() == 1000


async def test_a_handshake_that_does_not_come_is_canceled(serve: Serve) -> None:
    async with serve() as running, running.connected(handshake=None) as client:
        running.clock.advance(15.5)
        assert await client.receive() == {"error": "Handshake was canceled."}
        assert await client.closed() == 1000


async def test_handshake_and_call_may_share_a_frame_or_be_torn_apart(serve: Serve) -> None:
    call = json.dumps({"type": 1, "invocationId": "1", "target": "Echo", "arguments": ["x"]}) + "\x1e"
    async with serve() as running:
        async with running.connected(handshake=None) as client:
            await client.socket.send(HANDSHAKE + call)
            assert [await client.receive(), await client.receive()] == [
                {},
                {"type": 3, "invocationId": "1", "result": "x"},
            ]
        async with running.connected(handshake=None) as client:
            await client.socket.send(list(HANDSHAKE + call))  # a fragment per character
            assert [await client.receive(), await client.receive()] == [
                {},
                {"type": 3, "invocationId": "1", "result": "x"},
            ]
        async with running.connected(handshake=None) as client:
            for character in HANDSHAKE + call:
                await client.socket.send(character.encode())  # a binary frame per character: the opcode is ignored
            assert [await client.receive(), await client.receive()] == [
                {},
                {"type": 3, "invocationId": "1", "result": "x"},
            ]


@fast_lane_only
async def test_bytes_behind_the_upgrade_in_the_same_segment_are_not_lost(serve: Serve) -> None:
    async with serve() as running:
        reader, writer = await running.open()
        payload = HANDSHAKE.encode()
        frame = bytes((0x81, 0x80 | len(payload))) + bytes(4) + payload
        writer.write(running.upgrade_head("/sample") + frame)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 101 ")
            assert b"permessage-deflate" not in head
            assert await reader.readexactly(5) == b"\x81\x03{}\x1e"
        writer.close()
        await running.journal.until("disconnected")


async def test_an_upgrade_may_arrive_byte_by_byte(serve: Serve) -> None:
    async with serve() as running:
        reader, writer = await running.open()
        for byte in running.upgrade_head("/sample"):
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        writer.close()


async def test_a_message_over_the_limit_ends_the_connection_after_those_before_it(serve: Serve) -> None:
    async with serve() as running, running.connected() as client:
        await client.send(
            {"type": 1, "invocationId": "1", "target": "Echo", "arguments": [1]},
            {"type": 1, "invocationId": "2", "target": "Echo", "arguments": ["x" * 40_000]},
        )
        assert (await client.receive())["result"] == 1
        assert await client.receive() == {
            "type": 7,
            "error": "Connection closed with an error.",
            "allowReconnect": True,
        }
        assert await client.closed() == 1000
        assert running.observer.closed == ["protocol"]


async def test_a_malformed_message_ends_the_connection(serve: Serve) -> None:
    async with serve() as running, running.connected() as client:
        await client.socket.send("{\x1e")
        assert (await client.receive())["error"] == "Connection closed with an error."
        assert await client.closed() == 1000


async def test_a_result_that_cannot_be_written_ends_the_connection(serve: Serve) -> None:
    async with serve() as running, running.connected() as client:
        assert (await client.invoke("Unwritable"))["type"] == 7
        assert await client.closed() == 1011
        assert isinstance(await running.journal.until("disconnected"), TypeError)


async def test_keep_alives_come_and_a_silent_client_is_timed_out(serve: Serve) -> None:
    async with serve() as running, running.connected() as client:
        assert (await client.invoke("Echo", 1))["result"] == 1
        running.clock.advance(15.5)
        assert await client.receive() == {"type": 6}
        await client.send({"type": 6}, {"type": 1, "invocationId": "i", "target": "Echo", "arguments": [2]})
        assert (await client.receive())["result"] == 2
        running.clock.advance(15.5)
        assert await client.receive() == {"type": 6}
        running.clock.advance(15.5)
        assert (await client.receive())["allowReconnect"] is True
        assert await client.closed() == 1000
        assert isinstance(await running.journal.until("disconnected"), ClientTimeout)
        assert running.observer.closed == ["timeout"]


async def test_calls_wait_for_each_other_and_pings_do_not(serve: Serve, release: asyncio.Event) -> None:
    async with serve() as running, running.connected() as client:
        await client.send(
            {"type": 1, "invocationId": "1", "target": "Block", "arguments": []},
            {"type": 6},
            {"type": 1, "invocationId": "2", "target": "Echo", "arguments": [2]},
        )
        await running.journal.until("blocked")
        release.set()
        assert [(await client.receive())["invocationId"], (await client.receive())["invocationId"]] == ["1", "2"]


async def test_a_refused_connected_closes_and_is_not_followed_by_disconnected(serve: Serve) -> None:
    async with serve() as running, running.connected("/sample?refuse=1") as client:
        assert await client.receive() == {"type": 7, "error": "Connection closed with an error. HubException: not you"}
        await client.closed()
        assert running.journal.entries == []
        assert not await running.hubs.plane("Sample").exists(Audience.all())


async def test_abort_does_not_invite_the_client_back(serve: Serve) -> None:
    async with serve() as running, running.connected() as client:
        await client.send({"type": 1, "target": "Abort", "arguments": []})
        assert await client.receive() == {"type": 7}
        assert await client.closed() == 1000
        assert await running.journal.until("disconnected") is None


async def test_a_client_that_says_good_bye_is_answered(serve: Serve) -> None:
    async with serve() as running, running.connected() as client:
        await client.send({"type": 7})
        assert await client.receive() == {"type": 7}
        assert await client.closed() == 1000
        assert await running.journal.until("disconnected") is None
        assert running.observer.closed == ["client"]


async def test_a_lost_socket_is_noticed_and_forgotten(serve: Serve) -> None:
    async with serve() as running:
        async with running.connected() as client:
            await running.journal.until("connected")
            client.socket.transport.abort()
        await running.journal.until("disconnected")
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await running.hubs.endpoint.until_empty()
        assert not await running.hubs.plane("Sample").exists(Audience.all())


async def test_websocket_pings_are_answered(serve: Serve) -> None:
    async with serve() as running, running.connected() as client:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await (await client.socket.ping(b"x"))


async def test_a_broadcast_reaches_everybody_and_excludes_nobody_else(serve: Serve) -> None:
    async with serve() as running, running.connected() as first, running.connected() as second:
        for client in (first, second):
            await client.invoke("Echo", 1)
        await running.hubs.context("Sample").clients.all.send("hello", 1)
        message = {"type": 1, "target": "hello", "arguments": [1]}
        assert [await first.receive(), await second.receive()] == [message, message]


async def test_a_slow_reader_is_cut_off_and_the_others_are_served(serve: Serve) -> None:
    options = HubOptions(outbox_limit_bytes=256 * 1024)
    async with serve(hub_options=options) as running, running.connected() as quick:
        reader, writer = await running.open()
        payload = HANDSHAKE.encode()
        writer.write(running.upgrade_head("/sample"))
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(bytes((0x81, 0x80 | len(payload))) + bytes(4) + payload)
            await reader.readexactly(5)
        writer.transport.pause_reading()  # type: ignore[attr-defined] # a socket's transport can read
        assert running.hubs.connection_count == 2
        plane = running.hubs.plane("Sample")
        sent = 0
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while running.hubs.connection_count == 2:
                await plane.send(Audience.all(), EncodedMessage.invocation("tick", [sent, "x" * 16_000]))
                message = await quick.receive()
                assert message["arguments"][0] == sent  # in order, none lost
                sent += 1
        assert running.observer.closed == ["slow"]
        error = await running.journal.until("disconnected")
        assert isinstance(error, SlowConsumer)
        assert error.limit_bytes == options.outbox_limit_bytes
        assert error.queued_messages < sent
        writer.transport.abort()


async def test_a_reader_that_takes_nothing_is_cut_off_after_the_write_timeout(serve: Serve) -> None:
    async with serve() as running, running.connected() as client:
        await client.invoke("Echo", 1)
        client.socket.transport.pause_reading()
        plane = running.hubs.plane("Sample")
        (connection,) = running.hubs.endpoint.connections.values()
        assert isinstance(connection, Connection)
        await until_cut_off(
            running.clock,
            10.5,
            is_over=lambda: not running.hubs.connection_count,
            is_paused=lambda: connection._is_paused,
            feed=lambda: plane.send(Audience.all(), EncodedMessage.invocation("tick", ["x" * 16_000])),
        )
        assert isinstance(await running.journal.until("disconnected"), WriteTimeout)
        assert running.observer.closed == ["slow"]
        client.socket.transport.abort()


async def test_a_reader_that_catches_up_gets_everything_in_order(serve: Serve) -> None:
    async with (
        serve(hub_options=HubOptions(outbox_limit_bytes=64 * 1024 * 1024)) as running,
        running.connected() as client,
    ):
        await client.invoke("Echo", 1)
        client.socket.transport.pause_reading()
        plane = running.hubs.plane("Sample")
        for number in range(1000):
            await plane.send(Audience.all(), EncodedMessage.invocation("tick", [number, "x" * 16_000]))
        client.socket.transport.resume_reading()
        assert [(await client.receive())["arguments"][0] for _ in range(1000)] == list(range(1000))
        assert (await client.invoke("Echo", "still here"))["result"] == "still here"


async def test_a_peer_that_ignores_our_close_is_cut_off(serve: Serve, lane: str) -> None:
    async with serve() as running:
        reader, writer = await running.open()
        writer.write(running.upgrade_head("/sample"))
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await reader.readuntil(b"\r\n\r\n")
            running.clock.advance(15.5)  # no handshake: canceled and closed
            await reader.readuntil(b"\x88\x02\x03\xe8")
            running.clock.advance(5.5)
            await running.hubs.endpoint.until_empty()
            if lane == "fast":  # on ASGI the server has a time of its own for this
                assert await reader.read() == b""
        writer.close()


@fast_lane_only
async def test_a_frame_over_the_limit_is_refused_by_the_websocket(serve: Serve) -> None:
    async with serve() as running, running.connected() as client:
        await client.socket.send("x" * (1024 * 1024 + 1))
        assert await client.closed() == 1009
        assert running.observer.closed == ["lost"]


async def test_a_stop_asks_clients_to_come_again(serve: Serve) -> None:
    async with serve(ServerOptions(drain_seconds=3.0)) as running:
        async with running.connected() as client:
            await client.invoke("Echo", 1)
            running.server.should_exit = True
            assert await client.receive() == {"type": 7, "allowReconnect": True}
            assert await client.closed() == 1000
        assert await running.journal.until("disconnected") is None
        assert running.observer.closed == ["server"]


async def test_while_draining_nobody_is_let_in(serve: Serve) -> None:
    async with serve() as running:
        await running.hubs.drain()
        assert (await running.request("POST", "/sample/negotiate")).status == 503
        assert (await running.upgrade("/sample")).status == 503


async def test_an_unreachable_path_is_not_ours(serve: Serve) -> None:
    async with serve() as running:
        assert (await running.upgrade("/other")).status == 404
        assert (await running.request("GET", "/other")).status == 404


async def test_a_negotiate_and_an_upgrade_may_share_a_tcp_connection(serve: Serve) -> None:
    async with serve() as running:
        reader, writer = await running.open()
        writer.write(running.head("POST", "/sample/negotiate", Content_Length="0"))
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await reader.readuntil(b"}]}")
            writer.write(running.upgrade_head("/sample"))
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        writer.close()


async def test_the_wrong_websocket_version_is_refused(serve: Serve) -> None:
    async with serve() as running:
        reader, writer = await running.open()
        writer.write(running.upgrade_head("/sample").replace(b"Version: 13", b"Version: 12"))
        async with asyncio.timeout(TIMEOUT_SECONDS):
            status = (await reader.readline()).split(b" ")[1]
        assert status in (b"400", b"426")
        writer.close()
