"""The first scenario: 1,000 connections, how fast they come up and how soon a message reaches them all.

Usage: python bench/connections.py [--connections 1000] [--rounds 3] [--messages 50]
The server (`meschain serve` on the demo shop) and this generator are pinned to different cores where there are two.
Writes bench/results/connections.json; measures, and judges nothing but the two targets it prints.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from random import SystemRandom

import aiohttp
import jwt

from lab.processes import free_port
from meschain.bootstrap import DEMO_SHOP_FILE
from meschain.opencart.demo.shop import DemoShop
from meschain.services.clock import SystemClock
from websocket_load import JSON_HANDSHAKE, RECORD_SEPARATOR, LoadConnection

HERE = Path(__file__).parent
CONNECT_TARGET_MS = 500.0
MESSAGE_TARGET_MS = 50.0
ORDER_TARGET_MS = 1000.0
ORDERS = 10
CONNECTS_PER_SECOND = 100
CONNECTS_AT_ONCE = 20
ALERTS_PER_SECOND = 10


@dataclass
class Measured:
    """Milliseconds, one entry per connection, delivery or call."""

    connect: list[float] = field(default_factory=list)
    storm: list[float] = field(default_factory=list)
    message: list[float] = field(default_factory=list)
    call: list[float] = field(default_factory=list)
    order: list[float] = field(default_factory=list)
    order_arrivals: list[tuple[int, float]] = field(default_factory=list)
    """Order id and moment of each delivery, the demo's own orders included."""


def percentiles(values: Sequence[float]) -> dict[str, float]:
    ordered = sorted(values)

    def at(share: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2)

    return {"p50": at(0.5), "p99": at(0.99), "max": round(ordered[-1], 2), "count": len(ordered)}


@contextlib.contextmanager
def pinned_process(
    command: list[str], core: int | None, environment: dict[str, str]
) -> Iterator[subprocess.Popen[str]]:
    if core is not None:
        command = ["taskset", "-c", str(core), *command]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def until_listening(port: int, process: subprocess.Popen[str]) -> None:
    for _ in range(300):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            if process.poll() is not None:
                break
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
    raise SystemExit(f"The bare server does not listen on port {port}; start it alone to see why.")


