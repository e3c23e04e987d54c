"""Connections that outlive their WebSocket: whom they listen to, what they keep, when the token dies, every end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from hubwire.errors import LocalProtocolError, SlowConsumer, WriteTimeout
from hubwire.options import HubOptions
from hubwire.ports import Receiver
from hubwire.server.connection import Connection
from hubwire.server.hosted import Served
from hubwire.server.stateful import StatefulConnection
from hubwire.transports.memory import MemoryTransport
from hubwire.wire.encoded import EncodedMessage
from hubwire.wire.messages import Invocation
from hubwire.wire.negotiation import LONG_POLLING, WEBSOCKETS

from .memory import Peer, Script, decode, encode, opened

PING = {"type": 6}
FRAME_HEAD = 2
"""Bytes of the head of a short WebSocket frame."""


class WebSocket(MemoryTransport):
    """A transport without a wire that calls itself a WebSocket."""

    name = WEBSOCKETS

    def join(self, receiver: Receiver) -> WebSocket:
        self.receiver = receiver
        return self

    def received(self) -> list[dict[str, Any]]:
        return decode(self.take())

    def says(self, *messages: dict[str, Any]) -> None:
        assert self.receiver is not None
        self.receiver.feed(b"".join(map(encode, messages)))


class FramedWebSocket(WebSocket):
    """One that takes complete frames."""

    uses_frames = True

    def take(self) -> list[bytes]:
        return [data[FRAME_HEAD:] for data in super().take()]


def stateful(
    script: Script | None = None, options: HubOptions | None = None, *, transport: WebSocket | None = None
) -> AbstractAsyncContextManager[Peer]:
    return opened(script or Script(), options, transport=transport or WebSocket(), is_stateful=True, version=2)


def posts(peer: Peer, *targets: str, size: int = 0) -> None:
    for target in targets:
        peer.connection.post(EncodedMessage(Invocation(target, ["x" * size])))


def targets(messages: list[dict[str, Any]]) -> list[str]:
    """Calls by their target, other messages by their type."""
    return [str(each.get("target", each["type"])) for each in messages]


async def begin(peer: Peer) -> None:
    """The client's first word, after which it is sent everything."""
    await peer.sends(PING)


async def resume(peer: Peer, transport: WebSocket | None = None) -> WebSocket:
    transport = transport or WebSocket()
    transport.join(peer.connection.resume(transport))
    await peer.settle()
    return transport


def is_resumable(peer: Peer) -> bool:
    return peer.connection.is_resumable


# What makes a connection stateful


@pytest.mark.parametrize(
    ("is_stateful", "version", "name", "expected"),
    [
        (True, 2, WEBSOCKETS, True),
        (True, 1, WEBSOCKETS, False),
        (False, 2, WEBSOCKETS, False),
        (True, 2, LONG_POLLING, False),
    ],
)
async def test_it_takes_negotiation_a_websocket_and_the_second_version(
    is_stateful: bool, version: int, name: str, expected: bool
) -> None:
    transport = WebSocket()
    transport.name = name
    async with opened(Script(), transport=transport, is_stateful=is_stateful, version=version) as peer:
        assert peer.connection.is_resumable is expected


async def test_a_connection_that_is_not_stateful_ends_with_its_transport_and_ignores_acks() -> None:
    async with opened(Script(), version=2) as peer:
        assert await peer.sends({"type": 8, "sequenceId": 5}, {"type": 9, "sequenceId": 5}) == []
        with pytest.raises(LocalProtocolError):
            peer.connection.resume(WebSocket())
        await peer.vanish()
        assert peer.script.events == ["connected", "disconnected"]


async def test_a_negotiated_connection_whose_handshake_is_for_less_is_an_ordinary_one() -> None:
    async with opened(Script(), transport=WebSocket(), is_stateful=True, version=1) as peer:
        posts(peer, "a")
        assert targets(peer.received()) == ["a"]  # held back by nothing
        await peer.vanish()
        assert peer.forgotten == [peer.connection]
        assert peer.script.events == ["connected", "disconnected"]


# A socket that works


