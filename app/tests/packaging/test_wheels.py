"""The wheels, installed in an empty environment without Node, serve the pages."""

from __future__ import annotations

import os
import re
import subprocess
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from app.tests.packaging.conftest import Installed
from app.tests.program import START_SECONDS, free_port

PAGES = tuple(
    f"{name}.html"
    for name in (
        *("index", "login", "admin", "marketplace", "analytics"),
        *("inbox", "jobs", "alerts", "people", "audit", "rollout", "legacy"),
    )
)


@pytest.fixture
def address(installed: Installed, tmp_path: Path) -> Iterator[str]:
    """A demo shop served by the installed wheel, from an empty folder, with nothing but the environment on the PATH."""
    port = free_port()
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MESCHAIN_", "PYTHON"))}
    environment["PATH"] = str(installed.programs)
    server = subprocess.Popen(
        [str(installed.programs / "meschain"), "serve", "--port", str(port)],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert server.stdout is not None
        printed = ""
        for line in server.stdout:
            printed += line
            found = re.search(rf"http://[\w.]+:{port}", line)
            if found:
                break
        else:
            pytest.fail(f"The server ended without printing its address:\n{printed}")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.communicate(timeout=START_SECONDS)


@pytest.mark.timeout(600)
def test_wheels_carry_what_they_need_and_no_tests(installed: Installed) -> None:
    names = {name: set(zipfile.ZipFile(path).namelist()) for name, path in installed.wheels.items()}
    assert set(names) == {"hubwire", "meschain"}
    assert "hubwire/py.typed" in names["hubwire"]
    assert {f"meschain/pages/{page}" for page in PAGES} <= names["meschain"]
    assert "meschain/state/migrations/env.py" in names["meschain"]
    assert not [name for name in names["hubwire"] | names["meschain"] if "/tests/" in name or name.startswith("tests/")]


@pytest.mark.timeout(600)
def test_installed_wheels_serve_the_pages_without_node(address: str) -> None:
    for page in PAGES:
        with urllib.request.urlopen(f"{address}/{page}", timeout=30) as answer:
            body = answer.read().decode()
            assert answer.status == 200
            assert "<html" in body
        for asset in re.findall(r'(?:src|href)="(/assets/[^"]+)"', body):
            with urllib.request.urlopen(f"{address}{asset}", timeout=30) as answer:
                assert answer.status == 200
    with urllib.request.urlopen(f"{address}/assets/meschain-signalr.js", timeout=30) as answer:
        assert b"MesChainSignalR" in answer.read()
