"""Requests that reach another node than the one that holds their connection, on both lanes."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import Any, cast

import pytest
from engine.tests.free_ports import free_port
from websockets.exceptions import ConnectionClosed

from hubwire import HubOptions, RawConnection, ServerOptions
from hubwire.server.peers import STAMP_HEADER, Stamp, Stamps

from .conftest import HANDSHAKE, TIMEOUT_SECONDS, Running, Serve, fast_lane_only, read_reply, until
from .http_clients import Events, OpenPoll, Polling, open_events
from .nodes import KEY, Nodes, two_nodes
from .test_raw import echo, raw
from .test_resuming import HANDSHAKE as STATEFUL_HANDSHAKE
from .test_resuming import NEGOTIATE, PING, STATEFUL, Users, call, dialled

UNKNOWN = b"No Connection with that ID"


async def begin_to_poll(nodes: Nodes, target: str, **headers: str) -> Polling:
    """A client whose requests all go to the other node."""
    client = Polling(nodes.other, target, headers)
    first = await client.poll()
    assert (first.status, first.body) == (200, b"")
    assert (await client.post(HANDSHAKE)).status == 200
    assert await client.receive() == {}
    return client


async def begin_to_listen(nodes: Nodes, target: str, **headers: str) -> Events:
    events = await open_events(nodes.other, target, **headers)
    assert events.status == "HTTP/1.1 200 OK"
    assert await events.line() == b":\r\n"
    assert (await events.post(HANDSHAKE)).status == 200
    assert await events.receive() == {}
    return events


# HTTP


async def test_a_long_polling_client_may_reach_another_node_with_each_request(serve: Serve) -> None:
    async with two_nodes(serve) as nodes:
        target = f"/sample?id={await nodes.token()}"
        client = await begin_to_poll(nodes, target)
        assert (await client.invoke("Echo", "x" * 20_000))["result"] == "x" * 20_000
        at_home = Polling(nodes.home, target, {})
        await at_home.send({"type": 1, "invocationId": "1", "target": "Echo", "arguments": ["now here"]})
        assert (await client.receive())["result"] == "now here"
        await client.send({"type": 1, "invocationId": "2", "target": "Echo", "arguments": ["now there"]})
        assert (await at_home.receive())["result"] == "now there"
        assert (nodes.home.hubs.connection_count, nodes.other.hubs.connection_count) == (1, 0)
        assert (await client.delete()).status == 202
        await nodes.home.journal.until("disconnected")
        reply = await client.poll()
        assert (reply.status, reply.body) == (404, UNKNOWN)


async def test_events_of_another_node_are_passed_on_as_they_come(serve: Serve) -> None:
    async with two_nodes(serve) as nodes:
        events = await begin_to_listen(nodes, f"/sample?id={await nodes.token()}")
        for number in range(3):
            assert (await events.invoke("Echo", number))["result"] == number
        assert (nodes.home.hubs.connection_count, nodes.other.hubs.connection_count) == (1, 0)
        names = [name.lower() for name, _ in events.head]
        assert len(set(names)) == len(names)
        assert "text/event-stream" in dict((name.lower(), value) for name, value in events.head)["content-type"]
        await events.send({"type": 1, "invocationId": "i", "target": "Abort", "arguments": []})
        while await events.more():
            pass
        events.writer.close()
        await until(lambda: not nodes.passing.running)


async def test_the_hub_sees_the_client_and_not_the_node_between(serve: Serve) -> None:
    options = ServerOptions(trusted_proxies=("127.0.0.1",))
    headers = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "User-Agent": "Me/1", "Cookie": "a=b"}
    async with two_nodes(serve, options=options) as nodes:
        target = f"/Sample?id={await nodes.token()}&color=green%20%2B"
        client = await begin_to_poll(nodes, target, **headers)
        seen = (await client.invoke("Who"))["result"]
        assert (seen["address"], seen["scheme"], seen["agent"]) == ("203.0.113.9", "https", "Me/1")
        assert (seen["path"], seen["color"]) == ("/Sample", "green +")
        (connection,) = nodes.home.hubs.endpoint.connections.values()
        request = connection.caller.request
        assert request.headers["host"] == f"127.0.0.1:{nodes.other.port}"
        assert request.cookies == {"a": "b"}
        assert STAMP_HEADER not in request.headers


async def test_host_origin_and_token_are_checked_as_everywhere(serve: Serve) -> None:
    options = ServerOptions(allowed_origins=frozenset({"https://good.example"}))
    async with two_nodes(serve, options=options, verifier=Users()) as nodes:
        answer = await nodes.home.negotiate(Authorization="Bearer ann")
        target = f"/sample?id={answer['connectionToken']}"
        for headers, status in (
            ({}, 401),
            ({"Authorization": "Bearer ann", "Origin": "https://bad.example"}, 403),
        ):
            assert (await nodes.other.request("GET", target, **headers)).status == status
        reply = await nodes.other.request("GET", target, Authorization="Bearer ann", Origin="https://good.example")
        assert reply.status == 200
        assert reply.headers["access-control-allow-origin"] == "https://good.example"
        assert (await nodes.other.request("POST", target, b"x", Authorization="Bearer bob")).status == 403


async def test_input_that_comes_before_its_connection_waits_at_its_own_node(serve: Serve) -> None:
    async with two_nodes(serve) as nodes:
        client = Polling(nodes.other, f"/sample?id={await nodes.token()}", {})
        assert (await client.post(HANDSHAKE)).status == 200
        assert len(nodes.home.hubs.endpoint.table.early) == 1
        assert (await client.poll()).body == b""
        assert await client.receive() == {}


async def test_a_large_body_is_passed_on_at_the_pace_of_its_reader(serve: Serve) -> None:
    may_read = asyncio.Event()

    async def slow(connection: RawConnection) -> None:
        await may_read.wait()
        received = 0
        async for data in connection:
            received += len(data)
            if received == 20_000_000:
                await connection.write(b"all of it")

    async with two_nodes(serve, app=raw(slow)) as nodes:
        client = Polling(nodes.other, f"/raw?id={await nodes.token('/raw')}", {})
        assert (await client.poll()).status == 200
        reader, writer = await nodes.other.open()
        writer.write(nodes.other.head("POST", client.target, Content_Length="20000000"))
        writer.write(b"x" * 20_000_000)
        while writer.transport.get_write_buffer_size() != await turns(writer):
            pass  # something is still taken
        assert writer.transport.get_write_buffer_size() > 0
        may_read.set()
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await writer.drain()
            assert (await read_reply(reader)).status == 200
        assert (await client.poll()).body == b"all of it"
        writer.close()


async def turns(writer: asyncio.StreamWriter) -> int:
    """What is unsent before some turns of the loop."""
    before = writer.transport.get_write_buffer_size()
    for _ in range(200):
        await asyncio.sleep(0)
    return before


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_body_that_is_not_passed_on_does_not_swallow_the_next_request_to_that_node(
    serve: Serve, method: str
) -> None:
    async with two_nodes(serve) as nodes:
        client = await begin_to_poll(nodes, f"/sample?id={await nodes.token()}")
        if method == "GET":
            await client.send({"type": 1, "invocationId": "1", "target": "Echo", "arguments": ["x"]})
        for headers, body in (({}, b"x" * 50), ({"Transfer-Encoding": "chunked"}, b"1\r\nx\r\n0\r\n\r\n")):
            reader, writer = await nodes.other.open()
            fields = headers or {"Content-Length": str(len(body))}
            writer.write(nodes.other.head(method, client.target, **fields) + body)
            async with asyncio.timeout(TIMEOUT_SECONDS):
                assert (await read_reply(reader)).status in (200, 202, 404)
            writer.close()
            after = await begin_to_poll(nodes, f"/sample?id={await nodes.token()}")
            assert (await after.invoke("Echo", "whole"))["result"] == "whole"
            if method == "GET":
                await client.send({"type": 1, "invocationId": "1", "target": "Echo", "arguments": ["x"]})
        # All of it went over one connection to the peer.
        await until(lambda: len(nodes.home.server.server_state.connections) == 1)


@pytest.mark.parametrize("body", [b"", b"x", b"x" * 20_000])
async def test_a_body_arrives_whole_whichever_way_the_client_says_how_long_it_is(serve: Serve, body: bytes) -> None:
    async with two_nodes(serve, app=raw(echo)) as nodes:
        client = Polling(nodes.other, f"/raw?id={await nodes.token('/raw')}", {})
        assert (await client.poll()).status == 200
        chunked = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
        for fields, sent in (
            ({"Content-Length": str(len(body))}, body),
            ({"Transfer-Encoding": "chunked"}, chunked + b"0\r\n\r\n"),
        ):
            reader, writer = await nodes.other.open()
            writer.write(nodes.other.head("POST", client.target, **fields) + sent)
            async with asyncio.timeout(TIMEOUT_SECONDS):
                assert (await read_reply(reader)).status == 200
            writer.close()
        received = b""
        while len(received) < 2 * len(body):
            received += (await client.poll()).body
        assert received == 2 * body


async def test_a_client_that_leaves_ends_what_was_passed_on(serve: Serve) -> None:
    async with two_nodes(serve) as nodes:
        events = await begin_to_listen(nodes, f"/sample?id={await nodes.token()}")
        events.writer.close()
        await nodes.home.journal.until("disconnected")
        await until(lambda: not nodes.passing.running)

        target = f"/sample?id={await nodes.token()}"
        client = await begin_to_poll(nodes, target)
        poll = OpenPoll(*await nodes.other.open())
        poll.writer.write(nodes.other.head("GET", target))
        at_home = Polling(nodes.home, target, {})
        await until(lambda: at_home.transport.is_polled and nodes.passing.running)
        poll.writer.close()
        await until(lambda: not at_home.transport.is_polled)
        await until(lambda: not nodes.passing.running)
        assert (await client.invoke("Echo", "still here"))["result"] == "still here"


async def test_a_body_that_is_cut_off_is_cut_off_at_the_peer_too(serve: Serve) -> None:
    async with two_nodes(serve, app=raw(echo)) as nodes:
        client = Polling(nodes.other, f"/raw?id={await nodes.token('/raw')}", {})
        assert (await client.poll()).status == 200
        _, writer = await nodes.other.open()
        writer.write(nodes.other.head("POST", client.target, Content_Length="1000") + b"x")
        assert (await client.poll()).body == b"x"
        writer.close()
        assert (await client.post(b"y")).status == 200  # it has its turn at once
        assert (await client.poll()).body == b"y"
        await until(lambda: not nodes.passing.running)


async def test_a_body_that_brings_nothing_more_is_given_up_by_the_peer(serve: Serve) -> None:
    async with two_nodes(serve) as nodes:
        target = f"/sample?id={await nodes.token()}"
        client = await begin_to_poll(nodes, target)
        reader, writer = await nodes.other.open()
        writer.write(nodes.other.head("POST", target, Content_Length="1000") + b"x")
        posted = Polling(nodes.home, target, {}).transport.input
        await until(lambda: posted.wheel_slot >= 0)
        poll = asyncio.create_task(client.poll())
        await until(lambda: Polling(nodes.home, target, {}).transport.is_polled)
        nodes.home.clock.advance(15.5)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            assert (await read_reply(reader)).status == 400
        writer.close()
        nodes.home.clock.advance(90)
        await poll
        await until(lambda: not nodes.passing.running)


# WebSockets


async def test_a_fresh_websocket_is_opened_where_it_comes_in(serve: Serve) -> None:
    async with two_nodes(serve) as nodes:
        answer = await nodes.home.negotiate()
        async with nodes.other.connected(f"/sample?id={answer['connectionToken']}") as client:
            assert (await client.invoke("Who"))["result"]["connection"] == answer["connectionId"]
            assert (nodes.home.hubs.connection_count, nodes.other.hubs.connection_count) == (0, 1)
            assert not nodes.passing.running
        assert (await nodes.other.upgrade(f"/sample?id={answer['connectionToken']}")).status == 404


async def test_one_that_has_expired_is_opened_nowhere(serve: Serve) -> None:
    async with two_nodes(serve) as nodes:
        target = f"/sample?id={await nodes.token()}"
        for each in (nodes.home, nodes.other):
            each.clock.advance(15.0)
        reply = await nodes.other.upgrade(target)
        assert (reply.status, reply.body) == (404, UNKNOWN)


async def test_a_token_that_others_may_know_is_opened_by_its_own_node_once(serve: Serve) -> None:
    async with two_nodes(serve) as nodes:
        target = f"/sample?id={await nodes.token(query='')}"
        async with nodes.other.connected(target) as client:
            assert (await client.invoke("Echo", 1))["result"] == 1
            assert (nodes.home.hubs.connection_count, nodes.other.hubs.connection_count) == (1, 0)
            assert len(nodes.passing.running) == 1
            for each in (nodes.home, nodes.other):
                assert (await each.upgrade(target)).status == 409
        await until(lambda: not nodes.passing.running)
        for each in (nodes.home, nodes.other):
            assert (await each.upgrade(target)).status == 404


async def test_a_websocket_that_is_passed_on_ends_as_either_side_ends_it(serve: Serve) -> None:
    async with two_nodes(serve) as nodes:
        async with nodes.other.connected(f"/sample?id={await nodes.token(query='')}") as client:
            await client.socket.close()
        assert await nodes.home.journal.until("disconnected") is None
        async with nodes.other.connected(f"/sample?id={await nodes.token(query='')}") as client:
            await client.send({"type": 1, "target": "Abort", "arguments": []})
            assert (await client.receive())["type"] == 7
            assert await client.closed() == 1000
        await until(lambda: not nodes.passing.running)
        await until(lambda: not nodes.other.server.server_state.connections)


async def test_a_connection_is_resumed_through_another_node(serve: Serve) -> None:
    async with two_nodes(serve, hub_options=STATEFUL) as nodes:
        answer = await nodes.home.negotiate(NEGOTIATE)
        target = f"/sample?id={answer['connectionToken']}"
        async with dialled(nodes.other, target) as first:
            await first.send(STATEFUL_HANDSHAKE, PING)
            assert await first.receive() == {}
            first.socket.transport.abort()
            await first.socket.wait_closed()
        for each in (nodes.other, nodes.home, nodes.other):
            async with dialled(each, target) as later:
                assert (await later.receive())["type"] == 9
                await later.send('{"type":9,"sequenceId":1}\x1e', call("1", "Who"))
                while "result" not in (message := await later.receive()):
                    pass
                assert message["result"]["connection"] == answer["connectionId"]
                later.socket.transport.abort()
                await later.socket.wait_closed()
        assert [name for name, _ in nodes.home.journal.entries].count("connected") == 1
        assert nodes.other.hubs.connection_count == 0


@fast_lane_only
async def test_bytes_that_follow_an_upgrade_at_once_are_passed_on(serve: Serve) -> None:
    async with two_nodes(serve) as nodes:
        target = f"/sample?id={await nodes.token(query='')}"
        reader, writer = await nodes.other.open()
        frame = bytes((0x81, 0x80 | len(HANDSHAKE))) + bytes(4) + HANDSHAKE.encode()
        writer.write(nodes.other.upgrade_head(target) + frame)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
            assert await reader.readexactly(5) == b"\x81\x03{}\x1e"
        writer.close()


async def test_a_slow_reader_behind_another_node_is_cut_off_by_its_own(serve: Serve) -> None:
    options = HubOptions(outbox_limit_bytes=100_000)
    async with two_nodes(serve, hub_options=options) as nodes:
        _, writer = await nodes.other.open()
        cast("asyncio.Transport", writer.transport).pause_reading()
        frame = bytes((0x81, 0x80 | len(HANDSHAKE))) + bytes(4) + HANDSHAKE.encode()
        writer.write(nodes.other.upgrade_head(f"/sample?id={await nodes.token(query='')}"))
        await until(lambda: nodes.home.hubs.connection_count)
        writer.write(frame)
        await nodes.home.journal.until("connected")
        context = nodes.home.hubs.context("Sample")
        for _ in range(3_000):
            await context.clients.all.send("Message", "x" * 10_000)
            await asyncio.sleep(0)
            if not nodes.home.hubs.connection_count:
                break
        await until(lambda: nodes.home.observer.closed == ["slow"])
        writer.transport.abort()
        await until(lambda: not nodes.passing.running)


# Peers that are gone, or are none


@pytest.mark.parametrize("how", ["unknown", "refuses"])
async def test_what_belongs_to_a_node_that_is_gone_is_unknown(serve: Serve, how: str) -> None:
    async with two_nodes(serve, hub_options=STATEFUL) as nodes:
        tokens = [await nodes.token(query=query) for query in ("negotiateVersion=1", NEGOTIATE.partition("?")[2], "")]
        if how == "unknown":
            del nodes.directory.addresses["home"]
        else:
            nodes.directory.addresses["home"] = f"http://127.0.0.1:{free_port()}"
        for token in tokens:
            target = f"/sample?id={token}"
            for reply in (
                await nodes.other.request("GET", target),
                await nodes.other.request("GET", target, Accept="text/event-stream"),
                await nodes.other.request("POST", target, b"x" * 100_000),
                await nodes.other.request("DELETE", target),
            ):
                assert (reply.status, reply.body) == (404, UNKNOWN)
        for token in tokens[1:]:
            assert (await nodes.other.upgrade(f"/sample?id={token}")).status == 404
        async with nodes.other.connected(f"/sample?id={tokens[0]}") as client:  # nobody else is needed for it
            assert (await client.invoke("Echo", 1))["result"] == 1
        assert not nodes.passing.running


async def test_a_peer_that_is_lost_ends_what_it_was_answering(serve: Serve) -> None:
    async with two_nodes(serve) as nodes:
        events = await begin_to_listen(nodes, f"/sample?id={await nodes.token()}")
        async with nodes.other.connected(f"/sample?id={await nodes.token(query='')}") as client:
            for each in cast("set[Any]", nodes.home.server.server_state.connections.copy()):
                transport = getattr(each, "transport", None) or each._transport
                transport.abort()
            await ended(events)
            await client.closed()
        events.writer.close()
        await until(lambda: not nodes.passing.running)


async def ended(events: Events) -> None:
    """Wait for the end of an answer, proper or not."""
    with suppress(asyncio.IncompleteReadError, ConnectionError, ValueError):
        while await events.more():
            pass


STAMP = Stamp("home", "Sample", "GET", "", "203.0.113.9", "https")


async def at_internal_port(nodes: Nodes, target: str, stamp: str, *, is_upgrade: bool) -> int:
    """The status that the home node's internal listener answers."""
    running = Running(nodes.home.hubs, nodes.home.server, nodes.internal_ports["home"], nodes.home.journal)
    headers = {STAMP_HEADER: stamp}
    reply = await (running.upgrade(target, **headers) if is_upgrade else running.request("GET", target, **headers))
    return reply.status


