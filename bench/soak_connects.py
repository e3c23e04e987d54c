"""10,000 connects and disconnects over every transport, and a count of what they leave behind: nothing.

Usage: python bench/soak_connects.py [--connects 10000] [--transports websockets-fast ...] [--timeout 15]

Each transport has a server process of its own (soak_server.py). Connections lead one of the lives below, and end
properly or vanish. After a warm-up, half-way and at the end the server counts its connections, groups, users, tasks,
timers, descriptors and objects; each must be what it was after the warm-up. Writes bench/results/soak-connects.json.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from soak_clients import Client, LongPollingClient, ServerSentEventsClient, WebSocketClient

HERE = Path(__file__).parent
RESULT = HERE / "results" / "soak-connects.json"
AT_ONCE = 40
LIFE_SECONDS = 60.0
"""Far more than any life takes: one that takes longer hangs."""
WARM_UP_ROUNDS = 3
UNCHANGED_COUNTS = 12
"""So many equal counts, half a second apart, after the last connection has left: nothing will change any more. It is
longer than the 5 s for which uvicorn keeps an idle HTTP connection."""
PROGRESS_SECONDS = 5.0
RESIDENT_GROWTH_BYTES = 8 * 1024 * 1024
"""Growth of memory from half-way to the end that is more than noise of the allocator. A leak of one empty dict per
connection would be 0.3 MiB of 5,000, one of a connection at rest 50 MiB; the objects themselves are counted."""


# --- lives: what a connection has going on when it ends ---


async def idle(client: Client) -> None:
    """Connected, nothing else."""
    await client.negotiate()
    await client.open()
    await client.handshake()


async def group(client: Client) -> None:
    """In a group, after a broadcast to it."""
    await idle(client)
    await client.send({"type": 1, "invocationId": "1", "target": "Join", "arguments": ["all"]})
    await client.until(3)


async def stream(client: Client) -> None:
    """A stream runs that never ends by itself."""
    await idle(client)
    await client.send({"type": 4, "invocationId": "s", "target": "Stream", "arguments": []})
    await client.until(2)


async def cancelled_stream(client: Client) -> None:
    """A stream was cancelled and has ended."""
    await stream(client)
    await client.send({"type": 5, "invocationId": "s"})
    await client.until(3)


async def upload(client: Client) -> None:
    """An upload is open, with some items sent."""
    await idle(client)
    await client.send({"type": 1, "invocationId": "u", "target": "Collect", "arguments": [], "streamIds": ["1"]})
    for item in range(3):
        await client.send({"type": 2, "invocationId": "1", "item": item})


async def asked(client: Client) -> None:
    """The server waits for a result that this client never gives."""
    await idle(client)
    await client.send({"type": 1, "invocationId": "a", "target": "Ask", "arguments": []})
    await client.until(1)


async def silent(client: Client) -> None:
    """Open, without a handshake."""
    await client.negotiate()
    await client.open()


async def negotiated(client: Client) -> None:
    """An id was asked for and never used."""
    await client.negotiate()


async def torn(client: Client) -> None:
    """In the middle of a message."""
    await group(client)
    await client.send_half()


async def raw(client: Client) -> None:
    """A raw connection that has echoed."""
    client.path = "/raw"
    await client.negotiate()
    await client.open()
    await client.send_bytes(b"hello")
    assert await client.receive_bytes() == b"hello"


async def stateful(client: Client) -> None:
    """May be resumed; where it vanishes, its state waits for that."""
    await client.negotiate(is_stateful=True)
    await client.open()
    await client.handshake(version=2)
    await client.send({"type": 1, "invocationId": "1", "target": "Join", "arguments": ["all"]})
    await client.until(3)


async def resumed(client: Client) -> None:
    """Vanished, came back in time and went on."""
    await stateful(client)
    await client.vanish()
    await client.reopen()
    await client.send({"type": 9, "sequenceId": 2})
    await client.until(9)
    await client.send({"type": 1, "invocationId": "2", "target": "Join", "arguments": ["all"]})
    await client.until(3)


Life = Callable[[Client], Awaitable[None]]
LIVES: tuple[Life, ...] = (idle, group, stream, cancelled_stream, upload, asked, silent, torn, negotiated, raw)
VANISHING = (torn, negotiated)
"""Lives that have no proper end."""


@dataclass(frozen=True)
class Transport:
    """One column of the soak."""

    lane: str
    client: type[Client]
    lives: tuple[Life, ...]


TRANSPORTS = {
    "websockets-fast": Transport("fast", WebSocketClient, (*LIVES, stateful, resumed)),
    "websockets-asgi": Transport("asgi", WebSocketClient, (*LIVES, stateful, resumed)),
    "server-sent-events": Transport("fast", ServerSentEventsClient, LIVES),
    "long-polling": Transport("fast", LongPollingClient, LIVES),
}


async def live(transport: Transport, port: int, number: int) -> None:
    """One connection from start to end; even numbers end properly, odd ones vanish."""
    life = transport.lives[number // 2 % len(transport.lives)]
    client = transport.client(port, "/hub", f"user-{number % 100}")
    async with asyncio.timeout(LIFE_SECONDS):
        await life(client)
        if number % 2 or life in VANISHING:
            await client.vanish()
        else:
            await client.leave()


# --- the server ---


class ServerProcess:
    """soak_server.py, asked over its standard input."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.port = port
        self._process = process

    @classmethod
    async def start(cls, lane: str, timeout_seconds: float, has_leak: bool) -> ServerProcess:
        arguments = ["--lane", lane, "--timeout", str(timeout_seconds), *(["--leak"] if has_leak else [])]
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(HERE / "soak_server.py"),
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1024 * 1024,
        )
        assert process.stdout is not None
        return cls(process, int(await process.stdout.readline()))

    async def counts(self) -> tuple[dict[str, int], int]:
        """What it counts, and its resident memory."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"count\n")
        answer = json.loads(await self._process.stdout.readline())
        return answer["counts"], answer["resident_bytes"]

    async def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()


# --- the soak ---


def growth(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    """What there is more of, by name."""
    return {name: count - before.get(name, 0) for name, count in after.items() if count > before.get(name, 0)}


@dataclass
class Outcome:
    """One transport's result."""

    connects: int = 0
    seconds: float = 0.0
    peak: dict[str, int] = field(default_factory=dict)
    """The highest counts seen under way, as proof that there was something to leave behind."""
    counted: dict[str, int] = field(default_factory=dict)
    """At the end."""
    left_behind: dict[str, int] = field(default_factory=dict)
    resident_bytes: dict[str, int] = field(default_factory=dict)
    """After the warm-up, half-way and at the end, each when all is settled."""

    @property
    def failures(self) -> list[str]:
        found = [f"{count} more: {name}" for name, count in self.left_behind.items()]
        grown = self.resident_bytes["end"] - self.resident_bytes["half"]
        if grown > RESIDENT_GROWTH_BYTES:
            found.append(f"{grown} bytes more memory than half-way")
        return found


