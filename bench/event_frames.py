"""What it costs to tell a burst of events to a thousand connections, each in a frame of its own or fifty together.

`python bench/event_frames.py` writes results/event_frames.json. The server runs in this process, its clients in another
one; the same events are sent in both ways in turn. Value: microseconds of the server's CPU per delivered event.
"""

from __future__ import annotations

import asyncio
import base64
import json
import multiprocessing
import os
import platform
import resource
import statistics
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvloop

import hubwire
from hubwire import ClientContract, Hub, HubServer, ServerOptions

RESULT = Path(__file__).parent / "results" / "event_frames.json"
CLIENTS = 1_000
WINDOW_EVENTS = 50
WINDOWS = 8
ROUNDS = 3
PAYLOAD = {"eventId": "opencart:order_history:123456", "position": 123456, "text": "x" * 300}


class Events(Hub[ClientContract]):
    """Puts everybody into one group."""

    async def connected(self) -> None:
        await self.groups.add(self.context.connection_id, "watchers")


async def read_all(port: int, said: Any) -> None:
    """The clients: connect, say so, and read until the server closes."""
    readers = []
    key = base64.b64encode(os.urandom(16)).decode()
    upgrade = (
        f"GET /events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()
    hello = b'{"protocol":"json","version":1}\x1e'
    for _ in range(CLIENTS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(upgrade)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(bytes((0x81, 0x80 | len(hello), 0, 0, 0, 0)) + hello)
        await reader.readuntil(b"{}\x1e")
        readers.append((reader, writer))
    said.put(0)

    async def read(reader: asyncio.StreamReader) -> int:
        ends = 0
        while chunk := await reader.read(1 << 18):
            ends += chunk.count(b'{"type":1')
        return ends

    said.put(sum(await asyncio.gather(*(read(reader) for reader, _ in readers))))


def clients(port: int, said: Any) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    uvloop.run(read_all(port, said))


async def measure(together: bool) -> float:
    """Microseconds of CPU per delivered event."""
    options = ServerOptions(connects_per_second=None, address_connects_per_second=None)
    server = HubServer(options)
    server.add(Events, path="/events", name="events")
    config = hubwire.server_config(server, server, port=0, host="127.0.0.1", log_level="warning")
    ready = asyncio.Event()
    runner = hubwire.make_server(config, server, on_listening=ready.set)
    said: Any = multiprocessing.get_context("spawn").Queue()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(runner.serve())
        await ready.wait()
        port = runner.servers[0].sockets[0].getsockname()[1]
        process = multiprocessing.get_context("spawn").Process(target=clients, args=(port, said))
        process.start()
        await asyncio.to_thread(said.get)
        group = server.context("events").clients.group("watchers")
        begun = resource.getrusage(resource.RUSAGE_SELF)
        for _ in range(WINDOWS):
            calls = [("orderNotification", (PAYLOAD,)) for _ in range(WINDOW_EVENTS)]
            if together:
                await group.send_together(calls)
            else:
                for target, arguments in calls:
                    await group.send(target, *arguments)
            await asyncio.sleep(0.05)
        ended = resource.getrusage(resource.RUSAGE_SELF)
        runner.should_exit = True
    delivered = await asyncio.to_thread(said.get)
    process.join()
    expected = CLIENTS * WINDOWS * WINDOW_EVENTS
    if delivered != expected:
        raise RuntimeError(f"{delivered} of {expected} events arrived")
    seconds = ended.ru_utime - begun.ru_utime + ended.ru_stime - begun.ru_stime
    return seconds * 1e6 / expected


def main() -> int:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    found: dict[str, list[float]] = {"apart": [], "together": []}
    for _ in range(ROUNDS):
        for name in found:
            found[name].append(round(uvloop.run(measure(name == "together")), 3))
    apart, together = (statistics.median(found[name]) for name in ("apart", "together"))
    result = {
        "unit": "us of server CPU per delivered event",
        "clients": CLIENTS,
        "events_in_a_window": WINDOW_EVENTS,
        **found,
        "ratio": round(apart / together, 1),
        "command": "python bench/event_frames.py",
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}",
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
