"""The fast lane: a hub connection's WebSocket directly on the event loop's transport.

RFC 6455 is python-websockets' sans-IO `ServerProtocol`. The one thing written past it is a complete data frame, built
once for all receivers, while its state is OPEN; whatever the library wants to send is flushed in the same turn, so the
two never interleave inside a frame. Knows no hub message and not what is admitted: its owner accepts or rejects.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import cast

from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from hubwire.ports import Receiver
from hubwire.transports.slices import SLICE_BYTES, slices
from hubwire.wire.negotiation import WEBSOCKETS

_UNREAD_BYTES = 64 * 1024
"""What may wait while nobody takes it, as before the upgrade is answered; above it we stop reading."""

# The library writes a line per connection at INFO; ours is the observer's. Errors in its parser still reach the log.
_library_log = logging.Logger("hubwire.websocket", level=logging.ERROR)
_library_log.parent = logging.getLogger("hubwire")

_DATA = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)

# The library answers a close frame without a code by one without a code, which browsers show as 1005. The reference
# server says 1000, and its clients' own suite looks for that.
_EMPTY_CLOSE = b"\x88\x00"
_NORMAL_CLOSE = b"\x88\x02\x03\xe8"


class WebSocketTransport(asyncio.Protocol):
    """Implements `Transport` over an asyncio transport; is the asyncio protocol of it.

    Life: made with the request's head, then `accept` or `reject`, then frames both ways until `Receiver.lost`.
    """

    __slots__ = (
        "_has_ended",
        "_has_turn",
        "_is_held",
        "_is_paused",
        "_on_lost",
        "_receiver",
        "_rest",
        "_transport",
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
        # Messages are not limited here, a hub message is not a WebSocket message; frames are, because the library
        # holds each one whole. No extension is offered: compression costs memory and leaks secrets (CRIME).
        self._websocket = ServerProtocol(max_size=(None, frame_limit_bytes), logger=_library_log)
        self._receiver: Receiver | None = None
        self._unread = b""  # input that the library has not got yet
        self._rest: Iterator[object] | None = None  # frames that the receiver has not got yet
        self._has_turn = False  # whether the next slice of it is due in a coming turn of the loop
        self._is_held = False  # whether the receiver wants no more for now
        self._is_paused = False  # whether the socket takes no more for now
        self._on_lost: Callable[[WebSocketTransport], None] | None = on_lost
        self._has_ended = False

    # Opening

    def receive_head(self, head: bytes) -> tuple[Request, Response] | None:
        """Parse a complete request head; returns it with the answer to an upgrade, None if it could not be parsed.

        The answer's status is 101, or an error when this is not a proper WebSocket upgrade.
        """
        self._websocket.receive_data(head)
        for event in self._websocket.events_received():
            if isinstance(event, Request):
                return event, self._websocket.accept(event)
        self._flush()
        return None

    def accept(self, response: Response, receiver: Receiver, early: bytes) -> None:
        """Answer 101 and begin to push input into the receiver, first what came behind the request's head."""
        if self._has_ended:  # the client left while it was being admitted
            receiver.lost(ConnectionResetError("The client left during the upgrade."))
            receiver.gone()
            return
        self._receiver = receiver
        self._websocket.send_response(response)
        self._flush()
        self._unread = early + self._unread
        self._transport.resume_reading()  # before the receiver can ask for the contrary
        if self._unread:
            self._read()

    def reject(self, response: Response) -> None:
        """Answer with an error and end."""
        if self._has_ended:
            return
        self._websocket.send_response(response)
        self._flush()

    def response(self, status: int, body: str, headers: Iterable[tuple[str, str]] = ()) -> Response:
        """Make an answer for `reject`."""
        response = self._websocket.reject(status, body)
        for name, value in headers:
            response.headers[name] = value
        return response

    # Transport

    @property
    def direct_write(self) -> Callable[[bytes], object]:
        return cast("Callable[[bytes], object]", self._transport.write)  # uvloop's own method: no Python call between

    def write(self, data: bytes) -> None:
        if self._websocket.state is OPEN:
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
        if self._websocket.state is OPEN:
            self._websocket.send_close(code)
            self._flush()
            self.resume_reading()  # or the peer's close frame would never be seen

    def abort(self) -> None:
        self._transport.abort()

    # asyncio.Protocol

    def data_received(self, data: bytes) -> None:
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

    def _read(self) -> None:
        """Work off one slice; what is left has to wait until everybody else had a turn."""
        rest = self._rest
        if rest is None:
            data, self._unread = self._unread[:SLICE_BYTES], self._unread[SLICE_BYTES:]
            self._websocket.receive_data(data)
            rest = iter(self._websocket.events_received())
        self._work_off(rest)
        if self._has_more and not self._is_held:
            self._take_turn()

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
        websocket, receiver = self._websocket, self._receiver
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
                self._flush()

    def _end(self, error: BaseException | None) -> None:
        if not self._has_ended:
            self._has_ended = True
            if self._receiver is not None:
                self._receiver.lost(error)

    def _flush(self) -> None:
        for data in self._websocket.data_to_send():
            if data:
                self._transport.write(_NORMAL_CLOSE if data == _EMPTY_CLOSE else data)
            else:
                self._transport.close()