async def until_ready(url: str, process: subprocess.Popen[str], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    async with aiohttp.ClientSession() as session:
        while True:
            if process.poll() is not None:
                raise SystemExit(f"The server ended with status {process.returncode}; start it alone to see why.")
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(url) as answer:
                    if answer.status == 200:
                        return
            if time.monotonic() > deadline:
                raise SystemExit(f"The server did not answer {url} within {seconds:.0f} s.")
            await asyncio.sleep(0.1)


def record(target: str, *arguments: object, call: str | None = None) -> bytes:
    message: dict[str, object] = {"type": 1, "target": target, "arguments": list(arguments)}
    if call is not None:
        message["invocationId"] = call
    return b"".join((json.dumps(message).encode(), RECORD_SEPARATOR))


class Receiver:
    """Notes each delivery of an alert, which carries its moment of sending, and wakes who waits for a completion."""

    def __init__(self, measured: Measured) -> None:
        self._measured = measured
        self._completions: dict[str, asyncio.Future[float]] = {}

    def expect(self, call: str) -> asyncio.Future[float]:
        self._completions[call] = asyncio.get_running_loop().create_future()
        return self._completions[call]

    def on_frame(self, payload: bytes, arrived: float) -> None:
        if payload.startswith(b'{"type":7'):
            raise SystemExit(f"The server closed a connection: {payload!r}")
        if b'"orderNotification"' in payload:
            for part in payload.split(RECORD_SEPARATOR):
                if b'"orderNotification"' in part:
                    self._measured.order_arrivals.append((json.loads(part)["arguments"][0]["orderId"], arrived))
        elif b'"systemAlert"' in payload:
            for part in payload.split(RECORD_SEPARATOR):
                if b'"systemAlert"' in part:
                    sent = part.split(b"sent=", 1)[1].split(b";", 1)[0]
                    self._measured.message.append((arrived - float(sent)) * 1000)
        elif b'"type":3' in payload:
            for part in payload.split(RECORD_SEPARATOR):
                if b'"type":3' in part:
                    message = json.loads(part)
                    if message.get("error"):
                        raise SystemExit(f"The hub refused a call: {message['error']}")
                    self._completions.pop(message["invocationId"]).set_result(arrived)


async def connect_once(
    session: aiohttp.ClientSession, base: str, login_token: str, receiver: Receiver
) -> LoadConnection:
    async def post(url: str, token: str) -> dict[str, str]:
        async with session.post(url, headers={"Authorization": f"Bearer {token}"}) as answer:
            if answer.status != 200:
                raise SystemExit(f"{url} answered {answer.status}: {await answer.text()}")
            body: dict[str, str] = await answer.json()
            return body

    redirect = await post(f"{base}/api/negotiate?hub=MesChainAdminHub&negotiateVersion=1", login_token)
    address, token = redirect["url"], redirect["accessToken"]
    path, _, query = address.partition("?")
    negotiated = await post(f"{path.rstrip('/')}/negotiate?{query}&negotiateVersion=1", token)
    socket_url = f"{path}?{query}&id={negotiated['connectionToken']}".replace("http", "ws", 1)
    return await LoadConnection.open(socket_url, receiver.on_frame, token=token, first_message=JSON_HANDSHAKE)


async def measure_hub(base: str, login_token: str, folder: Path, connections: int, messages: int) -> Measured:
    """Connections that arrive at an even pace, alerts to all of them; then the same number as fast as they come."""
    measured = Measured()
    user_id = jwt.decode(login_token, options={"verify_signature": False})["sub"]
    receivers = [Receiver(measured) for _ in range(connections)]
    gate = asyncio.Semaphore(CONNECTS_AT_ONCE)
    first_due = time.perf_counter()

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def arrive(number: int, receiver: Receiver) -> LoadConnection:
            due = first_due + number / CONNECTS_PER_SECOND
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            connection = await connect_once(session, base, login_token, receiver)
            measured.connect.append((time.perf_counter() - due) * 1000)
            return connection

        async def press(receiver: Receiver) -> LoadConnection:
            async with gate:
                started = time.perf_counter()
                connection = await connect_once(session, base, login_token, receiver)
                measured.storm.append((time.perf_counter() - started) * 1000)
                return connection

        opened = await asyncio.gather(*(arrive(number, receiver) for number, receiver in enumerate(receivers)))
        try:
            for connection, receiver in zip(opened, receivers, strict=True):
                joined = receiver.expect("join")
                connection.send(record("JoinAdminGroup", user_id, "admin", call="join"))
                await joined
            await deliver(opened[0], receivers[0], measured, messages, connections)
            await place_orders(folder, measured, connections)
        finally:
            for connection in opened:
                connection.close()
        for connection in await asyncio.gather(*(press(receiver) for receiver in receivers)):
            connection.close()
    return measured


async def deliver(
    sender: LoadConnection, receiver: Receiver, measured: Measured, messages: int, connections: int
) -> None:
    """Alerts at an even pace, whether or not the last one has arrived; a late one is counted from when it was due."""
    due = time.perf_counter()
    completions: list[tuple[float, asyncio.Future[float]]] = []
    for number in range(messages):
        due += 1 / ALERTS_PER_SECOND
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        call = f"alert{number}"
        completions.append((due, receiver.expect(call)))
        sender.send(record("BroadcastSystemAlert", f"bench sent={due:.6f};", "info", call=call))
    for started, completion in completions:
        measured.call.append((await completion - started) * 1000)
    deadline = time.monotonic() + 30
    while len(measured.message) < messages * connections:
        if time.monotonic() > deadline:
            raise SystemExit(f"{messages * connections - len(measured.message)} deliveries did not arrive within 30 s.")
        await asyncio.sleep(0.05)


async def place_orders(folder: Path, measured: Measured, connections: int) -> None:
    """Orders through the shop's own tables; each counts from when its confirmation is committed."""
    shop = DemoShop.enter(folder / DEMO_SHOP_FILE, clock=SystemClock(), random=SystemRandom())
    placed: dict[int, float] = {}
    try:
        driver = shop.driver()
        for _ in range(ORDERS):
            order_id = await driver.place_order()
            placed[order_id] = time.perf_counter()
            await asyncio.sleep(0.73)  # no multiple of the server's own interval
    finally:
        await shop.close()
    deadline = time.monotonic() + 30
    while True:
        delays = [(arrived - placed[order]) * 1000 for order, arrived in measured.order_arrivals if order in placed]
        if len(delays) == ORDERS * connections:
            measured.order.extend(delays)
            return
        if time.monotonic() > deadline:
            raise SystemExit(f"{ORDERS * connections - len(delays)} order notifications did not arrive within 30 s.")
        await asyncio.sleep(0.05)


async def measure_bare(url: str, connections: int, messages: int) -> Measured:
    measured = Measured()

    def on_frame(payload: bytes, arrived: float) -> None:
        sent = payload.split(b"sent=", 1)[1].split(b";", 1)[0]
        measured.message.append((arrived - float(sent)) * 1000)

    gate = asyncio.Semaphore(CONNECTS_AT_ONCE)

    async def one() -> LoadConnection:
        async with gate:
            started = time.perf_counter()
            connection = await LoadConnection.open(url, on_frame)
            measured.storm.append((time.perf_counter() - started) * 1000)
            return connection

    opened = await asyncio.gather(*(one() for _ in range(connections)))
    due = time.perf_counter()
    try:
        for _ in range(messages):
            due += 1 / ALERTS_PER_SECOND
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            opened[0].send(record("systemAlert", f"bench sent={due:.6f};"))
        deadline = time.monotonic() + 30
        while len(measured.message) < messages * connections and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
    finally:
        for connection in opened:
            connection.close()
    return measured


@contextlib.asynccontextmanager
async def meschain(core: int | None, folder: Path) -> AsyncIterator[tuple[str, str]]:
    """The demo shop on a free port, and a login token of its administrator."""
    port = free_port()
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("MESCHAIN_")},
        "MESCHAIN_DATA_DIR": str(folder),
        "MESCHAIN_LOG_LEVEL": "warning",
        "MESCHAIN_NEGOTIATIONS_PER_ADDRESS": "1000000",
        "MESCHAIN_NEGOTIATIONS_PER_USER": "1000000",
        "MESCHAIN_PORT": str(port),
    }
    program = str(Path(sys.executable).parent / "meschain")
    with pinned_process([program, "serve"], core, environment) as process:
        base = f"http://127.0.0.1:{port}"
        await until_ready(f"{base}/readyz", process)
        token = subprocess.run(
            [program, "token", "admin"],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        yield base, token


@contextlib.asynccontextmanager
async def bare(core: int | None) -> AsyncIterator[str]:
    port = free_port()
    command = [sys.executable, str(HERE / "bare_server.py"), str(port)]
    with pinned_process(command, core, dict(os.environ)) as process:
        await until_listening(port, process)
        yield f"ws://127.0.0.1:{port}/"


def spread(values: Sequence[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(values), 2),
        "min": round(min(values), 2),
        "max": round(max(values), 2),
    }


async def run(connections: int, rounds: int, messages: int) -> dict[str, object]:
    cores = sorted(os.sched_getaffinity(0))
    server_core = cores[0] if len(cores) > 1 else None
    if len(cores) > 1:
        os.sched_setaffinity(0, {cores[1]})
    ours: list[Measured] = []
    peer: list[Measured] = []
    with tempfile.TemporaryDirectory() as folder:
        async with meschain(server_core, Path(folder)) as (base, token):
            for number in range(1, rounds + 1):
                print(f"round {number} of {rounds}: {connections} connections ...", file=sys.stderr)
                ours.append(await measure_hub(base, token, Path(folder), connections, messages))
                async with bare(server_core) as url:
                    peer.append(await measure_bare(url, connections, messages))

    def p50(values: Sequence[float]) -> float:
        return percentiles(values)["p50"]

    return {
        "scenario": "connections",
        "command": " ".join(["python", "bench/connections.py", *sys.argv[1:]]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"cores": len(cores), "system": platform.system(), "architecture": platform.machine()},
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("hubwire", "meschain", "uvicorn", "uvloop", "websockets")},
        },
        "connections": connections,
        "unit": "ms",
        "targets": {"connect": CONNECT_TARGET_MS, "message": MESSAGE_TARGET_MS, "order": ORDER_TARGET_MS},
        "ours": {
            name: percentiles([value for one in ours for value in getattr(one, name)])
            for name in ("connect", "storm", "message", "call", "order")
        },
        "bare_websockets": {
            name: percentiles([value for one in peer for value in getattr(one, name)]) for name in ("storm", "message")
        },
        "ratio_to_bare": {
            "message_p50": spread([p50(a.message) / p50(b.message) for a, b in zip(ours, peer, strict=True)]),
        },
    }


