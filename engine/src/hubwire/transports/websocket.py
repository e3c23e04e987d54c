"""The fast lane: a hub connection's WebSocket directly on the event loop's transport.

RFC 6455 is python-websockets' sans-IO `ServerProtocol`. Two things go past it. Written: a complete data frame, built
once for all receivers, while its state is OPEN; whatever the library wants to send is flushed in the same turn, so the
two never interleave inside a frame. Read: complete, unfragmented data frames that begin where the library has seen the
end of one; everything else, and all that is wrong, is the library's. Its object is there only while it has something
to do, for it takes more memory than all else here. Knows no hub message and not what is admitted: its owner accepts or
rejects.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from socket import SO_LINGER, SOL_SOCKET
from typing import cast

from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

try:
    from websockets.speedups import apply_mask
except ImportError:  # no compiler where the library was installed
    from websockets.utils import apply_mask

from hubwire.ports import Receiver
from hubwire.transports.slices import SLICE_BYTES, slices
from hubwire.wire.negotiation import WEBSOCKETS

_UNREAD_BYTES = 64 * 1024
"""What may wait while nobody takes it, as before the upgrade is answered; above it we stop reading."""

# The library writes a line per connection at INFO; ours is the observer's. Errors in its parser still reach the log.
library_log = logging.Logger("hubwire.websocket", level=logging.ERROR)
"""Where the library logs."""
library_log.parent = logging.getLogger("hubwire")

_RESET = struct.pack("ii", 1, 0)  # linger for no time

_WHOLE_TEXT, _WHOLE_BINARY = 0x81, 0x82  # first bytes of unfragmented data frames
_MASKED = 0x80
_MASK_BYTES = 4

_DATA = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)

# The library answers a close frame without a code by one without a code, which browsers show as 1005. The reference
# server says 1000, and its clients' own suite looks for that.
_EMPTY_CLOSE = b"\x88\x00"
_NORMAL_CLOSE = b"\x88\x02\x03\xe8"


class WebSocketTransport(asyncio.Protocol):
    """Implements `Transport` over an asyncio transport; is the asyncio protocol of it.

    Life: made when an upgrade has been read, then `accept` or `reject`, then frames both ways until `Receiver.lost`.
    """

    __slots__ = (
        "_frame_limit_bytes",
        "_has_ended",
        "_has_turn",
        "_is_held",
        "_is_in_message",
        "_is_paused",
        "_on_lost",
        "_receiver",
        "_rest",
        "_simple_bytes",
        "_transport",
        "_unframed_bytes",
        "_unread",
        "_websocket",
        "is_binary",
    )

    name = WEBSOCKETS
    uses_frames = True
    allows_binary = True
    keeps_itself_alive = False

    def __init__(
        self, transport: asyncio.Transport, frame_limit_bytes: int | None, on_lost: Callable[[WebSocketTransport], None]
    ) -> None:
        self.is_binary = False
        self._transport = transport
        self._frame_limit_bytes = frame_limit_bytes
        self._websocket: ServerProtocol | None = None  # None: open, and between two frames and two messages
        self._receiver: Receiver | None = None
        self._unread = b""  # input that the library has not got yet
        self._rest: Iterator[object] | None = None  # frames that the receiver has not got yet
        self._unframed_bytes = 0  # input that the library has got and not given back in frames yet
        self._is_in_message = False  # whether the last data frame was a fragment and not the last one
        # Payload of the largest frame read past the library: one slice, or what the limit allows.
        self._simple_bytes = SLICE_BYTES - 1 if frame_limit_bytes is None else min(SLICE_BYTES - 1, frame_limit_bytes)
        self._has_turn = False  # whether the next slice of it is due in a coming turn of the loop
        self._is_held = False  # whether the receiver wants no more for now
        self._is_paused = False  # whether the socket takes no more for now
        self._on_lost: Callable[[WebSocketTransport], None] | None = on_lost
        self._has_ended = False

    # Opening

    def accept(self, answer: bytes, receiver: Receiver, early: bytes) -> None:
        """Send the answer that accepts and begin to push input into the receiver, first what came with the request."""
        if self._has_ended:  # the client left while it was being admitted
            receiver.lost(ConnectionResetError("The client left during the upgrade."))
            receiver.gone()
            return
        self._receiver = receiver
        self._transport.write(answer)
        self._unread = early + self._unread
        self._transport.resume_reading()  # before the receiver can ask for the contrary
        if self._unread:
            self._read()

    def reject(self, answer: bytes) -> None:
        """Answer with an error and end."""
        if not self._has_ended:
            self._transport.write(answer)
            self._transport.close()

    def release(self) -> tuple[asyncio.Transport, bytes] | None:
        """Give the socket up instead, with what the client has sent behind its head; None: it has left."""
        if self._has_ended:
            return None
        if self._on_lost is not None:
            self._on_lost(self)
        unread, self._unread = self._unread, b""
        return self._transport, unread

    # Transport

    @property
    def direct_write(self) -> Callable[[bytes], object]:
        return cast("Callable[[bytes], object]", self._transport.write)  # uvloop's own method: no Python call between

    def write(self, data: bytes) -> None:
        if self._is_open:
            self._transport.write(data)

    def pause_reading(self) -> None:
        self._is_held = True
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._is_held = False
        if self._has_more:
            self._take_turn()
        elif not self._transport.is_closing():
            self._transport.resume_reading()

    def close(self, code: int) -> None:
        if self._is_open:
            websocket = self._library()
            websocket.send_close(code)
            self._flush(websocket)
            self.resume_reading()  # or the peer's close frame would never be seen

    def abort(self) -> None:
        socket = self._transport.get_extra_info("socket")
        if self._is_paused and socket is not None:
            # With a reset, so that a peer that reads nothing notices, and the kernel gives up the megabytes that it
            # holds for it.
            socket.setsockopt(SOL_SOCKET, SO_LINGER, _RESET)
        self._transport.abort()

    # asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        if (
            not self._unframed_bytes
            and not self._unread
            and self._rest is None
            and not self._is_in_message
            and not self._is_held
            and not self._has_ended
            and self._receiver is not None
        ):
            rest = self._read_simple(data, self._receiver)
            if not rest:
                return
            if len(data) - len(rest) >= SLICE_BYTES:
                self._unread = rest
                self._take_turn()
                return
            data = rest
        self._unread = self._unread + data if self._unread else data
        if self._receiver is not None and not self._is_held and not self._has_turn:
            self._read()
        elif len(self._unread) > _UNREAD_BYTES:
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        self._is_paused = True
        if self._receiver is not None:
            self._receiver.pause_writing()

    def resume_writing(self) -> None:
        self._is_paused = False
        if self._receiver is not None:
            self._receiver.resume_writing()

    def eof_received(self) -> bool | None:
        # The loop now closes the transport, which lasts until a peer that may read no more has taken all we sent.
        self._end(ConnectionResetError("The socket was closed without a close frame."))
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc if exc is not None else ConnectionResetError("The socket was closed without a close frame."))
        if self._receiver is not None:
            self._receiver.gone()
            self._receiver = None
        self._unread, self._rest = b"", None  # a connection that may be resumed keeps this object
        if self._on_lost is not None:
            self._on_lost(self)
            self._on_lost = None

    # uvicorn's

    def shutdown(self) -> None:
        """The server stops and has not drained."""
        if self._receiver is None:
            self._transport.close()
        elif self._has_ended:
            self._transport.abort()
        else:
            self._receiver.stop()

    # Inside

    def _read_simple(self, data: bytes, receiver: Receiver) -> bytes:
        """Hand over the complete data frames that the input begins with; returns the rest, which is the library's.

        The library takes 4 us for a frame, as a generator for streams of bytes must; a call of a hub method together
        with its answer takes 17 us in all. What is skipped is only what such a frame cannot be: control frames,
        fragments, reserved bits, missing masks and sizes over the limit all go to the library.
        """
        start, size = 0, len(data)
        while size - start >= 2 + _MASK_BYTES:
            first, length = data[start], data[start + 1] - _MASKED
            at = start + 2
            if length == 126 and size - start >= 4 + _MASK_BYTES:
                length = data[at] << 8 | data[at + 1]
                at += 2
            elif length >= 126:
                break
            end = at + _MASK_BYTES + length
            if (first != _WHOLE_TEXT and first != _WHOLE_BINARY) or not 0 <= length <= self._simple_bytes or end > size:
                break
            receiver.feed(apply_mask(data[at + _MASK_BYTES : end], data[at : at + _MASK_BYTES]))
            start = end
            if start == size:
                return b""
            if start >= SLICE_BYTES or self._is_held or self._has_ended:
                break
        return data[start:] if start else data

    def _read(self) -> None:
        """Work off one slice; what is left has to wait until everybody else had a turn."""
        rest = self._rest
        if rest is None:
            data, self._unread = self._unread[:SLICE_BYTES], self._unread[SLICE_BYTES:]
            websocket = self._library()
            websocket.receive_data(data)
            frames = websocket.events_received()
            self._count(len(data), frames)
            rest = iter(frames)
        self._work_off(rest)
        if self._has_more and not self._is_held:
            self._take_turn()

    def _count(self, given_bytes: int, frames: Iterable[object]) -> None:
        """Note how far the library has come, so that `_read_simple` knows where a frame begins.

        Sizes count as they are written at their shortest. A peer may write them longer, and is then never found to be
        between two frames: all its input goes through the library, as it may.
        """
        self._unframed_bytes += given_bytes
        for frame in frames:
            if type(frame) is Frame:
                size = len(frame.data)
                self._unframed_bytes -= 2 + _MASK_BYTES + size + (0 if size < 126 else 2 if size < 65536 else 8)
                if frame.opcode in _DATA:
                    self._is_in_message = not frame.fin

    @property
    def _has_more(self) -> bool:
        return self._rest is not None or self._unread != b""

    def _take_turn(self) -> None:
        if self._has_turn:
            return
        self._has_turn = True
        if not self._transport.is_closing():
            self._transport.pause_reading()
        asyncio.get_running_loop().call_soon(self._have_turn)

    def _have_turn(self) -> None:
        self._has_turn = False
        if self._is_held or self._receiver is None:
            return
        self._read()
        if not self._has_more and not self._is_held:
            self.resume_reading()

    def _work_off(self, frames: Iterator[object]) -> None:
        """Hand frames over, a large one in slices with a turn for each; then send what they ask for in answer."""
        websocket, receiver = self._library(), self._receiver
        for frame in frames:
            if receiver is None or type(frame) is not Frame:
                continue
            if frame.opcode in _DATA:
                # The opcode is ignored and so are message boundaries: one byte stream (signalr-protocol 2.1).
                data = cast("bytes", frame.data)
                if len(data) > SLICE_BYTES:
                    self._rest = chain((Frame(Opcode.BINARY, each) for each in slices(data)), frames)
                    return
                if not self._has_ended:
                    receiver.feed(data)
                if len(data) == SLICE_BYTES:
                    self._rest = frames
                    return
            elif frame.opcode is Opcode.CLOSE:
                self._end(None)
        self._rest = None
        if websocket.parser_exc is not None:
            self._end(websocket.parser_exc)
        if websocket.writes:
            if self._is_paused and websocket.state is OPEN:
                # Only pongs can be due now. A peer that sends pings and reads nothing would fill the memory with them;
                # RFC 6455 5.5.3 lets us leave earlier pings unanswered.
                websocket.data_to_send()
            else:
                self._flush(websocket)
        if websocket.state is OPEN and not self._unframed_bytes and not self._is_in_message:
            self._websocket = None

    def _end(self, error: BaseException | None) -> None:
        if not self._has_ended:
            self._has_ended = True
            if self._receiver is not None:
                self._receiver.lost(error)

    @property
    def _is_open(self) -> bool:
        return self._websocket is None or self._websocket.state is OPEN

    def _library(self) -> ServerProtocol:
        if self._websocket is None:
            # Messages are not limited here, a hub message is not a WebSocket message; frames are, because the library
            # holds each one whole. No extension is offered: compression costs memory and leaks secrets (CRIME).
            limits = (None, self._frame_limit_bytes)
            self._websocket = ServerProtocol(state=OPEN, max_size=limits, logger=library_log)
        return self._websocket

    def _flush(self, websocket: ServerProtocol) -> None:
        for data in websocket.data_to_send():
            if data:
                self._transport.write(_NORMAL_CLOSE if data == _EMPTY_CLOSE else data)
            else:
                self._transport.close()
