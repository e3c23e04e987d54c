"""A throwaway MariaDB of our own: a data folder in a temporary place, a free port, stopped by its process."""

from __future__ import annotations

import getpass
import os
import secrets
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.tests.program import START_SECONDS, free_port

READY = "ready for connections"

FAST = ("--skip-log-bin", "--innodb-flush-log-at-trx-commit=0")
"""For tests that neither kill the server nor read its log."""
WITH_LOG = (
    "--log-bin=log",
    "--server-id=1",
    "--binlog-format=ROW",
    "--binlog-row-image=FULL",
    "--binlog-row-metadata=FULL",
    "--innodb-flush-log-at-trx-commit=2",
)
"""As change capture by the binary log needs it; what it committed outlives its process, though not the machine."""


@dataclass(frozen=True, slots=True)
class MariaDB:
    """A running server; `user` may do anything, grants included."""

    port: int
    user: str
    password: str

    def url(self, database: str, *, user: str | None = None, password: str | None = None) -> str:
        return f"mysql://{user or self.user}:{password or self.password}@127.0.0.1:{self.port}/{database}"


class MariaDBProcess:
    """One server on a folder of its own, which can be killed and started again."""

    def __init__(self, folder: Path, options: Sequence[str]) -> None:
        self._folder = folder
        self._options = options
        self.server = MariaDB(free_port(), "tests", secrets.token_hex(16))
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    def prepare(self) -> None:
        """Make the data folder, as user mysql when we are root."""
        data = self._folder / "data"
        data.mkdir()
        if os.geteuid() == 0:
            for place in (self._folder, data):
                shutil.chown(place, self._account)
        install = _program("mariadb-install-db")
        choices = [f"--datadir={data}", f"--user={self._account}", "--skip-test-db", "--skip-name-resolve"]
        subprocess.run([install, "--no-defaults", *choices], check=True, capture_output=True, timeout=START_SECONDS)
        script = self._folder / "init.sql"
        script.write_text(
            f"CREATE USER IF NOT EXISTS '{self.server.user}'@'127.0.0.1' IDENTIFIED BY '{self.server.password}';\n"
            f"GRANT ALL ON *.* TO '{self.server.user}'@'127.0.0.1' WITH GRANT OPTION;\n"
        )
        if os.geteuid() == 0:
            shutil.chown(script, self._account)

    def start(self) -> None:
        """Return when it answers. Raises: RuntimeError when it does not."""
        folder = self._folder
        self._process = subprocess.Popen(
            [
                _program("mariadbd"),
                "--no-defaults",  # which would be latin1 but for the next two
                "--character-set-server=utf8mb4",
                "--collation-server=utf8mb4_general_ci",
                f"--datadir={folder / 'data'}",
                f"--user={self._account}",
                f"--socket={folder / 'socket'}",
                f"--pid-file={folder / 'pid'}",
                f"--port={self.server.port}",
                "--bind-address=127.0.0.1",
                "--skip-name-resolve",
                "--innodb-buffer-pool-size=64M",
                f"--init-file={folder / 'init.sql'}",
                *self._options,
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        ready = threading.Event()
        said: list[str] = []
        self._reader = threading.Thread(target=_read, args=(self._process, said, ready), daemon=True)
        self._reader.start()
        if not ready.wait(START_SECONDS) or self._process.poll() is not None:
            self.stop()
            raise RuntimeError("mariadbd did not start:\n" + "".join(said[-30:]))

    @property
    def pid(self) -> int:
        """Of the running server."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """As by kill -9."""
        assert self._process is not None
        self._process.kill()
        self._ended()

    def stop(self) -> None:
        """In order, if it runs."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._ended()

    def _ended(self) -> None:
        assert self._process is not None
        assert self._reader is not None
        self._process.wait()
        self._reader.join(5)
        if self._process.stderr is not None:
            self._process.stderr.close()
        self._process = None

    @property
    def _account(self) -> str:
        return "mysql" if os.geteuid() == 0 else getpass.getuser()


@contextmanager
def mariadb_process(options: Sequence[str] = FAST) -> Iterator[MariaDBProcess]:
    """A server that runs, on a fresh data folder.

    Raises: RuntimeError when MariaDB is not installed or does not start.
    """
    # Not below pytest's folders: they are closed to the server's user, and any start of pytest closes them again.
    with tempfile.TemporaryDirectory(prefix="meschain-mariadb-") as folder:
        process = MariaDBProcess(Path(folder), options)
        process.prepare()
        process.start()
        try:
            yield process
        finally:
            process.stop()


@contextmanager
def running_mariadb(options: Sequence[str] = FAST) -> Iterator[MariaDB]:
    """The same, for who only uses it."""
    with mariadb_process(options) as process:
        yield process.server


def _read(process: subprocess.Popen[str], said: list[str], ready: threading.Event) -> None:
    """Follow the server's log to its end, so that it never blocks on a full pipe."""
    assert process.stderr is not None
    for line in process.stderr:
        said.append(line)
        if READY in line:
            ready.set()
    ready.set()


def _program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/usr/local/bin")
    if found is None:
        raise RuntimeError(f"{name} is missing; install MariaDB: apt-get install mariadb-server")
    return found
