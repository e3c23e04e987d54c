"""The fast lane's transport over a socket made of lists: what a peer can do to its memory and its end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from hubwire.transports.slices import SLICE_BYTES
from hubwire.transports.websocket import WebSocketTransport


def frame(opcode: Opcode, data: bytes, is_last: bool = True) -> bytes:
    return Frame(opcode, data, is_last).serialize(mask=True)


class Socket(asyncio.Transport):
    """Keeps what is written and what it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.is_reading_ = True
        self.is_closed = False
        self.is_aborted = False

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_aborted = True

    def pause_reading(self) -> None:
        self.is_reading_ = False

    def resume_reading(self) -> None:
        self.is_reading_ = True


class MemoryReceiver:
    """Keeps what it is fed. With `has_enough` it asks for a pause at each feed."""

    def __init__(self) -> None:
        self.has_enough = False
        self.times_gone = 0
        self.lane: WebSocketTransport | None = None
        self.fed: list[bytes] = []
        self.ends: list[BaseException | None] = []

    def feed(self, data: bytes) -> None:
        self.fed.append(data)
        if self.has_enough and self.lane is not None:
            self.lane.pause_reading()

    def pause_writing(self) -> None:
        return

    def resume_writing(self) -> None:
        return

    def lost(self, error: BaseException | None) -> None:
        self.ends.append(error)

    def gone(self) -> None:
        self.times_gone += 1

    def stop(self) -> None:
        return


def opened(early: bytes = b"", *, has_enough: bool = False) -> tuple[WebSocketTransport, Socket, MemoryReceiver]:
    socket = Socket()
    receiver = MemoryReceiver()
    receiver.has_enough = has_enough
    lane = receiver.lane = WebSocketTransport(socket, 1024 * 1024, lambda lane: None)
    lane.accept(b"HTTP/1.1 101 ", receiver, early)
    assert socket.written.pop() == b"HTTP/1.1 101 "
    return lane, socket, receiver


async def test_pings_of_a_peer_that_reads_nothing_are_not_answered_into_memory() -> None:
    lane, socket, _ = opened()
    lane.pause_writing()
    lane.data_received(frame(Opcode.PING, b"x" * 125) * 100)
    assert socket.written == []
    lane.resume_writing()
    lane.data_received(frame(Opcode.PING, b"y"))
    assert socket.written == [b"\x8a\x01y"]


def test_a_close_without_a_code_is_answered_with_1000() -> None:
    lane, socket, receiver = opened()
    lane.data_received(frame(Opcode.CLOSE, b""))
    assert socket.written == [b"\x88\x02\x03\xe8"]
    assert receiver.ends == [None]


def test_a_close_with_a_code_is_answered_with_the_same() -> None:
    lane, socket, _ = opened()
    lane.data_received(frame(Opcode.CLOSE, b"\x0f\xa0"))
    assert socket.written == [b"\x88\x02\x0f\xa0"]


def test_a_receiver_that_has_enough_of_early_bytes_stays_paused() -> None:
    _, socket, receiver = opened(frame(Opcode.TEXT, b"early"), has_enough=True)
    assert receiver.fed == [b"early"]
    assert not socket.is_reading_


def test_a_half_closed_socket_is_the_end_though_data_waits_in_it() -> None:
    lane, socket, receiver = opened()
    assert lane.eof_received() is None
    assert [type(error) for error in receiver.ends] == [ConnectionResetError]
    lane.shutdown()
    assert socket.is_aborted
    assert receiver.times_gone == 0
    lane.connection_lost(None)
    assert [receiver.times_gone] == [1]
    assert len(receiver.ends) == 1


MANY = [f"{number}".encode() for number in range(10_000)]


async def until_fed(receiver: MemoryReceiver, count: int) -> None:
    async with asyncio.timeout(30):
        while len(receiver.fed) < count:  # noqa: ASYNC110 - the turns of the loop are what is tested
            await asyncio.sleep(0)


async def test_much_input_is_worked_off_in_turns_with_the_others() -> None:
    lane, socket, receiver = opened()
    lane.data_received(b"".join(frame(Opcode.TEXT, each) for each in MANY))
    assert 0 < len(receiver.fed) < 2000
    assert not socket.is_reading_
    lane.data_received(frame(Opcode.TEXT, b"later"))  # sockets may hand out more after a pause
    await until_fed(receiver, len(MANY) + 1)
    assert receiver.fed == [*MANY, b"later"]
    assert socket.is_reading_


async def test_so_is_a_large_frame_and_the_close_behind_it_comes_last() -> None:
    lane, socket, receiver = opened()
    large = bytes(range(250)) * 400
    lane.data_received(frame(Opcode.BINARY, large) + frame(Opcode.PING, b"?") + frame(Opcode.CLOSE, b""))
    while not receiver.fed:  # noqa: ASYNC110 - the turns of the loop are what is tested
        await asyncio.sleep(0)
    assert len(receiver.fed) < 3
    lane.pause_reading()
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(receiver.fed) < 4
    assert (receiver.ends, socket.written) == ([], [])
    lane.resume_reading()
    async with asyncio.timeout(30):
        while not receiver.ends:  # noqa: ASYNC110
            await asyncio.sleep(0)
    assert b"".join(receiver.fed) == large
    assert all(len(each) <= SLICE_BYTES for each in receiver.fed)
    assert receiver.ends == [None]
    assert b"".join(socket.written) == b"\x8a\x01?" + b"\x88\x02\x03\xe8"
    assert socket.is_closed


