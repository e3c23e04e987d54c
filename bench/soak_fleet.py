"""Holds 97,500 connections on six workers for five minutes, pings on, then reaches all of them by one broadcast.

Usage: python bench/soak_fleet.py [--connections 97500] [--workers 6] [--generators 5] [--minutes 5] [--separate]
The workers share one port and a Redis of their own. Five generators hold the clients, since a process can often open no
more than 20,000 descriptors. `--separate` runs as many single servers on ports of their own instead, to tell what being
one service costs. Writes bench/results/soak-fleet.json; ends with 1 unless all stayed, memory kept to its bar and the
broadcast was in time. The bar is on the sum of what each server process had at its peak; Redis stands beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from hubwire.azure.jwt import ClientTokens
from lab.generator import LOAD, Outcome, RunFailed, read_outcome
from lab.machine import shape, versions
from lab.processes import free_port, running, stop_children_when_terminated
from lab.stacks import HUB_DIALECT
from server import HUB
from websocket_load import JSON_HANDSHAKE, LoadConnection

HERE = Path(__file__).parent
MEMORY_BAR_GIB = 1.5
BROADCAST_BAR_SECONDS = 2.0
PING_SECONDS = 15
CONNECT_LIMIT_SECONDS = 600.0
SETTLE_SECONDS = 5.0  # the port answers with the first worker; the others come up meanwhile
ADDRESSES_PER_GENERATOR = 10
PAYLOAD_BYTES = 200
GIBIBYTE = 1024**3


@dataclass(frozen=True, slots=True)
class Memory:
    """Of several processes together, in bytes."""

    resident: int = 0
    proportional: int = 0
    """What several share is counted once."""
    peak: int = 0
    """Resident at most, each process at its own time: the sum at any one time was not more."""

    def most(self, other: Memory) -> Memory:
        """The larger of each."""
        return Memory(
            max(self.resident, other.resident), max(self.proportional, other.proportional), max(self.peak, other.peak)
        )

    def gibibytes(self) -> dict[str, float]:
        return {name: round(value / GIBIBYTE, 3) for name, value in asdict(self).items()}


def family(process: int) -> list[int]:
    """The process and all below it."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(stat.parent.name))
    found = [process]
    for each in found:  # grows while it is read
        found += children.get(each, [])
    return found


def memory_of(processes: list[int]) -> Memory:
    """Now, and at most since each began. A peak covers what happens between two looks, a broadcast for instance."""
    found = {"Rss": 0, "Pss": 0, "VmHWM": 0}
    for process in processes:
        for file in ("smaps_rollup", "status"):
            for line in Path(f"/proc/{process}/{file}").read_text().splitlines():
                name, _, rest = line.partition(":")
                if name in found:
                    found[name] += int(rest.split()[0]) * 1024
    return Memory(found["Rss"], found["Pss"], found["VmHWM"])


@dataclass(frozen=True, slots=True)
class Fleet:
    """What was started."""

    ports: list[int]
    servers: list[int]
    """Process ids; of one that starts others: its."""
    redis: int | None
    """Process id."""

    def memory(self) -> Memory:
        """Of the server processes."""
        return memory_of([each for server in self.servers for each in family(server)])


class Generator:
    """One process of clients that wait for the broadcast and send pings as the official ones do."""

    def __init__(self, number: int, port: int, connections: int, tokens: list[str]) -> None:
        self.connections = connections
        self._tokens = tempfile.NamedTemporaryFile("w", prefix="tokens-")  # noqa: SIM115 - closed by `stop`
        self._tokens.write("\n".join(tokens))
        self._tokens.flush()
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by `stop`
        ping = '{"type":6}\\x1e'
        command = [str(LOAD), "hold", "--port", str(port), "--seconds", "1000000", "--tokens", self._tokens.name]
        command += ["--source", str(1 + number * ADDRESSES_PER_GENERATOR), "--keep-alive", str(PING_SECONDS)]
        command += ["--negotiate", HUB_DIALECT.negotiate or "", "--kind", str(connections), "--path", HUB_DIALECT.path]
        command += ["--first", HUB_DIALECT.first or "", "--keep-alive-text", ping]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._said, text=True)

    def check(self) -> None:
        """Raises: RunFailed when it has ended."""
        if self._process.poll() is not None:
            raise RunFailed(f"a generator ended: {self.last_words}")

    @property
    def last_words(self) -> str:
        self._said.seek(0)
        lines = self._said.read().strip().splitlines()
        return lines[-1] if lines else ""

    @property
    def is_ready(self) -> bool:
        return "load: ready" in self.last_words

    def stop(self) -> str:
        """End it, and return what it has counted."""
        self._process.send_signal(signal.SIGTERM)
        try:
            text, _ = self._process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            text, _ = self._process.communicate()
        self._tokens.close()
        self._said.close()
        return text


