"""`meschain serve` as a process of its own: what it prints, how it stops, what stays the same over a restart."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import stat
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from app.tests.conftest import DEMO_STATE_FILE, START_SECONDS
from app.tests.program import free_port
from app.tests.signalr_client import open_connection
from app.tests.site import orders_are_watched

COMMAND = str(Path(sys.executable).with_name("meschain"))
SHOP = "mysql://reader:password@127.0.0.1:1/shop"
ROLES = ("superadmin", "admin", "manager", "dropshipper", "technical", "user", "viewer")


@dataclass
class Process:
    """A running `meschain serve`."""

    process: asyncio.subprocess.Process
    port: int
    lines: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def passwords(self) -> dict[str, str]:
        """What the printed table says."""
        rows = (re.match(r"(\w+) +(\S+) +(\w+)", line) for line in self.lines)
        return {row[1]: row[2] for row in rows if row and row[1] in ROLES}

    async def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(START_SECONDS):
            return await self.process.wait()


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MESCHAIN_")}
    return {**kept, **settings}


@asynccontextmanager
async def serving(
    data_dir: Path, *arguments: str, port: int = 0, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Process]:
    """Start it and wait until it has said where it is."""
    port = port or free_port()
    process = await asyncio.create_subprocess_exec(
        *(COMMAND, "serve", "--port", str(port), "--data-dir", str(data_dir), *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(settings or {}),
    )
    started = Process(process, port)
    assert process.stdout is not None
    assert process.stderr is not None
    reading = asyncio.create_task(_collect(process.stderr, started.errors))
    try:
        async with asyncio.timeout(START_SECONDS):
            while not any("Stop with Ctrl-C" in line for line in started.lines):
                line = await process.stdout.readline()
                if not line:
                    await reading
                    raise RuntimeError("\n".join(["it ended:", *started.lines, *started.errors]))
                started.lines.append(line.decode().rstrip())
        yield started
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await reading


async def _collect(stream: asyncio.StreamReader, lines: list[str]) -> None:
    while line := await stream.readline():
        lines.append(line.decode().rstrip())


async def login(http: aiohttp.ClientSession, process: Process, username: str) -> str:
    body = {"username": username, "password": process.passwords[username]}
    async with http.post(f"{process.url}/api/login", json=body) as answer:
        assert answer.status == 200, await answer.text()
        token: str = (await answer.json())["accessToken"]
        return token


async def negotiate(http: aiohttp.ClientSession, process: Process, token: str) -> dict[str, str]:
    async with http.post(f"{process.url}/api/negotiate", headers={"Authorization": f"Bearer {token}"}) as answer:
        assert answer.status == 200, await answer.text()
        redirect: dict[str, str] = await answer.json()
        return redirect


async def test_a_start_prints_the_address_and_an_account_for_each_role(
    data_dir: Path, http: aiohttp.ClientSession
) -> None:
    async with serving(data_dir) as process:
        assert any(process.url in line for line in process.lines)
        assert set(process.passwords) == set(ROLES)
        for username in ROLES:
            await login(http, process, username)
        assert await process.stop() == 0
    kept = stat.S_IMODE((data_dir / "demo.json").stat().st_mode)
    assert kept == 0o600
    log = "\n".join(process.errors)
    assert not [password for password in process.passwords.values() if password in log]


async def test_sigterm_tells_clients_to_come_again_and_their_tokens_still_hold_after_the_restart(
    data_dir: Path, http: aiohttp.ClientSession
) -> None:
    async with serving(data_dir) as process:
        token = await login(http, process, "admin")
        access = await negotiate(http, process, token)
        async with open_connection(access["url"], access["accessToken"]) as client:
            await client.invoke("HandleAdminCommand", "requestDashboardUpdate", {})
            stopping = asyncio.create_task(process.stop())
            await client.until(lambda: client.ended)
            assert client.close is not None
            assert client.close.get("allowReconnect") is True
            assert "error" not in client.close
            assert await stopping == 0
    async with serving(data_dir, port=process.port) as again:
        assert again.passwords == process.passwords
        async with open_connection(access["url"], access["accessToken"]) as client:
            await client.invoke("HandleAdminCommand", "requestDashboardUpdate", {})
            await client.received("updateAdminDashboard")
        assert (await negotiate(http, again, token))["url"] == access["url"]


async def test_sigint_stops_as_well(data_dir: Path) -> None:
    async with serving(data_dir) as process:
        process.process.send_signal(signal.SIGINT)
        async with asyncio.timeout(START_SECONDS):
            assert await process.process.wait() == 0


async def test_it_listens_on_loopback_only(data_dir: Path) -> None:
    async with serving(data_dir) as process:
        listening = {address for address, port in _listening_addresses() if port == process.port}
    assert listening == {"127.0.0.1"}


async def test_logs_in_json_are_one_object_per_line_and_hold_no_token(
    data_dir: Path, http: aiohttp.ClientSession
) -> None:
    async with serving(data_dir, settings={"MESCHAIN_LOG_FORMAT": "json"}) as process:
        token = await login(http, process, "admin")
        access = await negotiate(http, process, token)
        async with open_connection(f"{access['url']}&access_token={access['accessToken']}") as client:
            await client.invoke("HandleAdminCommand", "requestDashboardUpdate", {})
        assert await process.stop() == 0
    assert process.errors
    for line in process.errors:
        json.loads(line)
    log = "\n".join(process.errors)
    assert token not in log
    assert access["accessToken"] not in log


@pytest.mark.parametrize(
    ("arguments", "settings", "text"),
    [
        ((), {"MESCHAIN_PROT": "1"}, "did you mean MESCHAIN_PORT"),
        (("--opencart-url", SHOP), {}, "set MESCHAIN_SECRET"),
        (
            ("--opencart-url", SHOP),
            {"MESCHAIN_SECRET": "changeme" * 8},
            "looks like a default",
        ),
        (("--host", "no.such.host.invalid"), {}, "no address to listen on"),
        (("--data-dir", __file__), {}, "choose another data_dir"),
        ((), {"MESCHAIN_MAXIMUM_CONNECTIONS": str(10**12)}, "connections do not fit"),
    ],
    ids=["unknown setting", "no secret", "default secret", "no address", "no folder", "no room"],
)
async def test_what_cannot_be_served_is_refused_in_a_line(
    data_dir: Path, arguments: tuple[str, ...], settings: dict[str, str], text: str
) -> None:
    with pytest.raises(RuntimeError, match="it ended") as refused:
        async with serving(data_dir, *arguments, settings=settings):
            pass
    assert text in str(refused.value)
    assert "Traceback" not in str(refused.value)


async def test_a_port_in_use_is_one_clear_line(data_dir: Path) -> None:
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(RuntimeError) as refused:
            async with serving(data_dir, port=other.getsockname()[1]):
                pass
    lines = str(refused.value).splitlines()[1:]
    assert len(lines) == 1
    assert "is in use; stop what uses it, or choose another with --port" in lines[0]


async def test_certificates_that_do_not_fit_are_refused(data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "certificate.pem").write_text("none")
    (tmp_path / "key.pem").write_text("none")
    files = {
        "MESCHAIN_TLS_CERTIFICATE": str(tmp_path / "certificate.pem"),
        "MESCHAIN_TLS_KEY": str(tmp_path / "key.pem"),
    }
    with pytest.raises(RuntimeError, match="tls_certificate and tls_key cannot be used"):
        async with serving(data_dir, settings=files):
            pass


async def test_an_order_placed_by_the_command_line_appears_on_an_open_page(
    data_dir: Path, http: aiohttp.ClientSession
) -> None:
    async with serving(data_dir) as process:
        access = await negotiate(http, process, await login(http, process, "admin"))
        async with open_connection(access["url"], access["accessToken"]) as client:
            await orders_are_watched(str(data_dir / DEMO_STATE_FILE))
            placing = await asyncio.create_subprocess_exec(
                *(COMMAND, "demo", "order", "--marketplace", "etsy"),
                *("--data-dir", str(data_dir)),
                stdout=asyncio.subprocess.PIPE,
                env=environment({}),
            )
            output, _ = await placing.communicate()
            found = re.match(r"Placed order (\d+)", output.decode())
            assert found is not None
            placed: Callable[[dict[str, object]], bool] = lambda order: order["orderId"] == int(found[1])  # noqa: E731
            assert (await client.received("orderNotification", placed))["marketplace"] == "etsy"


def _listening_addresses() -> list[tuple[str, int]]:
    """Addresses and ports that IPv4 and IPv6 sockets of this machine listen on, from the kernel's own list."""
    found = []
    for name, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
            _, local, _, state, *_ = line.split()
            if state != "0A":
                continue
            address, port = local.split(":")
            words = bytes.fromhex(address)
            raw = b"".join(words[start : start + 4][::-1] for start in range(0, len(words), 4))
            found.append((socket.inet_ntop(family, raw), int(port, 16)))
    return found
