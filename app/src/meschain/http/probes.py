"""Asks a configured endpoint whether it is well: one GET, its status and how long it took. Reads no body."""

from __future__ import annotations

from dataclasses import dataclass

import aiohttp

from meschain.services.health import ERROR, HEALTHY, WARNING
from meschain.services.ports import Clock


@dataclass(frozen=True, slots=True)
class ProbeOptions:
    """What counts as slow."""

    timeout_seconds: float = 5.0
    """An API that takes longer is of no use to whoever waits for it."""
    slow_seconds: float = 1.0
    """A healthy API answers in a fraction of this."""


class HttpProbe:
    """A `HealthProbe` by HTTP: 2xx is healthy, slow or another answer is a warning, 5xx or none is an error."""

    def __init__(
        self, name: str, url: str, session: aiohttp.ClientSession, clock: Clock, options: ProbeOptions | None = None
    ) -> None:
        self.name = name
        self._url = url
        self._session = session
        self._clock = clock
        self._options = options or ProbeOptions()

    async def check(self) -> str:
        begun = self._clock.monotonic()
        try:
            async with self._session.get(
                self._url,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=self._options.timeout_seconds),
            ) as answer:
                status = answer.status
        except (aiohttp.ClientError, TimeoutError):
            return ERROR
        if status >= 500:
            return ERROR
        is_slow = self._clock.monotonic() - begun >= self._options.slow_seconds
        return HEALTHY if 200 <= status < 300 and not is_slow else WARNING