async def test_a_socket_that_is_lost_drops_what_is_left_of_a_large_frame() -> None:
    lane, _, receiver = opened()
    lane.data_received(frame(Opcode.BINARY, b"x" * 100_000))
    lane.connection_lost(None)
    fed = len(receiver.fed)
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(receiver.fed) == fed
    assert receiver.times_gone == 1
    assert (lane._unread, lane._rest) == (b"", None)


async def test_a_receiver_that_has_enough_is_fed_on_when_it_wants_more() -> None:
    lane, socket, receiver = opened(has_enough=True)
    lane.data_received(b"".join(frame(Opcode.TEXT, each) for each in MANY))
    fed = len(receiver.fed)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(receiver.fed) == fed
    lane.resume_reading()
    await until_fed(receiver, fed + 1)
    assert not socket.is_reading_
    receiver.has_enough = False
    lane.resume_reading()
    await until_fed(receiver, len(MANY))
    assert receiver.fed == MANY
    assert socket.is_reading_


@given(
    st.lists(
        st.one_of(
            st.tuples(st.sampled_from([Opcode.TEXT, Opcode.BINARY]), st.binary(max_size=300)),
            st.tuples(st.just(Opcode.BINARY), st.integers(65_000, 70_000).map(bytes)),
            st.tuples(st.just(Opcode.PING), st.binary(max_size=20)),
        ),
        max_size=8,
    ),
    st.lists(st.integers(0, 400), max_size=8),
    st.booleans(),
)
async def test_the_same_bytes_come_out_however_the_input_is_cut_and_whoever_reads_it(
    frames: list[tuple[Opcode, bytes]], cuts: list[int], is_fragmented: bool
) -> None:
    """Whole frames in a segment go past the library, the others through it; between the two nothing is lost."""
    lane, socket, receiver = opened()
    data = b"".join(frame(*each) for each in frames)
    if is_fragmented:
        data = frame(Opcode.TEXT, b"be", False) + frame(Opcode.PING, b"") + frame(Opcode.CONT, b"gin", True) + data
    for cut in cuts:
        if data[:cut]:
            lane.data_received(data[:cut])
        data = data[cut:]
    if data:
        lane.data_received(data)
    expected = b"begin" * is_fragmented + b"".join(text for code, text in frames if code is not Opcode.PING)
    async with asyncio.timeout(30):
        while b"".join(receiver.fed) != expected:  # noqa: ASYNC110 - the turns of the loop are what is tested
            await asyncio.sleep(0)
    pongs = [text for code, text in frames if code is Opcode.PING]
    lane.data_received(frame(Opcode.TEXT, b"last"))
    async with asyncio.timeout(30):
        while receiver.fed[-1] != b"last":  # noqa: ASYNC110
            await asyncio.sleep(0)
    assert b"".join(socket.written) == b"\x8a\x00" * is_fragmented + b"".join(
        bytes((0x8A, len(text))) + text for text in pongs
    )


@pytest.mark.parametrize(
    "wrong",
    [
        b"\x81\x02hi",  # without a mask
        b"\xc1\x82\x00\x00\x00\x00hi",  # a reserved bit
        b"\x83\x82\x00\x00\x00\x00hi",  # a reserved opcode
        b"\x80\x82\x00\x00\x00\x00hi",  # a continuation of nothing
        b"\x81\xff\x00\x00\x00\x00\x7f\xff\xff\xff\x00\x00\x00\x00",  # over the limit
    ],
)
def test_a_frame_that_is_wrong_ends_the_connection_behind_good_ones(wrong: bytes) -> None:
    lane, _, receiver = opened()
    lane.data_received(frame(Opcode.TEXT, b"good") + wrong + frame(Opcode.TEXT, b"not read"))
    assert receiver.fed == [b"good"]
    assert [type(error) for error in receiver.ends] != [type(None)]
    assert len(receiver.ends) == 1


def test_a_text_in_the_middle_of_a_fragmented_message_is_an_error() -> None:
    lane, _, receiver = opened()
    lane.data_received(frame(Opcode.TEXT, b"be", False))
    lane.data_received(frame(Opcode.TEXT, b"whole"))
    assert receiver.fed == [b"be"]
    assert len(receiver.ends) == 1


@pytest.mark.parametrize("is_paused", [True, False])
async def test_a_peer_that_reads_nothing_is_cut_off_by_a_reset(is_paused: bool) -> None:
    """So it notices, and the kernel does not go on holding what it has not read."""
    made: asyncio.Future[WebSocketTransport] = asyncio.get_running_loop().create_future()

    class Accepting(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            lane = WebSocketTransport(transport, 1024, lambda lane: None)
            transport.set_protocol(lane)
            lane.accept(b"", MemoryReceiver(), b"")
            made.set_result(lane)

    server = await asyncio.get_running_loop().create_server(Accepting, "127.0.0.1", 0)
    async with server, asyncio.timeout(30):
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        lane = await made
        if is_paused:
            lane.pause_writing()
        lane.abort()
        if is_paused:
            with pytest.raises(ConnectionResetError):
                await reader.read()
        else:
            assert await reader.read() == b""
        writer.close()