@pytest.mark.parametrize("is_upgrade", [False, True])
async def test_only_stamps_of_peers_for_this_very_request_count(serve: Serve, is_upgrade: bool) -> None:
    async with two_nodes(serve) as nodes:
        token = await nodes.token()
        target = f"/sample?id={token}"
        good = changed(STAMP, token=token)
        for stamp, key, status in (
            (good, bytes(32), 403),
            (changed(good, node_id="gone"), KEY, 404),
            (changed(good, token="x"), KEY, 403),
            (changed(good, method="POST"), KEY, 403),
            (changed(good, hub="Other"), KEY, 403),
        ):
            assert await at_internal_port(nodes, target, Stamps(key).sign(stamp), is_upgrade=is_upgrade) == status
        for text in ("", "x", "é" * 50, Stamps(KEY).sign(good)[:-1] + "~"):
            assert await at_internal_port(nodes, target, text, is_upgrade=is_upgrade) in (400, 403)
        assert nodes.home.hubs.connection_count == 0
        accepted = await at_internal_port(nodes, target, Stamps(KEY).sign(good), is_upgrade=is_upgrade)
        assert accepted == (101 if is_upgrade else 200)


async def test_a_stamp_counts_for_nothing_on_the_public_port(serve: Serve) -> None:
    async with two_nodes(serve) as nodes:
        token = await nodes.token()
        stamp = Stamps(KEY).sign(changed(STAMP, token=token))
        client = Polling(nodes.home, f"/sample?id={token}", {STAMP_HEADER: stamp})
        await client.poll()
        await client.post(HANDSHAKE)
        assert await client.receive() == {}
        seen = (await client.invoke("Who"))["result"]
        assert (seen["address"], seen["scheme"]) == ("127.0.0.1", "http")
        through = await begin_to_poll(nodes, f"/sample?id={await nodes.token()}", **{STAMP_HEADER: stamp})
        assert (await through.invoke("Who"))["result"]["address"] == "127.0.0.1"


