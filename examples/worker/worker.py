"""Shows how a worker outside of the hub's process tells all clients: it connects, calls a hub method and leaves."""

import asyncio
import os
import sys

from hubwire.client import HubConnection

URL = os.environ.get("URL", "http://localhost:8000/news")


async def main(text: str) -> None:
    async with HubConnection(URL, access_token=os.environ["WORKER_SECRET"]) as connection:
        await connection.invoke("Announce", text)
    print(f"announced: {text}")


if __name__ == "__main__":
    asyncio.run(main(" ".join(sys.argv[1:]) or "lunch is ready"))
