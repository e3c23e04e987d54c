"""Runs the scenarios of `scenarios/` with the official JavaScript client and reads their results. Knows no server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from compliance.server import SLOWNESS

FOLDER = Path(__file__).parent
CASE_SECONDS = 30 * SLOWNESS


@dataclass(frozen=True)
class Case:
    """One row of the checklist with one client over one transport and protocol."""

    id: str
    row: str
    title: str
    client: str
    transport: str | None
    protocol: str
    as_listed: Mapping[str, Any]


@dataclass(frozen=True)
class Result:
    """How a case ended."""

    title: str
    error: str | None
    log: Sequence[str]

    def check(self) -> None:
        """Fail as the case failed, with what the client logged."""
        if self.error is not None:
            log = "\n".join(self.log)
            raise AssertionError(f"{self.title}: {self.error}\n\nThe client's log:\n{log}")


@cache
def node() -> str:
    path = shutil.which("node")
    assert path is not None, "Node.js is missing: run `tools/need.sh node`."
    assert (FOLDER / "node_modules").is_dir(), "The clients are missing: run `make compliance/node_modules/.installed`."
    return path


@cache
def cases(runtime: str) -> tuple[Case, ...]:
    """All cases of `node` or `chromium`."""
    listed = subprocess.run(
        [node(), "node.js", "--list", runtime], cwd=FOLDER, capture_output=True, text=True, timeout=60, check=True
    )
    return tuple(
        Case(
            each["id"],
            each["row"],
            each["title"],
            each["client"],
            each["transport"],
            each["protocol"],
            each,
        )
        for each in json.loads(listed.stdout)
    )


def run_in_node(ids: Sequence[str], url: str, secure_url: str, certificate: Path | None) -> dict[str, Result]:
    """Run these cases in one Node process."""
    environment = dict(os.environ)
    if certificate is not None:
        environment["NODE_EXTRA_CA_CERTS"] = str(certificate)
    arguments = ["--url", url, "--secure-url", secure_url, "--seconds", str(CASE_SECONDS)]
    completed = subprocess.run(
        [node(), "node.js", *arguments, *ids],
        cwd=FOLDER,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300 * SLOWNESS,
    )
    assert completed.returncode == 0, completed.stderr
    return results(json.loads(completed.stdout))


def results(report: Sequence[Mapping[str, Any]]) -> dict[str, Result]:
    """The report of a run, by case."""
    return {each["id"]: Result(each["title"], each["error"], each["log"]) for each in report}