async def settled(server: ServerProcess, expected: dict[str, int] | None, seconds: float) -> tuple[dict[str, int], int]:
    """Count until there is no more than expected, or all have left and nothing changes any more, or that time is up."""
    until = time.monotonic() + seconds
    previous: dict[str, int] = {}
    unchanged = 0
    while True:
        present, resident = await server.counts()
        unchanged = unchanged + 1 if present == previous else 0
        is_empty = not any(present[name] for name in ("open connections", "used tokens", "timer members"))
        is_settled = unchanged >= UNCHANGED_COUNTS and is_empty
        if is_settled or (expected is not None and not growth(expected, present)) or time.monotonic() > until:
            return present, resident
        previous = present
        await asyncio.sleep(0.5)


async def run_connects(
    name: str, transport: Transport, server: ServerProcess, numbers: range, peak: dict[str, int]
) -> None:
    left = iter(numbers)
    done = numbers.start

    async def work() -> None:
        nonlocal done
        for number in left:
            await live(transport, server.port, number)
            done += 1

    async def tell() -> None:
        while True:
            await asyncio.sleep(PROGRESS_SECONDS)
            counted, _ = await server.counts()
            peak.update({key: max(count, peak.get(key, 0)) for key, count in counted.items()})
            print(f"{name}: {done:,} of {numbers.stop:,}, {counted['open connections']:,} open", flush=True)

    telling = asyncio.create_task(tell())
    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(AT_ONCE):
                tasks.create_task(work())
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)


