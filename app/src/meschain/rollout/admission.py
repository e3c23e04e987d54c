"""Lets clients through to a side, as many in a second as all processes together may. Knows no side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from meschain.auth.throttle import Throttled
from meschain.services.rollout_ports import ConnectPermits
from meschain.services.together import Take, Together

_AGAIN_SECONDS: Final = 1.0
"""When those that are one too many are to come again: permits are counted by the second."""
_MOST_TOGETHER: Final = 10_000
"""More than ever ask at once."""


class Admission:
    """Asks for permits. Those that come while it asks share the next question: a crowd is few of them."""

    def __init__(self, permits: ConnectPermits, per_second: int) -> None:
        self._permits = permits
        self._per_second = per_second
        self._together: Together[None, bool] = Together(self._ask, _MOST_TOGETHER)

    async def enter(self) -> None:
        """Raises: Throttled; any error of the store."""
        if not await self._together.add(None):
            raise Throttled(_AGAIN_SECONDS)

    async def _ask(self, take: Take[None]) -> Sequence[bool]:
        """In the order in which they came."""
        asked = len(take())
        given = await self._permits.take(asked, self._per_second)
        return [place < given for place in range(asked)]
