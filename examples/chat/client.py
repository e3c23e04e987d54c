"""Shows a Python client of the chat beside it: joins a room, says hello and prints what the room hears."""

import asyncio
import os

from hubwire.client import AutomaticReconnect, HubConnection, InvocationError

URL = os.environ.get("URL", "http://localhost:8000/chat")


async def main() -> None:
    connection = HubConnection(URL, reconnect=AutomaticReconnect())
    heard: asyncio.Queue[str] = asyncio.Queue()

    @connection.on("ReceiveMessage")
    async def receive_message(user: str, text: str) -> None:
        heard.put_nowait(f"{user}: {text}")

    async with connection:
        await connection.invoke("JoinRoom", "garden")
        length = await connection.invoke("SendToRoom", "garden", "ann", "hello", result_type=int)
        print(f"sent {length} letters")
        print(await heard.get())
        try:
            await connection.invoke("SendToRoom", "garden", "ann", "")
        except InvocationError as error:
            print(error)


if __name__ == "__main__":
    asyncio.run(main())
