"""`meschain serve` as a process of its own. Knows no browser."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from app.tests.azure_service import AzureService
from app.tests.program import START_SECONDS, Program, free_port
from engine.tests.brokers.redis_server import PROGRAM as REDIS

from meschain.bootstrap import DEMO_SHOP_FILE

REPOSITORY = Path(__file__).parents[2]


@dataclass
class Server(Program):
    """`meschain serve` as a process of its own, which can be killed and started again on the same port."""

    data_dir: Path
    port: int

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def command(self) -> list[str]:
        return [*meschain(), "serve", "--port", str(self.port), "--data-dir", str(self.data_dir)]

    @property
    def log_path(self) -> Path:
        return self.data_dir.parent / "serve.log"

    @property
    def ready_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/readyz"

    @property
    def passwords(self) -> dict[str, str]:
        content = json.loads((self.data_dir / "demo.json").read_text(encoding="utf-8"))
        passwords: dict[str, str] = content["passwords"]
        return passwords

    def run(self, *arguments: str) -> str:
        """Another `meschain` command on the same data; its output."""
        completed = subprocess.run(
            [*meschain(), *arguments, "--data-dir", str(self.data_dir)],
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
            cwd=self.data_dir.parent,
            env={**os.environ, **self.environment},
            check=False,
        )
        assert completed.returncode == 0, completed.stderr
        return completed.stdout

    def place_order(self, marketplace: str = "shop") -> str:
        """An order in the demo shop, from outside the server; its id."""
        return self.run("demo", "order", "--marketplace", marketplace).split()[-1].rstrip(".")

    def order_number(self, order_id: str) -> str:
        """By what a marketplace, and so our pages, call one of its orders."""
        sql = "SELECT marketplace_order_id FROM oc_meschain_order WHERE order_id = ?"
        with closing(sqlite3.connect(self.data_dir / DEMO_SHOP_FILE)) as shop:
            (number,) = shop.execute(sql, (order_id,)).fetchone()
        return str(number)


@dataclass
class SplitServer(Server):
    """The same, with a `hubwire service` beside it that holds the connections of all pages; killed and stopped as one.

    Each may also be killed and started alone, as `service` and `application`.
    """

    service: AzureService = field(init=False)

    def __post_init__(self) -> None:
        self.code = secrets.token_urlsafe(33)
        upstream = f"http://127.0.0.1:{self.port}/api/upstream?code={self.code}"
        self.service = AzureService(self.data_dir.parent / "service", upstream)

    @property
    def environment(self) -> dict[str, str]:
        return {"MESCHAIN_AZURE_SIGNALR": self.service.connection_string, "MESCHAIN_UPSTREAM_CODE": self.code}

    def start(self) -> None:
        self.service.start()
        self.start_application()

    def kill(self) -> None:
        self.kill_application()
        self.service.kill()

    def stop(self) -> None:
        super().stop()
        self.service.stop()

    def start_application(self) -> None:
        """Start what serves pages and hubs."""
        super().start()

    def kill_application(self) -> None:
        """End that alone, as a crash would."""
        super().kill()


@dataclass
class RolloutServer(SplitServer):
    """The same, with a second service, the green side of a roll-out."""

    green: AzureService = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        upstream = f"http://127.0.0.1:{self.port}/api/upstream-green?code={self.code}"
        self.green = AzureService(self.data_dir.parent / "green", upstream)

    @property
    def environment(self) -> dict[str, str]:
        return {
            **super().environment,
            "MESCHAIN_GREEN_SIGNALR": self.green.connection_string,
            # A machine that is busy with browsers is no fault of the green side.
            "MESCHAIN_ROLLOUT_GUARDS": "watch",
            # Pages move by themselves at once; one that is slow is not to be closed meanwhile.
            "MESCHAIN_MOVE_SECONDS": "60",
        }

    def start(self) -> None:
        self.green.start()
        super().start()

    def stop(self) -> None:
        super().stop()
        self.green.stop()


class FunctionsServer(SplitServer):
    """The same, with the application as Azure Functions, served by a stand-in for their host."""

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-m", "app.tests.functions_host", "--port", str(self.port)]

    @property
    def environment(self) -> dict[str, str]:
        return {
            **super().environment,
            "MESCHAIN_DATA_DIR": str(self.data_dir),
            "MESCHAIN_PUBLIC_URL": self.url,
            "PYTHONPATH": os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")]),
        }


@dataclass
class WorkersServer(Server):
    """Two processes on one port, over a Redis that is killed and stopped with them."""

    redis: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.redis_port = free_port()

    @property
    def environment(self) -> dict[str, str]:
        return {"MESCHAIN_WORKERS": "2", "MESCHAIN_REDIS_URL": f"redis://127.0.0.1:{self.redis_port}/0"}

    def start(self) -> None:
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        bound = ("--port", str(self.redis_port), "--bind", "127.0.0.1")
        self.redis = subprocess.Popen(
            [REDIS, *bound, "--save", "", "--appendonly", "no"], cwd=self.data_dir.parent, stdout=subprocess.DEVNULL
        )
        wait_until_open(self.redis_port)
        super().start()

    def kill(self) -> None:
        super().kill()  # its workers end with it
        self._end_redis()

    def stop(self) -> None:
        super().stop()
        self._end_redis()

    def _end_redis(self) -> None:
        if self.redis is not None:
            self.redis.kill()
            self.redis.wait()


SINGLE = "single process"
HOSTINGS: dict[str, type[Server]] = {SINGLE: Server, "behind a service": SplitServer}
"""Every test runs in each of these, but for those of one module."""
LOOKS_MODULE = "test_layout"
"""Its tests run in the first only: pages look the same, whoever holds their connection."""
LIVE_HOSTINGS: dict[str, type[Server]] = {"two processes": WorkersServer, "as functions": FunctionsServer}
"""In these too, those of one module: pages look the same there, but what reaches them might not."""
LIVE_MODULE = "test_live"


def wait_until_open(port: int) -> None:
    """Return when something listens there."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
            return
        if time.monotonic() > deadline:
            raise RuntimeError(f"nothing listens on port {port}")
        time.sleep(0.05)  # another process has no condition that could be waited for


def meschain() -> list[str]:
    beside = Path(sys.executable).with_name("meschain")
    return [str(beside)] if beside.exists() else [shutil.which("meschain") or "meschain"]
