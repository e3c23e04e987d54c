"""`meschain dev`: three parts on one machine that work together, and stop together."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from app.tests.conftest import START_SECONDS
from app.tests.entrypoints.test_serve import environment
from app.tests.program import free_port, free_ports
from app.tests.signalr_client import open_connection

from meschain.entrypoints.dev import _ports


class Dev:
    """The running command."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []

    async def read_until(self, found: Callable[[str], bool]) -> str:
        assert self.process.stdout is not None
        async with asyncio.timeout(2 * START_SECONDS):
            while line := (await self.process.stdout.readline()).decode().rstrip():
                self.lines.append(line)
                if found(line):
                    return line
        raise RuntimeError("\n".join(["it ended:", *self.lines]))

    async def end(self) -> int:
        assert self.process.stdout is not None
        async with asyncio.timeout(START_SECONDS):
            self.lines += (await self.process.stdout.read()).decode().splitlines()
            return await self.process.wait()

    def addresses(self) -> list[str]:
        return re.findall(r"http://localhost:\d+", "\n".join(self.lines[-2:]))

    def password(self, username: str) -> str:
        (password,) = re.findall(rf"application +\| {username} +(\S+)", "\n".join(self.lines))
        return str(password)

    def process_id(self, program: str) -> int:
        """Of the child whose command line has this in it."""
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:  # it has just ended
                continue
            if parent == str(self.process.pid) and program in command:
                return int(folder.name)
        raise RuntimeError(f"there is no {program}")


@asynccontextmanager
async def running_dev(data_dir: Path, *arguments: str) -> AsyncIterator[Dev]:
    # Not 0: one that the system finds may be an outgoing connection's again before the last of the three listens.
    first = free_ports(3)
    ports = ("--port", str(first), "--application-port", str(first + 1), "--service-port", str(first + 2))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "meschain", "dev", *ports, "--data-dir", str(data_dir), *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment({}),
    )
    try:
        yield Dev(process)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


def is_listening(url: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", urlsplit(url).port or 0)) == 0


async def test_the_three_work_together_and_stop_together(data_dir: Path, http: aiohttp.ClientSession) -> None:
    async with running_dev(data_dir) as dev:
        await dev.read_until(lambda line: "Everything runs" in line)
        await dev.read_until(lambda line: "SignalR service http" in line)
        pages, application, service = dev.addresses()
        async with http.get(f"{pages}/login.html") as answer:
            assert service in answer.headers["content-security-policy"]
        body = {"username": "admin", "password": dev.password("admin")}
        async with http.post(f"{pages}/api/login", json=body, headers={"Origin": pages}) as answer:
            assert answer.status == 200, await answer.text()
            assert answer.cookies  # the log-in's, which has to pass the dashboards' origin
            session = await answer.json()
        headers = {"Authorization": f"Bearer {session['accessToken']}"}
        async with http.post(f"{pages}/api/negotiate?negotiateVersion=1", headers=headers) as answer:
            access = await answer.json()
        assert access["url"].startswith(f"{service}/client/?hub=")
        async with open_connection(access["url"], access["accessToken"]) as client:
            await client.invoke("HandleAdminCommand", "requestDashboardUpdate", {})
            await client.received("updateAdminDashboard")
        async with http.get(f"{pages}/api/no-such-thing") as answer:
            assert answer.status == 404
        dev.process.send_signal(signal.SIGINT)
        assert await dev.end() == 0
        assert not any(is_listening(url) for url in (pages, application, service))
        assert not any("Traceback" in line for line in dev.lines)


async def test_when_one_dies_all_stop_and_its_name_is_told(data_dir: Path) -> None:
    async with running_dev(data_dir) as dev:
        await dev.read_until(lambda line: "Everything runs" in line)
        await dev.read_until(lambda line: "SignalR service http" in line)
        addresses = dev.addresses()
        os.kill(dev.process_id("hubwire.cli"), signal.SIGKILL)
        assert await dev.end() == 1
        assert "meschain: The service ended with status -9; what it wrote last says why." in dev.lines
        assert not any(is_listening(url) for url in addresses)


def test_ports_that_nobody_chooses_are_free_ones() -> None:
    assert len(set(_ports(0, 0, 0)) - {0}) == 3


async def test_a_port_in_use_is_told_before_anything_is_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        async with running_dev(tmp_path / "data", "--service-port", port) as dev:
            assert await dev.end() == 1
    assert dev.lines == [
        f"meschain: Port {port} of 127.0.0.1 cannot be had (Address already in use); "
        "stop what uses it, or choose another."
    ]
    assert not (tmp_path / "data").exists()


async def test_a_port_that_no_machine_has_is_told(tmp_path: Path) -> None:
    async with running_dev(tmp_path / "data", "--port", "65536") as dev:
        assert await dev.end() == 2
    assert "65535" in "\n".join(dev.lines)


async def test_the_same_port_twice_is_told_before_anything_is_started(tmp_path: Path) -> None:
    port = str(free_port())
    async with running_dev(tmp_path / "data", "--port", port, "--application-port", port) as dev:
        assert await dev.end() == 1
    assert dev.lines == [
        "meschain: Dashboards, application and service need a port each; choose different ones.",
    ]
    assert not (tmp_path / "data").exists()
