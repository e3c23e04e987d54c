"""The pump over a transport without a wire: what a real socket cannot be made to do at will."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hubwire import Hub, HubOptions, HubServer, hub_method
from hubwire.errors import HubError, WriteTimeout
from hubwire.model import Audience, Caller, ConnectRequest, Principal
from hubwire.server.connection import Connection
from hubwire.server.hosted import Opening
from hubwire.testing import FakeClock, HubTester
from hubwire.transports.memory import MemoryTransport
from hubwire.wire.encoded import EncodedMessage
from hubwire.wire.json_codec import JSON
from hubwire.wire.messages import Close, Completion, Message, Ping

from .conftest import until

HANDSHAKE = b'{"protocol":"json","version":1}\x1e'


class Stage:
    """Lets a test hold the hub's hooks."""

    def __init__(self) -> None:
        self.connect = asyncio.Event()
        self.connect.set()
        self.failure: BaseException | None = None
        self.leaving: BaseException | None = None
        self.events: list[object] = []
        self.clock = FakeClock()


class StagedHub(Hub):
    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    async def connected(self) -> None:
        await self.stage.connect.wait()
        if self.stage.failure is not None:
            raise self.stage.failure
        self.stage.events.append("connected")

    async def disconnected(self, error: BaseException | None) -> None:
        self.stage.events.append(error)
        if self.stage.leaving is not None:
            raise self.stage.leaving

    @hub_method
    async def wait(self) -> None:
        await asyncio.Event().wait()

    @hub_method
    async def take_time(self) -> None:
        self.stage.clock.advance(0.1)

    @hub_method
    async def await_cancelled(self) -> None:
        work: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        work.cancel()
        await work


class Peer:
    """The client of a connection in memory."""

    def __init__(self, hubs: HubServer, transport: MemoryTransport, connection: Connection) -> None:
        self.hubs = hubs
        self.transport = transport
        self.connection = connection

    async def settle(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)

    async def received(self, count: int) -> list[Message]:
        await until(lambda: len(self.messages()) >= count)
        return self.messages()

    def messages(self) -> list[Message]:
        decoded = [JSON.decode(data[:-1]) for data in self.transport.written[1:]]
        return [message for message in decoded if message is not None and not isinstance(message, Ping)]

    async def vanish(self) -> None:
        self.connection.lost(ConnectionResetError())
        await self.settle()


@asynccontextmanager
async def opened(stage: Stage, options: HubOptions | None = None, *, handshake: bool = True) -> AsyncIterator[Peer]:
    hubs = HubServer(clock=stage.clock)
    hubs.add(lambda: StagedHub(stage), path="/staged", name="Staged", options=options)
    async with hubs.lifespan():
        (hub,) = hubs.endpoint.admission.hosted
        request = ConnectRequest("GET", "/staged", {}, {}, "", "http")
        transport = MemoryTransport()
        caller = Caller("one", hub.name, Principal("user"), request, transport.name)
        connection = hubs.endpoint.open(Opening(hub, caller, "token"), transport)
        assert isinstance(connection, Connection)
        transport.receiver = connection
        peer = Peer(hubs, transport, connection)
        if handshake:
            connection.feed(HANDSHAKE)
            await peer.settle()
        try:
            yield peer
        finally:
            stage.connect.set()
            connection.lost(None)
            await peer.settle()


def is_aborted(peer: Peer) -> bool:
    return peer.transport.is_aborted


def is_reading(peer: Peer) -> bool:
    return peer.transport.is_reading


def says(target: str, size: int = 0) -> EncodedMessage:
    return EncodedMessage.invocation(target, ["x" * size])


async def test_a_client_that_leaves_while_connected_runs_is_disconnected_after_it() -> None:
    stage = Stage()
    stage.connect.clear()
    async with opened(stage) as peer:
        error = ConnectionResetError()
        peer.connection.lost(error)
        await peer.settle()
        assert stage.events == []
        stage.connect.set()
        await peer.settle()
        assert stage.events == ["connected", error]


async def test_a_client_that_leaves_while_connected_fails_is_not_disconnected() -> None:
    stage = Stage()
    stage.connect.clear()
    stage.failure = HubError("no")
    async with opened(stage) as peer:
        peer.connection.lost(None)
        stage.connect.set()
        await peer.settle()
        assert stage.events == []
        assert peer.hubs.connection_count == 0


async def test_messages_reach_a_client_while_its_connected_runs() -> None:
    stage = Stage()
    stage.connect.clear()
    async with opened(stage) as peer:
        await peer.hubs.context("Staged").clients.user("user").send("early")
        assert len(peer.messages()) == 1


async def test_before_the_handshake_nothing_is_posted() -> None:
    async with opened(Stage(), handshake=False) as peer:
        peer.connection.post(says("early"))
        assert peer.transport.written == []


async def test_a_full_outbox_ends_the_connection_at_once() -> None:
    stage = Stage()
    async with opened(stage, HubOptions(outbox_limit_bytes=1000)) as peer:
        peer.connection.pause_writing()
        peer.connection.post(says("first", 600))
        assert not is_aborted(peer)
        peer.connection.post(says("second", 600))
        assert is_aborted(peer)
        peer.connection.post(says("third", 600))
        await peer.settle()
        assert "fell behind: 2 messages" in str(stage.events[-1])
        assert peer.hubs.connection_count == 0


