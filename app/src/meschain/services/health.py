"""Health of the APIs around us, by probes at an interval, and of the shop's database, by one timed query.

Knows what a probe answers and nothing of how it asks.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from meschain.services.options import HealthOptions
from meschain.services.ports import Clock, HealthProbe, Shop, ShopUnavailable
from meschain.services.waiting import within

_log = logging.getLogger(__name__)

HEALTHY: Final = "healthy"
WARNING: Final = "warning"
ERROR: Final = "error"
UNKNOWN: Final = "unknown"
NO_SOURCE: Final = "none"

_BADNESS: Final = {HEALTHY: 0, WARNING: 1, ERROR: 2}


@dataclass(frozen=True, slots=True)
class HealthReading:
    """A status and where it comes from."""

    status: str
    """`healthy`, `warning`, `error` or `unknown`."""
    source: str
    """In a few words; `none`: nothing was asked."""


class HealthMonitor:
    """Runs the probes and remembers the last answer of each."""

    def __init__(self, probes: Sequence[HealthProbe], clock: Clock, options: HealthOptions | None = None) -> None:
        self._probes = tuple(probes)
        self._clock = clock
        self._options = options or HealthOptions()
        self._answers: dict[str, str] = {}

    async def run(self) -> None:
        """Check at every interval, for ever."""
        while True:
            await self.check()
            await self._clock.sleep(self._options.interval_seconds)

    async def check(self) -> None:
        """Ask every probe once, all at the same time."""
        answers = await asyncio.gather(*(self._ask(probe) for probe in self._probes))
        self._answers = {probe.name: answer for probe, answer in zip(self._probes, answers, strict=True)}

    def api_health(self) -> HealthReading:
        """The worst answer of all probes; unknown without probes, and before their first answers."""
        if not self._answers:
            return HealthReading(UNKNOWN, NO_SOURCE)
        worst = max(self._answers.values(), key=_BADNESS.__getitem__)
        bad = sorted(name for name, answer in self._answers.items() if answer != HEALTHY)
        asked = f"{len(self._answers)} probes" if len(self._answers) > 1 else "1 probe"
        return HealthReading(worst, f"{asked}: {', '.join(bad)}" if bad else asked)

    @property
    def has_probes(self) -> bool:
        return bool(self._probes)

    def failing(self) -> Sequence[str] | None:
        """Names of the probes whose last answer was an error; None: there are probes, and none has answered yet."""
        if self._probes and not self._answers:
            return None
        return sorted(name for name, answer in self._answers.items() if answer == ERROR)

    async def _ask(self, probe: HealthProbe) -> str:
        try:
            answer = await within(self._clock, self._options.probe_timeout_seconds, probe.check())
        except Exception as error:  # noqa: BLE001 - boundary to whatever is probed; a failure is an answer
            _log.info("probe %s failed: %s", probe.name, type(error).__name__)
            return ERROR
        return answer if answer in _BADNESS else WARNING


@dataclass(frozen=True, slots=True)
class DatabaseReading:
    """Health of the shop's database."""

    status: str
    latency_milliseconds: float
    """0 when there was no answer."""
    source: str
    latency_source: str


async def database_health(
    shop: Shop, clock: Clock, timeout_seconds: float, options: HealthOptions | None = None
) -> DatabaseReading:
    """Ask the shop's database for one row: `warning` when that is slow, `error` when it does not answer."""
    limits = options or HealthOptions()
    source = "timed query"
    try:
        seconds = await within(clock, timeout_seconds, shop.probe())
    except (ShopUnavailable, TimeoutError):
        return DatabaseReading(ERROR, 0.0, source, NO_SOURCE)
    except Exception:  # noqa: BLE001 - boundary to the shop's driver: whatever it raises, there was no answer
        _log.exception("the probe of the shop's database failed")
        return DatabaseReading(ERROR, 0.0, source, NO_SOURCE)
    status = WARNING if seconds >= limits.database_slow_seconds else HEALTHY
    return DatabaseReading(status, round(seconds * 1000, 2), source, source)
