"""The plain lane: a hub connection's WebSocket on any ASGI server. Slower than the fast lane, complete."""

from __future__ import annotations

import asyncio

from hubwire.ports import Receiver
from hubwire.transports.asgi import AsgiMessage, AsgiReceive, AsgiSend, Exchange
from hubwire.transports.buffered import BufferedTransport
from hubwire.transports.slices import slices
from hubwire.wire.negotiation import WEBSOCKETS


class AsgiWebSocketTransport(BufferedTransport):
    """Implements `Transport` over the receive and send functions of one ASGI connection."""

    __slots__ = ("_may_read", "_receive", "_send")

    name = WEBSOCKETS
    uses_frames = False
    allows_binary = True
    keeps_itself_alive = False

    def __init__(self, receive: AsgiReceive, send: AsgiSend) -> None:
        super().__init__()
        self._receive = receive
        self._send = send
        self._may_read = asyncio.Event()
        self._may_read.set()

    async def run(self, receiver: Receiver) -> None:
        """Accept the WebSocket and move bytes both ways until it ends."""
        try:
            await self._send({"type": "websocket.accept"})
            await self._carry(receiver)
        finally:
            receiver.lost(ConnectionResetError("The WebSocket was closed without a close frame."))
            receiver.gone()

    def pause_reading(self) -> None:
        self._may_read.clear()

    def resume_reading(self) -> None:
        self._may_read.set()

    def close(self, code: int) -> None:
        super().close(code)
        self._may_read.set()  # or the peer's close frame would never be seen

    async def _read(self, receiver: Receiver) -> None:
        while True:
            await self._may_read.wait()
            message = await self._receive()
            if message["type"] == "websocket.receive":
                text = message.get("text")
                await self._feed(receiver, text.encode() if text is not None else message.get("bytes") or b"")
            elif message["type"] == "websocket.disconnect":
                receiver.lost(None if is_proper(message) else ConnectionResetError("The WebSocket was lost."))
                return

    async def _feed(self, receiver: Receiver, data: bytes) -> None:
        for number, piece in enumerate(slices(data)):
            if number:
                await asyncio.sleep(0)
                await self._may_read.wait()
            receiver.feed(piece)

    async def _send_all(self, messages: list[bytes]) -> None:
        for data in messages:
            if self.is_binary:
                sending = self._send({"type": "websocket.send", "bytes": data})
            else:
                sending = self._send({"type": "websocket.send", "text": data.decode()})
            await self._unsent.deliver(sending, len(data))

    async def _send_close(self, code: int) -> None:
        await self._send({"type": "websocket.close", "code": code})


def is_proper(disconnect: AsgiMessage) -> bool:
    """Whether the client ended the WebSocket by a close frame, as far as its server tells.

    1006 says that there was none (RFC 6455 7.1.5). uvicorn says 1005 then, and tells it from a close frame without a
    code only by leaving the reason out. Hypercorn always says 1006.
    """
    code = disconnect.get("code", 1006)
    return code != 1006 and (code != 1005 or "reason" in disconnect)


def denial(receive: AsgiReceive, send: AsgiSend, extensions: object) -> Exchange:
    """Return the way to refuse an upgrade by an HTTP answer; without that extension, as the server sees fit (403)."""
    has_answers = isinstance(extensions, dict) and "websocket.http.response" in extensions

    async def send_denial(message: AsgiMessage) -> None:
        if has_answers:
            await send({**message, "type": f"websocket.{message['type']}"})
        elif message["type"] == "http.response.start":
            await send({"type": "websocket.close", "code": 1008})

    return Exchange(receive, send_denial)