async def test_broadcasts_wait_for_the_clients_first_word_and_then_go_out_in_order() -> None:
    async with stateful() as peer:
        posts(peer, "a", "b")
        assert peer.received() == []
        assert targets(await peer.sends(PING)) == ["a", "b"]
        posts(peer, "c")
        assert targets(peer.received()) == ["c"]


async def test_a_client_that_says_nothing_is_waited_for_a_second() -> None:
    async with stateful() as peer:
        posts(peer, "a")
        await peer.passes(1.25)
        assert targets(peer.received()) == ["a"]


async def test_acks_are_sent_a_second_after_what_they_are_for() -> None:
    script = Script()
    script.methods["Echo"] = _echo
    async with stateful(script) as peer:
        await peer.invoke("1", "Echo", 1)
        await peer.invoke("2", "Echo", 2)
        await peer.passes(1.25)
        assert peer.received() == [{"type": 8, "sequenceId": 2}]


async def test_a_big_result_goes_out_and_the_next_waits_for_its_ack() -> None:
    script = Script()
    script.methods["Echo"] = _echo
    async with stateful(script, HubOptions(stateful_reconnect_buffer_bytes=500)) as peer:
        assert len(await peer.invoke("1", "Echo", "x" * 1000)) == 1
        assert await peer.invoke("2", "Echo", "y") == []
        assert await peer.sends({"type": 8, "sequenceId": 1}) == [{"type": 3, "invocationId": "2", "result": "y"}]


async def test_a_stream_is_pulled_only_while_the_client_acknowledges() -> None:
    script, pulled = Script(), []

    async def numbers() -> AsyncGenerator[object, None]:
        while True:
            pulled.append(1)
            yield "x" * 100

    script.streams["Numbers"] = numbers
    async with stateful(script, HubOptions(stateful_reconnect_buffer_bytes=1000)) as peer:
        await begin(peer)
        items = len(await peer.stream("1", "Numbers"))
        assert items == len(pulled) < 12
        await peer.settle()
        assert len(pulled) == items
        more = await peer.sends({"type": 8, "sequenceId": items})
        assert 0 < len(more) < 12


async def test_a_client_that_acknowledges_nothing_is_cut_off_at_the_outbox_limit() -> None:
    options = HubOptions(stateful_reconnect_buffer_bytes=1000, outbox_limit_bytes=2000)
    async with stateful(options=options) as peer:
        await begin(peer)
        for _ in range(40):
            posts(peer, "a", size=100)
        await peer.settle()
        assert peer.is_aborted
        (error,) = peer.script.errors
        assert isinstance(error, SlowConsumer)
        assert error.queued_bytes <= 2000 + 200
        assert peer.observer.closed == ["slow"]


async def test_a_broadcast_that_cannot_be_written_ends_the_connection() -> None:
    async with stateful() as peer:
        await begin(peer)
        peer.connection.post(EncodedMessage(Invocation("a", [object()])))
        await peer.settle()
        assert targets(peer.received()) == ["7"]
        assert isinstance(peer.script.errors[0], TypeError)


async def test_a_paused_transport_gets_what_it_missed() -> None:
    async with stateful() as peer:
        await begin(peer)
        peer.connection.pause_writing()
        posts(peer, "a", "b")
        assert peer.received() == []
        peer.connection.resume_writing()
        posts(peer, "c")
        assert targets(peer.received()) == ["a", "b", "c"]


# Interruptions


async def test_a_lost_socket_is_not_the_end_and_what_it_did_not_bring_is_sent_again() -> None:
    async with stateful() as peer:
        await begin(peer)
        posts(peer, "a", "b")
        await peer.sends({"type": 8, "sequenceId": 1})
        await peer.vanish()
        posts(peer, "c")
        assert peer.script.events == ["connected"]
        assert peer.forgotten == []
        assert is_resumable(peer)
        second = await resume(peer)
        assert second.received() == [
            {"type": 9, "sequenceId": 2},
            {"type": 1, "target": "b", "arguments": [""]},
            {"type": 1, "target": "c", "arguments": [""]},
        ]
        posts(peer, "d")
        assert targets(second.received()) == ["d"]


