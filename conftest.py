"""Rules for every suite of the repository. In CI a skipped test is a failed one. What tests write stays in memory."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

import hypothesis
import pytest

# A machine on which much runs stands still for a moment at times, which says nothing of an example. Where `CI` is set
# this builds on Hypothesis's own profile for CI: the same examples each time. New ones are tried wherever people work.
hypothesis.settings.register_profile(
    "unhurried", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("unhurried")

MEMORY = Path("/dev/shm")  # noqa: S108 - pytest and tempfile make folders of their own in it
ROOM_BYTES = 6 * 1024**3
"""Several times what a run of all tests writes."""


def pytest_configure() -> None:
    """Have temporary files in memory where it has room: to make the tables of one shop waits for a disk 300 times.

    Programs that tests start do the same. Who has chosen a place by TMPDIR keeps it.
    """
    if "TMPDIR" not in os.environ and _has_room():
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


def _has_room() -> bool:
    """Whether it is there, is large enough, and lets programs be started from it."""
    try:
        is_closed = os.statvfs(MEMORY).f_flag & os.ST_NOEXEC
        return not is_closed and shutil.disk_usage(MEMORY).free > ROOM_BYTES
    except OSError:
        return False


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and os.environ.get("CI") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"Skipped in CI, where nothing may be skipped: {report.longrepr}"
    return report
