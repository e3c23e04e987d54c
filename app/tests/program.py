"""A program of ours as a process of its own that serves HTTP, and can be killed and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from engine.tests.free_ports import free_port as free_port
from engine.tests.free_ports import free_ports as free_ports
from engine.tests.slowness import SLOWNESS as SLOWNESS

START_SECONDS = 60 * SLOWNESS
"""How long a start, or a stop, may take before the test fails."""


class Program(ABC):
    """Say what it is, and it is started, watched and ended."""

    process: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def command(self) -> Sequence[str]: ...

    @property
    def environment(self) -> Mapping[str, str]:
        """What it is told besides."""
        return {}

    @property
    @abstractmethod
    def log_path(self) -> Path:
        """Where it writes; its folder is the one in which it runs."""

    @property
    @abstractmethod
    def ready_url(self) -> str:
        """Answers with 200 once it is ready."""

    def start(self) -> None:
        """Start it and wait until it is ready."""
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stdout=log, stderr=log, cwd=self.log_path.parent, env={**os.environ, **self.environment}
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"{self.command[0]} did not start:\n{self.log()}")
            time.sleep(0.05)  # another process has no condition that could be waited for

    def kill(self) -> None:
        """End it as a crash would: no close frames, no goodbyes."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def hang(self) -> None:
        """Have it take connections and answer nothing, until `go_on`."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Where it was."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it as an operator does."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def log(self) -> str:
        """The end of what it wrote."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")[-4000:]

    def _is_ready(self) -> bool:
        with suppress(OSError), urllib.request.urlopen(self.ready_url, timeout=5) as answer:
            return bool(answer.status == 200)
        return False
