"""Shows a worker beside a hub: it tells all clients the time, and a client prints the first three that it hears."""

import asyncio
import datetime

import hubwire
from hubwire.client import HubConnection
from hubwire.testing import serving


class ClockClient(hubwire.ClientContract):
    @hubwire.client_method("Time")
    async def time(self, now: datetime.datetime) -> None: ...


class ClockHub(hubwire.Hub[ClockClient]):
    """Clients only listen."""


server = hubwire.HubServer()
server.add(ClockHub, path="/clock")


async def tell_time() -> None:
    clients = server.context(ClockHub).clients
    while True:
        await clients.all.time(datetime.datetime.now(datetime.UTC))
        await asyncio.sleep(0.2)


async def main() -> None:
    heard: asyncio.Queue[datetime.datetime] = asyncio.Queue()
    # A server and its client in one program, so that there is nothing to start; hubwire.run is for real ones.
    async with serving(server) as address, asyncio.TaskGroup() as tasks:
        worker = tasks.create_task(tell_time())
        connection = HubConnection(f"{address}/clock")

        @connection.on("Time")
        def time(now: datetime.datetime) -> None:
            heard.put_nowait(now)

        async with connection:
            for _ in range(3):
                print(f"it is {await heard.get():%H:%M:%S}")
        worker.cancel()


if __name__ == "__main__":
    asyncio.run(main())
