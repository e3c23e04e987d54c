"""The README is true: its Python runs, its chat talks over a real socket."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

import hubwire

README = Path(__file__).parents[1] / "README.md"
TIMEOUT_SECONDS = 10.0


@pytest.fixture(scope="module")
def namespace() -> dict[str, Any]:
    """Every Python block of the README, run one after the other as one program."""
    names: dict[str, Any] = {"__name__": "readme"}
    text = README.read_text()
    for block in re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        line = text.count("\n", 0, block.start(1))
        exec(compile("\n" * line + block[1], str(README), "exec", dont_inherit=True), names)  # noqa: S102 - our own text
    return names


@asynccontextmanager
async def serving(app: Any, hubs: hubwire.HubServer) -> AsyncIterator[str]:
    server = hubwire.make_server(hubwire.server_config(app, hubs, log_config=None, lifespan="on"), hubs)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        task = asyncio.create_task(server.serve([listener]))
        try:
            yield f"ws://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


async def opened(address: str, **headers: str) -> ClientConnection:
    client = await connect(address, proxy=None, additional_headers=headers)
    await client.send('{"protocol":"json","version":1}\x1e')
    assert await received(client) == {}
    return client


async def received(client: ClientConnection) -> Any:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        text = await client.recv()
    assert isinstance(text, str)
    return json.loads(text.removesuffix("\x1e"))


async def test_the_chat_talks_and_its_private_room_is_guarded(namespace: dict[str, Any]) -> None:
    call = '{"type":1,"invocationId":"1","target":"SendMessage","arguments":["ann","hello"]}\x1e'
    async with serving(namespace["app"], namespace["server"]) as address:
        ann, bob = await opened(f"{address}/chat"), await opened(f"{address}/chat")
        await ann.send(call)
        hello = {"type": 1, "target": "ReceiveMessage", "arguments": ["ann", "hello"]}
        assert [await received(ann), await received(bob)] == [hello, hello]
        assert await received(ann) == {"type": 3, "invocationId": "1", "result": None}
        await namespace["announce"]("closing time")
        assert (await received(bob))["arguments"] == ["server", "closing time"]
        with pytest.raises(InvalidStatus, match="401"):
            await opened(f"{address}/private")
        reader = await opened(f"{address}/private", Authorization="Bearer open sesame")
        await reader.send(call)
        assert (await received(reader))["error"].endswith("because user is unauthorized")
        for client in (ann, bob, reader):
            await client.close()


async def test_the_hub_test_passes(namespace: dict[str, Any]) -> None:
    await namespace["test_a_message_reaches_everybody"]()