async def test_a_client_that_takes_nothing_is_cut_off_although_little_waits() -> None:
    stage = Stage()
    async with opened(stage, HubOptions(write_timeout_seconds=10.0)) as peer:
        clock = peer.hubs.clock
        assert isinstance(clock, FakeClock)
        await clock.until_sleeping()
        peer.connection.pause_writing()
        clock.advance(9.0)
        peer.connection.resume_writing()  # it has taken something
        peer.connection.pause_writing()
        await peer.settle()
        clock.advance(9.0)
        await peer.settle()
        assert not is_aborted(peer)
        clock.advance(1.5)
        await peer.settle()
        assert is_aborted(peer)
        assert isinstance(stage.events[-1], WriteTimeout)


async def test_a_socket_that_is_lost_but_not_gone_is_cut_off() -> None:
    async with opened(Stage(), HubOptions(close_timeout_seconds=5.0)) as peer:
        clock = peer.hubs.clock
        assert isinstance(clock, FakeClock)
        await clock.until_sleeping()
        await peer.vanish()
        assert not is_aborted(peer)
        clock.advance(5.5)
        await peer.settle()
        assert is_aborted(peer)


async def test_a_socket_that_is_gone_is_left_alone() -> None:
    async with opened(Stage(), HubOptions(close_timeout_seconds=5.0)) as peer:
        clock = peer.hubs.clock
        assert isinstance(clock, FakeClock)
        await clock.until_sleeping()
        await peer.vanish()
        peer.connection.gone()
        clock.advance(5.5)
        await peer.settle()
        assert not is_aborted(peer)


async def test_a_method_that_awaits_something_cancelled_is_answered_and_the_next_call_runs() -> None:
    async with opened(Stage()) as peer:
        for number in "12":
            call = f'{{"type":1,"invocationId":"{number}","target":"await_cancelled","arguments":[]}}\x1e'
            peer.connection.feed(call.encode())
        text = "An unexpected error occurred invoking 'await_cancelled' on the server."
        assert await peer.received(2) == [Completion("1", error=text), Completion("2", error=text)]


async def test_a_connected_that_awaits_something_cancelled_closes_the_connection() -> None:
    stage = Stage()
    stage.connect.clear()
    stage.failure = asyncio.CancelledError()
    async with opened(stage) as peer:
        stage.connect.set()
        assert await peer.received(1) == [Close("Connection closed with an error.")]
        assert stage.events == []


async def test_a_disconnected_that_awaits_something_cancelled_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage()
    stage.leaving = asyncio.CancelledError()
    async with opened(stage) as peer:
        await peer.vanish()
        (record,) = caplog.records
        assert record.exc_info is not None
        assert record.exc_info[1] is stage.leaving
        assert not await peer.hubs.plane("Staged").exists(Audience.all())


async def test_a_client_that_has_caught_up_is_served_directly_again() -> None:
    async with opened(Stage()) as peer:
        peer.connection.pause_writing()
        for target in ("a", "b"):
            peer.connection.post(says(target))
        assert peer.messages() == []
        peer.connection.resume_writing()
        peer.connection.post(says("c"))
        assert [message.target for message in peer.messages()] == ["a", "b", "c"]  # type: ignore[union-attr] # all are calls


async def test_a_close_waits_for_what_a_slow_reader_still_has_to_get() -> None:
    async with opened(Stage()) as peer:
        peer.connection.pause_writing()
        peer.connection.post(says("a"))
        peer.connection.close(None, True)
        assert peer.transport.close_code is None
        peer.connection.resume_writing()
        assert [type(message).__name__ for message in peer.messages()] == ["Invocation", "Close"]
        assert peer.transport.close_code == 1000


async def test_a_close_that_a_slow_reader_never_takes_is_cut_short() -> None:
    async with opened(Stage(), HubOptions(close_timeout_seconds=5.0)) as peer:
        peer.connection.pause_writing()
        peer.connection.close(None, False)
        clock = peer.hubs.clock
        assert isinstance(clock, FakeClock)
        await clock.until_sleeping()
        clock.advance(5.5)
        await peer.settle()
        assert is_aborted(peer)


async def test_a_broadcast_that_cannot_be_written_ends_its_receivers_with_the_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stage = Stage()
    async with opened(stage) as peer:
        peer.connection.post(EncodedMessage.invocation("a", [object()]))
        await peer.settle()
        assert isinstance(stage.events[-1], TypeError)
        (record,) = caplog.records
        assert record.name == "hubwire.hub"
        assert record.exc_info is not None
        assert record.exc_info[1] is stage.events[-1]
        assert record.__dict__["connection_id"] == peer.connection.caller.connection_id
        (close,) = [json.loads(data[:-1]) for data in peer.transport.written[1:]]
        assert close == {"type": 7, "error": "Connection closed with an error.", "allowReconnect": True}
        assert peer.transport.close_code == 1011