def show(result: dict[str, object]) -> bool:
    ours, peer, targets = result["ours"], result["bare_websockets"], result["targets"]
    if not (isinstance(ours, dict) and isinstance(peer, dict) and isinstance(targets, dict)):
        raise TypeError("not a result of run()")
    print(f"{'ms':<28}{'p50':>9}{'p99':>9}{'max':>9}{'count':>9}")
    for name, row in [*ours.items(), *((f"bare websockets {name}", row) for name, row in peer.items())]:
        print(f"{name:<28}{row['p50']:>9}{row['p99']:>9}{row['max']:>9}{row['count']:>9}")
    print("message p50, ours to bare websockets, per round:", result["ratio_to_bare"])
    held = True
    for name, target in targets.items():
        holds = ours[name]["p99"] < target
        held = held and holds
        share = ours[name]["p99"] / target
        print(f"{name}: p99 is {share:.2f} of the target of {target:.0f} ms: {'holds' if holds else 'DOES NOT HOLD'}")
    return held


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--messages", type=int, default=50, help="alerts per round, ten a second")
    options = parser.parse_args()
    result = asyncio.run(run(options.connections, options.rounds, options.messages))
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / "connections.json").write_text(json.dumps(result, indent=2) + "\n")
    raise SystemExit(0 if show(result) else 1)


if __name__ == "__main__":
    main()
