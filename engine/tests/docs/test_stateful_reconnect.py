"""The page "Keep a connection over a lost socket" is true: a socket is cut, and the hub does not notice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from engine.tests.docs.pages import HOW_TO, run_page

import hubwire
from hubwire.client import HubConnection
from hubwire.testing import serving

TIMEOUT_SECONDS = 10.0


class Cable:
    """A way to the server that can be cut, without a word to either side."""

    def __init__(self, port: int) -> None:
        self.address = ""
        self._port = port
        self._ends: list[asyncio.StreamWriter] = []

    def cut(self) -> None:
        for end in self._ends:
            end.transport.abort()
        self._ends.clear()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._ends += [writer, far_writer]
        try:
            async with asyncio.TaskGroup() as ways:
                ways.create_task(_copy(reader, far_writer))
                ways.create_task(_copy(far_reader, writer))
        except* OSError:
            pass


@asynccontextmanager
async def laid(port: int) -> AsyncIterator[Cable]:
    cable = Cable(port)
    async with await asyncio.start_server(cable.carry, "127.0.0.1", 0) as server:
        cable.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield cable
        cable.cut()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def test_nothing_is_lost_and_nobody_is_told() -> None:
    page = run_page(HOW_TO / "stateful-reconnect.md")
    server: hubwire.HubServer = page["server"]
    told: list[str] = []
    numbers: asyncio.Queue[int] = asyncio.Queue()
    async with serving(server) as address, laid(int(address.rpartition(":")[2])) as cable:
        connection = HubConnection(f"{cable.address}/ticker", stateful_reconnect=True)
        connection.on("Tick", numbers.put_nowait)
        connection.on_reconnecting(lambda error: told.append("reconnecting"))
        connection.on_reconnected(lambda connection_id: told.append("reconnected"))
        async with asyncio.timeout(TIMEOUT_SECONDS), connection:
            before = await connection.invoke("WhoAmI")
            clients = server.context(page["TickerHub"]).clients
            await clients.all.send("Tick", 1)
            assert await numbers.get() == 1
            cable.cut()
            await clients.all.send("Tick", 2)
            assert await numbers.get() == 2
            assert await connection.invoke("WhoAmI") == before == connection.connection_id
    assert told == []
