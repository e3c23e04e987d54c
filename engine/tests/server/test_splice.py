"""Two sockets whose bytes are passed on: what one of them cannot take."""

from __future__ import annotations

import asyncio

from hubwire.server.splice import Splice
from hubwire.server.timer_wheel import TimerWheel
from hubwire.testing import FakeClock


class FullTransport(asyncio.Transport):
    """Of a socket that takes nothing: more than `room` bytes pause whoever writes."""

    def __init__(self, room: int = 0) -> None:
        super().__init__()
        self.room = room
        self.protocol: asyncio.BaseProtocol | None = None
        self.written = b""
        self.is_read = False  # as a client's is while its peer is dialled

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)
        if len(self.written) > self.room and isinstance(self.protocol, asyncio.Protocol):
            self.protocol.pause_writing()

    def pause_reading(self) -> None:
        self.is_read = False

    def resume_reading(self) -> None:
        self.is_read = True

    def is_closing(self) -> bool:
        return False

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol


def joined(client: FullTransport, peer: FullTransport, sent: bytes) -> Splice:
    clock = FakeClock()
    splice = Splice(clock, TimerWheel(clock), lambda _: None)
    peer.set_protocol(splice.far)
    splice.far.connection_made(peer)
    splice.join(client, sent)
    return splice


def test_a_client_is_read_once_both_sockets_are_joined() -> None:
    client, peer = FullTransport(), FullTransport(room=100)
    splice = joined(client, peer, b"x" * 100)
    assert peer.written == b"x" * 100
    assert client.is_read
    splice.near.data_received(b"y")
    assert not client.is_read


def test_a_client_whose_first_bytes_are_too_much_for_the_peer_is_not_read_until_they_are_taken() -> None:
    client, peer = FullTransport(), FullTransport(room=99)
    splice = joined(client, peer, b"x" * 100)
    assert not client.is_read
    splice.far.resume_writing()
    assert client.is_read
