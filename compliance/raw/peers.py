"""Hub clients over each transport that do nothing by themselves: no ping, no ack, no poll that was not asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from compliance.raw.http11 import Reply, Streams, within
from compliance.raw.notation import PING, RS, Message, Notation
from compliance.raw.websocket import WebSocket, close_code
from websockets.frames import Frame, Opcode

if TYPE_CHECKING:
    from compliance.raw.judge import Judge

HANDSHAKE_ANSWER = b"{}" + RS
NO_CACHE = {
    "cache-control": "no-cache, no-store",
    "pragma": "no-cache",
    "expires": "Thu, 01 Jan 1970 00:00:00 GMT",
}
"""With every answer to a poll."""


class Peer(ABC):
    """What the transports have in common."""

    transport: ClassVar[str]

    def __init__(self, judge: Judge, path: str, notation: Notation, query: str, headers: dict[str, str]) -> None:
        self.judge = judge
        self.path = path
        self.notation = notation
        self.headers = headers
        """Go with every request."""
        self.connection_id = ""
        self.token = ""
        self.has_ended = False
        self._query = query
        self._messages: list[Message] = []

    @property
    def target(self) -> str:
        """What its requests ask for; without a token, if it has skipped negotiate."""
        query = "&".join(filter(None, (f"id={self.token}" if self.token else "", self._query)))
        return f"{self.path}?{query}"

    async def negotiate(self, query: str = "negotiateVersion=1") -> Any:
        answer = await self.judge.negotiate(self.path, query, self.headers)
        self.connection_id = answer["connectionId"]
        self.token = answer.get("connectionToken", self.connection_id)
        assert self.transport in [offer["transport"] for offer in answer["availableTransports"]]
        return answer

    # To be written by each transport

    @abstractmethod
    async def open(self) -> None:
        """Open the negotiated transport."""

    @abstractmethod
    async def send_bytes(self, data: bytes) -> None:
        """Send a payload, and see it accepted where the transport tells."""

    @abstractmethod
    async def payload(self) -> bytes | None:
        """What the server sends next in one piece, which holds whole messages; None: a proper end."""

    @abstractmethod
    async def leave(self) -> None:
        """Say good-bye in the way of the transport, without a hub message."""

    @abstractmethod
    async def drop(self) -> None:
        """Be gone, and leave nothing behind that the server waits for."""

    # Hub messages

    def handshake(self, version: int = 1) -> bytes:
        return f'{{"protocol":"{self.notation.name}","version":{version}}}'.encode() + RS

    async def shake(self, *messages: Message, version: int = 1) -> None:
        """Hands, with messages behind it in the same payload."""
        await self.send_bytes(self.handshake(version) + self.notation.write(*messages))
        await self.be_accepted()

    async def be_accepted(self) -> None:
        """Wait for the answer to the handshake."""
        payload = await self.payload()
        assert payload is not None, "The connection ended without an answer to the handshake."
        assert payload.startswith(HANDSHAKE_ANSWER), payload
        self._messages += self.notation.read(payload.removeprefix(HANDSHAKE_ANSWER))

    async def send(self, *messages: Message) -> None:
        """Send messages in one payload."""
        await self.send_bytes(self.notation.write(*messages))

    async def message(self) -> Message | None:
        """The next message, pings included; None: the end."""
        while not self._messages:
            payload = None if self.has_ended else await self.payload()
            if payload is None:
                self.has_ended = True
                return None
            self._messages += self.notation.read(payload)
        return self._messages.pop(0)

    async def receive(self) -> Message:
        """The next message that is no ping."""
        while (message := await self.message()) == {"type": PING}:
            pass
        assert message is not None, "The connection ended."
        return message

    async def end(self) -> list[Message]:
        """Wait for a proper end; returns the messages before it, without pings."""
        messages = []
        while (message := await self.message()) is not None:
            if message != {"type": PING}:
                messages.append(message)
        return messages

    async def invoke(self, target: str, *arguments: object, invocation_id: str = "i") -> Message:
        """Call and return the completion, which has to be the next message."""
        await self.send(
            {"type": 1, "invocationId": invocation_id, "target": target, "arguments": list(arguments)},
        )
        return await self.receive()

    async def result(self, target: str, *arguments: object) -> Any:
        """Call and return the result."""
        answer = await self.invoke(target, *arguments)
        assert answer["type"] == 3, answer
        assert "error" not in answer, answer
        return answer["result"]

    async def own_id(self) -> str:
        """The id that the hub knows; after a negotiate of version 0 or none only it can tell."""
        connection_id: str = await self.result("GetCallerConnectionId")
        return connection_id


class WebSocketPeer(Peer):
    transport = "WebSockets"

    receive_buffer_bytes: int | None = None

    def __init__(self, judge: Judge, path: str, notation: Notation, query: str, headers: dict[str, str]) -> None:
        super().__init__(judge, path, notation, query, headers)
        self.close_code: int | None = None
        self._socket: WebSocket | None = None
        self._is_accepted = False

    @property
    def socket(self) -> WebSocket:
        assert self._socket is not None, "not open"
        return self._socket

    async def open(self) -> None:
        self._socket = await self.judge.open_websocket(
            self.target, self.headers, receive_buffer_bytes=self.receive_buffer_bytes
        )

    async def send_bytes(self, data: bytes) -> None:
        # The JavaScript client's way: the handshake as text, what follows as the protocol is. Text has to be whole.
        is_text = not (self._is_accepted and self.notation.is_binary) and _is_text(data)
        await self.socket.send(Frame(Opcode.TEXT if is_text else Opcode.BINARY, data))

    @property
    def opcode(self) -> Opcode:
        return Opcode.BINARY if self.notation.is_binary else Opcode.TEXT

    async def payload(self) -> bytes | None:
        frame = await self.socket.frame()
        assert frame is not None, "The socket was cut."
        if frame.opcode is Opcode.CLOSE:
            self.close_code = close_code(frame)
            await self.socket.send_close(self.close_code)
            assert await self.socket.frame() is None
            return None
        assert frame.fin
        data = bytes(frame.data)
        if self._is_accepted or data == HANDSHAKE_ANSWER:
            assert frame.opcode is self.opcode
        else:
            assert frame.opcode is Opcode.TEXT
        return data

    async def be_accepted(self) -> None:
        await super().be_accepted()
        self._is_accepted = True

    async def leave(self) -> None:
        await self.socket.send_close()
        while (frame := await self.socket.frame()) is not None and frame.opcode is not Opcode.CLOSE:
            pass
        assert frame is not None, "The server did not answer the close frame."
        assert close_code(frame) == 1000
        assert await self.socket.frame() is None

    async def drop(self) -> None:
        if self._socket is not None:
            self._socket.streams.abort()


class _PostingPeer(Peer):
    """One that sends by POST."""

    async def send_bytes(self, data: bytes) -> None:
        reply = await self.post(data)
        assert (reply.status, reply.body) == (200, b""), reply
        assert reply.headers["content-type"] == "text/plain"

    async def post(self, data: bytes, headers: Mapping[str, str] | None = None) -> Reply:
        return await self.judge.request("POST", self.target, {**self.headers, **(headers or {})}, data)


class EventsPeer(_PostingPeer):
    transport = "ServerSentEvents"

    def __init__(self, judge: Judge, path: str, notation: Notation, query: str, headers: dict[str, str]) -> None:
        super().__init__(judge, path, notation, query, headers)
        self.head: Reply | None = None
        self._streams: Streams | None = None
        self._text = b""

    @property
    def streams(self) -> Streams:
        assert self._streams is not None, "not open"
        return self._streams

    receive_buffer_bytes: int | None = None

    async def open(self) -> None:
        self._streams = await self.judge.dial(receive_buffer_bytes=self.receive_buffer_bytes)
        self._streams.writer.write(self.judge.head("GET", self.target, {"Accept": "text/event-stream", **self.headers}))
        self.head = await self._streams.head()
        assert self.head.status == 200, self.head
        assert await self._line() == b":"

    async def payload(self) -> bytes | None:
        """The data of the next event, which is one message."""
        lines = []
        while line := await self._line():
            assert line.startswith(b"data: "), line
            lines.append(line.removeprefix(b"data: "))
        if line is None:
            assert not lines
            return None
        data = b"\n".join(lines)
        assert data.count(RS) == 1, f"Not one message in an event: {data!r}"
        return data

    async def _line(self) -> bytes | None:
        """The next line without its end; None: the proper end of the answer."""
        while b"\r\n" not in self._text:
            chunk = await self.streams.chunk()
            if not chunk:
                assert self._text == b""
                return None
            self._text += chunk
        line, _, self._text = self._text.partition(b"\r\n")
        return line

    async def leave(self) -> None:
        self.streams.close()

    async def drop(self) -> None:
        if self._streams is not None:
            self._streams.close()


class PollingPeer(_PostingPeer):
    transport = "LongPolling"

    streams: Streams | None = None
    """The connection that polls use, one after the other; None: a new one for each."""

    async def open(self) -> None:
        first = await self.poll()
        assert (first.status, first.body) == (200, b""), first
        assert first.headers["content-type"] == "application/octet-stream"

    async def poll(self) -> Reply:
        if self.streams is None:
            reply = await self.judge.request("GET", self.target, self.headers)
        else:
            self.streams.writer.write(self.judge.head("GET", self.target, self.headers))
            reply = await self.streams.reply()
        assert NO_CACHE.items() <= reply.headers.items(), reply
        return reply

    async def payload(self) -> bytes | None:
        reply = await self.poll()
        if reply.status == 204:
            return None
        assert reply.status == 200, reply
        if reply.body:
            assert reply.headers["content-type"] == "application/octet-stream"
        return reply.body

    async def leave(self) -> None:
        reply = await self.judge.request("DELETE", self.target, self.headers)
        assert (reply.status, reply.body) == (202, b""), reply

    async def drop(self) -> None:
        async with within():
            await self.judge.request("DELETE", self.target, self.headers)


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


PEERS: Mapping[str, type[Peer]] = {each.transport: each for each in (WebSocketPeer, EventsPeer, PollingPeer)}
