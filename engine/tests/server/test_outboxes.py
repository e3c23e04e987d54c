"""What waits for all slow readers together: counted once where it is shared, and the fullest are cut first."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwire import HubOptions
from hubwire.errors import SlowConsumer
from hubwire.server.outbox import Outbox
from hubwire.server.outboxes import Outboxes
from hubwire.wire.encoded import EncodedMessage
from hubwire.wire.messages import Invocation

from .memory import Peer, Script, opened
from .test_stateful import WebSocket, begin

LARGE = HubOptions(outbox_limit_bytes=1_000_000)


class Reader:
    """Somebody for whom much may wait."""

    def __init__(self, outboxes: Outboxes) -> None:
        self.outbox = Outbox(10_000, outboxes, self)
        self.is_cut = False

    @property
    def unread_bytes(self) -> int:
        return self.outbox.queued_bytes

    def cut_off(self, total_limit_bytes: int) -> None:
        self.is_cut = True
        self.outbox.drop()


# By themselves


def test_a_frame_that_waits_for_many_counts_once() -> None:
    outboxes = Outboxes(1000)
    readers = [Reader(outboxes) for _ in range(5)]
    frame = bytes(400)
    for reader in readers:
        assert reader.outbox.add(frame)
    assert (outboxes.waiting_bytes, len(outboxes)) == (400, 5)
    for reader in readers[1:]:
        assert reader.outbox.take() is frame
    assert outboxes.waiting_bytes == 400
    readers[0].outbox.drop()
    assert outboxes.waiting_bytes == 0
    assert not any(reader.is_cut for reader in readers)


def test_the_fullest_is_cut_first_and_no_more_than_necessary() -> None:
    outboxes = Outboxes(1000)
    one, two, three = (Reader(outboxes) for _ in range(3))
    one.outbox.add(bytes(300))
    two.outbox.add(bytes(500))
    three.outbox.add(bytes(250))  # to which nothing can be added: 1050 together
    assert [reader.is_cut for reader in (one, two, three)] == [False, True, False]
    assert outboxes.waiting_bytes == 550


def test_it_may_be_the_one_for_whom_something_is_added() -> None:
    outboxes = Outboxes(1000)
    one, two = Reader(outboxes), Reader(outboxes)
    one.outbox.add(bytes(300))
    assert two.outbox.add(bytes(800))
    assert (one.is_cut, two.is_cut) == (False, True)


def test_where_all_share_the_same_the_last_of_them_frees_it() -> None:
    outboxes = Outboxes(1000)
    readers = [Reader(outboxes) for _ in range(3)]
    frame = bytes(1100)
    readers[0].outbox.add(frame)
    assert readers[0].is_cut
    assert (outboxes.waiting_bytes, len(outboxes)) == (0, 0)


@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from(["add", "take", "drop"]), st.integers(0, 7))))
def test_whatever_happens_the_sum_is_what_waits(steps: list[tuple[int, str, int]]) -> None:
    frames = [bytes(10 * (number + 1)) for number in range(8)]
    outboxes = Outboxes(150)
    readers = [Reader(outboxes) for _ in range(5)]
    held: list[list[bytes]] = [[] for _ in readers]
    for number, step, which in steps:
        reader = readers[number]
        if step == "add":
            held[number].append(frames[which])
            reader.outbox.add(frames[which])
        elif step == "take":
            taken = reader.outbox.take()
            assert taken is (held[number].pop(0) if held[number] else None)
        else:
            reader.outbox.drop()
            held[number].clear()
        for each, waiting in zip(readers, held, strict=True):
            if each.is_cut:
                each.is_cut = False
                waiting.clear()
        distinct = {id(frame): len(frame) for waiting in held for frame in waiting}
        assert outboxes.waiting_bytes == sum(distinct.values()) <= 150
    for reader in readers:
        reader.outbox.drop()
    assert (outboxes.waiting_bytes, len(outboxes)) == (0, 0)


# Of connections


def message(size: int) -> EncodedMessage:
    return EncodedMessage(Invocation("Message", ["x" * size]))


def is_cut_for_all(peer: Peer) -> bool:
    (error,) = peer.script.errors
    assert isinstance(error, SlowConsumer)
    assert error.is_total
    assert "ServerOptions.outbox_total_bytes" in str(error)
    return peer.is_aborted and peer.observer.closed == ["slow"]


async def test_of_slow_connections_the_fullest_is_cut_and_the_others_get_everything() -> None:
    outboxes = Outboxes(10_000)
    async with (
        opened(Script(), LARGE, outboxes=outboxes) as one,
        opened(Script(), LARGE, outboxes=outboxes) as two,
        opened(Script(), LARGE, outboxes=outboxes) as quick,
    ):
        for peer in (one, two):
            peer.connection.pause_writing()
        for connection in (one.connection, two.connection, quick.connection):
            connection.post(message(4000))
        two.connection.post(message(3000))
        await two.settle()
        assert is_cut_for_all(two)
        one.connection.resume_writing()
        for peer in (one, quick):
            (received,) = peer.received()
            assert len(received["arguments"][0]) == 4000
        assert (outboxes.waiting_bytes, len(outboxes)) == (0, 0)


async def test_a_shared_broadcast_to_slow_connections_counts_once() -> None:
    outboxes = Outboxes(10_000)
    shared = message(9000)
    async with (
        opened(Script(), LARGE, outboxes=outboxes) as one,
        opened(Script(), LARGE, outboxes=outboxes) as two,
    ):
        for peer in (one, two):
            peer.connection.pause_writing()
            peer.connection.post(shared)
        assert not one.is_aborted
        assert not two.is_aborted
        assert 9000 < outboxes.waiting_bytes < 10_000
    assert (outboxes.waiting_bytes, len(outboxes)) == (0, 0)


async def test_what_waits_for_an_acknowledgement_counts_among_it() -> None:
    outboxes = Outboxes(10_000)
    options = HubOptions(stateful_reconnect_buffer_bytes=100, stateful_reconnect=True)
    transport = WebSocket()
    async with opened(Script(), options, transport=transport, is_stateful=True, version=2, outboxes=outboxes) as peer:
        await begin(peer)
        for _ in range(3):
            peer.connection.post(message(3000))
        assert 6000 < outboxes.waiting_bytes < 7000  # the first is under way, and replayed if that is lost
        peer.connection.lost(ConnectionResetError())
        peer.connection.post(message(5000))
        await peer.settle()
        assert is_cut_for_all_without_a_socket(peer)
        assert (outboxes.waiting_bytes, len(outboxes)) == (0, 0)


def is_cut_for_all_without_a_socket(peer: Peer) -> bool:
    (error,) = peer.script.errors
    return isinstance(error, SlowConsumer) and error.is_total and peer.forgotten == [peer.connection]


async def test_a_closed_connection_that_reads_nothing_is_cut_for_others() -> None:
    outboxes = Outboxes(10_000)
    async with (
        opened(Script(), LARGE, outboxes=outboxes) as leaving,
        opened(Script(), LARGE, outboxes=outboxes) as other,
    ):
        for peer in (leaving, other):
            peer.connection.pause_writing()
        leaving.connection.post(message(6000))
        leaving.connection.close("bye", False)
        await leaving.settle()
        aborted = [leaving.is_aborted]
        other.connection.post(message(5000))
        await other.settle()
        aborted += [leaving.is_aborted, other.is_aborted]
        assert aborted == [False, True, False]
        assert leaving.script.errors == [None]


@pytest.mark.parametrize("end", ["vanish", "abort"])
async def test_a_connection_that_ends_leaves_nothing_behind(end: str) -> None:
    outboxes = Outboxes(100_000)
    async with opened(Script(), LARGE, outboxes=outboxes) as peer:
        peer.connection.pause_writing()
        peer.connection.post(message(3000))
        assert len(outboxes) == 1
        if end == "vanish":
            await peer.vanish()
        else:
            peer.connection.abort()
        await peer.settle()
        assert (outboxes.waiting_bytes, len(outboxes)) == (0, 0)
    await asyncio.sleep(0)


async def test_a_reader_that_is_cut_in_the_middle_of_its_own_pump_is_the_only_one() -> None:
    outboxes = Outboxes(100_000)
    told = Script()

    async def large() -> object:
        return "x" * 60_000

    told.methods["Large"] = large
    async with opened(told, LARGE, outboxes=outboxes) as fullest, opened(Script(), LARGE, outboxes=outboxes) as other:
        other.connection.pause_writing()
        other.connection.post(EncodedMessage(Invocation("tick", ["y" * 30_000])))
        fullest.connection.pause_writing()
        for number in (1, 2):
            call = b'{"type":1,"invocationId":"%d","target":"Large","arguments":[]}\x1e' % number
            fullest.connection.feed(call)
            await fullest.settle()
        assert fullest.transport.is_aborted
        assert not other.transport.is_aborted
        assert outboxes.waiting_bytes == other.connection.unread_bytes > 0