async def test_messages_that_travel_together_are_counted_one_by_one() -> None:
    async with stateful() as peer:
        await begin(peer)
        peer.connection.post(EncodedMessage.together([EncodedMessage.invocation(name, [""]) for name in "abc"]))
        await peer.sends({"type": 8, "sequenceId": 2})
        await peer.vanish()
        second = await resume(peer)
        assert second.received() == [
            {"type": 9, "sequenceId": 3},
            {"type": 1, "target": "c", "arguments": [""]},
        ]


async def test_with_nothing_to_send_again_the_sequence_comes_alone() -> None:
    async with stateful() as peer:
        await peer.vanish()
        second = await resume(peer)
        assert second.received() == [{"type": 9, "sequenceId": 1}]
        assert second.is_binary is False


async def test_the_sequence_is_a_frame_of_its_own_and_the_first() -> None:
    async with stateful(transport=FramedWebSocket()) as peer:
        await begin(peer)
        posts(peer, "a")
        await peer.vanish()
        second = await resume(peer, FramedWebSocket())
        assert [data[:10] for data in second.take()] == [b'{"type":9,', b'{"type":1,']


async def test_nothing_is_written_before_the_upgrade_is_answered() -> None:
    async with stateful() as peer:
        await peer.vanish()
        transport = WebSocket()
        receiver = peer.connection.resume(transport)
        posts(peer, "a")
        assert transport.written == []
        transport.join(receiver)
        await peer.settle()
        assert targets(transport.received()) == ["9", "a"]


@pytest.mark.parametrize(
    "word", [lambda receiver: receiver.feed(encode(PING)), lambda receiver: receiver.resume_writing()]
)
async def test_the_new_sockets_first_word_starts_it_at_once(word: Callable[[Receiver], None]) -> None:
    async with stateful() as peer:
        await peer.vanish()
        transport = WebSocket()
        word(transport.join(peer.connection.resume(transport)).receiver)  # type: ignore[arg-type] # it was just set
        assert targets(transport.received()) == ["9"]
        await peer.settle()
        assert transport.received() == []


async def test_calls_groups_streams_and_questions_survive() -> None:
    script, gate = Script(), asyncio.Event()

    async def wait() -> str:
        await gate.wait()
        return "done"

    async def stream() -> AsyncGenerator[object, None]:
        yield 1
        await gate.wait()
        yield 2

    script.methods["Wait"] = wait
    script.streams["Stream"] = stream
    async with stateful(script) as peer:
        await peer.stream("1", "Stream")
        await peer.invoke("2", "Wait")
        asking = asyncio.ensure_future(_ask(peer))
        await peer.settle()
        await peer.sends({"type": 8, "sequenceId": 2})
        await peer.vanish()
        gate.set()
        await peer.settle()
        second = await resume(peer)
        messages = second.received()
        assert messages[0] == {"type": 9, "sequenceId": 3}
        assert [each for each in messages if each.get("invocationId") == "1"][-1] == {"type": 3, "invocationId": "1"}
        assert {"type": 3, "invocationId": "2", "result": "done"} in messages
        second.says({"type": 9, "sequenceId": 3}, {"type": 3, "invocationId": "s1", "result": 7})
        assert await asking == 7


async def test_what_the_client_sends_again_is_not_done_twice() -> None:
    script, seen = Script(), []

    async def note(value: object) -> None:
        seen.append(value)

    script.methods["Note"] = note
    calls = [{"type": 1, "target": "Note", "arguments": [number]} for number in range(3)]
    async with stateful(script) as peer:
        await peer.sends(*calls[:2])
        await peer.vanish()
        second = await resume(peer)
        second.says({"type": 9, "sequenceId": 1}, *calls)
        await peer.settle()
        assert seen == [0, 1, 2]


async def test_the_ack_comes_after_the_sequence_and_what_is_sent_again() -> None:
    script = Script()
    script.methods["Echo"] = _echo
    async with stateful(script) as peer:
        await peer.invoke("1", "Echo", 1)
        await peer.vanish()
        second = await resume(peer)
        assert targets(second.received()) == ["9", "3", "8"]


