"""A throwaway MariaDB of our own: a data folder in a temporary place, a free port, stopped by its process."""

from __future__ import annotations

import getpass
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

READY = "ready for connections"
START_SECONDS = 60.0 * float(os.environ.get("TEST_SLOWNESS", "1"))


@dataclass(frozen=True, slots=True)
class MariaDB:
    """A running server; `user` may do anything, grants included."""

    port: int
    user: str
    password: str

    def url(self, database: str, *, user: str | None = None, password: str | None = None) -> str:
        return f"mysql://{user or self.user}:{password or self.password}@127.0.0.1:{self.port}/{database}"


@contextmanager
def running_mariadb() -> Iterator[MariaDB]:
    """A server on a fresh data folder, as user mysql when we are root.

    Raises: RuntimeError when MariaDB is not installed or does not start.
    """
    # Not below pytest's folders: they are closed to the server's user, and any start of pytest closes them again.
    with tempfile.TemporaryDirectory(prefix="meschain-mariadb-") as folder, _running(Path(folder)) as server:
        yield server


@contextmanager
def _running(folder: Path) -> Iterator[MariaDB]:
    install, server = _program("mariadb-install-db"), _program("mariadbd")
    data = folder / "data"
    data.mkdir()
    account = "mysql" if os.geteuid() == 0 else getpass.getuser()
    if os.geteuid() == 0:
        for place in (folder, data):
            shutil.chown(place, account)
    subprocess.run(
        [install, "--no-defaults", f"--datadir={data}", f"--user={account}", "--skip-test-db", "--skip-name-resolve"],
        check=True,
        capture_output=True,
        timeout=START_SECONDS,
    )
    found = MariaDB(_free_port(), "tests", secrets.token_hex(16))
    script = folder / "init.sql"
    script.write_text(
        f"CREATE USER '{found.user}'@'127.0.0.1' IDENTIFIED BY '{found.password}';\n"
        f"GRANT ALL ON *.* TO '{found.user}'@'127.0.0.1' WITH GRANT OPTION;\n"
    )
    if os.geteuid() == 0:
        shutil.chown(script, account)
    process = subprocess.Popen(
        [
            server,
            "--no-defaults",  # which would be latin1 but for the next two
            "--character-set-server=utf8mb4",
            "--collation-server=utf8mb4_general_ci",
            f"--datadir={data}",
            f"--user={account}",
            f"--socket={folder / 'socket'}",
            f"--pid-file={folder / 'pid'}",
            f"--port={found.port}",
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
            "--skip-log-bin",
            "--innodb-flush-log-at-trx-commit=0",
            "--innodb-buffer-pool-size=64M",
            f"--init-file={script}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    ready = threading.Event()
    said: list[str] = []
    reader = threading.Thread(target=_read, args=(process, said, ready), daemon=True)
    reader.start()
    try:
        if not ready.wait(START_SECONDS) or process.poll() is not None:
            raise RuntimeError("mariadbd did not start:\n" + "".join(said[-30:]))
        yield found
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reader.join(5)
        if process.stderr is not None:
            process.stderr.close()


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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
