"""The server of the connect soak, and what it counts of itself: whatever a connection could leave behind.

`python bench/soak_server.py --lane fast` prints its port; each line on standard input is answered with the counts as
one line of JSON, after a garbage collection. `--leak` keeps raw connections on purpose, to show that this is seen.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import socket
import sys
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator

import uvloop

from hubwire import (
    ConnectionOptions,
    ConnectRequest,
    Hub,
    HubOptions,
    HubServer,
    Principal,
    RawConnection,
    ServerOptions,
    Unauthorized,
    hub_method,
    make_server,
    server_config,
)
from hubwire.plane.local import LocalDataPlane
from hubwire.server.timer_wheel import TimerWheel
from hubwire.server.tokens import UsedTokens

KEEP_ALIVE_SECONDS = 5
COUNTED_PACKAGES = ("hubwire", "uvicorn", "websockets", "uvloop", "asyncio", "_asyncio", "httptools", "__main__")
"""Instances of their classes are counted. Any growth is a leak: of theirs too, for they serve us alone here."""

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class BearerIsUser:
    """The token is the user's name: so that users are held, and cost no cryptography."""

    async def verify(self, token: str | None, hub: str, request: ConnectRequest) -> Principal:
        if token is None:
            raise Unauthorized("no token")
        return Principal(token)


class SoakHub(Hub):
    """What can still be open when a connection goes."""

    @hub_method("Join")
    async def join(self, group: str) -> None:
        await self.groups.add(self.context.connection_id, group)
        await self.clients.group(group).send("joined", group)

    @hub_method("Stream")
    async def stream(self) -> AsyncGenerator[int, None]:
        yield 1
        await asyncio.Event().wait()

    @hub_method("Collect")
    async def collect(self, items: AsyncIterator[int]) -> int:
        return sum([item async for item in items])

    @hub_method("Ask")
    async def ask(self) -> object:
        return await self.clients.client(self.context.connection_id).ask("Answer")


KEPT: list[RawConnection] = []


async def echo(connection: RawConnection) -> None:
    async for data in connection:
        await connection.write(data)


async def leaking_echo(connection: RawConnection) -> None:
    KEPT.append(connection)
    await echo(connection)


def make_hubs(timeout_seconds: float, has_leak: bool) -> HubServer:
    """A server that forgets vanished clients after that time."""
    options = ServerOptions(connect_timeout_seconds=timeout_seconds)
    server = HubServer(options, verifier=BearerIsUser())
    hub_options = HubOptions(disconnect_timeout_seconds=timeout_seconds, stateful_reconnect=True)
    server.add(SoakHub, path="/hub", name="Soak", options=hub_options)
    raw_options = ConnectionOptions(disconnect_timeout_seconds=timeout_seconds)
    server.add_raw(leaking_echo if has_leak else echo, path="/raw", name="Raw", options=raw_options)
    return server


def resident_bytes() -> int:
    with open("/proc/self/statm") as statistics:
        return int(statistics.read().split()[1]) * PAGE_BYTES


def counts(server: HubServer) -> dict[str, int]:
    """Everything that a connection adds to and must take away again."""
    gc.collect()
    found: Counter[str] = Counter()
    for thing in gc.get_objects():
        kind = type(thing)
        if isinstance(thing, LocalDataPlane):
            registry = thing.registry
            found["registry connections"] += len(registry)
            found["registry groups"] += registry.group_count
            found["registry users"] += len(registry._users)
            found["registry memberships"] += len(registry._groups_of)
        elif isinstance(thing, TimerWheel):
            found["timer members"] += sum(len(members) for members in thing._slots.values())
        elif isinstance(thing, UsedTokens):
            found["used tokens"] += len(thing)
        if str(kind.__module__).partition(".")[0] in COUNTED_PACKAGES:
            found[f"object {kind.__module__}.{kind.__qualname__}"] += 1
    found["open connections"] = server.connection_count
    found["tasks"] = len(asyncio.all_tasks())
    found["open descriptors"] = len(os.listdir("/proc/self/fd"))
    return dict(found)


async def serve(lane: str, timeout_seconds: float, has_leak: bool) -> None:
    hubs = make_hubs(timeout_seconds, has_leak)
    settings: dict[str, object] = {"http": "httptools"} if lane == "asgi" else {}
    # An idle HTTP connection of a client that forgot to close it is not left behind, but would stay for two minutes.
    config = server_config(hubs, hubs, log_level="warning", timeout_keep_alive=KEEP_ALIVE_SECONDS, **settings)
    server = make_server(config, hubs)
    loop = asyncio.get_running_loop()
    questions = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(questions), sys.stdin)
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listener:
        running = asyncio.create_task(server.serve([listener]))
        print(listener.getsockname()[1], flush=True)
        while await questions.readline():
            answer = {"counts": counts(hubs), "resident_bytes": resident_bytes()}
            print(json.dumps(answer), flush=True)
        server.should_exit = True
        await running


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lane", choices=["fast", "asgi"], default="fast")
    parser.add_argument("--timeout", type=float, default=15.0, help="seconds until vanished clients are forgotten")
    parser.add_argument("--leak", action="store_true")
    options = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(options.lane, options.timeout, options.leak))


if __name__ == "__main__":
    main()
