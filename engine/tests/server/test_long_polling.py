"""Long polling on real sockets, under both servers: the fast lane's, which hands HTTP on, and plain ASGI.

What depends on the order of single turns of the loop stands in tests/transports.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from hubwire import ConnectionOptions, HubOptions, HubServer, RawConnection, RawHandler, ServerOptions
from hubwire.errors import SlowConsumer, WriteTimeout
from hubwire.model import Audience
from hubwire.wire.encoded import EncodedMessage

from ..transports.asgi_doubles import posted_input
from .conftest import HANDSHAKE, TIMEOUT_SECONDS, Reply, Serve, until
from .http_clients import Polling, listening, polling

ECHO = json.dumps({"type": 1, "invocationId": "1", "target": "Echo", "arguments": ["x"]}) + "\x1e"
ALL = Audience.all()


def tick(number: int, size: int = 0) -> EncodedMessage:
    return EncodedMessage.invocation("tick", [number, "x" * size])


def is_uncached(reply: Reply) -> bool:
    return (reply.headers["cache-control"], reply.headers["pragma"], reply.headers["expires"]) == (
        "no-cache, no-store",
        "no-cache",
        "thu, 01 jan 1970 00:00:00 gmt",  # the test client reads heads in lower case
    )


def raw(handler: RawHandler, options: ConnectionOptions | None = None) -> Callable[[HubServer], HubServer]:
    """Adds the handler at /raw, beside the sample hub."""

    def add(hubs: HubServer) -> HubServer:
        hubs.add_raw(handler, path="/raw", options=options)
        return hubs

    return add


async def echo(connection: RawConnection) -> None:
    async for data in connection:
        await connection.write(data)


# Polls


async def test_calls_are_posted_and_answers_are_polled(serve: Serve) -> None:
    async with serve() as running, polling(running, query="&color=red", User_Agent="tester") as client:
        assert (await client.invoke("Echo", {"ü": [1, None, "a\nb"]}))["result"] == {"ü": [1, None, "a\nb"]}
        client.headers["User-Agent"] = "another"
        who = (await client.invoke("Who"))["result"]  # what the hub sees is the first poll's
        assert (who["agent"], who["color"], who["address"]) == ("tester", "red", "127.0.0.1")
        assert who["path"] == "/sample"


async def test_the_first_poll_is_answered_at_once_and_starts_the_connection(serve: Serve) -> None:
    async with serve() as running, polling(running, handshake=None) as client:
        assert running.hubs.connection_count == 1
        async with client.waiting() as poll:  # and the second one waits
            await client.post(HANDSHAKE)
            answer = await poll.answer()
        assert (answer.status, answer.body) == (200, b"{}\x1e")
        assert await running.journal.until("connected")


async def test_a_poll_gets_everything_that_waits(serve: Serve) -> None:
    async with serve() as running, polling(running) as client:
        for number in range(3):
            await running.hubs.plane("Sample").send(ALL, tick(number))
        reply = await client.poll(Accept="binary, Text")  # what signalrcore sends
        assert (reply.status, reply.headers["content-type"]) == (200, "application/octet-stream")
        assert reply.body == b"".join(
            b'{"type":1,"target":"tick","arguments":[%d,""]}\x1e' % number for number in range(3)
        )


async def test_a_waiting_poll_gets_what_comes(serve: Serve) -> None:
    async with serve() as running, polling(running, query="&_=1234") as client, client.waiting() as poll:
        await running.hubs.plane("Sample").send(ALL, tick(7))
        assert (await poll.answer()).body == b'{"type":1,"target":"tick","arguments":[7,""]}\x1e'


async def test_a_poll_that_nothing_comes_for_ends_after_its_time_and_the_connection_lives(serve: Serve) -> None:
    async with serve() as running, polling(running) as client:
        async with client.waiting() as poll:
            running.clock.advance(60.0)  # longer than a connection may go without a poll
            await asyncio.sleep(0)
            running.clock.advance(31.0)
            reply = await poll.answer()
        assert (reply.status, reply.body, reply.headers["content-type"]) == (200, b"", "text/plain")
        assert is_uncached(reply)
        assert (await client.invoke("Echo", 1))["result"] == 1


async def test_the_time_of_a_poll_is_an_option(serve: Serve) -> None:
    async with (
        serve(hub_options=HubOptions(poll_timeout_seconds=3.0)) as running,
        polling(running) as client,
        client.waiting() as poll,
    ):
        running.clock.advance(3.5)
        assert (await poll.answer()).status == 200


async def test_no_pings_are_sent(serve: Serve) -> None:
    async with serve() as running, polling(running) as client, client.waiting() as poll:
        for _ in range(5):
            running.clock.advance(15.5)
            await asyncio.sleep(0)
        await client.send({"type": 1, "invocationId": "1", "target": "Echo", "arguments": [1]})
        assert json.loads((await poll.answer()).body[:-1]) == {"type": 3, "invocationId": "1", "result": 1}


async def test_a_client_that_stops_to_poll_is_given_up(serve: Serve) -> None:
    async with serve() as running, polling(running) as client:
        running.clock.advance(14.0)
        assert (await client.invoke("Echo", 1))["result"] == 1
        running.clock.advance(15.5)
        assert isinstance(await running.journal.until("disconnected"), ConnectionResetError)
        await running.hubs.endpoint.until_empty()
        for reply in (await client.poll(), await client.post("x"), await client.delete()):
            assert (reply.status, reply.body) == (404, b"No Connection with that ID")


async def test_a_new_poll_replaces_the_one_that_waits(serve: Serve) -> None:
    async with serve() as running, polling(running) as client, client.waiting() as first, client.waiting() as second:
        replaced = await first.answer()
        assert (replaced.status, replaced.body) == (204, b"")
        assert is_uncached(replaced)
        await running.hubs.plane("Sample").send(ALL, tick(1))
        assert b"tick" in (await second.answer()).body


async def test_a_poll_that_its_client_leaves_loses_nothing(serve: Serve) -> None:
    async with serve() as running, polling(running) as client:
        async with client.waiting() as poll:
            poll.writer.transport.abort()
            await until(lambda: not client.transport.is_polled)
        await running.hubs.plane("Sample").send(ALL, tick(1))
        assert (await client.receive())["target"] == "tick"


async def test_binary_messages_are_bytes(serve: Serve) -> None:
    async with serve() as running, polling(running, handshake=None) as client:
        assert (await client.post('{"protocol":"messagepack","version":1}\x1e')).status == 200
        assert (await client.poll()).body == b"{}\x1e"
        body = bytes.fromhex("0d96 01 80 a137 a445 63 68 6f 91 2a 90".replace(" ", ""))
        assert (await client.post(body, Content_Type="")).status == 200
        reply = await client.poll()
        assert reply.body == bytes.fromhex("07 95 03 80 a1 37 03 2a".replace(" ", ""))
        assert reply.headers["content-type"] == "application/octet-stream"


async def test_answers_to_polls_are_never_cached_not_even_refusals(serve: Serve) -> None:
    async with serve(ServerOptions(maximum_connections=1)) as running:
        unused = (await running.negotiate())["connectionToken"]
        async with polling(running) as client:
            replies = {
                400: await running.request("GET", "/sample"),
                404: await running.request("GET", "/sample?id=x"),
                503: await running.request("GET", f"/sample?id={unused}"),
            }
            for status, reply in replies.items():
                assert reply.status == status
                assert is_uncached(reply)
            await client.send({"type": 1, "invocationId": "1", "target": "Echo", "arguments": [1]})
            reply = await client.poll()
            assert reply.status == 200
            assert is_uncached(reply)


# POST


async def test_a_handshake_may_be_posted_before_the_first_poll(serve: Serve) -> None:
    async with serve() as running:
        ids = await running.negotiate("/sample/negotiate")
        client = Polling(running, f"/sample?id={ids['connectionId']}", {})
        reply = await client.post(HANDSHAKE)
        assert (reply.status, reply.body, reply.headers["content-type"]) == (200, b"", "text/plain")
        reply = await client.poll()
        assert (reply.status, reply.body) == (200, b"")
        assert await client.receive() == {}
        assert (await client.invoke("Echo", 1))["result"] == 1


async def test_what_is_posted_early_is_bounded_and_the_rest_waits_for_the_first_poll(serve: Serve) -> None:
    async with serve(app=raw(echo)) as running:
        ids = await running.negotiate("/raw/negotiate?negotiateVersion=1")
        client = Polling(running, f"/raw?id={ids['connectionToken']}", {})
        text = b"x" * 200_000
        posting = asyncio.create_task(client.post(text))
        inputs = running.hubs.endpoint.table.early
        await until(lambda: len(inputs) == 1)
        early = inputs.find(ids["connectionToken"])
        assert early is not None
        await until(lambda: len(early.input._early) > 64 * 1024)
        assert len(early.input._early) <= 80 * 1024
        assert not posting.done()
        assert (await client.poll()).body == b""
        received = b""
        while len(received) < len(text):
            received += (await client.poll()).body
        assert received == text
        assert (await posting).status == 200


async def test_what_is_posted_to_an_id_that_nobody_opens_ends_with_it(serve: Serve) -> None:
    async with serve() as running:
        ids = await running.negotiate()
        client = Polling(running, f"/sample?id={ids['connectionToken']}", {})
        posting = asyncio.create_task(client.post(b"x" * 200_000))
        inputs = running.hubs.endpoint.table.early
        await until(lambda: len(inputs) == 1)
        running.clock.advance(15.5)
        reply = await posting
        assert (reply.status, reply.body) == (404, b"")
        assert len(inputs) == 0


async def test_early_posts_of_too_many_ids_are_429(serve: Serve) -> None:
    async with serve() as running:
        client = Polling(running, f"/sample?id={(await running.negotiate())['connectionToken']}", {})
        table = running.hubs.endpoint.table
        for _ in range(1_000):
            table.early.begin(table.tokens.issue("Sample", 1), None, posted_input())
        reply = await client.post(HANDSHAKE)
        assert (reply.status, reply.body) == (429, b"Too many pending connections")
        assert (await client.poll()).status == 200  # which needs no place among them
        assert (await client.post(HANDSHAKE)).status == 200


async def test_parallel_posts_are_all_taken_and_their_bytes_are_not_mixed(serve: Serve) -> None:
    async with serve(app=raw(echo)) as running, polling(running, "/raw", handshake=None) as client:
        bodies = [bytes([65 + number]) * 100_000 for number in range(8)]
        posting = [asyncio.create_task(client.post(body)) for body in bodies]
        received = b""
        while len(received) < 800_000:
            received += (await client.poll()).body
        assert [(await task).status for task in posting] == [200] * 8
        runs = [received[start : start + 100_000] for start in range(0, 800_000, 100_000)]
        assert sorted(runs) == bodies


async def test_a_body_may_come_in_chunks_and_a_call_be_spread_over_bodies(serve: Serve) -> None:
    async with serve() as running, polling(running) as client:
        reader, writer = await running.open()
        writer.write(running.head("POST", client.target, Transfer_Encoding="chunked"))
        for character in ECHO[:-10]:
            writer.write(b"1\r\n" + character.encode() + b"\r\n")
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        async with asyncio.timeout(TIMEOUT_SECONDS):
            assert (await reader.readline()) == b"HTTP/1.1 200 OK\r\n"
        writer.close()
        assert (await client.post(ECHO[-10:])).status == 200
        assert (await client.receive())["result"] == "x"


async def test_a_body_larger_than_any_message_is_fine_when_its_messages_are_not(serve: Serve) -> None:
    async with serve() as running, polling(running) as client:
        posting = asyncio.create_task(client.post(ECHO * 2_000))
        for _ in range(2_000):
            assert (await client.receive())["result"] == "x"
        assert (await posting).status == 200


async def test_a_message_over_the_limit_ends_the_connection_and_the_post(serve: Serve) -> None:
    async with serve() as running, polling(running) as client:
        posting = asyncio.create_task(client.post(b"x" * 10_000_000))
        assert (await client.receive())["allowReconnect"] is True
        assert (await client.poll()).status == 204
        assert (await posting).status == 404


async def test_a_post_waits_while_calls_do(serve: Serve, release: asyncio.Event) -> None:
    block = json.dumps({"type": 1, "invocationId": "b", "target": "Block", "arguments": []}) + "\x1e"
    async with serve() as running, polling(running) as client:
        await client.post(block)
        await running.journal.until("blocked")
        posting = asyncio.create_task(client.post(ECHO * 2_000))  # far more than is read ahead
        second = asyncio.create_task(client.post(ECHO))
        await until(lambda: client.transport.input._is_held)
        assert not posting.done()
        assert not second.done()
        release.set()
        assert (await client.receive())["result"] == "released"
        for _ in range(2_001):
            assert (await client.receive())["result"] == "x"
        assert [(await task).status for task in (posting, second)] == [200, 200]


async def test_a_client_may_ask_first_whether_it_should_send_its_body(serve: Serve) -> None:
    async with serve() as running, polling(running) as client:
        reader, writer = await running.open()
        writer.write(running.head("POST", client.target, Content_Length=str(len(ECHO)), Expect="100-continue"))
        async with asyncio.timeout(TIMEOUT_SECONDS):
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(ECHO.encode())
            assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        writer.close()
        assert (await client.receive())["result"] == "x"


async def test_clients_of_http_1_0_are_served(serve: Serve) -> None:
    async with serve() as running, polling(running) as client:
        for head in (
            f"POST {client.target} HTTP/1.0\r\nContent-Length: {len(ECHO)}\r\n\r\n{ECHO}",
            f"GET {client.target} HTTP/1.0\r\n\r\n",
        ):
            reader, writer = await running.open()
            writer.write(head.encode())
            async with asyncio.timeout(TIMEOUT_SECONDS):
                answer = await reader.read()
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
            writer.close()
        assert answer.endswith(b'\r\n\r\n{"type":3,"invocationId":"1","result":"x"}\x1e')


# The end


async def test_the_close_message_is_polled_before_the_204(serve: Serve) -> None:
    async with serve() as running, polling(running) as client:
        await client.send({"type": 1, "target": "Abort", "arguments": []})
        assert await running.journal.until("disconnected") is None
        reply = await client.poll()
        assert (reply.status, reply.body) == (200, b'{"type":7}\x1e')
        reply = await client.poll()
        assert (reply.status, reply.body) == (204, b"")
        assert is_uncached(reply)
        assert "content-type" not in reply.headers
        assert (await client.poll()).status == 404
        assert running.hubs.connection_count == 0


async def test_last_messages_wait_for_as_long_as_a_connection_may_go_without_a_poll(serve: Serve) -> None:
    async with serve() as running, polling(running) as client:
        await client.send({"type": 1, "target": "Abort", "arguments": []})
        await running.journal.until("disconnected")
        running.clock.advance(14.0)
        assert running.hubs.connection_count == 1
        assert (await client.post("x")).status == 404
        running.clock.advance(1.5)
        await running.hubs.endpoint.until_empty()
        assert (await client.poll()).status == 404


async def test_delete_ends_the_poll_and_the_connection(serve: Serve) -> None:
    async with serve() as running, polling(running) as client, client.waiting() as poll:
        reply = await client.delete()
        assert (reply.status, reply.body, reply.headers["content-type"]) == (202, b"", "text/plain")
        assert (await poll.answer()).status == 204
        late = await client.post('{"type":7}\x1e')  # as the JavaScript client sends it
        assert late.status == 404
        assert await running.journal.until("disconnected") is None
        await running.hubs.endpoint.until_empty()
        assert (await client.delete()).status == 404


async def test_delete_works_between_two_polls(serve: Serve) -> None:
    async with serve() as running, polling(running) as client:
        await running.hubs.plane("Sample").send(ALL, tick(1))
        assert (await client.delete()).status == 202
        assert await running.journal.until("disconnected") is None
        await running.hubs.endpoint.until_empty()


async def test_delete_is_for_long_polling_alone(serve: Serve) -> None:
    async with serve() as running, running.connected() as socket, listening(running) as events:
        ids = await running.negotiate()
        targets = [
            events.target,
            f"/sample?id={ids['connectionToken']}",
            f"/sample?id={(await socket.invoke('Who'))['result']['connection']}",
        ]
        for target in targets:
            reply = await running.request("DELETE", target)
            assert (reply.status, reply.body) == (400, b"Cannot terminate this connection using the DELETE endpoint.")


async def test_a_poll_in_which_the_application_crashes_gets_500(serve: Serve) -> None:
    async def crash(connection: RawConnection) -> None:
        await connection.read()
        raise ZeroDivisionError

    async with serve(app=raw(crash)) as running, polling(running, "/raw", handshake=None) as client:
        async with client.waiting() as poll:
            await client.post("x")
            reply = await poll.answer()
        assert (reply.status, reply.body) == (500, b"")
        assert is_uncached(reply)
        await running.hubs.endpoint.until_empty()


async def test_an_application_that_returns_ends_the_poll_with_204(serve: Serve) -> None:
    async def leave(connection: RawConnection) -> None:
        await connection.read()

    async with serve(app=raw(leave)) as running, polling(running, "/raw", handshake=None) as client:
        async with client.waiting() as poll:
            await client.post("x")
            assert (await poll.answer()).status == 204
        await running.hubs.endpoint.until_empty()


async def test_a_handshake_that_does_not_come_is_canceled(serve: Serve) -> None:
    async with serve() as running, polling(running, handshake=None) as client:
        async with client.waiting() as poll:
            running.clock.advance(15.5)
            assert (await poll.answer()).body == b'{"error":"Handshake was canceled."}\x1e'
        assert (await client.poll()).status == 204


async def test_a_stop_asks_clients_to_come_again(serve: Serve) -> None:
    async with serve() as running, polling(running) as client, client.waiting() as poll:
        running.server.should_exit = True
        assert (await poll.answer()).body == b'{"type":7,"allowReconnect":true}\x1e'
        assert await running.journal.until("disconnected") is None


async def test_while_draining_nobody_new_is_let_in_and_last_messages_are_polled(serve: Serve) -> None:
    async with serve() as running:
        unused = (await running.negotiate())["connectionToken"]
        async with polling(running) as client:
            await running.hubs.drain()
            for reply in (
                await running.request("GET", f"/sample?id={unused}"),
                await running.request("POST", f"/sample?id={unused}", b"x"),
            ):
                assert reply.status == 503
            assert (await client.poll()).body == b'{"type":7,"allowReconnect":true}\x1e'
            assert (await client.poll()).status == 204


# Limits


async def test_connections_are_bounded_and_a_refused_id_may_come_again(serve: Serve) -> None:
    async with serve(ServerOptions(maximum_connections=1)) as running:
        token = (await running.negotiate())["connectionToken"]
        async with polling(running) as client:
            reply = await running.request("GET", f"/sample?id={token}")
            assert (reply.status, "retry-after" in reply.headers) == (503, True)
            assert (await client.delete()).status == 202
            await running.hubs.endpoint.until_empty()
        assert (await running.request("GET", f"/sample?id={token}")).status == 200


async def test_a_client_that_never_polls_costs_its_outbox_and_delays_nobody(serve: Serve) -> None:
    options = HubOptions(outbox_limit_bytes=256 * 1024)
    async with serve(hub_options=options) as running, running.connected() as quick, polling(running) as client:
        transport, most = client.transport, 0
        for sent in range(1_000):
            await running.hubs.plane("Sample").send(ALL, tick(sent, 16_000))
            assert (await quick.receive())["arguments"][0] == sent
            most = max(most, transport._unsent.unsent_bytes)
            if running.hubs.connection_count == 1:
                break
        assert most < 64 * 1024 + 20_000
        error = await running.journal.until("disconnected")
        assert isinstance(error, SlowConsumer)
        assert error.queued_bytes - 20_000 < options.outbox_limit_bytes
        assert running.observer.closed == ["slow"]
        assert (await client.poll()).status == 404


async def test_a_client_that_leaves_much_unpolled_is_cut_off_after_the_write_timeout(serve: Serve) -> None:
    async with serve() as running, polling(running):
        await running.hubs.plane("Sample").send(ALL, tick(0, 70_000))
        running.clock.advance(10.5)
        assert isinstance(await running.journal.until("disconnected"), WriteTimeout)
        await running.hubs.endpoint.until_empty()


async def test_a_client_that_catches_up_gets_everything_in_order(serve: Serve) -> None:
    async with serve() as running, polling(running) as client:
        for number in range(40):
            await running.hubs.plane("Sample").send(ALL, tick(number, 16_000))
        assert [(await client.receive())["arguments"][0] for _ in range(40)] == list(range(40))
        assert (await client.invoke("Echo", "still here"))["result"] == "still here"
