"""The official JavaScript client drives examples/chat on the fast lane, on plain ASGI and by uvicorn's command line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from app.tests.program import free_port

REPOSITORY = Path(__file__).parents[2]
CHAT = REPOSITORY / "examples" / "chat"
TIMEOUT_SECONDS = 30

RUN = "import sys, hubwire, server; hubwire.run(server.server, port=int(sys.argv[1]))"
LANES = {
    "fast lane": ["-c", RUN, "{port}"],
    "plain ASGI": [
        "-m",
        "uvicorn",
        "--app-dir",
        str(CHAT),
        "--ws",
        "websockets-sansio",
        "--port",
        "{port}",
        "server:server",
    ],
    "fast lane by uvicorn's command line": [
        *("-m", "uvicorn", "--app-dir", str(CHAT), "--http", "hubwire.server.uvicorn:Http", "--port", "{port}"),
        "server:server",
    ],
}


@contextmanager
def serving(arguments: list[str], port: int) -> Iterator[None]:
    """Run the server until the end of the block, then stop it as an operator does."""
    command = [sys.executable, "-W", "error", *(argument.format(port=port) for argument in arguments)]
    process = subprocess.Popen(command, cwd=CHAT, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    log: list[str] = []
    try:
        for line in process.stderr:
            log.append(line)
            if "Uvicorn running on" in line:
                break
        else:
            pytest.fail("the server did not start:\n" + "".join(log))
        yield
    finally:
        process.terminate()
        log += process.communicate(timeout=TIMEOUT_SECONDS)[1]
        assert "Traceback" not in "".join(log)


@pytest.mark.parametrize("arguments", LANES.values(), ids=LANES.keys())
def test_the_official_client_talks_through_a_restart(arguments: list[str]) -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}/chat"
    with ExitStack() as stack:
        with serving(arguments, port):
            client = subprocess.Popen(
                ["node", "chat.mjs", address],
                cwd=Path(__file__).parent,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            stack.callback(client.kill)
            assert client.stdout is not None
            if client.stdout.readline() != "RESTART\n":
                pytest.fail(client.communicate(timeout=TIMEOUT_SECONDS)[1])
        with serving(arguments, port):
            output, errors = client.communicate(timeout=TIMEOUT_SECONDS)
            assert (output, client.returncode) == ("DONE\n", 0), errors
