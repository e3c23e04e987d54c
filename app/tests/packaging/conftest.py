"""The two wheels, built once and installed in an empty environment."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path
from typing import NamedTuple

import pytest

REPOSITORY = Path(__file__).parents[3]


class Installed(NamedTuple):
    """Where the wheels are and where they were installed."""

    wheels: dict[str, Path]
    programs: Path


@pytest.fixture(scope="session")
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
