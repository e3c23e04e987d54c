"""`hubwire service` and an application behind it, each a process of its own that can be killed. Knows no client."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from compliance.server import SLOWNESS, STOP_SECONDS, ConformanceServer
from engine.tests.free_ports import free_port

from hubwire.cli.service.command import LISTENING

LOG_SECONDS = 30 * SLOWNESS


@dataclass
class ServiceProcess:
    """The service. It keeps its port and its keys when it is started again."""

    folder: Path
    arguments: Sequence[str] = ()
    url: str = ""
    connection_string: str = ""
    log: list[str] = field(default_factory=list, repr=False)
    process: subprocess.Popen[str] | None = field(default=None, repr=False)
    _copying: threading.Thread = field(default_factory=threading.Thread, repr=False)
    _written: threading.Condition = field(default_factory=threading.Condition, repr=False)

    @property
    def settings_path(self) -> Path:
        return self.folder / "settings.json"

    def start(self) -> None:
        """Start it and wait until it is ready."""
        if not self.settings_path.exists():
            self.send_events_to(None)
        keys = self.folder / "keys"
        port = self.url.rpartition(":")[2] or str(
            free_port()
        )  # another test gets none of these between a kill and a start
        command = [sys.executable, "-m", "hubwire.cli", "service", "--port", port, "--access-key-file", str(keys)]
        self.process = subprocess.Popen(
            [*command, "--settings", str(self.settings_path), *self.arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self._copying = threading.Thread(target=self._copy_log, args=(self.process,))
        self._copying.start()
        line, connection_string = self.process.stdout.readline(), self.process.stdout.readline()
        if not line.startswith(LISTENING):
            self.process.kill()
            raise RuntimeError(f"The service did not start: {''.join(self.log)}")
        if not self.url:
            self.url, self.connection_string = line.removeprefix(LISTENING).strip(), connection_string.strip()

    def send_events_to(self, url: str | None) -> None:
        """Write the settings, as the official emulator has them, and see that they are read."""
        template = {"UrlTemplate": url, "HubPattern": "*", "CategoryPattern": "*", "EventPattern": "*"}
        settings = {"UpstreamSettings": {"Templates": [] if url is None else [template]}}
        self.settings_path.write_text(json.dumps(settings), encoding="utf-8")
        if self.process is not None:
            seen = len(self.log)
            self.process.send_signal(signal.SIGHUP)
            self.until_logged(f"{self.settings_path} was read again", seen)

    def until_logged(self, text: str, behind: int = 0) -> None:
        """Wait for a line of the log."""
        with self._written:
            found = self._written.wait_for(lambda: any(text in line for line in self.log[behind:]), LOG_SECONDS)
        assert found, f"{text!r} is not in the log: {self.log}"

    def kill(self) -> None:
        """End it without a word."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Stop it as an operator does."""
        if self.process is not None:
            status = self._end(signal.SIGTERM)
            assert status in (0, -signal.SIGTERM), self.log[-50:]
        assert not [line for line in self.log if "Traceback" in line or "never " in line], self.log[-50:]

    def _end(self, number: signal.Signals) -> int:
        process, self.process = self.process, None
        assert process is not None
        assert process.stdout is not None
        process.send_signal(number)
        status = process.wait(STOP_SECONDS)
        process.stdout.close()
        self._copying.join()
        return status

    def _copy_log(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        with process.stderr:
            for line in process.stderr:
                with self._written:
                    self.log.append(line)
                    self._written.notify_all()


@contextmanager
def served(folder: Path, *of_service: str) -> Iterator[tuple[ServiceProcess, ConformanceServer]]:
    """A service, and the conformance hub behind it."""
    service = ServiceProcess(folder, of_service)
    service.start()
    connection_string = folder / "connection-string"
    connection_string.write_text(service.connection_string, encoding="utf-8")
    arguments = ("--service", str(connection_string), "--port", str(free_port()))
    application = ConformanceServer(folder / "application.log", arguments)
    try:
        application.start()
        service.send_events_to(f"{application.url}/api/upstream")
        yield service, application
        application.stop()
    finally:
        if application.process is not None and application.process.poll() is None:
            application.process.kill()
            application.process.communicate()
        service.stop()
