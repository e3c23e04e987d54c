"""Many clients of the old WebSocket servers in one process: half of them streams, half of them panels.

Usage: python bench/old_clients.py NUMBER PORT

Wire and timing are the old clients' own: they call no negotiate, name no user, and come again five seconds after a
connection was lost, whatever it was lost by. The stream is in two channels, so it hears each event twice.

Commands by lines on the input, each answered by a line of JSON: `state`; `mark`, before they are cut off; `missed
ID,ID`, orders that were placed since; `end`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import websockets
from websockets.asyncio.client import ClientConnection

RETRY_SECONDS = 5.0
"""Of the panel's client; of the stream's none is known."""
MARKETPLACE = "n11"
_ADDRESSES = 100
"""Clients of one address; an office of old pages is let in with some more."""


class OldClient:
    """One page. Subclasses say what it sends, and what an update holds."""

    greeting: dict[str, object]
    """Its first frame."""

    def __init__(self, url: str, address: str) -> None:
        self._url = url
        self._address = address
        self.deliveries = 0
        self.is_there = False
        """Greeted on the connection that it has."""
        self.away_seconds: list[float] = []
        """Of each time that it was lost: until it was greeted again."""
        self.problems: list[str] = []

    async def run(self) -> None:
        """Be there, for ever."""
        lost_at: float | None = None
        while True:
            with suppress(OSError, websockets.WebSocketException):
                async with websockets.connect(
                    self._url,
                    local_addr=(self._address, 0),
                    compression=None,
                    ping_interval=None,
                    max_size=None,
                    open_timeout=60,
                    proxy=None,
                ) as connection:
                    await self._be_there(connection, lost_at)
            if self.is_there:
                lost_at = time.monotonic()
                self.is_there = False
            await asyncio.sleep(RETRY_SECONDS)

    async def _be_there(self, connection: ClientConnection, lost_at: float | None) -> None:
        self.begin()
        await connection.send(json.dumps(self.greeting))
        async for frame in connection:
            if not self.is_there:
                self.is_there = True
                if lost_at is not None:
                    self.away_seconds.append(time.monotonic() - lost_at)
            self.received(json.loads(frame))

    def begin(self) -> None:
        """Another connection."""

    def received(self, message: dict[str, Any]) -> None:
        raise NotImplementedError


class Stream(OldClient):
    """The marketplace stream: `all`, in which everybody is, and one marketplace beside it."""

    greeting = {"action": "subscribe", "marketplace": MARKETPLACE}  # noqa: RUF012 - nobody writes to it

    def __init__(self, url: str, address: str) -> None:
        super().__init__(url, address)
        self.orders_today = -1
        """As the first figures of this connection said."""
        self._last: dict[str, int] = {}
        """Of the numbered orders, by channel."""

    def begin(self) -> None:
        self.orders_today = -1
        self._last = {}

    def received(self, message: dict[str, Any]) -> None:
        data = message["data"]
        if message["type"] == "initial_data":
            self.orders_today = data["metrics"]["orders_today"]
        if message["type"] != "realtime_update":
            return
        updates = data["updates"]
        events = updates if isinstance(updates, list) else [event for each in updates.values() for event in each]
        self.deliveries += len(events)
        for number in _numbers(events):
            before = self._last.get(data["marketplace"], number - 1)
            if number != before + 1:
                self.problems.append(f"a stream heard of order {number} behind {before}")
            self._last[data["marketplace"]] = number


def _numbers(events: list[dict[str, Any]]) -> Iterator[int]:
    for event in events:
        name, _, number = str(event["data"].get("order_id", "")).partition("-")
        if name == "soak":
            yield int(number)


class Panel(OldClient):
    """The marketplace panel, which inserts every order that it is sent at the top of a table."""

    greeting = {"action": "subscribe_dashboard", "interval": 30}  # noqa: RUF012 - nobody writes to it

    def __init__(self, url: str, address: str) -> None:
        super().__init__(url, address)
        self.orders: set[str] = set()
        """Shown on this connection."""

    def begin(self) -> None:
        self.orders = set()

    def received(self, message: dict[str, Any]) -> None:
        if message["type"] != "dashboard_update":
            return
        for order in message["data"]["recent_orders"]:
            self.deliveries += 1
            if order["id"] in self.orders:
                self.problems.append(f"a panel was shown order {order['id']} twice")
            self.orders.add(order["id"])


class OldClients:
    """All of them."""

    def __init__(self, count: int, port: int) -> None:
        url = f"ws://127.0.0.1:{port}/"
        kinds: tuple[type[OldClient], ...] = (Stream, Panel)
        self.all = [kinds[number % 2](url, f"127.0.0.{2 + number // _ADDRESSES}") for number in range(count)]
        self._streams = [each for each in self.all if isinstance(each, Stream)]
        self._panels = [each for each in self.all if isinstance(each, Panel)]
        self._marked: dict[Stream, int] = {}

    def answer(self, command: str, names: str) -> dict[str, Any]:
        if command == "mark":
            self._marked = {stream: stream.orders_today for stream in self._streams}
        if command == "missed":
            return {
                "panels": sum(not panel.orders.issuperset(names.split(",")) for panel in self._panels),
                "streams": sum(stream.orders_today <= before for stream, before in self._marked.items()),
            }
        if command == "end":
            return {
                "away": [seconds for client in self.all for seconds in client.away_seconds],
                "deliveries": sum(client.deliveries for client in self.all),
                "problems": [problem for client in self.all for problem in client.problems],
            }
        return {
            "there": sum(client.is_there for client in self.all),
            "returned": min(len(client.away_seconds) for client in self.all),
        }


async def run(count: int, port: int) -> None:
    clients = OldClients(count, port)
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(client.run()) for client in clients.all]
        while line := await reader.readline():
            command, _, names = line.decode().strip().partition(" ")
            print(json.dumps(clients.answer(command, names)), flush=True)
        for task in tasks:
            task.cancel()


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1]), int(sys.argv[2])))
