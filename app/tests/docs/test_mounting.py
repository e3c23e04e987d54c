"""The page "Mount in an application" is true: its applications run by its commands, each as a program of its own."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from app.tests.docs.pages import DOCS, block
from app.tests.program import free_port
from engine.tests.docs.pages import program
from engine.tests.docs.socket_client import connected

PAGE = DOCS / "how-to" / "mounting.md"
TIMEOUT_SECONDS = 30
COMMANDS = block(PAGE, "sh").splitlines()


@asynccontextmanager
async def running(command: str, folder: Path) -> AsyncIterator[str]:
    """The documented command on a free port; yields the address once it answers."""
    (folder / "chat.py").write_text(program(PAGE), encoding="utf-8")
    port = free_port()
    name, *arguments = command.split()
    port_option = ["--bind", f"127.0.0.1:{port}"] if name == "hypercorn" else ["--port", str(port)]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", name, *port_option, *arguments),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *filter(None, sys.path)])},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    break
                except OSError:
                    assert process.returncode is None
                    await asyncio.sleep(0.05)  # another process has no condition to wait for
            writer.close()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


@pytest.mark.parametrize("app", ["app", "api"])
@pytest.mark.parametrize("command", COMMANDS)
async def test_the_hub_and_the_page_are_served(command: str, app: str, tmp_path: Path) -> None:
    async with running(command.replace(":app", f":{app}"), tmp_path) as address:
        async with aiohttp.ClientSession() as session, session.get(f"{address}/hello") as answer:
            assert answer.status == 200
            assert "hello" in await answer.text()
        async with connected(f"{address}/live/chat") as ann, connected(f"{address}/live/Chat/") as bob:
            await ann.call("Say", "hi")
            assert await bob.called() == ("Said", ["hi"])


def test_the_commands_are_those_that_were_run() -> None:
    assert [command.split()[0] for command in COMMANDS] == ["uvicorn", "uvicorn", "hypercorn"]
