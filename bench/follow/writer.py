"""Changes a shop by the clock, one commit each, whether or not the last one is through. Started by `changes.py`.

Usage: python -m follow.writer, with a `Task` as JSON on standard input. Writes when each change was due and when its
commit was answered into the file of moments (nanoseconds of CLOCK_MONOTONIC), and at the end a `Written` as JSON.
"""

from __future__ import annotations

import asyncio
import mmap
import struct
import sys
import time
from pathlib import Path

import asyncmy
import msgspec
import uvloop

from follow.plan import LANES, Plan
from follow.shop import NAME, order_change, stock_change

MOMENT = struct.Struct("=QQ")
_NANOSECONDS = 1_000_000_000


class Task(msgspec.Struct, frozen=True):
    """What is to be done."""

    plan: Plan
    port: int
    user: str
    password: str
    moments: str
    """The file."""


class Written(msgspec.Struct, frozen=True):
    """What was done."""

    commits: int
    per_second: float
    commit_p50_ms: float
    commit_p99_ms: float
    """From when it was due to its answer."""
    late_max_ms: float
    """By how much a commit was begun too late, at most."""


def _open(path: str) -> mmap.mmap:
    with Path(path).open("r+b") as file:
        return mmap.mmap(file.fileno(), 0)


async def write(task: Task) -> Written:
    plan = task.plan
    moments = _open(task.moments)
    begun = time.monotonic_ns() + _NANOSECONDS // 2
    took: list[float] = []
    late = 0

    async def lane(first: int) -> None:
        nonlocal late
        connection = await asyncmy.connect(
            host="127.0.0.1",
            port=task.port,
            user=task.user,
            password=task.password,
            database=NAME,
            autocommit=True,
        )
        change = order_change if plan.is_order(first) else stock_change
        for number in range(first, plan.count, LANES):
            due = begun + int(number / plan.rate * _NANOSECONDS)
            ahead = (due - time.monotonic_ns()) / _NANOSECONDS
            if ahead > 0:
                await asyncio.sleep(ahead)
            is_measured = number >= plan.warm
            MOMENT.pack_into(moments, number * MOMENT.size, due if is_measured else 0, 0)
            late = max(late, time.monotonic_ns() - due) if is_measured else late
            await connection.query(change(plan, number))  # type: ignore[no-untyped-call] # its stub names no types
            done = time.monotonic_ns()
            if is_measured:
                MOMENT.pack_into(moments, number * MOMENT.size, due, done)
                took.append((done - due) / 1e6)
        connection.close()

    async with asyncio.TaskGroup() as group:
        for first in range(LANES):
            group.create_task(lane(first))
    seconds = (time.monotonic_ns() - begun) / _NANOSECONDS
    took.sort()
    return Written(
        commits=plan.count,
        per_second=round(plan.count / seconds, 1),
        commit_p50_ms=round(took[len(took) // 2], 2),
        commit_p99_ms=round(took[int(len(took) * 0.99)], 2),
        late_max_ms=round(late / 1e6, 2),
    )


def main() -> None:
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(write(task))) + b"\n")


if __name__ == "__main__":
    main()
