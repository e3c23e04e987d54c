"""`meschain serve` as a process of its own. Knows no browser."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

SLOWNESS = float(os.environ.get("MESCHAIN_TEST_SLOWNESS", "1"))
"""Multiplies every time-out, for slow machines."""
START_SECONDS = 60 * SLOWNESS


@dataclass
class Server:
    """`meschain serve` as a process of its own, which can be killed and started again on the same port."""

    data_dir: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def passwords(self) -> dict[str, str]:
        content = json.loads((self.data_dir / "demo.json").read_text(encoding="utf-8"))
        passwords: dict[str, str] = content["passwords"]
        return passwords

    def start(self) -> None:
        """Start it and wait until it is ready."""
        with (self.data_dir.parent / "serve.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*meschain(), "serve", "--port", str(self.port), "--data-dir", str(self.data_dir)],
                stdout=log,
                stderr=log,
                cwd=self.data_dir.parent,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"meschain serve did not start:\n{self.log()}")
            # Another process has no condition that could be waited for.
            time.sleep(0.1)

    def kill(self) -> None:
        """End it as a crash would: no close frames, no goodbyes."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def run(self, *arguments: str) -> str:
        """Another `meschain` command on the same data; its output."""
        completed = subprocess.run(
            [*meschain(), *arguments, "--data-dir", str(self.data_dir)],
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
            cwd=self.data_dir.parent,
            check=False,
        )
        assert completed.returncode == 0, completed.stderr
        return completed.stdout

    def place_order(self, marketplace: str = "shop") -> str:
        """An order in the demo shop, from outside the server; its id."""
        return self.run("demo", "order", "--marketplace", marketplace).split()[-1].rstrip(".")

    def log(self) -> str:
        return (self.data_dir.parent / "serve.log").read_text(encoding="utf-8", errors="replace")[-4000:]

    def _is_ready(self) -> bool:
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
        return False


def meschain() -> list[str]:
    beside = Path(sys.executable).with_name("meschain")
    return [str(beside)] if beside.exists() else [shutil.which("meschain") or "meschain"]


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
