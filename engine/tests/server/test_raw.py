"""Raw connections on sockets over each transport; the pump over a transport without a wire, for what they cannot do."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from hubwire import (
    ConnectionOptions,
    ConnectRequest,
    HubServer,
    Principal,
    RawConnection,
    RawHandler,
    ServerOptions,
    Unauthorized,
)
from hubwire.errors import LocalProtocolError, SlowConsumer, WriteTimeout
from hubwire.model import Caller
from hubwire.server.hosted import Opening
from hubwire.server.raw_pump import RawPump
from hubwire.testing import FakeClock
from hubwire.transports.long_polling import LongPollingTransport
from hubwire.transports.memory import MemoryTransport

from .conftest import TIMEOUT_SECONDS, RecordingObserver, Running, Serve, fast_lane_only, until, until_cut_off
from .http_clients import listening, polling


async def echo(connection: RawConnection) -> None:
    async for data in connection:
        await connection.write(data)


def raw(handler: RawHandler, **arguments: Any) -> Callable[[HubServer], HubServer]:
    """Adds the handler at /raw, beside the sample hub."""

    def add(hubs: HubServer) -> HubServer:
        hubs.add_raw(handler, path="/raw", **arguments)
        return hubs

    return add


@asynccontextmanager
async def dialled(running: Running, target: str = "/raw", **headers: str) -> AsyncIterator[ClientConnection]:
    address = f"ws://127.0.0.1:{running.port}{target}"
    options: dict[str, Any] = {"compression": None, "ping_interval": None, "proxy": None}
    async with connect(address, additional_headers=headers, **options) as client, asyncio.timeout(TIMEOUT_SECONDS):
        yield client


# --- WebSockets ---


async def test_what_a_websocket_without_negotiate_sends_comes_back_and_its_close_is_clean(serve: Serve) -> None:
    async with serve(app=raw(echo)) as running, dialled(running) as client:
        await client.send("grüße")
        assert await client.recv() == "grüße"
        await client.send(b"as bytes")
        assert await client.recv() == "as bytes"  # the opcode counts in neither direction
        await client.close(1000)
        assert (client.close_code, client.protocol.close_rcvd_then_sent) == (1000, False)
        await running.hubs.endpoint.until_empty()
        assert running.observer.closed == ["client"]


async def test_a_negotiated_raw_connection_is_known_by_its_id(serve: Serve) -> None:
    async def who(connection: RawConnection) -> None:
        await connection.write(
            f"{connection.caller.connection_id} {connection.caller.hub} {connection.caller.transport}"
        )

    async with serve(app=raw(who)) as running:
        answer = await running.negotiate("/RAW/negotiate?negotiateVersion=1")
        async with dialled(running, f"/raw?id={answer['connectionToken']}") as client:
            assert await client.recv() == f"{answer['connectionId']} who WebSockets"
        assert (await running.upgrade(f"/raw?id={answer['connectionToken']}")).status == 404


async def test_no_handshake_and_no_pings_are_sent(serve: Serve) -> None:
    async with serve(app=raw(echo)) as running, dialled(running) as client:
        for _ in range(20):
            running.clock.advance(10)
            await asyncio.sleep(0)
        await client.send("first")
        assert await client.recv() == "first"


async def test_binary_goes_out_as_binary_once_the_handler_says_so(serve: Serve) -> None:
    async def binary(connection: RawConnection) -> None:
        connection.is_binary = True
        await echo(connection)

    async with serve(app=raw(binary)) as running, dialled(running) as client:
        await client.send(b"\xff\x00")
        assert await client.recv() == b"\xff\x00"


async def test_a_character_cut_in_two_is_sent_whole(serve: Serve) -> None:
    async with serve(app=raw(echo)) as running, dialled(running) as client:
        for byte in "ü€🎉!".encode():
            await client.send(bytes([byte]))
        received = ""
        while len(received) < 4:
            received += str(await client.recv())
        assert received == "ü€🎉!"


async def test_a_handler_that_returns_closes_after_what_it_wrote(serve: Serve) -> None:
    async def greet(connection: RawConnection) -> None:
        await connection.write("good day")

    async with serve(app=raw(greet)) as running, dialled(running) as client:
        assert await client.recv() == "good day"
        await client.wait_closed()
        assert client.close_code == 1000
        await running.hubs.endpoint.until_empty()
        assert running.observer.closed == ["server"]


async def test_a_handler_that_raises_is_logged_and_closes_with_1011(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    async def crash(connection: RawConnection) -> None:
        await connection.read()
        raise ZeroDivisionError("secret")

    async with serve(app=raw(crash)) as running, dialled(running) as client:
        await client.send("x")
        await client.wait_closed()
        assert (client.close_code, client.close_reason) == (1011, "")
        (record,) = [record for record in caplog.records if record.name == "hubwire.server"]
        assert record.exc_info is not None
        assert isinstance(record.exc_info[1], ZeroDivisionError)
        assert record.getMessage().startswith("The handler of raw connections crash failed for connection ")
        assert running.observer.closed == ["failed"]


async def test_close_ends_reading_and_writing(serve: Serve) -> None:
    done: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def leave(connection: RawConnection) -> None:
        await connection.write("bye")
        await connection.close()
        await connection.close()
        assert await connection.read() == b""
        with pytest.raises(ConnectionResetError, match="is closed"):
            await connection.write("too late")
        await connection.wait_closed()
        done.set_result(f"{connection.is_open} {connection.error}")

    async with serve(app=raw(leave)) as running, dialled(running) as client:
        assert await client.recv() == "bye"
        await client.wait_closed()
        assert client.close_code == 1000
        assert await done == "False None"


@pytest.mark.parametrize("is_lost", [False, True])
async def test_reading_ends_when_the_client_goes_however_it_does(
    serve: Serve, is_lost: bool, caplog: pytest.LogCaptureFixture
) -> None:
    seen: asyncio.Future[tuple[list[bytes], BaseException | None]] = asyncio.get_running_loop().create_future()

    async def listen(connection: RawConnection) -> None:
        pieces = [data async for data in connection]
        seen.set_result((pieces, connection.error))
        await connection.write("too late")  # a handler may let the error of this pass

    async with serve(app=raw(listen)) as running:
        async with dialled(running) as client:
            await client.send("x")
            if is_lost:
                await asyncio.sleep(0)
                client.transport.abort()
            else:
                await client.close()
        async with asyncio.timeout(TIMEOUT_SECONDS):
            pieces, error = await seen
            await running.hubs.tasks.wait()
        assert b"".join(pieces) in ((b"x", b"") if is_lost else (b"x",))
        assert isinstance(error, ConnectionResetError) is is_lost
        assert running.observer.closed == ["lost" if is_lost else "client"]
        assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_a_client_that_sends_faster_than_the_handler_reads_is_not_read(serve: Serve, lane: str) -> None:
    proceed = asyncio.Event()
    total: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def sip(connection: RawConnection) -> None:
        await proceed.wait()
        total.set_result(sum([len(data) async for data in connection]))

    async with serve(app=raw(sip)) as running, dialled(running) as client:
        sent = 0
        while client.transport.get_write_buffer_size() < 64 * 1024:  # until the kernel's buffers are full
            client.transport.write(b"\x82\xfe\x40\x00" + bytes(4 + 0x4000))
            sent += 0x4000
            await asyncio.sleep(0)
        (pump,) = running.hubs.endpoint.connections.values()
        assert isinstance(pump, RawPump)
        assert 64 * 1024 <= len(pump._input or b"") <= 64 * 1024 + 0x8000
        proceed.set()
        await client.close()
        assert await total == sent


async def test_a_writer_waits_for_a_slow_reader_and_loses_nothing(serve: Serve) -> None:
    written = 0

    async def pour(connection: RawConnection) -> None:
        nonlocal written
        for number in range(1000):
            await connection.write(f"{number:06} ".ljust(16_000))
            written += 1

    async with serve(app=raw(pour)) as running, dialled(running) as client:
        client.transport.pause_reading()
        (pump,) = running.hubs.endpoint.connections.values()
        await until(lambda: isinstance(pump, RawPump) and pump._waiting)
        assert written < 1000
        client.transport.resume_reading()
        assert [int(str(await client.recv())[:6]) for _ in range(1000)] == list(range(1000))
        await client.wait_closed()
        assert client.close_code == 1000


async def test_a_reader_that_takes_nothing_is_cut_off_in_time(serve: Serve) -> None:
    seen: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()

    async def pour(connection: RawConnection) -> None:
        try:
            while True:
                await connection.write("x" * 16_000)
        except ConnectionResetError as error:
            seen.set_result(error.__cause__ or connection.error)

    async with serve(app=raw(pour)) as running, dialled(running) as client:
        client.transport.pause_reading()
        (pump,) = running.hubs.endpoint.connections.values()
        assert isinstance(pump, RawPump)
        await until_cut_off(running.clock, 10.5, is_over=seen.done, is_paused=lambda: bool(pump._waiting))
        assert isinstance(await seen, WriteTimeout)
        await running.hubs.endpoint.until_empty()
        assert running.observer.closed == ["slow"]
        client.transport.abort()


async def test_a_handler_that_never_waits_does_not_stop_the_others(serve: Serve) -> None:
    async def pour(connection: RawConnection) -> None:
        while True:
            await connection.write("x")

    async with serve(app=raw(pour)) as running, dialled(running) as client, running.connected() as other:
        assert await client.recv() == "x"
        assert (await other.invoke("Echo", 1))["result"] == 1
        client.transport.abort()
        await until(lambda: running.observer.closed == ["lost"])


@fast_lane_only
async def test_a_frame_over_the_limit_is_refused(serve: Serve) -> None:
    options = ConnectionOptions(maximum_receive_frame_bytes=1000)
    async with serve(app=raw(echo, options=options)) as running, dialled(running) as client:
        await client.send(b"x" * 1000)
        assert await client.recv() == "x" * 1000
        await client.send(b"x" * 1001)
        await client.wait_closed()
        assert client.close_code == 1009


async def test_a_verifier_decides_who_may_connect(serve: Serve) -> None:
    class Verifier:
        async def verify(self, token: str | None, hub: str, request: ConnectRequest) -> Principal:
            if token != "ann":
                raise Unauthorized("no")
            return Principal(token, {"hub": hub})

    async def who(connection: RawConnection) -> None:
        await connection.write(f"{connection.caller.user_id} {connection.caller.claims['hub']}")

    async with serve(app=raw(who, verifier=Verifier(), name="Who")) as running:
        reply = await running.upgrade("/raw")
        assert (reply.status, reply.body) == (401, b"")
        async with dialled(running, Authorization="Bearer ann") as client:
            assert await client.recv() == "ann Who"


async def test_a_stop_ends_reading_so_that_the_handler_can_say_good_bye(serve: Serve) -> None:
    async def polite(connection: RawConnection) -> None:
        async for _ in connection:
            pass
        await connection.write("good-bye")

    async with serve(app=raw(polite)) as running, dialled(running) as client:
        await until(lambda: running.hubs.connection_count)
        running.server.should_exit = True
        assert await client.recv() == "good-bye"
        await client.wait_closed()
        assert client.close_code == 1000


async def test_a_handler_that_does_not_end_is_cut_off_and_then_cancelled_by_a_stop(serve: Serve) -> None:
    seen = []

    async def stubborn(connection: RawConnection) -> None:
        try:
            await connection.wait_closed()
            seen.append("closed")
            await asyncio.Event().wait()
        finally:
            seen.append("cancelled")

    async with serve(app=raw(stubborn)) as running:
        async with dialled(running) as client:
            running.server.should_exit = True
            await until(lambda: running.hubs.endpoint.is_draining)
            while not seen:
                running.clock.advance(1)
                await asyncio.sleep(0)
            with pytest.raises(ConnectionClosed):
                await client.recv()
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while len(seen) < 2:
                running.clock.advance(1)
                await asyncio.sleep(0)
    assert seen == ["closed", "cancelled"]


async def test_names_and_paths_are_shared_with_hubs(serve: Serve) -> None:
    hubs = HubServer()
    hubs.add_raw(echo, path="/echo")
    with pytest.raises(ValueError, match="named 'Echo' already"):
        hubs.add_raw(echo, path="/other", name="Echo")
    with pytest.raises(ValueError, match="is taken"):
        hubs.add_raw(echo, path="/Echo/", name="other")


# --- server-sent events ---


async def test_what_is_posted_comes_back_as_events(serve: Serve) -> None:
    async with serve(app=raw(echo)) as running, listening(running, "/raw", handshake=None) as events:
        assert (await events.post("grüße")).status == 200
        assert (await events.event()).decode() == "data: grüße\r\n\r\n"
        assert (await events.post(b"two\r\nlines")).status == 200
        assert await events.event() == b"data: two\r\ndata: lines\r\n\r\n"
        events.writer.close()
        await running.hubs.endpoint.until_empty()
        assert running.observer.closed == ["client"]
        assert (await events.post("too late")).status == 404


async def test_events_end_when_the_handler_returns(serve: Serve) -> None:
    async def greet(connection: RawConnection) -> None:
        await connection.write(f"{await connection.read()!r} {connection.allows_binary}")

    async with serve(app=raw(greet)) as running, listening(running, "/raw", handshake=None) as events:
        await events.post(b"x")
        assert await events.event() == b"data: b'x' False\r\n\r\n"
        await events.ended()
        assert running.observer.closed == ["server"]


async def test_events_end_when_the_handler_raises(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    async def crash(connection: RawConnection) -> None:
        raise ZeroDivisionError

    async with serve(app=raw(crash)) as running, listening(running, "/raw", handshake=None) as events:
        await events.ended()
        assert running.observer.closed == ["failed"]
        assert "The handler of raw connections crash failed" in caplog.text


async def test_a_post_waits_until_the_handler_wants_it(serve: Serve) -> None:
    proceed = asyncio.Event()
    received = bytearray()

    async def sip(connection: RawConnection) -> None:
        await proceed.wait()
        async for data in connection:
            received.extend(data)

    async with serve(app=raw(sip)) as running, listening(running, "/raw", handshake=None) as events:
        posting = asyncio.create_task(events.post(b"x" * 500_000))
        (pump,) = running.hubs.endpoint.connections.values()
        assert isinstance(pump, RawPump)
        await until(lambda: not pump._is_reading)
        assert len(pump._input or b"") < 100_000
        assert not posting.done()
        proceed.set()
        assert (await posting).status == 200
        assert len(received) == 500_000


# --- long polling ---


async def test_what_is_posted_can_be_polled(serve: Serve) -> None:
    async with serve(app=raw(echo)) as running, polling(running, "/raw", handshake=None) as client:
        assert (await client.post("grüße")).status == 200
        reply = await client.poll()
        assert (reply.status, reply.body.decode(), reply.headers["content-type"]) == (
            200,
            "grüße",
            "application/octet-stream",
        )
        assert (await client.delete()).status == 202
        await running.hubs.endpoint.until_empty()
        assert running.observer.closed == ["client"]
        assert (await client.poll()).status == 404


async def test_last_words_are_polled_before_the_end(serve: Serve) -> None:
    async def greet(connection: RawConnection) -> None:
        connection.is_binary = True
        await connection.write(b"\xff one, ")
        await connection.write(b"two")

    async with serve(app=raw(greet)) as running, polling(running, "/raw", handshake=None) as client:
        reply = await client.poll()
        assert (reply.status, reply.body) == (200, b"\xff one, two")
        assert (await client.poll()).status == 204
        assert (await client.poll()).status == 404
        assert running.observer.closed == ["server"]


async def test_a_poll_that_waits_for_a_handler_that_raises_is_answered_500(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    async def crash(connection: RawConnection) -> None:
        await connection.read()
        raise ZeroDivisionError

    async with serve(app=raw(crash)) as running, polling(running, "/raw", handshake=None) as client:
        async with client.waiting() as poll:
            (transport,) = running.hubs.endpoint.table.requested.values()
            assert isinstance(transport, LongPollingTransport)
            await until(lambda: transport._poll)
            await client.post("x")
            assert (await poll.answer()).status == 500
        assert running.observer.closed == ["failed"]
        assert "The handler of raw connections crash failed" in caplog.text


async def test_a_client_that_stops_to_poll_is_lost(serve: Serve) -> None:
    seen: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()

    async def listen(connection: RawConnection) -> None:
        assert await connection.read() == b""
        seen.set_result(connection.error)

    async with serve(app=raw(listen)) as running, polling(running, "/raw", handshake=None):
        running.clock.advance(15.5)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            assert isinstance(await seen, ConnectionResetError)
            await running.hubs.endpoint.until_empty()


@pytest.mark.parametrize("transport", ["ServerSentEvents", "LongPolling"])
async def test_transports_are_chosen_by_the_options(serve: Serve, transport: str) -> None:
    options = ConnectionOptions(transports=frozenset({transport}))
    async with serve(app=raw(echo, options=options)) as running:
        answer = await running.negotiate("/raw/negotiate?negotiateVersion=1")
        assert [offer["transport"] for offer in answer["availableTransports"]] == [transport]
        assert (await running.upgrade(f"/raw?id={answer['connectionToken']}")).status == 404


# --- over a transport without a wire ---


class Peer:
    def __init__(self, hubs: HubServer, pump: RawPump, transport: MemoryTransport, clock: FakeClock) -> None:
        self.hubs = hubs
        self.pump = pump
        self.transport = transport
        self.clock = clock

    @property
    def observer(self) -> RecordingObserver:
        assert isinstance(self.hubs.observer, RecordingObserver)
        return self.hubs.observer

    def is_reading(self) -> bool:
        return self.transport.is_reading

    def is_aborted(self) -> bool:
        return self.transport.is_aborted

    def close_code(self) -> int | None:
        return self.transport.close_code

    async def settle(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)

    async def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await self.settle()


class TextTransport(MemoryTransport):
    name = "Text"
    allows_binary = False


@asynccontextmanager
async def opened(
    handler: RawHandler,
    options: ConnectionOptions | None = None,
    *,
    principal: Principal | None = None,
    transport: MemoryTransport | None = None,
    server_options: ServerOptions | None = None,
) -> AsyncIterator[Peer]:
    clock = FakeClock()
    hubs = HubServer(server_options, clock=clock, observer=RecordingObserver())
    hubs.add_raw(handler, path="/raw", options=options)
    async with hubs.lifespan():
        (hosted,) = hubs.endpoint.admission.hosted
        transport = transport or MemoryTransport()
        request = ConnectRequest("GET", "/raw", {}, {}, "", "http")
        caller = Caller("one", hosted.name, principal or Principal(), request, transport.name)
        pump = hubs.endpoint.open(Opening(hosted, caller, "token"), transport)
        assert isinstance(pump, RawPump)
        transport.receiver = pump
        peer = Peer(hubs, pump, transport, clock)
        await peer.settle()
        yield peer
        pump.lost(None)
        pump.gone()
        await peer.settle()


async def test_what_came_before_the_loss_can_still_be_read() -> None:
    proceed = asyncio.Event()
    seen: list[bytes] = []

    async def late(connection: RawConnection) -> None:
        await proceed.wait()
        seen.extend([data async for data in connection])

    async with opened(late) as peer:
        peer.pump.feed(b"one ")
        peer.pump.feed(b"")
        peer.pump.feed(b"two")
        peer.pump.lost(ConnectionResetError())
        proceed.set()
        await peer.settle()
        assert seen == [b"one two"]
        assert peer.hubs.connection_count == 0


async def test_the_input_buffer_holds_no_more_than_its_option() -> None:
    proceed = asyncio.Event()

    async def late(connection: RawConnection) -> None:
        await proceed.wait()
        await echo(connection)

    async with opened(late, ConnectionOptions(receive_buffer_bytes=10)) as peer:
        peer.pump.feed(b"123456789")
        assert peer.is_reading()
        peer.pump.feed(b"0")
        assert not peer.is_reading()
        proceed.set()
        await peer.settle()
        assert peer.is_reading()
        assert peer.transport.take() == [b"1234567890"]


async def test_a_stop_lets_a_paused_transport_read_on_and_drops_what_comes() -> None:
    proceed = asyncio.Event()

    async def late(connection: RawConnection) -> None:
        await proceed.wait()
        await echo(connection)

    async with opened(late, ConnectionOptions(receive_buffer_bytes=2)) as peer:
        peer.pump.feed(b"12")
        peer.pump.stop()
        assert peer.is_reading()
        peer.pump.feed(b"3")
        proceed.set()
        await peer.settle()
        assert peer.transport.take() == [b"12"]
        assert peer.close_code() == 1000


async def test_one_task_reads() -> None:
    async def greedy(connection: RawConnection) -> None:
        first = asyncio.create_task(connection.read())
        await asyncio.sleep(0)
        with pytest.raises(LocalProtocolError, match="read it from one task"):
            await connection.read()
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await connection.write(await connection.read())

    async with opened(greedy) as peer:
        peer.pump.feed(b"still readable")
        await peer.settle()
        assert peer.transport.take() == [b"still readable"]


async def test_writers_wait_in_line_up_to_the_limit_and_then_the_client_is_cut_off() -> None:
    outcomes: list[object] = []

    async def crowd(connection: RawConnection) -> None:
        await connection.read()
        writes = [connection.write(f"{number}" * 40) for number in range(4)]
        outcomes.extend(await asyncio.gather(*writes, return_exceptions=True))
        await connection.write("too late")

    async with opened(crowd, ConnectionOptions(outbox_limit_bytes=100)) as peer:
        peer.pump.pause_writing()
        peer.pump.feed(b"go")
        await peer.settle()
        assert peer.is_aborted()
        assert all(isinstance(outcome, ConnectionResetError) for outcome in outcomes)
        assert len(outcomes) == 4
        error = peer.pump.error
        assert isinstance(error, SlowConsumer)
        assert (error.queued_messages, error.queued_bytes, error.limit_bytes) == (3, 120, 100)
        assert peer.observer.closed == ["slow"]


async def test_what_writers_wait_with_counts_among_all_outboxes() -> None:
    outcomes: list[object] = []

    async def large(connection: RawConnection) -> None:
        await connection.read()
        writes = [connection.write("x" * 600) for _ in range(2)]
        outcomes.extend(await asyncio.gather(*writes, return_exceptions=True))

    async with opened(large, server_options=ServerOptions(outbox_total_bytes=1000)) as peer:
        peer.pump.pause_writing()
        peer.pump.feed(b"go")
        await peer.settle()
        assert peer.is_aborted()
        assert [type(outcome).__base__ for outcome in outcomes] == [ConnectionResetError] * 2
        error = peer.pump.error
        assert isinstance(error, SlowConsumer)
        assert (error.queued_messages, error.queued_bytes, error.limit_bytes) == (2, 1200, 1000)
        assert error.is_total
        assert (peer.hubs.outboxes.waiting_bytes, len(peer.hubs.outboxes)) == (0, 0)


async def test_writers_that_had_to_wait_leave_nothing_behind() -> None:
    async def large(connection: RawConnection) -> None:
        await connection.read()
        cancelled = asyncio.ensure_future(connection.write("y" * 500))
        await asyncio.sleep(0)
        cancelled.cancel()
        await connection.write("x" * 500)

    async with opened(large) as peer:
        peer.pump.pause_writing()
        peer.pump.feed(b"go")
        await peer.settle()
        assert peer.hubs.outboxes.waiting_bytes == 500
        peer.pump.resume_writing()
        await peer.settle()
        assert (peer.hubs.outboxes.waiting_bytes, len(peer.hubs.outboxes)) == (0, 0)


async def test_one_writer_alone_may_wait_with_more_than_the_limit() -> None:
    async def large(connection: RawConnection) -> None:
        await connection.read()
        await connection.write("x" * 500)

    async with opened(large, ConnectionOptions(outbox_limit_bytes=100)) as peer:
        peer.pump.pause_writing()
        peer.pump.feed(b"go")
        await peer.settle()
        assert peer.transport.written == []
        peer.pump.resume_writing()
        await peer.settle()
        assert peer.transport.take() == [b"x" * 500]
        assert peer.close_code() == 1000


async def test_a_cancelled_writer_leaves_the_line() -> None:
    async def hasty(connection: RawConnection) -> None:
        await connection.read()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await connection.write("never")
        await connection.write("ever")

    async with opened(hasty) as peer:
        peer.pump.pause_writing()
        peer.pump.feed(b"go")
        await until(lambda: peer.pump._waiting_bytes == 4)
        peer.pump.resume_writing()
        await peer.settle()
        assert peer.transport.take() == [b"ever"]


async def test_a_writer_that_is_cancelled_just_as_its_turn_comes_is_cancelled_and_no_more() -> None:
    async with opened(echo) as peer:
        peer.pump.pause_writing()
        writer = asyncio.create_task(peer.pump.write("gone already"))
        await until(lambda: peer.pump._waiting_bytes)
        peer.pump.resume_writing()
        writer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writer
        assert peer.transport.take() == [b"gone already"]
        assert peer.pump._waiting_bytes == 0


async def test_waiting_writes_go_out_before_the_close() -> None:
    background: list[asyncio.Task[None]] = []

    async def hurry(connection: RawConnection) -> None:
        await connection.read()
        background.append(asyncio.create_task(connection.write("last words")))
        await asyncio.sleep(0)

    async with opened(hurry) as peer:
        peer.pump.pause_writing()
        peer.pump.feed(b"go")
        await peer.settle()
        assert peer.close_code() is None
        peer.pump.resume_writing()
        assert peer.transport.take() == [b"last words"]
        assert peer.close_code() == 1000
        await background[0]


async def test_a_peer_that_does_not_answer_the_close_is_cut_off() -> None:
    async def brief(connection: RawConnection) -> None:
        pass

    async with opened(brief, ConnectionOptions(close_timeout_seconds=5)) as peer:
        assert peer.close_code() == 1000
        await peer.pass_time(4)
        assert not peer.is_aborted()
        await peer.pass_time(1.5)
        assert peer.is_aborted()


async def test_a_lost_transport_that_lingers_is_ended() -> None:
    async with opened(echo, ConnectionOptions(close_timeout_seconds=5)) as peer:
        peer.pump.lost(None)
        await peer.pass_time(5.5)
        assert peer.is_aborted()


async def test_a_socket_that_fails_in_the_write_is_a_loss() -> None:
    class Broken(MemoryTransport):
        def write(self, data: bytes) -> None:
            raise RuntimeError("unable to perform operation; the handler is closed")

    async with opened(echo, transport=Broken()) as peer:
        peer.pump.feed(b"x")
        await peer.settle()
        assert peer.observer.closed == ["lost"]
        assert peer.hubs.connection_count == 0


async def test_a_socket_that_fails_when_it_takes_up_again_is_a_loss() -> None:
    class Broken(MemoryTransport):
        def write(self, data: bytes) -> None:
            raise OSError("gone")

    async with opened(echo, transport=Broken()) as peer:
        peer.pump.pause_writing()
        peer.pump.feed(b"x")
        await peer.settle()
        peer.pump.resume_writing()
        await peer.settle()
        assert peer.observer.closed == ["lost"]


async def test_bytes_that_are_no_text_need_the_binary_format() -> None:
    errors: list[BaseException] = []

    async def blunder(connection: RawConnection) -> None:
        assert connection.allows_binary
        assert not connection.is_binary
        for data in (b"\xff", b"\xe2\x82x"):
            try:
                await connection.write(data)
            except UnicodeDecodeError as error:
                errors.append(error)
        await connection.write(b"ok \xe2")
        connection.is_binary = True
        await connection.write(b"\xff")

    async with opened(blunder) as peer:
        assert len(errors) == 2
        assert peer.transport.take() == [b"ok ", b"\xe2\xff"]


async def test_a_transport_of_text_takes_no_binary(caplog: pytest.LogCaptureFixture) -> None:
    async def blunder(connection: RawConnection) -> None:
        assert not connection.allows_binary
        connection.is_binary = False
        connection.is_binary = True

    async with opened(blunder, transport=TextTransport()) as peer:
        assert peer.close_code() == 1011
        assert "Text carries text only" in caplog.text


async def test_a_handler_that_awaits_something_cancelled_has_failed() -> None:
    async def unlucky(connection: RawConnection) -> None:
        work: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        work.cancel()
        await work

    async with opened(unlucky) as peer:
        assert peer.close_code() == 1011
        assert peer.observer.closed == ["failed"]


async def test_it_ends_when_its_token_expires_unless_a_newer_one_came() -> None:
    async def listen(connection: RawConnection) -> None:
        async for _ in connection:
            pass

    options = ConnectionOptions(close_on_expiration=True)
    now = FakeClock().time()
    async with opened(listen, options, principal=Principal("ann", expires_at=now + 60)) as peer:
        await peer.pass_time(59)
        assert peer.close_code() is None
        peer.pump.refresh(Principal("ann", {"role": "new"}, expires_at=now + 120))
        await peer.pass_time(59)
        assert peer.close_code() is None
        assert peer.pump.caller.claims == {"role": "new"}
        await peer.pass_time(3)
        assert peer.close_code() == 1000
        assert peer.observer.closed == ["server"]


async def test_a_token_that_expires_ends_nothing_by_default() -> None:
    async with opened(echo, principal=Principal("ann", expires_at=FakeClock().time() + 60)) as peer:
        await peer.pass_time(600)
        assert peer.close_code() is None
        assert peer.pump.wheel_slot == -1


async def test_the_write_timeout_starts_anew_with_each_pause() -> None:
    async with opened(echo) as peer:
        peer.pump.pause_writing()
        await peer.pass_time(9)
        peer.pump.resume_writing()
        peer.pump.pause_writing()
        await peer.pass_time(9)
        assert not peer.is_aborted()
        await peer.pass_time(2)
        assert peer.is_aborted()
        assert isinstance(peer.pump.error, WriteTimeout)


async def test_abort_ends_it_without_a_word() -> None:
    async with opened(echo) as peer:
        peer.pump.abort()
        await peer.settle()
        assert peer.is_aborted()
        assert peer.close_code() is None
        assert not peer.pump.is_open


async def test_it_cannot_be_resumed() -> None:
    async with opened(echo) as peer:
        assert not peer.pump.is_resumable
        with pytest.raises(LocalProtocolError):
            peer.pump.resume(MemoryTransport())
