"""A WebSocket that shows every frame and does nothing by itself: no pong, no answer to a close. Knows no hub."""

from __future__ import annotations

from collections.abc import Mapping

from compliance.raw.http11 import Reply, Streams, within
from websockets.frames import Close, Frame, Opcode
from websockets.streams import StreamReader
from websockets.utils import accept_key, generate_key

UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}


def upgrade_headers() -> dict[str, str]:
    """What asks for an upgrade: no subprotocol and no extension, as the official clients."""
    return {**UPGRADE, "Sec-WebSocket-Key": generate_key()}


def check_upgraded(reply: Reply, headers: Mapping[str, str]) -> None:
    """The server has agreed, and to nothing else."""
    assert reply.status == 101, reply
    assert reply.headers["sec-websocket-accept"] == accept_key(headers["Sec-WebSocket-Key"])
    assert "sec-websocket-protocol" not in reply.headers
    assert "sec-websocket-extensions" not in reply.headers


class WebSocket:
    """An open one."""

    def __init__(self, streams: Streams) -> None:
        self.streams = streams
        self._parser = StreamReader()

    async def frame(self) -> Frame | None:
        """The next frame; None: the TCP connection has ended without one."""
        parsing = Frame.parse(self._parser.read_exact, mask=False)
        while True:
            try:
                next(parsing)
            except StopIteration as parsed:
                frame: Frame = parsed.value
                return frame
            except EOFError:
                return None
            async with within():
                try:
                    data = await self.streams.reader.read(65536)
                except ConnectionError:
                    data = b""
            if data:
                self._parser.feed_data(data)
            elif not self._parser.eof:
                self._parser.feed_eof()

    async def send(self, *frames: Frame) -> None:
        """Send frames, all in one write."""
        self.streams.writer.write(b"".join(frame.serialize(mask=True) for frame in frames))
        async with within():
            await self.streams.writer.drain()

    async def send_text(self, data: bytes) -> None:
        await self.send(Frame(Opcode.TEXT, data))

    async def send_binary(self, data: bytes) -> None:
        await self.send(Frame(Opcode.BINARY, data))

    async def send_close(self, code: int | None = 1000) -> None:
        await self.send(Frame(Opcode.CLOSE, b"" if code is None else Close(code, "").serialize()))


def close_code(frame: Frame) -> int | None:
    """The code of a close frame, whose reason has to be empty."""
    assert frame.opcode is Opcode.CLOSE, frame
    if not frame.data:
        return None
    close = Close.parse(bytes(frame.data))
    assert close.reason == ""
    return close.code
