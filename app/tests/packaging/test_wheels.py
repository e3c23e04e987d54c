"""The wheels, installed in an empty environment without Node, serve the pages."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import urllib.request
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

REPOSITORY = Path(__file__).parents[3]
PAGES = ("index.html", "login.html", "admin.html", "marketplace.html", "analytics.html")


class Installed(NamedTuple):
    """Where the wheels are and where they were installed."""

    wheels: dict[str, Path]
    programs: Path


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    dist = tmp_path_factory.mktemp("dist")
    for distribution in ("engine", "app"):
        subprocess.run(
            [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(dist), distribution],
            cwd=REPOSITORY,
            check=True,
            capture_output=True,
        )
    wheels = {path.name.split("-")[0]: path for path in dist.glob("*.whl")}
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=True)
    programs = home / "bin"
    pip = [str(programs / "pip"), "install", "--quiet", "--disable-pip-version-check"]
    requirements = str(REPOSITORY / "requirements" / "run.txt")
    subprocess.run([*pip, "--require-hashes", "-r", requirements], check=True, capture_output=True)
    subprocess.run([*pip, "--no-deps", *map(str, wheels.values())], check=True, capture_output=True)
    return Installed(wheels, programs)


@pytest.fixture
def address(installed: Installed, tmp_path: Path) -> Iterator[str]:
    """A demo shop served by the installed wheel, from an empty folder, with nothing but the environment on the PATH."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
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
        server.communicate(timeout=30)


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
