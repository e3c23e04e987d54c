"""nginx and HAProxy with the configurations of `deploy/front`, on this machine's ports, in front of two sides."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

from app.tests.docs.pages import REPOSITORY
from app.tests.program import free_ports
from engine.tests.client.certificate import write_certificate

FOLDER = REPOSITORY / "deploy" / "front"
NAME = "panel.example.com"
TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Sides:
    """Where both places of the hubs listen, and both applications for old clients that know them as 8080 and 8081."""

    blue: int
    green: int
    old_blue: int
    old_green: int
    native_blue: int
    native_green: int
    green_name: str = "signalr-green.example.com"
    cuts_soon: bool = False
    """Whether old workers end a second after a reload, with all connections that they have."""


def replaced(text: str, *pairs: tuple[str, str]) -> str:
    for theirs, ours in pairs:
        assert theirs in text, theirs
        text = text.replace(theirs, ours)
    return text


class Front(ABC):
    """One program in front. It ends TLS at `port`; old clients reach `old_port`, native ones `native_port`."""

    def __init__(self, folder: Path, sides: Sides) -> None:
        self.folder = folder
        self.sides = sides
        first = free_ports(3)
        self.port, self.old_port, self.native_port = range(first, first + 3)
        self.process: asyncio.subprocess.Process | None = None
        self.certificate = write_certificate(folder / "both.pem", "localhost")
        self.write(of_green=False)

    @abstractmethod
    def write(self, *, of_green: bool) -> None:
        """Write the configuration; `of_green`: old clients of this machine belong to the second application."""

    @property
    @abstractmethod
    def command(self) -> Sequence[str]: ...

    @abstractmethod
    async def reload(self) -> None:
        """As an operator does; returns when the new configuration is the one that new connections meet."""

    @property
    def address(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def output(self) -> str:
        return (self.folder / "output").read_text(encoding="utf-8", errors="replace")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """In front, once it listens."""
        with (self.folder / "output").open("ab") as output:
            self.process = await asyncio.create_subprocess_exec(*self.command, stdout=output, stderr=output)
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                while not all(map(is_open, (self.port, self.old_port, self.native_port))):
                    assert self.process.returncode is None, self.output()
                    await asyncio.sleep(0.05)
            yield
        finally:
            if self.process.returncode is None:
                self.process.terminate()
            await self.process.wait()


def is_open(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    assert found is not None, f"{name} is missing: run `tools/need.sh {name}`."
    return found


class Nginx(Front):
    """The file, inside of the smallest nginx.conf."""

    def write(self, *, of_green: bool) -> None:
        text = replaced(
            (FOLDER / "nginx.conf").read_text(encoding="utf-8"),
            ("listen 443 ssl", f"listen 127.0.0.1:{self.port} ssl"),
            ("listen 192.0.2.1:8080", f"listen 127.0.0.1:{self.old_port}"),
            ("listen 192.0.2.1:8081", f"listen 127.0.0.1:{self.native_port}"),
            ("127.0.0.1:8000", f"127.0.0.1:{self.sides.blue}"),
            ("127.0.0.1:8001", f"127.0.0.1:{self.sides.green}"),
            ("127.0.0.1:8888", f"127.0.0.1:{self.sides.green}"),
            ("127.0.0.1:8080", f"127.0.0.1:{self.sides.old_blue}"),
            ("127.0.0.1:9080", f"127.0.0.1:{self.sides.old_green}"),
            ("127.0.0.1:8081", f"127.0.0.1:{self.sides.native_blue}"),
            ("127.0.0.1:9081", f"127.0.0.1:{self.sides.native_green}"),
            ("signalr-green.example.com", self.sides.green_name),
            ("/etc/ssl/panel.example.com.pem", str(self.certificate)),
            ("/etc/ssl/panel.example.com.key", str(self.certificate)),
            ("/var/log/nginx/", f"{self.folder}/"),
        )
        if of_green:
            text = replaced(text, ("# 192.0.2.0/24 ", "127.0.0.0/8 "))
        temporary = "\n".join(
            f"{kind}_temp_path {self.folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        cut = "worker_shutdown_timeout 1s;\n" if self.sides.cuts_soon else ""
        (self.folder / "nginx.conf").write_text(
            f"{cut}daemon off;\nuser root;\npid {self.folder}/pid;\nerror_log stderr notice;\nworker_processes 1;\n"
            f"events {{ worker_connections 512; }}\nhttp {{\n{temporary}\n{text}\n}}\n",
            encoding="utf-8",
        )

    @property
    def command(self) -> Sequence[str]:
        return (program("nginx"), "-p", str(self.folder), "-c", str(self.folder / "nginx.conf"))

    async def reload(self) -> None:
        before = self.output().count("gracefully shutting down")
        reloading = await asyncio.create_subprocess_exec(
            *self.command, "-s", "reload", stderr=asyncio.subprocess.DEVNULL
        )
        assert await reloading.wait() == 0
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while self.output().count("gracefully shutting down") == before:  # noqa: ASYNC110 - another process has no condition to wait for
                await asyncio.sleep(0.05)


class HaProxy(Front):
    """The file, as master with a worker."""

    def write(self, *, of_green: bool) -> None:
        cut = "\n    hard-stop-after 1s" if self.sides.cuts_soon else ""
        text = replaced(
            (FOLDER / "haproxy.cfg").read_text(encoding="utf-8"),
            (
                "bind :443 ssl crt /etc/ssl/panel.example.com.pem",
                f"bind 127.0.0.1:{self.port} ssl crt {self.certificate}",
            ),
            ("bind 192.0.2.1:8080", f"bind 127.0.0.1:{self.old_port}"),
            ("bind 192.0.2.1:8081", f"bind 127.0.0.1:{self.native_port}"),
            ("127.0.0.1:8000", f"127.0.0.1:{self.sides.blue}"),
            ("127.0.0.1:8001", f"127.0.0.1:{self.sides.green}"),
            ("127.0.0.1:8888", f"127.0.0.1:{self.sides.green}"),
            ("127.0.0.1:8080", f"127.0.0.1:{self.sides.old_blue}"),
            ("127.0.0.1:9080", f"127.0.0.1:{self.sides.old_green}"),
            ("127.0.0.1:8081", f"127.0.0.1:{self.sides.native_blue}"),
            ("127.0.0.1:9081", f"127.0.0.1:{self.sides.native_green}"),
            ("signalr-green.example.com", self.sides.green_name),
            ("/run/haproxy/admin.sock", f"{self.folder}/admin.sock"),
            ("log stderr format raw local0 info", f"log stderr format raw local0 info\n    nbthread 1{cut}"),
            ("maxconn 50000", "maxconn 500"),
        )
        if of_green:
            text = replaced(text, ("198.51.100.0/24", "127.0.0.0/8"))
        (self.folder / "haproxy.cfg").write_text(text, encoding="utf-8")

    @property
    def command(self) -> Sequence[str]:
        return (program("haproxy"), "-W", "-f", str(self.folder / "haproxy.cfg"))

    async def reload(self) -> None:
        assert self.process is not None
        before = self.output().count("Loading success")
        self.process.send_signal(signal.SIGUSR2)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while self.output().count("Loading success") == before:  # noqa: ASYNC110 - another process has no condition to wait for
                await asyncio.sleep(0.05)
