"""What `hubwire service` takes by its REST API: sends to users in a second, and how much later a broadcast arrives.

Usage: python bench/rest.py [--rounds 5] [--seconds 5] [--connections 64]
Service and generator are pinned to a core each. In each round, one after the other on fresh processes:
- sends: as many POSTs to `users/{id}/:send` as go, over a pool of keep-alive connections, a token for each address;
  every user is connected and every message is counted where it arrives. Beside it what uvicorn takes with nothing
  behind it.
- delay: one program broadcasts to 100 clients in turn from its own hub and through the service; both count from the
  call.
Writes bench/results/rest.json; measures, and judges nothing but the two bars it prints.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import cast
from urllib.parse import quote

import uvloop

from hubwire.azure.jwt import ClientTokens
from hubwire.azure.rest_tokens import RestTokens
from hubwire.azure.routes import Operation, address
from lab.machine import cores, pinned, shape, versions
from lab.processes import free_port, running, stop_children_when_terminated
from lab.results import spread
from websocket_load import JSON_HANDSHAKE, RECORD_SEPARATOR, LoadConnection

HERE = Path(__file__).parent
KEY = "bench-only-key-of-the-rest-scenario-0123456789"
HUB = "times"
USERS = 200
LISTENERS = 100
SENDS_BAR = 5_000.0
DELAY_BAR_MS = 1.0
PAYLOAD = json.dumps({"target": "news", "arguments": ["x" * 150]}).encode()
"""Some 200 bytes as a hub message."""


class Poster(asyncio.Protocol):
    """One keep-alive connection that asks again as soon as it is answered."""

    def __init__(self, requests: Sequence[bytes], first: int) -> None:
        self._requests = requests
        self._next = first
        self._head = b""
        self.answered = 0
        self.failure: str | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's are so by what they do, not by inheritance
        self._ask()

    def data_received(self, data: bytes) -> None:
        head = self._head + data
        end = head.find(b"\r\n\r\n")
        if end < 0 or len(head) < end + 4 + _length(head[:end]):
            self._head = head
            return
        if not head.startswith(b"HTTP/1.1 202"):
            self.failure = head[:end].decode(errors="replace").splitlines()[0]
        self._head = b""
        self.answered += 1
        self._ask()

    def connection_lost(self, error: Exception | None) -> None:
        self.transport = None

    def _ask(self) -> None:
        if self.transport is not None:
            self.transport.write(self._requests[self._next % len(self._requests)])
            self._next += 1


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def sends_to_users(port: int) -> list[bytes]:
    """A whole request for each user, with a token for its address."""
    tokens = RestTokens([KEY], [f"http://127.0.0.1:{port}"])
    requests = []
    for number in range(USERS):
        method, path = address(Operation.SEND_TO_USER, HUB, f"user {number}")
        token, _ = tokens.sign(path)
        requests.append(
            (
                f"{method} {path}?api-version=2024-12-01 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
                f"Authorization: Bearer {token}\r\nContent-Type: application/json; charset=utf-8\r\n"
                f"Content-Length: {len(PAYLOAD)}\r\n\r\n"
            ).encode()
            + PAYLOAD
        )
    return requests


@contextmanager
def a_service(port: int, core: int | None) -> Iterator[str]:
    """A service on this port; gives its connection string."""
    with tempfile.TemporaryDirectory() as folder:
        keys = Path(folder, "keys")
        keys.write_text(KEY + "\n")
        keys.chmod(0o600)
        command = [sys.executable, "-m", "hubwire.cli", "service", "--port", str(port)]
        with running([*command, "--access-key-file", str(keys), "--log-level", "warning"], port, core):
            yield f"Endpoint=http://127.0.0.1;Port={port};AccessKey={KEY};Version=1.0;"


@asynccontextmanager
async def listening(url: str, tokens: ClientTokens | None, users: Sequence[str], heard: Heard) -> AsyncIterator[None]:
    """One WebSocket for each user, or as many as there are names where nobody asks for tokens."""
    opened = []
    try:
        for user in users:
            token = None if tokens is None else tokens.sign(HUB, user_id=user)
            opened.append(await LoadConnection.open(url, heard.frame, token=token, first_message=JSON_HANDSHAKE))
        yield
    finally:
        for connection in opened:
            connection.close()


class Heard:
    """What came in at all clients together."""

    def __init__(self) -> None:
        self.messages = 0
        self.delays_ms: dict[str, list[float]] = {"local": [], "rest": []}

    def frame(self, payload: bytes, arrived: float) -> None:
        for part in payload.split(RECORD_SEPARATOR):
            if part.startswith(b'{"type":1,'):
                self.messages += 1
                if b'"news"' not in part:
                    message = json.loads(part)
                    self.delays_ms[message["target"]].append((arrived - message["arguments"][0]) * 1000)


async def post_for(seconds: float, port: int, connections: int) -> tuple[float, int]:
    """Answers in a second, and all of them; the first fifth of the time is not counted."""
    requests = sends_to_users(port)
    loop = asyncio.get_running_loop()
    posters: list[Poster] = []
    for number in range(connections):
        make = partial(Poster, requests, number * 7)
        _, poster = await loop.create_connection(make, "127.0.0.1", port)
        posters.append(poster)
    await asyncio.sleep(seconds / 5)
    before, began = sum(each.answered for each in posters), time.perf_counter()
    await asyncio.sleep(seconds)
    rate = (sum(each.answered for each in posters) - before) / (time.perf_counter() - began)
    for each in posters:
        if each.failure is not None:
            raise SystemExit(f"a send was answered otherwise than by 202: {each.failure}")
        if each.transport is None:
            raise SystemExit("the service closed a connection under way")
        each.transport.close()
    return rate, sum(each.answered for each in posters)


async def measure_sends(seconds: float, connections: int, core: int | None) -> float:
    port = free_port()
    with a_service(port, core):
        base = f"http://127.0.0.1:{port}"
        heard = Heard()
        names = [f"user {number}" for number in range(USERS)]
        async with listening(f"{base}/client/?hub={HUB}", ClientTokens([KEY], [base]), names, heard):
            rate, answered = await post_for(seconds, port, connections)
            async with asyncio.timeout(10):
                while heard.messages < answered:
                    await asyncio.sleep(0.01)
    return rate


async def measure_limit(seconds: float, connections: int, core: int | None) -> float:
    port = free_port()
    with running([sys.executable, str(HERE / "bare_rest.py"), str(port)], port, core):
        rate, _ = await post_for(seconds, port, connections)
    return rate


async def measure_delays(seconds: float, core: int | None) -> dict[str, float]:
    """The median of each way, in ms."""
    service_port, hub_port = free_port(), 0
    with a_service(service_port, core) as connection_string:
        hub_port = free_port()
        command = pinned([sys.executable, str(HERE / "rest_publisher.py"), str(hub_port)], core)
        publisher = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE)
        try:
            assert publisher.stdin is not None
            publisher.stdin.write(connection_string.encode() + b"\n")
            await _until_open(hub_port)
            base, heard = f"http://127.0.0.1:{service_port}", Heard()
            names = [quote(f"listener {number}") for number in range(LISTENERS)]
            far = listening(f"{base}/client/?hub={HUB}", ClientTokens([KEY], [base]), names, heard)
            async with far, listening(f"http://127.0.0.1:{hub_port}/times", None, names, heard):
                await asyncio.sleep(seconds / 5)
                for values in heard.delays_ms.values():
                    values.clear()
                await asyncio.sleep(seconds)
        finally:
            publisher.terminate()
            await publisher.wait()
    return {way: statistics.median(values) for way, values in heard.delays_ms.items()}


async def _until_open(port: int) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return


async def measure(rounds: int, seconds: float, connections: int, core: int | None) -> dict[str, list[float]]:
    values: dict[str, list[float]] = {name: [] for name in ("sends", "limit", "share", "local", "rest", "added")}
    for number in range(rounds):
        sends = await measure_sends(seconds, connections, core)
        limit = await measure_limit(seconds, connections, core)
        delays = await measure_delays(seconds, core)
        each = {"sends": sends, "limit": limit, "share": sends / limit, **delays}
        each["added"] = delays["rest"] - delays["local"]
        for name, value in each.items():
            values[name].append(value)
        print(
            f"round {number + 1} of {rounds}: {sends:,.0f} sends/s ({limit:,.0f} with nothing behind them), "
            f"a broadcast after {delays['local']:.2f} ms, by REST {delays['rest']:.2f} ms",
            flush=True,
        )
    return values


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--connections", type=int, default=64, help="in the pool that sends")
    options = parser.parse_args()
    stop_children_when_terminated()
    server_core, generator_core = cores()
    if generator_core is not None:
        os.sched_setaffinity(0, {generator_core})
    values = uvloop.run(measure(options.rounds, options.seconds, options.connections, server_core))
    sends, added = statistics.median(values["sends"]), statistics.median(values["added"])
    report = {
        "command": shlex.join(["python", *sys.argv]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": shape(),
        "versions": versions(["hubwire", "uvicorn", "httptools", "uvloop", "aiohttp", "msgspec"], []),
        "rounds": options.rounds,
        "sends_to_user_per_second": spread(values["sends"]),
        "bare_uvicorn_answers_per_second": spread(values["limit"]),
        "sends_to_bare_uvicorn": spread(values["share"]),
        "broadcast_p50_ms": {"in_process": spread(values["local"]), "by_rest": spread(values["rest"])},
        "by_rest_added_p50_ms": spread(values["added"]),
        "users": USERS,
        "listeners": LISTENERS,
        "holds": {"sends": sends >= SENDS_BAR, "delay": added < DELAY_BAR_MS},
    }
    (HERE / "results" / "rest.json").write_text(json.dumps(report, indent=1) + "\n")
    print(f"{sends:,.0f} sends to users a second on one core (bar {SENDS_BAR:,.0f})")
    print(f"a broadcast by REST arrives {added:.2f} ms later than in the process, p50 (bar {DELAY_BAR_MS:.0f} ms)")


if __name__ == "__main__":
    main()
