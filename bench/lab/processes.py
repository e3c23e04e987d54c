"""Starts a server on a free port, pinned to a core, and stops it again. Knows no stack."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from typing import IO

from lab.generator import RunFailed
from lab.machine import pinned

_START_SECONDS = 30.0
_STOP_SECONDS = 20.0


def stop_children_when_terminated() -> None:
    """Let SIGTERM end the program as an exception, so that every server that it has started is stopped."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


def free_port() -> int:
    """A port below the range that the kernel takes for clients, or one of 20,000 connections could hold it."""
    with socket.socket() as probe:
        for port in range(20000, 32000):
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RunFailed("no port from 20000 to 32000 is free")


@contextlib.contextmanager
def running(command: Sequence[str], port: int, core: int | None) -> Iterator[int]:
    """The process id of a server that listens. Raises: RunFailed when it does not come up."""
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(pinned(command, core), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            _wait_until_listening(process, port, log)
            yield process.pid
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_listening(process: subprocess.Popen[bytes], port: int, log: IO[str]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    log.seek(0)
    said = log.read().strip().splitlines() or ["nothing"]
    raise RunFailed(f"the server does not listen within {_START_SECONDS:.0f} s; it said last: {said[-1]}")