async def test_a_request_is_passed_on_once_at_most(serve: Serve) -> None:
    async with two_nodes(serve) as nodes:
        # The directory has the two mixed up, so that each sends on to the other.
        token = await nodes.token()
        nodes.directory.addresses["home"] = nodes.directory.addresses["other"]
        reply = await nodes.other.request("GET", f"/sample?id={token}")
        assert (reply.status, reply.body) == (404, UNKNOWN)
        assert (await nodes.other.upgrade(f"/sample?id={await nodes.token(query='')}")).status == 404


async def test_a_request_without_a_stamp_is_served_on_the_internal_port_as_on_the_other(serve: Serve) -> None:
    async with two_nodes(serve) as nodes:
        internal = Running(nodes.home.hubs, nodes.home.server, nodes.internal_ports["home"], nodes.home.journal)
        async with internal.connected() as client:
            assert (await client.invoke("Echo", 1))["result"] == 1


# Limits and the end


async def test_what_is_passed_on_at_once_is_bounded(serve: Serve) -> None:
    async with two_nodes(serve, options=ServerOptions(maximum_forwarded=2)) as nodes:
        target = f"/sample?id={await nodes.token(query='')}"
        async with nodes.other.connected(target):
            events = await open_events(nodes.other, f"/sample?id={await nodes.token()}")
            await until(lambda: len(nodes.passing.running) == 2)
            for reply in (
                await nodes.other.request("POST", f"/sample?id={await nodes.token()}", b"x"),
                await nodes.other.upgrade(f"/sample?id={await nodes.token(query='')}"),
            ):
                assert (reply.status, reply.headers["retry-after"]) == (503, "5")
            assert nodes.other.observer.refused == [503]  # the upgrade; a POST begins nothing
            events.writer.close()
            await until(lambda: len(nodes.passing.running) == 1)
            assert (await nodes.other.request("GET", f"/sample?id={await nodes.token()}")).status == 200


