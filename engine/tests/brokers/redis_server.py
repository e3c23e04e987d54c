"""A redis-server of the test's own: on a free port, without files, ended with the test."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from engine.tests.free_ports import free_port

PROGRAM = shutil.which("redis-server") or shutil.which("valkey-server") or "redis-server"
TIMEOUT_SECONDS = 20


class RedisServer:
    """Can be killed, begun again on the same port, and held still."""

    def __init__(self, directory: str, *settings: str) -> None:
        self.port = free_port()
        self._directory = directory
        self._settings = settings
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    async def start(self) -> None:
        """Return when it answers."""
        self._process = await asyncio.create_subprocess_exec(
            *(PROGRAM, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"),
            *self._settings,
            cwd=self._directory,
            stdout=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while True:
                try:
                    if await self.ask("PING"):
                        return
                except OSError:
                    assert self._process.returncode is None, "redis-server did not start; its settings are wrong"
                    await asyncio.sleep(0.01)  # it tells nobody when it listens

    async def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            if self._process.returncode is None:
                self._process.kill()
            await self._process.wait()
            self._process = None

    def hold(self) -> None:
        """Let it stand still, with its sockets open."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def let_go(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)

    async def ask(self, *words: str) -> str:
        """The answer to a command, as it came in. Raises: OSError."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(" ".join(words).encode() + b"\r\nQUIT\r\n")
            return (await reader.read()).decode(errors="replace").removesuffix("+OK\r\n")
        finally:
            writer.close()

    async def channels(self) -> list[str]:
        """What anybody is subscribed to."""
        return sorted((await self.ask("PUBSUB", "CHANNELS")).split("\r\n")[2::2])

    async def clients(self) -> list[int]:
        """The ids of those connected, but for the one who asks."""
        lines = [line for line in (await self.ask("CLIENT", "LIST")).split("\n") if line.startswith("id=")]
        return [int(line.split()[0][3:]) for line in lines if "cmd=client" not in line]

    async def cut(self, kind: str) -> None:
        """End the connections of a kind: normal, pubsub."""
        await self.ask("CLIENT", "KILL", "TYPE", kind, "SKIPME", "YES")


@asynccontextmanager
async def redis_server(*settings: str) -> AsyncIterator[RedisServer]:
    with tempfile.TemporaryDirectory() as directory:
        server = RedisServer(directory, *settings)
        try:
            await server.start()
            yield server
        finally:
            await server.kill()
