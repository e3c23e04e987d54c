"""Server-Sent Events: a connection whose way out is one endless answer, and whose way in are POSTs.

Implements signalr-protocol 2.2. Knows no hub message: what is written is the text of one event.
"""

from __future__ import annotations

from hubwire.ports import Receiver
from hubwire.transports.asgi import Exchange
from hubwire.transports.buffered import BufferedTransport
from hubwire.transports.posted_input import PostedInput
from hubwire.wire.negotiation import SERVER_SENT_EVENTS

MEDIA_TYPE = "text/event-stream"

_HEAD = (
    ("content-type", MEDIA_TYPE),
    ("cache-control", "no-cache,no-store"),
    ("pragma", "no-cache"),
    ("content-encoding", "identity"),
    ("x-accel-buffering", "no"),  # nginx would hold events back
)

_COMMENT = b":\r\n"
"""Some clients are not open before they have got a byte."""


def event(text: bytes) -> bytes:
    """Return a text as one event.

    Its lines become lines of data, which the client joins with LF again, so CR LF arrives as LF. A CR alone is a line
    end to readers of events too, and what follows it would be lost.
    """
    if b"\n" in text or b"\r" in text:
        text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\ndata: ")
    return b"data: " + text + b"\r\n\r\n"


class ServerSentEventsTransport(BufferedTransport):
    """Implements `Transport` over the GET that opened the connection, and its `input`."""

    __slots__ = ("_exchange", "input")

    name = SERVER_SENT_EVENTS
    uses_frames = False
    allows_binary = False
    keeps_itself_alive = False

    def __init__(self, exchange: Exchange, posted: PostedInput) -> None:
        super().__init__()
        self._exchange = exchange
        self.input = posted

    async def run(self, receiver: Receiver) -> None:
        """Begin the answer and keep it open until either side ends it."""
        try:
            await self._exchange.start(200, _HEAD)
            await self._exchange.send(_COMMENT, more=True)
            self.input.attach(receiver)
            await self._carry(receiver)
        finally:
            self.input.end()
            receiver.lost(ConnectionResetError("The answer with the events was cut off."))
            receiver.gone()

    def write(self, data: bytes) -> None:
        super().write(event(data))

    def pause_reading(self) -> None:
        self.input.hold()

    def resume_reading(self) -> None:
        self.input.release()

    def close(self, code: int) -> None:
        super().close(code)
        self.input.end()

    def abort(self) -> None:
        super().abort()
        self.input.end()
        self._exchange.abort()

    async def _read(self, receiver: Receiver) -> None:
        await self._exchange.until_gone()
        receiver.lost(None)  # to leave the answer is how a client says good-bye here

    async def _send_all(self, messages: list[bytes]) -> None:
        data = b"".join(messages)
        await self._unsent.deliver(self._exchange.send(data, more=True), len(data))

    async def _send_close(self, code: int) -> None:
        await self._exchange.send(b"")
        if self._receiver is not None:
            self._receiver.lost(None)
        self._stopped.set()
