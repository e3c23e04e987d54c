"""Server-Sent Events on real sockets, under both servers: the fast lane's, which hands HTTP on, and plain ASGI."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest

from hubwire import HubOptions, HubServer, RawConnection, ServerOptions
from hubwire.errors import ClientTimeout, SlowConsumer, WriteTimeout
from hubwire.model import Audience
from hubwire.wire.encoded import EncodedMessage

from .conftest import HANDSHAKE, TIMEOUT_SECONDS, Serve, until, until_cut_off
from .http_clients import Events, listening, open_events

ALL = Audience.all()


def tick(number: int, size: int = 0) -> EncodedMessage:
    return EncodedMessage.invocation("tick", [number, "x" * size])


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
        events.headers["User-Agent"] = "another"
        who = (await events.invoke("Who"))["result"]  # what the hub sees is the GET
        assert (who["agent"], who["color"], who["address"]) == ("tester", "red", "127.0.0.1")


async def test_every_message_is_an_event_of_its_own(serve: Serve) -> None:
    async with serve() as running, listening(running) as events:
        for number in range(3):
            await running.hubs.plane("Sample").send(ALL, tick(number))
        for number in range(3):
            assert await events.event() == (
                b'data: {"type":1,"target":"tick","arguments":[%d,""]}\x1e\r\n\r\n' % number
            )


async def test_lines_of_raw_text_are_lines_of_data(serve: Serve) -> None:
    async def tell(connection: RawConnection) -> None:
        await connection.write("a\r\nb\nc\rd")
        await connection.read()

    def add(hubs: HubServer) -> HubServer:
        hubs.add_raw(tell, path="/raw")
        return hubs

    async with serve(app=add) as running, listening(running, "/raw", handshake=None) as events:
        assert await events.event() == b"data: a\r\ndata: b\r\ndata: c\r\ndata: d\r\n\r\n"


async def test_messagepack_is_refused_because_events_are_text(serve: Serve) -> None:
    async with serve() as running, listening(running, handshake=None) as events:
        assert (await events.post('{"protocol":"messagepack","version":1}\x1e')).status == 200
        assert await events.receive() == {
            "error": "Cannot use the 'messagepack' protocol on the current transport. "
            "The transport does not support 'Binary' transfer format."
        }
        await events.ended()


async def test_a_handshake_may_be_posted_before_the_events_are_asked_for(serve: Serve) -> None:
    async with serve() as running:
        ids = await running.negotiate("/sample/negotiate")
        target = f"/sample?id={ids['connectionId']}"
        assert (await running.request("POST", target, HANDSHAKE.encode())).status == 200
        events = await open_events(running, target)
        assert await events.line() == b":\r\n"
        assert await events.receive() == {}
        assert (await events.invoke("Echo", 1))["result"] == 1
        events.writer.close()


async def test_pings_are_events(serve: Serve) -> None:
    async with serve() as running, listening(running) as events:
        running.clock.advance(15.5)
        assert await events.receive() == {"type": 6}


async def test_a_client_that_used_to_ping_and_fell_silent_is_given_up(serve: Serve) -> None:
    async with serve() as running, listening(running) as events:
        await events.send({"type": 6})
        running.clock.advance(15.5)
        assert await events.receive() == {"type": 6}
        running.clock.advance(15.0)
        assert (await events.receive())["allowReconnect"] is True
        await events.ended()
        assert isinstance(await running.journal.until("disconnected"), ClientTimeout)


# The end


async def test_leaving_the_answer_ends_the_connection_properly(serve: Serve) -> None:
    async with serve() as running:
        async with listening(running) as events:
            await running.journal.until("connected")
        assert await running.journal.until("disconnected") is None
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await running.hubs.endpoint.until_empty()
        reply = await events.post("x")
        assert (reply.status, reply.body) == (404, b"No Connection with that ID")
        assert not running.hubs.endpoint.table.requested


async def test_the_server_ends_the_answer_behind_its_close_message(serve: Serve) -> None:
    async with serve() as running, listening(running) as events:
        await events.send({"type": 1, "target": "Abort", "arguments": []})
        assert await events.receive() == {"type": 7}
        await events.ended()
        assert running.hubs.connection_count == 0
        assert (await events.post("x")).status == 404


async def test_a_client_that_says_good_bye_is_answered(serve: Serve) -> None:
    async with serve() as running, listening(running) as events:
        await events.send({"type": 7})
        assert await events.receive() == {"type": 7}
        await events.ended()
        assert await running.journal.until("disconnected") is None
        assert running.observer.closed == ["client"]


async def test_a_handshake_that_does_not_come_is_canceled(serve: Serve) -> None:
    async with serve() as running, listening(running, handshake=None) as events:
        running.clock.advance(15.5)
        assert await events.receive() == {"error": "Handshake was canceled."}
        await events.ended()


async def test_a_raw_application_that_crashes_ends_the_answer(serve: Serve) -> None:
    async def crash(connection: RawConnection) -> None:
        await connection.read()
        raise ZeroDivisionError

    def add(hubs: HubServer) -> HubServer:
        hubs.add_raw(crash, path="/raw")
        return hubs

    async with serve(app=add) as running, listening(running, "/raw", handshake=None) as events:
        assert (await events.post("x")).status in (200, 404)  # the end may be quicker than the answer
        await events.ended()
        assert running.observer.closed == ["failed"]


async def test_a_stop_asks_clients_to_come_again(serve: Serve) -> None:
    async with serve() as running, listening(running) as events:
        running.server.should_exit = True
        assert await events.receive() == {"type": 7, "allowReconnect": True}
        await events.ended()
        assert await running.journal.until("disconnected") is None


async def test_while_draining_nobody_is_let_in(serve: Serve) -> None:
    async with serve() as running:
        ids = await running.negotiate()
        await running.hubs.drain()
        events = await open_events(running, f"/sample?id={ids['connectionToken']}")
        assert events.status == "HTTP/1.1 503 Service Unavailable"
        events.writer.close()


# One connection, one answer


async def test_a_second_answer_is_409_and_the_first_goes_on(serve: Serve) -> None:
    async with serve() as running, listening(running) as events:
        reply = await running.request("GET", events.target, Accept="text/event-stream")
        assert (reply.status, reply.body) == (409, b"")
        assert (await events.invoke("Echo", 1))["result"] == 1


async def test_connections_are_bounded(serve: Serve) -> None:
    async with serve(ServerOptions(maximum_connections=1)) as running:
        token = (await running.negotiate())["connectionToken"]
        async with listening(running):
            reply = await running.request("GET", f"/sample?id={token}", Accept="text/event-stream")
            assert (reply.status, "retry-after" in reply.headers) == (503, True)
        await running.hubs.endpoint.until_empty()
        events = await open_events(running, f"/sample?id={token}")
        assert events.status == "HTTP/1.1 200 OK"
        events.writer.close()


# Slow clients


async def test_a_client_that_reads_nothing_costs_its_outbox_and_delays_nobody(serve: Serve) -> None:
    options = HubOptions(outbox_limit_bytes=256 * 1024)
    async with serve(hub_options=options) as running, running.connected() as quick, listening(running) as events:
        stop_reading(events)
        sent = 0
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while running.hubs.connection_count == 2:
                await running.hubs.plane("Sample").send(ALL, tick(sent, 16_000))
                assert (await quick.receive())["arguments"][0] == sent
                sent += 1
        error = await running.journal.until("disconnected")
        assert isinstance(error, SlowConsumer)
        assert error.queued_bytes - 20_000 < options.outbox_limit_bytes
        assert running.observer.closed == ["slow"]


async def test_a_client_that_reads_nothing_is_cut_off_after_the_write_timeout(
    serve: Serve, lane: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with serve() as running, listening(running) as events:
        stop_reading(events)
        transport = running.hubs.endpoint.table.requested[events.target.partition("=")[2]]
        await until(lambda: running.hubs.connection_count == 1)
        await until_cut_off(
            running.clock,
            10.5,
            is_over=lambda: not running.hubs.connection_count,
            is_paused=lambda: transport._unsent._is_paused,
            feed=lambda: running.hubs.plane("Sample").send(ALL, tick(0, 16_000)),
        )
        assert isinstance(await running.journal.until("disconnected"), WriteTimeout)
        await until(lambda: not running.hubs.endpoint.connections)
        if lane == "fast":  # where the socket can be cut, so that the server has nothing to complain of
            await until(lambda: not running.server.server_state.connections)
            assert not caplog.records


async def test_a_client_that_catches_up_gets_everything_in_order(serve: Serve) -> None:
    options = HubOptions(outbox_limit_bytes=64 * 1024 * 1024)
    async with serve(hub_options=options) as running, listening(running) as events:
        stop_reading(events)
        for number in range(1_000):
            await running.hubs.plane("Sample").send(ALL, tick(number, 16_000))
        events.writer.transport.resume_reading()  # type: ignore[attr-defined] # a socket's transport can read
        assert [(await events.receive())["arguments"][0] for _ in range(1_000)] == list(range(1_000))
        assert (await events.invoke("Echo", "still here"))["result"] == "still here"


def stop_reading(events: Events) -> None:
    events.writer.transport.pause_reading()  # type: ignore[attr-defined] # a socket's transport can read


async def test_posts_of_one_connection_do_not_wait_for_its_slow_answer(serve: Serve) -> None:
    async with serve() as running, listening(running) as events:
        stop_reading(events)
        call = json.dumps({"type": 1, "target": "Echo", "arguments": ["x" * 1_000]}) + "\x1e"
        for _ in range(5):
            assert (await events.post(call * 10)).status == 200
