"""HTTP/1.1 over bare streams, one request each: every byte of an answer can be seen. Knows no hub."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from compliance.server import SLOWNESS

WAIT_SECONDS = 15 * SLOWNESS
"""How long anything that must come may take."""


def within(seconds: float = WAIT_SECONDS) -> asyncio.Timeout:
    """The bound of every wait."""
    return asyncio.timeout(seconds)


@dataclass(frozen=True)
class Reply:
    """An answer. Names of headers are in lower case; those that come twice are joined by a comma."""

    status: int
    phrase: str
    headers: Mapping[str, str]
    body: bytes = field(default=b"")

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


class Streams:
    """Both directions of a TCP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def head(self) -> Reply:
        """The head of the answer; its body is still to be read."""
        async with within():
            lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        version, status, *phrase = lines[0].split(" ", 2)
        assert version == "HTTP/1.1"
        headers: dict[str, str] = {}
        for line in filter(None, lines[1:]):
            name, _, value = line.partition(": ")
            name = name.lower()
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        return Reply(int(status), phrase[0] if phrase else "", headers)

    async def reply(self) -> Reply:
        """The whole answer."""
        head = await self.head()
        body = b""
        async with within():
            if "chunked" in head.headers.get("transfer-encoding", ""):
                while chunk := await self.chunk():
                    body += chunk
            elif head.status not in (101, 204, 304):
                assert "content-length" in head.headers, head
                body = await self.reader.readexactly(int(head.headers["content-length"]))
        return Reply(head.status, head.phrase, head.headers, body)

    async def chunk(self) -> bytes:
        """One chunk of a body; empty: its proper end."""
        async with within():
            size = int(await self.reader.readline(), 16)
            data = await self.reader.readexactly(size)
            assert await self.reader.readexactly(2) == b"\r\n"
        return data

    async def at_end(self) -> bool:
        """Wait until the server closes or cuts it, and tell whether nothing came before."""
        async with within():
            with contextlib.suppress(ConnectionError):
                return await self.reader.read(1) == b""
        return True

    def stop_reading(self) -> None:
        """Leave everything that comes where it is: in the buffers of the kernel, and then in the server."""
        self.writer.transport.pause_reading()  # type: ignore[attr-defined] # every stream reads

    def go_on_reading(self) -> None:
        self.writer.transport.resume_reading()  # type: ignore[attr-defined] # every stream reads

    def send_end(self) -> None:
        """Close our direction alone."""
        self.writer.write_eof()

    def abort(self) -> None:
        """Cut it off, without a word to the server's HTTP."""
        self.writer.transport.abort()

    def close(self) -> None:
        self.writer.close()


def head_of(method: str, target: str, headers: Mapping[str, str]) -> bytes:
    """The head of a request."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