@fast_lane_only
async def test_what_is_passed_on_counts_as_a_socket_too(serve: Serve) -> None:
    async with two_nodes(serve, options=ServerOptions(maximum_sockets=4)) as nodes:
        connections = nodes.other.server.server_state.connections
        passed_on, refused = await nodes.token(query=""), await nodes.token(query="")
        async with nodes.other.connected(f"/sample?id={passed_on}") as client:
            one, two = await nodes.other.open(), await nodes.other.open()
            await until(lambda: len(connections) == 3)  # and one to the peer
            two[1].write(nodes.other.upgrade_head(f"/sample?id={refused}"))
            async with asyncio.timeout(TIMEOUT_SECONDS):
                reply = await read_reply(two[0])
            assert (reply.status, reply.body) == (503, b"Too many forwarded requests")
            two[1].close()
            await until(lambda: len(connections) == 2)
            three, four = await nodes.other.open(), await nodes.other.open()
            await until(lambda: len(connections) == 4)
            four[1].write(nodes.other.head("POST", "/sample/negotiate", Content_Length="0"))
            async with asyncio.timeout(TIMEOUT_SECONDS):
                reply = await read_reply(four[0])
            assert (reply.status, reply.body) == (503, b"Too many connections")
            assert (await client.invoke("Echo", "still here"))["result"] == "still here"
            for _, writer in (one, three, four):
                writer.close()
        await until(lambda: not nodes.passing.running and not connections)
        async with nodes.other.connected(f"/sample?id={refused}") as client:
            assert (await client.invoke("Echo", 1))["result"] == 1


