"""How busy the machine is, in percent, as Linux tells it; 0 elsewhere, where there is no such source."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_MEMORY: Final = Path("/proc/meminfo")
_PROCESSORS: Final = Path("/proc/stat")


class Machine:
    """Args: memory, processors: where the kernel tells them."""

    def __init__(self, memory: Path = _MEMORY, processors: Path = _PROCESSORS) -> None:
        self._memory = memory
        self._processors = processors
        self._before: tuple[int, int] = (0, 0)

    def memory_percent(self) -> float:
        """What is in use and could not be had at once."""
        found = {}
        for line in _lines(self._memory):
            name, _, rest = line.partition(":")
            found[name] = int(rest.split()[0]) if rest.split() else 0
        total, available = found.get("MemTotal", 0), found.get("MemAvailable", 0)
        return round(100 * (total - available) / total, 1) if total else 0.0

    def cpu_percent(self) -> float:
        """What all processors did since the last call; since the machine started at the first."""
        for line in _lines(self._processors):
            name, *rest = line.split()
            if name == "cpu":
                times = [int(each) for each in rest]
                idle, total = sum(times[3:5]), sum(times[:8])
                before_idle, before_total = self._before
                self._before = (idle, total)
                passed = total - before_total
                # Linux may take waiting for disks back, so less idle time than before is possible.
                idled = min(max(idle - before_idle, 0), passed)
                return round(100 * (1 - idled / passed), 1) if passed > 0 else 0.0
        return 0.0


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return []
