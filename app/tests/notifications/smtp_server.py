"""A real SMTP server on a free port of loopback: takes mail as a test says, and remembers it."""

from __future__ import annotations

import asyncio
import base64
import email
import email.policy
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage


@dataclass
class Received:
    """A mail, and how it came."""

    message: EmailMessage
    recipients: list[str]
    user: str
    """Empty: nobody logged in."""
    is_secure: bool


@dataclass
class SmtpServer:
    """RFC 5321 as far as a client of ours goes, with STARTTLS (RFC 3207) and AUTH PLAIN (RFC 4954)."""

    starttls: ssl.SSLContext | None = None
    """None: it is not offered."""
    password: str = ""
    """Empty: anybody may send."""
    refused: set[str] = field(default_factory=set)
    """Recipients that it does not take."""
    failures: int = 0
    """So many mails are put off with 451."""
    mails: list[Received] = field(default_factory=list)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _Conversation(self, reader, writer).run()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


class _Conversation:
    def __init__(self, server: SmtpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._is_secure = writer.get_extra_info("sslcontext") is not None
        self._user = ""
        self._recipients: list[str] = []

    async def run(self) -> None:
        await self._say("220 mail.test")
        while line := (await self._reader.readline()).decode().strip():
            word, _, rest = line.partition(" ")
            command = word.upper()
            if command == "QUIT":
                await self._say("221 bye")
                return
            await self._answer(command, rest)

    async def _answer(self, command: str, rest: str) -> None:
        server = self._server
        if command == "EHLO":
            offers = ["mail.test"]
            if server.starttls is not None and not self._is_secure:
                offers.append("STARTTLS")
            if server.password:
                offers.append("AUTH PLAIN")
            last = len(offers) - 1
            await self._say(*(f"250{' ' if n == last else '-'}{offer}" for n, offer in enumerate(offers)))
        elif command == "STARTTLS" and server.starttls is not None:
            await self._say("220 go ahead")
            await self._writer.start_tls(server.starttls)
            self._is_secure = True
        elif command == "AUTH":
            _, user, password = base64.b64decode(rest.partition(" ")[2]).decode().split("\0")
            self._user = user if password == server.password else ""
            await self._say("235 welcome" if self._user else "535 no")
        elif command == "MAIL":
            self._recipients = []
            await self._say("530 log in first" if server.password and not self._user else "250 ok")
        elif command == "RCPT":
            address = rest.partition("<")[2].partition(">")[0]
            if address in server.refused:
                await self._say("550 nobody")
            else:
                self._recipients.append(address)
                await self._say("250 ok")
        elif command == "DATA":
            await self._say("354 go on")
            data = await self._reader.readuntil(b"\r\n.\r\n")
            if server.failures > 0:
                server.failures -= 1
                await self._say("451 later")
                return
            message = email.message_from_bytes(data[:-5].replace(b"\r\n..", b"\r\n."), policy=email.policy.default)
            assert isinstance(message, EmailMessage)
            server.mails.append(Received(message, self._recipients, self._user, self._is_secure))
            await self._say("250 taken")
        else:
            await self._say("250 ok" if command in {"RSET", "NOOP"} else "502 what?")

    async def _say(self, *lines: str) -> None:
        self._writer.write("".join(f"{line}\r\n" for line in lines).encode())
        await self._writer.drain()


@asynccontextmanager
async def running_smtp(server: SmtpServer, tls: ssl.SSLContext | None = None) -> AsyncIterator[SmtpServer]:
    """Listen while the block is open.

    Args:
        tls: from the first byte; None: without, until STARTTLS.
    """
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield server
