"""A `hubwire service` as a process of its own, with keys of its own, that can be killed and started again."""

from __future__ import annotations

import secrets
import sys
from dataclasses import dataclass, field
from pathlib import Path

from app.tests.program import Program, free_port


@dataclass
class AzureService(Program):
    """Calls the application at `upstream`, and takes its requests and its clients on a free port."""

    folder: Path
    upstream: str = field(repr=False)
    port: int = 0
    key: str = field(default_factory=lambda: secrets.token_urlsafe(33), repr=False)

    def __post_init__(self) -> None:
        self.port = self.port or free_port()

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def connection_string(self) -> str:
        return f"Endpoint={self.url};AccessKey={self.key};Version=1.0;"

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-m", "hubwire.cli", "service", "--config", str(self._settings)]

    @property
    def log_path(self) -> Path:
        return self.folder / "service.log"

    @property
    def ready_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/health"

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self.folder.mkdir(parents=True, exist_ok=True)
        keys = self.folder / "keys"
        for path, text in (
            (keys, f"{self.key}\n"),
            (self._settings, f"port = {self.port}\naccess_key_file = '{keys}'\nupstream = '{self.upstream}'\n"),
        ):
            path.write_text(text)
            path.chmod(0o600)
        super().start()

    @property
    def _settings(self) -> Path:
        return self.folder / "service.toml"