@contextlib.contextmanager
def redis() -> Iterator[tuple[str, int]]:
    """Its address and process id."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", folder]
        with running([*command, "--save", "", "--appendonly", "no", "--loglevel", "warning"], port, None) as process:
            yield f"redis://127.0.0.1:{port}/0", process


@contextlib.contextmanager
def fleet(workers: int, key: str, is_separate: bool) -> Iterator[Fleet]:
    with contextlib.ExitStack() as stack:
        command = [sys.executable, str(HERE / "server.py")]
        ports: list[int] = []
        processes: list[int] = []
        redis_process: int | None = None
        if is_separate:
            for _ in range(workers):
                ports.append(free_port())
                server = running([*command, str(ports[-1]), f"--key={key}"], ports[-1], None)
                processes.append(stack.enter_context(server))
        else:
            url, redis_process = stack.enter_context(redis())
            ports.append(free_port())
            joined = ["--workers", str(workers), "--redis-url", url]
            server = running([*command, str(ports[0]), f"--key={key}", *joined], ports[0], None)
            processes.append(stack.enter_context(server))
        yield Fleet(ports, processes, redis_process)


async def broadcast(ports: list[int], tokens: ClientTokens) -> int:
    """One client of its own per server sends it to everybody; returns when, in monotonic nanoseconds."""
    openings = [
        LoadConnection.open(
            f"ws://127.0.0.1:{port}/client/?hub={HUB}",
            lambda payload, arrived: None,
            token=tokens.sign(HUB, user_id="sender"),
            first_message=JSON_HANDSHAKE,
        )
        for port in ports
    ]
    senders = await asyncio.gather(*openings)
    text = HUB_DIALECT.broadcast.replace("{size}", str(PAYLOAD_BYTES)).replace("\\x1e", "\x1e").encode()
    begun = time.monotonic_ns()
    for sender in senders:
        sender.send(text)
    await asyncio.sleep(BROADCAST_BAR_SECONDS * 3)  # whoever comes later than this is as good as lost
    for sender in senders:
        sender.close()
    return begun


def say(text: str) -> None:
    print(f"{datetime.now(UTC).strftime('%H:%M:%S')} {text}", flush=True)


def watch(generators: list[Generator], servers: Fleet, seconds: float) -> Memory:
    """Let time pass, with a line about memory every 15 s; returns the most that was seen. Raises: RunFailed."""
    most = Memory()
    begun = time.monotonic()
    while (passed := time.monotonic() - begun) < seconds:
        time.sleep(min(15.0, seconds - passed))
        for generator in generators:
            generator.check()
        memory = servers.memory()
        most = most.most(memory)
        figures = ", ".join(f"{value:.3f} {name}" for name, value in memory.gibibytes().items())
        say(f"{min(seconds, time.monotonic() - begun):.0f} of {seconds:.0f} s: memory in GiB {figures}")
    return most


def connect(ports: list[int], count: int, connections: int, tokens: ClientTokens) -> list[Generator]:
    """Start the generators and wait until all are connected. Raises: RunFailed."""
    generators: list[Generator] = []
    try:
        for number in range(count):
            share = connections // count + (number < connections % count)
            signed = [tokens.sign(HUB, user_id=f"user{number}-{client}") for client in range(share)]
            generators.append(Generator(number, ports[number % len(ports)], share, signed))
        begun = time.monotonic()
        while not all(generator.is_ready for generator in generators):
            if time.monotonic() - begun > CONNECT_LIMIT_SECONDS:
                raise RunFailed("not all clients are connected in time")
            time.sleep(2)
            for generator in generators:
                generator.check()
            say("; ".join(generator.last_words.removeprefix("load: ") for generator in generators))
    except BaseException:
        for generator in generators:
            generator.stop()
        raise
    return generators


def soak(options: argparse.Namespace) -> dict[str, object]:
    key = secrets.token_urlsafe(32)
    with fleet(options.workers, key, options.separate) as servers:
        # Signed for no port in particular: an audience may leave it out.
        tokens = ClientTokens([key], ["http://127.0.0.1"], lifetime_seconds=24 * 3600)
        ports = servers.ports
        count = len(ports) if options.separate else options.generators
        if not options.separate:
            time.sleep(SETTLE_SECONDS)
        empty = servers.memory()
        begun = time.monotonic()
        generators = connect(ports, count, options.connections, tokens)
        seconds_to_connect = time.monotonic() - begun
        say(f"all {options.connections} are connected after {seconds_to_connect:.0f} s")
        try:
            most = watch(generators, servers, options.minutes * 60)
            sent_ns = asyncio.run(broadcast(ports, tokens))
            afterwards = servers.memory()
            most = most.most(afterwards)
            of_redis = None if servers.redis is None else memory_of([servers.redis])
            for generator in generators:
                generator.check()
        finally:
            texts = [generator.stop() for generator in generators]
    outcomes: list[Outcome] = [read_outcome(text) for text in texts]
    reached = sum(outcome.counts.delivered for outcome in outcomes)
    broadcast_seconds = (max(outcome.arrivals.last_ns for outcome in outcomes) - sent_ns) / 1e9
    still_there = sum(outcome.ready for outcome in outcomes)
    bars = {
        "all stayed": still_there == options.connections,
        f"at most {MEMORY_BAR_GIB} GiB": max(most.resident, most.peak) <= MEMORY_BAR_GIB * GIBIBYTE,
        f"one broadcast reached all within {BROADCAST_BAR_SECONDS:.0f} s": reached == options.connections
        and broadcast_seconds <= BROADCAST_BAR_SECONDS,
    }
    return {
        "scenario": "soak-fleet",
        "command": " ".join(["python", "bench/soak_fleet.py", *sys.argv[1:]]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": shape(),
        "versions": versions(["hubwire", "uvicorn", "uvloop", "websockets", "redis"], []),
        "connections": options.connections,
        "workers": options.workers,
        "is_one_service": not options.separate,
        "generators": count,
        "minutes": options.minutes,
        "seconds_to_connect": round(seconds_to_connect, 1),
        "still_connected": still_there,
        "memory_gib": {
            "empty": empty.gibibytes(),
            "most": most.gibibytes(),
            "after_the_broadcast": afterwards.gibibytes(),
            "redis": None if of_redis is None else of_redis.gibibytes(),
        },
        "resident_kib_per_connection": round((most.resident - empty.resident) / 1024 / options.connections, 2),
        "broadcast": {"reached": reached, "seconds_to_the_last": round(broadcast_seconds, 3)},
        "bars": bars,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=97_500)
    parser.add_argument("--workers", type=int, default=6)
    parser.add_argument("--generators", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--separate", action="store_true", help="single servers on ports of their own, no Redis")
    parser.add_argument("--no-result", action="store_true", help="write no result file")
    options = parser.parse_args()
    stop_children_when_terminated()
    try:
        result = soak(options)
    except RunFailed as failure:
        raise SystemExit(f"The soak failed: {failure}.") from failure
    text = json.dumps(result, indent=2) + "\n"
    if not options.no_result:
        (HERE / "results" / "soak-fleet.json").write_text(text)
    print(text, end="")
    bars = result["bars"]
    raise SystemExit(0 if isinstance(bars, dict) and all(bars.values()) else 1)


if __name__ == "__main__":
    main()
