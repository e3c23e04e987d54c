"""The machine that is measured on: its shape, versions, cores; never its name or paths."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

PEERS = Path(__file__).parent.parent / "peers"


def cores() -> tuple[int | None, int | None]:
    """One for the server and one for the generator; None: there is only one, and nothing is pinned."""
    allowed = sorted(os.sched_getaffinity(0))
    return (allowed[0], allowed[1]) if len(allowed) > 1 else (None, None)


def pinned(command: Sequence[str], core: int | None) -> list[str]:
    return list(command) if core is None else ["taskset", "-c", str(core), *command]


def shape() -> dict[str, object]:
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory_kib = int(Path("/proc/meminfo").read_text().split()[1])
    return {
        "cores": len(os.sched_getaffinity(0)),
        "cpu": model,
        "memory_gib": round(memory_kib / 1024 / 1024, 1),
        "system": platform.system(),
        "kernel": platform.release().partition("-")[0],
        "architecture": platform.machine(),
    }


def versions(packages: Iterable[str], node_packages: Iterable[str]) -> dict[str, str]:
    found = {"python": platform.python_version(), **{name: version(name) for name in sorted(set(packages))}}
    node_names = sorted(set(node_packages))
    if node_names:
        node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
        found["node"] = node.stdout.strip().removeprefix("v")
    for name in node_names:
        found[name] = json.loads((PEERS / "node_modules" / name / "package.json").read_text())["version"]
    return found
