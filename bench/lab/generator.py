"""Runs the C load generator (`bench/load`) and reads what it counted. Knows no scenario and no stack."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from lab.machine import pinned

LOAD = Path(__file__).parent.parent.parent / "build" / "bench" / "load"
_RUN_LIMIT_SECONDS = 200.0


class RunFailed(Exception):
    """A run whose figures mean nothing: a client was refused or lost, or a message was not counted once."""


class Times(msgspec.Struct, frozen=True):
    """Microseconds; -1 without samples."""

    p50_us: float
    p99_us: float
    max_us: float
    samples: int


class Setup(msgspec.Struct, frozen=True):
    """From the first connect until all are ready; CPU of the server per connection."""

    seconds: float
    per_second: float
    user_us: float
    system_us: float
    time: Times


class Run(msgspec.Struct, frozen=True):
    """The measured time. `units` are delivered frames or answered calls; CPU of the server per unit."""

    seconds: float
    sent: int
    units: int
    per_second: float
    user_us: float
    system_us: float
    cpu_us: float
    server_share: float
    generator_share: float
    late_max_us: float
    """Open loop: by how much the generator itself was behind at most; the times count from when each was due."""
    time: Times


class Counts(msgspec.Struct, frozen=True):
    """All but `delivered` and `answers` are 0 in a good run."""

    delivered: int
    missing: int
    uneven: int
    """Receivers that got another number of messages than were sent."""
    stray: int
    """Messages to those who should get none."""
    odd: int
    """Frames of another size than the first."""
    answers: int
    wrong_answers: int


class Churn(msgspec.Struct, frozen=True):
    opened: int
    ready: int
    failed: int
    lost: int
    skipped: int
    """Connects for which no place was free, since the server was behind by more than the places."""
    time: Times


class Memory(msgspec.Struct, frozen=True):
    """Resident bytes of the server's processes."""

    before_bytes: float
    connected_bytes: float
    after_bytes: float
    peak_bytes: float


class Arrivals(msgspec.Struct, frozen=True):
    """Monotonic time of the first and the last broadcast message, in nanoseconds."""

    first_ns: int
    last_ns: int


class Outcome(msgspec.Struct, frozen=True):
    connections: int
    ready: int
    failed: int
    lost: int
    receivers: int
    setup: Setup
    run: Run
    counts: Counts
    churn: Churn
    slow_lost: int
    """Slow readers that the server has cut off."""
    slow_lost_early: int
    """Of those, before the measured time: the others were then measured without them."""
    memory: Memory
    arrivals: Arrivals

    def check(self) -> None:
        """Raises: RunFailed unless everything was counted as it must be."""
        counted = {name: getattr(self.counts, name) for name in ("missing", "uneven", "stray", "odd", "wrong_answers")}
        counted |= {"lost": self.lost, "churn failed": self.churn.failed, "churn lost": self.churn.lost}
        counted["churn skipped"] = self.churn.skipped
        if wrong := {name: number for name, number in counted.items() if number}:
            raise RunFailed(", ".join(f"{name} {number}" for name, number in wrong.items()))


def generate(
    arguments: Sequence[str], *, tokens: Sequence[str] = (), core: int | None = None, seconds: float = 0.0
) -> Outcome:
    """Run the generator to its end, pinned to a core.

    Args:
        seconds: how long it measures, beside connecting.

    Raises: RunFailed.
    """
    with tempfile.NamedTemporaryFile("w", prefix="tokens-") as file:
        command = [str(LOAD), *arguments]
        if tokens:
            file.write("\n".join(tokens))
            file.flush()
            command[2:2] = ["--tokens", file.name]
        try:
            done = subprocess.run(
                pinned(command, core), capture_output=True, text=True, timeout=_RUN_LIMIT_SECONDS + seconds, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise RunFailed("the generator did not come to an end") from error
    if done.returncode:
        raise RunFailed(done.stderr.strip().splitlines()[-1] if done.stderr else f"status {done.returncode}")
    return read_outcome(done.stdout)


def read_outcome(text: str) -> Outcome:
    """Raises: RunFailed for anything but the generator's one line, or when it counted something wrong."""
    try:
        outcome = msgspec.json.decode(text, type=Outcome)
    except msgspec.DecodeError as error:
        raise RunFailed(f"the generator's line cannot be read: {error}") from error
    outcome.check()
    return outcome
