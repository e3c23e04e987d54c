"""The fast lane's transport over a socket made of lists: what a peer can do to its memory and its end."""

from __future__ import annotations

import asyncio
from typing import Any

from websockets.frames import Frame, Opcode

from hubwire.transports.websocket import WebSocketTransport

HEAD = (
    b"GET /hub HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def frame(opcode: Opcode, data: bytes) -> bytes:
    return Frame(opcode, data).serialize(mask=True)


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


class FullReceiver:
    """Has enough after the first bytes."""

    def __init__(self) -> None:
        self.lane: WebSocketTransport | None = None
        self.fed: list[bytes] = []
        self.ends: list[BaseException | None] = []

    def feed(self, data: bytes) -> None:
        self.fed.append(data)
        assert self.lane is not None
        self.lane.pause_reading()

    def pause_writing(self) -> None:
        return

    def resume_writing(self) -> None:
        return

    def lost(self, error: BaseException | None) -> None:
        self.ends.append(error)

    def stop(self) -> None:
        return


def opened(early: bytes = b"") -> tuple[WebSocketTransport, Socket, FullReceiver]:
    socket = Socket()
    receiver = FullReceiver()
    lane = receiver.lane = WebSocketTransport(socket, 1024, lambda lane: None)
    head = lane.receive_head(HEAD)
    assert head is not None
    lane.accept(head[1], receiver, early)
    assert socket.written.pop().startswith(b"HTTP/1.1 101 ")
    return lane, socket, receiver


def test_pings_of_a_peer_that_reads_nothing_are_not_answered_into_memory() -> None:
    lane, socket, _ = opened()
    lane.pause_writing()
    lane.data_received(frame(Opcode.PING, b"x" * 125) * 1000)
    assert socket.written == []
    lane.resume_writing()
    lane.data_received(frame(Opcode.PING, b"y"))
    assert socket.written == [b"\x8a\x01y"]


def test_a_receiver_that_has_enough_of_early_bytes_stays_paused() -> None:
    _, socket, receiver = opened(frame(Opcode.TEXT, b"early"))
    assert receiver.fed == [b"early"]
    assert not socket.is_reading_


def test_a_half_closed_socket_is_the_end_though_data_waits_in_it() -> None:
    lane, socket, receiver = opened()
    assert lane.eof_received() is None
    assert [type(error) for error in receiver.ends] == [ConnectionResetError]
    lane.shutdown()
    assert socket.is_aborted
    lane.connection_lost(None)
    assert len(receiver.ends) == 1
