"""The fleet soak in short, so that its counting is checked with the ordinary tests."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

SOAK = Path(__file__).parent / "soak_fleet.py"


def run_soak(*options: str) -> dict[str, Any]:
    subprocess.run(["make", "--silent", "build/bench/load"], cwd=SOAK.parent.parent, check=True)
    command = [sys.executable, str(SOAK), "--no-result", "--workers", "2", "--connections", "61", "--minutes", "0.01"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    result: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{") :])
    return result


def test_a_small_fleet_of_one_service_stays_and_is_reached() -> None:
    result = run_soak()
    assert result["still_connected"] == result["broadcast"]["reached"] == 61
    memory = result["memory_gib"]
    assert memory["most"]["peak"] >= memory["after_the_broadcast"]["resident"] > memory["empty"]["proportional"]
    assert memory["redis"]["peak"] > 0


def test_single_servers_are_a_fleet_without_redis() -> None:
    result = run_soak("--separate")
    assert result["still_connected"] == result["broadcast"]["reached"] == 61
    assert result["memory_gib"]["redis"] is None
