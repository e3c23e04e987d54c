"""The connect soak in short, so that a leak shows in the ordinary tests; and that the soak would see one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).parent / "soak_connects.py"
TRANSPORTS = ["websockets-fast", "websockets-asgi", "server-sent-events", "long-polling"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SOAK), "--no-result", "--timeout", "1", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=100)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_hundreds_of_connects_leave_nothing_behind(transport: str) -> None:
    result = run("--connects", "440", "--transports", transport)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "LEFT BEHIND" not in result.stdout
    assert result.stderr == ""  # what the server logs


def test_the_soak_sees_a_leak() -> None:
    result = run("--connects", "44", "--transports", "websockets-fast", "--leak")
    assert result.returncode == 1, result.stdout + result.stderr
    assert "LEFT BEHIND 4 more: object hubwire.server.raw_pump.RawPump" in result.stdout
