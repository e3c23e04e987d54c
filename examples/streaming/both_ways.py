"""Shows streams both ways: prints running sums that a hub sends back while the client still sends the numbers."""

import asyncio
from collections.abc import AsyncIterator

import hubwire
from hubwire.client import HubConnection
from hubwire.testing import serving


class SumsHub(hubwire.Hub):
    @hubwire.hub_method("RunningSums")
    async def running_sums(self, numbers: AsyncIterator[float]) -> AsyncIterator[float]:
        total = 0.0
        async for number in numbers:
            total += number
            yield total


async def numbers() -> AsyncIterator[float]:
    for number in (1, 2, 3.5):
        print(f"sending {number}")
        yield number


async def main() -> None:
    server = hubwire.HubServer()
    server.add(SumsHub, path="/sums")
    # A server and its client in one program, so that there is nothing to start; hubwire.run is for real ones.
    async with serving(server) as address, HubConnection(f"{address}/sums", protocol="messagepack") as client:
        async for total in client.stream("RunningSums", numbers(), item_type=float):
            print(f"sum {total:g}")


if __name__ == "__main__":
    asyncio.run(main())
