"""Looking again for what is not there yet. Knows no table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sized
from typing import Final, TypeVar

from meschain.services.ports import Clock

PAUSE_SECONDS: Final = 0.05
"""Between two looks: a transaction in the log is committed within some milliseconds."""
LOOKS: Final = 6
"""Then it counts as deleted since: a quarter of a second for each batch that names something deleted."""

_Found = TypeVar("_Found", bound=Sized)


class Patience:
    """How often one looks.

    Args:
        looks: 1: once.
    """

    def __init__(self, clock: Clock, looks: int) -> None:
        self._clock = clock
        self._looks = looks

    async def look(self, find: Callable[[], Awaitable[_Found]], wanted: int) -> _Found:
        """What is found at the first look that finds so many, or at the last."""
        for _ in range(self._looks - 1):
            found = await find()
            if len(found) >= wanted:
                return found
            await self._clock.sleep(PAUSE_SECONDS)
        return await find()
