"""CPU time of processes and of what they have started, from /proc. Linux."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(*roots: int) -> float:
    """User and system time of these processes and of all below them that run."""
    times: dict[int, float] = {}
    children: dict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended meanwhile
        times[int(entry.name)] = (int(fields[11]) + int(fields[12])) / _TICKS
        children[int(fields[1])].append(int(entry.name))
    waiting, total = list(roots), 0.0
    while waiting:
        process = waiting.pop()
        total += times.get(process, 0.0)
        waiting += children[process]
    return total
