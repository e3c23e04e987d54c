"""What an operation on a hub's registry costs with 100,000 connections, against the same with 1,000.

Usage: python bench/registry.py [--rounds 5]
Both sizes in turn within each round; writes bench/results/registry.json. A ratio of 1 means that size costs nothing;
above it is mostly that larger tables miss the processor's caches more often.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from hubwire.model import Audience, Member
from hubwire.plane.registry import Registry
from hubwire.testing.lines import MemoryLine, make_caller

SMALL, LARGE = 1_000, 100_000
SAMPLED = 1_000
"""Operations timed at once, spread evenly over the members."""


def filled(size: int) -> tuple[Registry, list[MemoryLine]]:
    """Connections of half as many users, all of them in one group and each in one of a hundred others."""
    registry = Registry()
    lines = [MemoryLine(make_caller(f"user-{n // 2}", connection_id=f"connection-{n}")) for n in range(size)]
    for number, line in enumerate(lines):
        registry.attach(line)
        registry.join("everybody", Member.connection(line.caller.connection_id))
        registry.join(f"room-{number % 100}", Member.connection(line.caller.connection_id))
    return registry, lines


def nanoseconds(work: Callable[[], None], operations: int) -> float:
    started = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - started) / operations


def measure(registry: Registry, lines: list[MemoryLine]) -> dict[str, float]:
    some = lines[:: len(lines) // SAMPLED][:SAMPLED]
    members = [Member.connection(line.caller.connection_id) for line in some]
    excluded = [line.caller.connection_id for line in some[:10]]
    everybody, most = Audience.group("everybody"), Audience.group("everybody", excluded)

    def each(operation: Callable[[str, Member], None], group: str) -> Callable[[], None]:
        def work() -> None:
            for member in members:
                operation(group, member)

        return work

    def detach() -> None:
        for line in some:
            registry.detach(line)

    def attach() -> None:
        for line in some:
            registry.attach(line)

    def find_users() -> None:
        for line in some:
            registry.lines(Audience.user(line.caller.user_id or ""))

    found = {
        "join": nanoseconds(each(registry.join, "guests"), SAMPLED),
        "leave": nanoseconds(each(registry.leave, "guests"), SAMPLED),
        "find a user": nanoseconds(find_users, SAMPLED),
        "list a group, per member": nanoseconds(lambda: _list(registry, everybody), len(lines)),
        "the same but 10, per member": nanoseconds(lambda: _list(registry, most), len(lines)),
        "detach, two groups": nanoseconds(detach, SAMPLED),
        "attach": nanoseconds(attach, SAMPLED),
    }
    for number, line in enumerate(some):  # as before, for the next round
        registry.join("everybody", Member.connection(line.caller.connection_id))
        registry.join(f"room-{number % 100}", Member.connection(line.caller.connection_id))
    return found


def _list(registry: Registry, audience: Audience) -> None:
    registry.lines(audience)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    registries = {size: filled(size) for size in (SMALL, LARGE)}
    rounds = [{size: measure(*registries[size]) for size in registries} for _ in range(options.rounds)]
    rows = {}
    print(f"{'ns per operation, medians':<30}{SMALL:>10,}{LARGE:>10,}{'ratio':>8}")
    for name in rounds[0][SMALL]:
        small, large = (round(statistics.median(each[size][name] for each in rounds), 1) for size in (SMALL, LARGE))
        ratio = round(statistics.median(each[LARGE][name] / each[SMALL][name] for each in rounds), 2)
        rows[name] = {str(SMALL): small, str(LARGE): large, "ratio": ratio}
        print(f"{name:<30}{small:>10}{large:>10}{ratio:>8}")
    result = {
        "scenario": "registry",
        "command": " ".join(["python", "bench/registry.py", *sys.argv[1:]]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"cores": len(os.sched_getaffinity(0)), "architecture": platform.machine()},
        "versions": {"python": platform.python_version()},
        "unit": "ns",
        "operations": rows,
    }
    path = Path(__file__).parent / "results" / "registry.json"
    path.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
