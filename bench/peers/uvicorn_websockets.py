"""Plain ASGI WebSockets under uvicorn with `websockets`: what a framework's "broadcast to a set" comes to.

Usage: python uvicorn_websockets.py PORT. "B200" goes to everybody as a message of 200 bytes; anything else comes back.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn

Send = Callable[[dict[str, Any]], Awaitable[None]]

FRAME = ('{"type":1,"target":"ReceiveMessage","arguments":["user-1234","', '"]}\x1e')
connections: set[Send] = set()


async def app(scope: dict[str, Any], receive: Callable[[], Awaitable[dict[str, Any]]], send: Send) -> None:
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    connections.add(send)
    try:
        while (message := await receive())["type"] != "websocket.disconnect":
            text = message["text"]
            if not text.startswith("B"):
                await send({"type": "websocket.send", "text": text})
                continue
            content = FRAME[0] + "m" * (int(text[1:]) - sum(map(len, FRAME))) + FRAME[1]
            for each in list(connections):
                await each({"type": "websocket.send", "text": content})
    finally:
        connections.discard(send)


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", lifespan="off", backlog=4096)