async def test_a_message_that_one_protocol_cannot_write_closes_the_clients_of_that_protocol_only() -> None:
    tester = HubTester(lambda: StagedHub(Stage()))
    in_json, in_messagepack = await tester.connect(), await tester.connect(protocol="messagepack")
    await tester.context.clients.all.send("Moved", math.inf)
    assert (await in_json.until_closed()).allow_reconnect
    assert await in_messagepack.until("Moved") == [[math.inf]]
    assert in_messagepack.closed is None
    await in_messagepack.disconnect()


async def test_a_connected_that_fails_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage()
    stage.failure = RuntimeError("no")
    async with opened(stage) as peer:
        await peer.settle()
        assert peer.transport.close_code == 1011
        (record,) = caplog.records
        assert record.exc_info is not None
        assert record.exc_info[1] is stage.failure


async def test_a_socket_that_fails_during_a_post_is_a_lost_connection() -> None:
    class Broken(MemoryTransport):
        @property
        def direct_write(self) -> Any:
            def write(data: bytes) -> None:
                raise RuntimeError("unable to perform operation; the handler is closed")

            return write

    stage = Stage()
    async with opened(stage) as peer:
        peer.connection.pause_writing()
        peer.connection._transport = Broken()
        peer.connection.resume_writing()
        peer.connection.post(says("a"))
        await peer.settle()
        assert isinstance(stage.events[-1], RuntimeError)
        assert peer.hubs.connection_count == 0


async def test_a_socket_that_fails_during_an_answer_is_a_lost_connection() -> None:
    class Broken(MemoryTransport):
        def write(self, data: bytes) -> None:
            raise OSError("gone")

    stage = Stage()
    async with opened(stage) as peer:
        broken = peer.connection._transport = Broken()
        peer.connection._direct_write = broken.direct_write
        peer.connection.feed(b'{"type":1,"invocationId":"1","target":"nothing","arguments":[]}\x1e')
        await peer.settle()
        assert isinstance(stage.events[-1], OSError)
        assert peer.hubs.connection_count == 0


async def test_a_socket_that_fails_while_a_slow_reader_catches_up_is_a_lost_connection() -> None:
    class Broken(MemoryTransport):
        def write(self, data: bytes) -> None:
            super().write(data)
            if len(self.written) > 1:
                raise OSError("gone")

    stage = Stage()
    async with opened(stage) as peer:
        peer.connection.pause_writing()
        for target in ("a", "b", "c"):
            peer.connection.post(says(target))
        broken = peer.connection._transport = Broken()
        peer.connection.resume_writing()
        await peer.settle()
        assert len(broken.written) == 2
        assert isinstance(stage.events[-1], OSError)
        assert peer.hubs.connection_count == 0


async def test_reading_stops_while_a_backlog_waits_behind_a_call() -> None:
    call = b'{"type":1,"target":"wait","arguments":[]}\x1e'
    async with opened(Stage()) as peer:
        peer.connection.feed(call * 2)
        assert is_reading(peer)
        peer.connection.feed(call * 2000)
        assert not is_reading(peer)
        await peer.hubs.tasks.cancel()


@pytest.mark.parametrize("path", ["no-slash", ""])
def test_a_path_must_be_absolute(path: str) -> None:
    with pytest.raises(ValueError, match="slash"):
        HubServer().add(lambda: StagedHub(Stage()), path=path, name="a")


def test_names_and_paths_are_taken_once_and_hubs_must_be_reachable() -> None:
    hubs = HubServer()
    hubs.add(lambda: StagedHub(Stage()), path="/a", name="a")
    with pytest.raises(ValueError, match="named 'A' already"):
        hubs.add(lambda: StagedHub(Stage()), path="/b", name="A")
    with pytest.raises(ValueError, match="taken"):
        hubs.add(lambda: StagedHub(Stage()), path="/A/", name="c")
    with pytest.raises(ValueError, match="has no path"):
        hubs.add(lambda: StagedHub(Stage()), name="d")
    assert hubs.handles("/A/negotiate")
    assert not hubs.handles("/b")
    with pytest.raises(KeyError):
        hubs.context("b")
    hubs.add(lambda: StagedHub(Stage()), path="/e", name="e")
    with pytest.raises(KeyError, match="2 times"):
        hubs.context(StagedHub)


@pytest.mark.parametrize("target", [b"nothing", b"take_time"])
async def test_of_many_calls_the_first_begin_at_once_and_the_others_let_everybody_have_a_turn(target: bytes) -> None:
    """Also where each takes long, so that by the clock there has been time enough."""
    async with opened(Stage()) as peer:
        call = b'{"type":1,"invocationId":"%d","target":"%b","arguments":[]}\x1e'
        for number in range(0, 100, 10):
            peer.connection.feed(b"".join(call % (number + each, target) for each in range(10)))
        assert 0 < len(peer.messages()) < 100
        answers = await peer.received(100)
        assert [answer.invocation_id for answer in answers if isinstance(answer, Completion)] == [
            str(number) for number in range(100)
        ]
