"""python-socketio as its documentation shows it: an `AsyncServer` as ASGI application under uvicorn.

Usage: python socketio_python.py PORT. Rooms and acknowledgements as in the JavaScript server.
"""

from __future__ import annotations

import sys

import socketio
import uvicorn

USER = "user-1234"
OVERHEAD_BYTES = len('42["ReceiveMessage","user-1234",""]')

server = socketio.AsyncServer(async_mode="asgi")
excluded: list[str] = []


def text_of(size_bytes: int) -> str:
    return "m" * (size_bytes - OVERHEAD_BYTES)


async def echo(sid: str, value: int) -> int:
    return value


async def broadcast(sid: str, size_bytes: int) -> None:
    await server.emit("ReceiveMessage", (USER, text_of(size_bytes)))


async def join(sid: str, room: str, is_excluded: bool) -> bool:
    await server.enter_room(sid, room)
    if is_excluded:
        excluded.append(sid)
    return True


async def broadcast_group(sid: str, room: str, size_bytes: int) -> None:
    await server.emit("ReceiveMessage", (USER, text_of(size_bytes)), room=room, skip_sid=excluded)


server.on("echo", echo)
server.on("broadcast", broadcast)
server.on("join", join)
server.on("broadcastGroup", broadcast_group)

if __name__ == "__main__":
    uvicorn.run(socketio.ASGIApp(server), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", backlog=4096)
