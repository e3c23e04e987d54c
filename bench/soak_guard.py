"""A green side begins to let half of its clients down, again and again: how long until it is rolled back by itself.

Usage: PYTHONPATH=. python bench/soak_guard.py [--rounds 10]

Green is a `hubwire service` behind a front that answers every second negotiate with 500 from some moment on; everything
else passes. Nobody negotiates but the application's own probes, two a second: what is seen without any client. A round
counts from the first negotiate that failed to the moment of the plan's roll-back, by the guard and nobody else. Writes
bench/results/soak-guard.json.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import platform
import secrets
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from app.tests.rollout.flaky_front import FlakyFront
from app.tests.rollout.two_sides import TwoSides, two_sides, until

from meschain.rollout.guarding import WHO
from meschain.services.options import GuardOptions

RESULT = Path(__file__).parent / "results" / "soak-guard.json"
BAR_SECONDS = 10.0


async def rounds(count: int) -> tuple[list[float], list[str]]:
    """Seconds of each round, and what went wrong."""
    with tempfile.TemporaryDirectory(prefix="soak-guard-") as place:
        folder = Path(place) / "data"
        folder.mkdir(mode=0o700)
        async with FlakyFront().listening() as front, two_sides(folder, front=front) as sides:
            token = (await sides.site.login("admin"))["accessToken"]
            found = []
            for number in range(count):
                found.append(await one(sides, front, token))
                print(f"round {number + 1}: {found[-1][0]:.2f} s, {found[-1][1]}", flush=True)
    return [seconds for seconds, _, _ in found], [f"{who} rolled back: {why}" for _, who, why in found if who != WHO]


async def one(sides: TwoSides, front: FlakyFront, token: str) -> tuple[float, str, str]:
    """Seconds, who rolled back, and why."""

    async def report() -> dict[str, Any]:
        answer: dict[str, Any] = (await sides.site.get("/api/rollout", token))[1]
        return answer

    async def both_are_well() -> bool:
        measured = (await report())["sides"].values()
        return all(side["latencyMs"] > 0 and side["connectsFailed"] == 0 for side in measured)

    async def is_over() -> bool:
        return bool((await report())["plan"]["state"] == "rolled_back")

    await sides.rollout("start", token, percent=0)
    await until(both_are_well)
    await sides.rollout("advance", token, percent=50)
    # So that the fault does not begin with a look of the guard's.
    await asyncio.sleep(secrets.randbelow(1000) / 1000 * GuardOptions().look_seconds)
    front.begin_to_fail()
    await until(is_over)
    front.be_well()
    plan = (await report())["plan"]
    assert front.first_failure is not None
    seconds = (datetime.fromisoformat(plan["changedAt"]) - front.first_failure).total_seconds()
    return seconds, plan["changedBy"], plan["reason"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    seconds, problems = asyncio.run(rounds(given.rounds))
    seconds.sort()
    if seconds[-1] > BAR_SECONDS:
        problems.append(f"it took {seconds[-1]:.2f} s once, more than {BAR_SECONDS:g} s")
    result = {
        "command": f"PYTHONPATH=. python bench/soak_guard.py --rounds {given.rounds}",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "load_average": round(os.getloadavg()[0], 1),
        "rounds": len(seconds),
        "seconds_from_the_first_failure_to_the_roll_back": {
            "p50": round(seconds[len(seconds) // 2], 2),
            "max": round(seconds[-1], 2),
        },
        "bar_seconds": BAR_SECONDS,
        "problems": problems,
    }
    print(json.dumps(result, indent=2))
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    if problems:
        sys.exit(f"{len(problems)} things do not hold")


if __name__ == "__main__":
    main()