async def test_a_socket_that_still_looks_alive_is_taken_over_and_not_listened_to_any_more() -> None:
    async with stateful() as peer:
        await begin(peer)
        second = await resume(peer)
        assert peer.is_aborted
        assert targets(second.received()) == ["9"]
        peer.connection.feed(encode({"type": 7}))
        peer.connection.pause_writing()
        peer.connection.resume_writing()
        peer.connection.lost(None)
        peer.connection.gone()
        posts(peer, "a")
        await peer.settle()
        assert targets(second.received()) == ["a"]
        assert peer.script.events == ["connected"]


async def test_each_successor_is_taken_over_by_the_next() -> None:
    async with stateful() as peer:
        await begin(peer)
        second = await resume(peer)
        third = await resume(peer)
        assert second.is_aborted
        assert second.receiver is not None
        second.receiver.feed(encode({"type": 7}))
        second.receiver.pause_writing()
        second.receiver.lost(None)
        second.receiver.gone()
        posts(peer, "a")
        assert targets(third.received()) == ["9", "a"]
        await _lose(third)
        fourth = await resume(peer)
        assert targets(fourth.received()) == ["9", "a"]


async def test_two_that_come_in_one_turn_leave_the_later() -> None:
    async with stateful() as peer:
        await peer.vanish()
        first, later = WebSocket(), WebSocket()
        first.join(peer.connection.resume(first))
        later.join(peer.connection.resume(later))
        await peer.settle()
        assert first.is_aborted
        assert first.received() == []
        assert targets(later.received()) == ["9"]


async def test_a_client_that_reads_nothing_loses_its_socket_first_and_then_the_connection() -> None:
    async with stateful(options=HubOptions(write_timeout_seconds=10.0, disconnect_timeout_seconds=15.0)) as peer:
        await begin(peer)
        peer.connection.pause_writing()
        posts(peer, "a")
        await peer.passes(10.5)
        assert peer.is_aborted
        assert is_resumable(peer)
        await peer.passes(15.5)
        assert isinstance(peer.script.errors[0], WriteTimeout)


async def test_a_socket_that_fails_while_it_is_written_to_is_lost() -> None:
    class Broken(WebSocket):
        def write(self, data: bytes) -> None:
            raise RuntimeError("unable to perform operation; the handler is closed")

    async with stateful() as peer:
        await begin(peer)
        await resume(peer, Broken())
        posts(peer, "a")
        assert is_resumable(peer)
        second = await resume(peer)
        assert targets(second.received()) == ["9", "a"]


# Ends


async def test_a_client_that_stays_away_is_disconnected_after_the_window() -> None:
    async with stateful(options=HubOptions(disconnect_timeout_seconds=15.0)) as peer:
        await peer.passes(20.0)
        await peer.vanish()
        await peer.passes(14.5)
        assert peer.script.events == ["connected"]
        await peer.passes(1.0)
        assert peer.script.events == ["connected", "disconnected"]
        assert isinstance(peer.script.errors[0], ConnectionResetError)
        assert peer.forgotten == [peer.connection]
        assert peer.observer.closed == ["lost"]
        assert not is_resumable(peer)


async def test_a_proper_close_of_the_socket_is_final() -> None:
    async with stateful() as peer:
        peer.connection.lost(None)
        await peer.settle()
        assert peer.script.errors == [None]
        assert peer.forgotten == [peer.connection]
        with pytest.raises(LocalProtocolError):
            peer.connection.resume(WebSocket())


async def test_a_proper_close_of_a_later_socket_is_final_too() -> None:
    async with stateful() as peer:
        await peer.vanish()
        second = await resume(peer)
        assert second.receiver is not None
        second.receiver.lost(None)
        second.receiver.lost(None)
        second.receiver.gone()
        await peer.settle()
        assert peer.script.errors == [None]
        assert peer.forgotten == [peer.connection]


@pytest.mark.parametrize("closes", ["client", "server", "hub"])
async def test_the_token_is_dead_before_the_close_is_written(closes: str) -> None:
    order: list[str] = []

    class Watched(WebSocket):
        def write(self, data: bytes) -> None:
            super().write(data)
            if b'"type":7' in data:
                order.append("close")

    async with stateful(transport=Watched()) as peer:
        await begin(peer)
        forget = peer.connection._on_gone

        def on_gone(connection: Served) -> None:
            order.append("forgotten")
            forget(connection)

        peer.connection._on_gone = on_gone
        match closes:
            case "client":
                await peer.sends({"type": 7})
            case "server":
                peer.connection.stop()
            case _:
                peer.connection.close("enough", False)
        await peer.settle()
        assert order == ["forgotten", "close"]
        assert not is_resumable(peer)
        peer.connection.lost(None)
        await peer.settle()
        assert peer.forgotten == [peer.connection]  # once


