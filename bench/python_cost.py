"""What the engine's own Python takes, without sockets: a call and its answer, a set-up, a frame of a broadcast.

Usage: python bench/python_cost.py [--against DIR] [--rounds 8]
       python bench/python_cost.py --profile
Runs the fast lane over transports that keep what is written, on uvloop, pinned to one core; least of the rounds, since
whatever else the machine does only adds. With --against another checkout's engine/src the two are measured in turn, and
their ratio is what counts. Writes bench/results/python-cost.json. With --profile: what the time of a call goes to,
function by function, in bench/results/profile-call.txt; a profiler makes small functions look dearer than they are.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import io
import json
import os
import platform
import pstats
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
HERE_SOURCE = HERE.parent / "engine" / "src"
CONNECTIONS = 100
RECEIVERS = 1000
ROUNDS_INSIDE = 7
PORT = 8000
UPGRADE = (
    "GET {target} HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
NEGOTIATE = (
    "POST /client/negotiate?hub=signed&negotiateVersion=1 HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n"
    "Authorization: Bearer {token}\r\nContent-Length: 0\r\n\r\n"
)
HANDSHAKE = b'{"protocol":"json","version":1}\x1e'
CALL = b'{"type":1,"invocationId":"1","target":"Echo","arguments":[7]}\x1e'


class Socket(asyncio.Transport):
    """Keeps what is written; nobody reads it."""

    def __init__(self, keeps: bool = True) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self._keeps = keeps
        self._protocol: Any = None

    def set_protocol(self, protocol: Any) -> None:
        self._protocol = protocol

    def get_protocol(self) -> Any:
        return self._protocol

    def write(self, data: Any) -> None:
        if self._keeps:
            self.written.append(data)

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        return

    def abort(self) -> None:
        return

    def pause_reading(self) -> None:
        return

    def resume_reading(self) -> None:
        return

    def get_write_buffer_size(self) -> int:
        return 0

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": ("127.0.0.1", 5), "sockname": ("127.0.0.1", PORT)}.get(name, default)

    async def until_written(self) -> bytes:
        while not self.written:
            await asyncio.sleep(0)
        data = b"".join(self.written)
        self.written.clear()
        return data


def frame(payload: bytes) -> bytes:
    mask = b"\x37\xfa\x21\x3d"
    return bytes((0x81, 0x80 | len(payload))) + mask + bytes(each ^ mask[at & 3] for at, each in enumerate(payload))


async def least(work: Callable[[], Awaitable[int]]) -> float:
    """Microseconds of the processor for one of what `work` does, and counts."""
    await work()
    found = []
    for _ in range(ROUNDS_INSIDE):
        started = time.process_time()
        count = await work()
        found.append((time.process_time() - started) / count * 1e6)
    return round(min(found), 2)


async def measure(profile: cProfile.Profile | None = None) -> dict[str, float]:
    import uvicorn.server

    import hubwire
    from hubwire.azure.jwt import ClientTokens

    class PlainHub(hubwire.Hub):
        @hubwire.hub_method("Echo")
        async def echo(self, value: int) -> int:
            return value

    hubs = hubwire.HubServer(hubwire.ServerOptions(client_path="/client/"))
    tokens = ClientTokens(["k" * 40], [f"http://127.0.0.1:{PORT}"])
    hubs.add(PlainHub, path="/plain", name="plain")
    hubs.add(PlainHub, name="signed", verifier=tokens)
    config = hubwire.server_config(hubs, hubs, log_level="error")
    config.load()
    state = uvicorn.server.ServerState()
    loop = asyncio.get_running_loop()

    def accept(keeps: bool = True) -> Socket:
        socket = Socket(keeps)
        new_protocol: Any = config.http_protocol_class
        protocol = new_protocol(config=config, server_state=state, app_state={}, _loop=loop)
        socket.set_protocol(protocol)
        protocol.connection_made(socket)
        return socket

    async def open_plain() -> Socket:
        socket = accept()
        socket.get_protocol().data_received(UPGRADE.format(target="/plain").encode())
        await socket.until_written()
        socket.get_protocol().data_received(frame(HANDSHAKE))
        await socket.until_written()
        await asyncio.sleep(0)
        return socket

    async def open_signed(token: str) -> Socket:
        first = accept()
        first.get_protocol().data_received(NEGOTIATE.format(token=token).encode())
        answer = await first.until_written()
        while b"connectionToken" not in answer:
            answer += await first.until_written()
        first.get_protocol().connection_lost(None)
        connection_token = answer.split(b'connectionToken":"')[1].split(b'"')[0].decode()
        socket = accept()
        target = f"/client/?hub=signed&id={connection_token}&access_token={token}"
        socket.get_protocol().data_received(UPGRADE.format(target=target).encode())
        await socket.until_written()
        socket.get_protocol().data_received(frame(HANDSHAKE))
        await socket.until_written()
        await asyncio.sleep(0)
        return socket

    async with hubs.lifespan():
        callers = [await open_plain() for _ in range(CONNECTIONS)]
        call = frame(CALL)

        async def calls() -> int:
            for _ in range(50):
                for socket in callers:
                    loop.call_soon(socket.get_protocol().data_received, call)
                for _turn in range(3):
                    await asyncio.sleep(0)
            answers = sum(len(socket.written) for socket in callers)
            for socket in callers:
                socket.written.clear()
            return answers

        found = {"call and answer, us": await least(calls)}
        if profile is not None:
            profile.enable()
            await calls()
            profile.disable()
            for socket in callers:
                socket.get_protocol().connection_lost(None)
            return found
        signed = [tokens.sign("signed", user_id=f"user-{number}") for number in range(200 * (ROUNDS_INSIDE + 1))]
        sockets: list[Socket] = []

        async def set_ups() -> int:
            for _ in range(200):
                sockets.append(await open_signed(signed.pop()))
            return 200

        found["set-up with a token, us"] = await least(set_ups)
        receivers = [await open_plain() for _ in range(RECEIVERS - CONNECTIONS)]
        for socket in (*callers, *receivers):
            socket._keeps = False
        everybody = hubs.context("plain").clients.all

        async def broadcasts() -> int:
            for _ in range(30):
                await everybody.send("ReceiveMessage", "user-1234", "m" * 130)
            return 30 * RECEIVERS

        found["frame of a broadcast, us"] = await least(broadcasts)
        for socket in (*callers, *receivers, *sockets):
            socket.get_protocol().connection_lost(None)
    return found


def in_a_process(source: Path) -> dict[str, float]:
    environment = {**os.environ, "PYTHONPATH": str(source)}
    command = [sys.executable, str(HERE / "python_cost.py"), "--measure"]
    output = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    result: dict[str, float] = json.loads(output.stdout)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, help="engine/src of another checkout")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--profile", action="store_true", help="of a call, instead")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    if options.measure:
        import uvloop

        print(json.dumps(uvloop.run(measure())))
        return
    if options.profile:
        write_profile()
        return
    sources = {"ours": HERE_SOURCE} | ({"against": options.against} if options.against else {})
    rounds = [{name: in_a_process(source) for name, source in sources.items()} for _ in range(options.rounds)]
    rows = {}
    for what in rounds[0]["ours"]:
        row = {name: min(each[name][what] for each in rounds) for name in sources}
        if options.against:
            row["ratio"] = round(row["ours"] / row["against"], 3)
        rows[what] = row
        print(f"{what:<28}" + "".join(f"{name} {value:<12}" for name, value in row.items()))
    result = {
        "scenario": "python-cost",
        "command": "python bench/python_cost.py" + (" --against <engine/src>" if options.against else ""),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "against": _commit(options.against) if options.against else None,
        "machine": {"cores": os.cpu_count(), "architecture": platform.machine()},
        "versions": {"python": platform.python_version()},
        "rows": rows,
    }
    (HERE / "results" / "python-cost.json").write_text(json.dumps(result, indent=2) + "\n")


def write_profile() -> None:
    import uvloop

    profile = cProfile.Profile()
    uvloop.run(measure(profile))
    text = io.StringIO()
    pstats.Stats(profile, stream=text).strip_dirs().sort_stats("tottime").print_stats(40)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    body = "\n".join(line.rstrip() for line in text.getvalue().strip().splitlines())
    head = f"python bench/python_cost.py --profile, {now}: 5,000 calls and answers"
    (HERE / "results" / "profile-call.txt").write_text(f"{head}\n\n{body}\n")
    print(body)


def _commit(source: Path) -> str:
    command = ["git", "-C", str(source), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main()