async def test_a_peer_that_cannot_be_reached_in_time_counts_as_gone(serve: Serve) -> None:
    options = ServerOptions(forward_connect_timeout_seconds=0.05)
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for each in (first, second):  # nobody accepts them, so there is no room for a third
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        async with two_nodes(serve, options=options) as nodes:
            tokens = [await nodes.token(), await nodes.token(query="")]
            nodes.directory.addresses["home"] = f"http://127.0.0.1:{full.getsockname()[1]}"
            assert (await nodes.other.request("GET", f"/sample?id={tokens[0]}")).status == 404
            assert (await nodes.other.upgrade(f"/sample?id={tokens[1]}")).status == 404


async def test_a_stop_gives_clients_of_other_nodes_back(serve: Serve) -> None:
    async with two_nodes(serve) as nodes:
        polled = f"/sample?id={await nodes.token()}"
        client = await begin_to_poll(nodes, polled)
        events = await begin_to_listen(nodes, f"/sample?id={await nodes.token()}")
        async with nodes.other.connected(f"/sample?id={await nodes.token(query='')}") as websocket:
            poll = asyncio.create_task(client.poll())
            at_home = Polling(nodes.home, polled, {})
            await until(lambda: at_home.transport.is_polled)
            nodes.other.server.should_exit = True
            reply = await poll
            assert (reply.status, reply.body) == (200, b"")  # it polls again, elsewhere
            with pytest.raises(ConnectionClosed):
                await websocket.socket.recv()
            await ended(events)
            events.writer.close()
        assert (await at_home.invoke("Echo", "there"))["result"] == "there"


def changed(stamp: Stamp, **changes: Any) -> Stamp:
    return Stamp(**{**{name: getattr(stamp, name) for name in stamp.__struct_fields__}, **changes})
