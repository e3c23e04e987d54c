"""A redis-server of the suite's own, on a free port of loopback, without files."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from compliance.server import SLOWNESS
from engine.tests.free_ports import free_port

_PROGRAM = shutil.which("redis-server") or shutil.which("valkey-server")
_START_SECONDS = 20 * SLOWNESS


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """Run one while inside, and yield its address."""
    assert _PROGRAM is not None, "redis-server is missing: run `tools/need.sh redis`."
    port = free_port()
    command = [_PROGRAM, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(_START_SECONDS)


def _wait_for(port: int) -> None:
    until = time.monotonic() + _START_SECONDS
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as asked:
                asked.sendall(b"PING\r\n")
                if asked.recv(100).startswith(b"+PONG"):
                    return
        except OSError:
            assert time.monotonic() < until, "redis-server does not answer."
            time.sleep(0.01)  # it tells nobody when it listens