async def soak(name: str, connects: int, timeout_seconds: float, has_leak: bool) -> Outcome:
    transport = TRANSPORTS[name]
    outcome = Outcome(connects=connects)
    patience = timeout_seconds + 15.0  # a tick of the wheel, the close time-out, and time to work it all off
    server = await ServerProcess.start(transport.lane, timeout_seconds, has_leak)
    try:
        warm_up = 2 * len(transport.lives) * WARM_UP_ROUNDS
        await run_connects(name, transport, server, range(warm_up), {})
        expected, outcome.resident_bytes["warm"] = await settled(server, None, patience)
        started = time.monotonic()
        half = connects // 2
        await run_connects(name, transport, server, range(half), outcome.peak)
        _, outcome.resident_bytes["half"] = await settled(server, expected, patience)
        await run_connects(name, transport, server, range(half, connects), outcome.peak)
        outcome.counted, outcome.resident_bytes["end"] = await settled(server, expected, patience)
        outcome.seconds = round(time.monotonic() - started, 1)
        outcome.left_behind = growth(expected, outcome.counted)
    finally:
        await server.stop()
    return outcome


async def run(names: list[str], connects: int, timeout_seconds: float, has_leak: bool) -> dict[str, Outcome]:
    outcomes = {}
    for name in names:
        print(f"{name}: {connects:,} connects", flush=True)
        outcomes[name] = outcome = await soak(name, connects, timeout_seconds, has_leak)
        memory = ", ".join(f"{when} {size / 2**20:.1f} MiB" for when, size in outcome.resident_bytes.items())
        print(f"{name}: {outcome.seconds} s, resident {memory}", flush=True)
        for failure in outcome.failures:
            print(f"{name}: LEFT BEHIND {failure}", flush=True)
    return outcomes


def written(outcomes: dict[str, Outcome], command: str, timeout_seconds: float) -> dict[str, Any]:
    return {
        "scenario": "soak-connects",
        "command": command,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"cores": os.cpu_count(), "system": platform.system(), "architecture": platform.machine()},
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("hubwire", "uvicorn", "uvloop", "websockets")},
        },
        "seconds_until_vanished_clients_are_forgotten": timeout_seconds,
        "lives": [life.__name__ for life in (*LIVES, stateful, resumed)],
        "transports": {
            name: {
                "connects": outcome.connects,
                "seconds": outcome.seconds,
                "left_behind": outcome.left_behind,
                "resident_bytes": outcome.resident_bytes,
                "counts": {
                    key: {"peak": outcome.peak.get(key, count), "end": count}
                    for key, count in sorted(({key: 0 for key in outcome.peak} | outcome.counted).items())
                    if not key.startswith("object ") or outcome.peak.get(key, 0) > count
                },
            }
            for name, outcome in outcomes.items()
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connects", type=int, default=10_000, help="per transport")
    parser.add_argument("--transports", nargs="+", choices=TRANSPORTS, default=list(TRANSPORTS))
    parser.add_argument("--timeout", type=float, default=15.0, help="seconds until vanished clients are forgotten")
    parser.add_argument("--leak", action="store_true", help="let the server leak, to see it found")
    parser.add_argument("--no-result", action="store_true", help="write no result file")
    options = parser.parse_args()
    outcomes = asyncio.run(run(options.transports, options.connects, options.timeout, options.leak))
    if not options.no_result:
        RESULT.parent.mkdir(exist_ok=True)
        command = " ".join(["python bench/soak_connects.py", *sys.argv[1:]])
        RESULT.write_text(json.dumps(written(outcomes, command, options.timeout), indent=2) + "\n")
    raise SystemExit(1 if any(outcome.failures for outcome in outcomes.values()) else 0)


if __name__ == "__main__":
    main()
