"""The engine's clock on the application's, so that tests move both at once."""

from __future__ import annotations

from meschain.services.ports import Clock


class EngineClock:
    """The engine's `Clock`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def time(self) -> float:
        return self._clock.now().timestamp()

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