async def test_a_connection_that_was_cut_off_by_us_does_not_come_back() -> None:
    async with stateful() as peer:
        peer.connection.abort()
        await peer.settle()
        assert peer.script.events == ["connected", "disconnected"]
        assert not is_resumable(peer)


async def test_a_connection_without_a_socket_can_be_cut_off() -> None:
    async with stateful() as peer:
        await peer.vanish()
        peer.connection.abort()
        await peer.settle()
        assert isinstance(peer.script.errors[0], ConnectionAbortedError)
        assert peer.forgotten == [peer.connection]


async def test_a_drain_ends_a_connection_without_a_socket() -> None:
    async with stateful() as peer:
        await peer.vanish()
        peer.connection.stop()
        await peer.settle()
        assert peer.script.errors == [None]
        assert peer.forgotten == [peer.connection]


async def test_a_drain_reaches_a_connection_through_its_present_socket() -> None:
    async with stateful() as peer:
        await peer.vanish()
        second = await resume(peer)
        assert second.receiver is not None
        second.receiver.stop()
        assert second.received()[-1] == {"type": 7, "allowReconnect": True}
        assert second.close_code == 1000


async def test_a_connection_that_ends_as_its_new_socket_comes_closes_that() -> None:
    async with stateful() as peer:
        await peer.vanish()
        transport = WebSocket()
        receiver = peer.connection.resume(transport)
        peer.connection.stop()
        transport.join(receiver)
        await peer.settle()
        assert transport.received() == []
        assert transport.close_code == 1000
        await peer.passes(5.5)
        assert transport.is_aborted


async def test_a_new_socket_that_is_lost_in_its_first_turn_may_be_followed_by_another() -> None:
    async with stateful() as peer:
        await peer.vanish()
        transport = WebSocket()
        receiver = peer.connection.resume(transport)
        receiver.pause_writing()
        receiver.lost(ConnectionResetError())
        receiver.gone()
        assert is_resumable(peer)
        second = await resume(peer)
        assert targets(second.received()) == ["9"]


async def test_a_new_socket_that_sends_no_sequence_is_given_up_after_some_seconds() -> None:
    async with stateful() as peer:
        await peer.vanish()
        second = await resume(peer)
        await peer.passes(4.5)
        assert targets(second.received()) == ["9"]
        await peer.passes(1.0)
        assert targets(second.received()) == ["7"]
        assert second.close_code == 1000
        assert peer.observer.closed == ["timeout"]


async def test_an_impossible_sequence_ends_the_connection() -> None:
    async with stateful() as peer:
        assert targets(await peer.sends({"type": 9, "sequenceId": 2})) == ["7"]
        assert str(peer.script.errors[0]) == "Sequence ID greater than amount of messages we've received."


async def test_a_handshake_that_is_refused_leaves_nothing_to_resume() -> None:
    async with opened(Script(), transport=WebSocket(), is_stateful=True, shakes_hands=False) as peer:
        peer.connection.feed(encode({"protocol": "x", "version": 2}))
        assert peer.forgotten == [peer.connection]
        assert peer.transport.close_code == 1000


async def test_an_ordinary_connection_is_its_own_receiver_and_so_is_a_stateful_one_at_first() -> None:
    async with opened(Script()) as peer:
        assert type(peer.connection) is Connection
    async with stateful() as peer:
        assert isinstance(peer.connection, StatefulConnection)
        assert peer.transport.receiver is peer.connection


async def _lose(transport: WebSocket) -> None:
    assert transport.receiver is not None
    transport.receiver.lost(ConnectionResetError())


async def _echo(value: object) -> object:
    return value


async def _ask(peer: Peer) -> object:
    return await peer.connection.ask("Ask", (), None)
