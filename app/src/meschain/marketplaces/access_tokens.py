"""OAuth 2 access tokens of a vendor's API: asked for once, kept until shortly before they expire.

Knows no vendor; how one is asked for is given. Tokens are in no text and no `repr`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from meschain.services.ports import Clock

_EARLY_SECONDS: Final = 60.0
"""A token is asked for anew so long before its end: a request takes a while, and clocks differ."""


class TokenAnswer(msgspec.Struct, frozen=True):
    """RFC 6749, 5.1."""

    access_token: str
    expires_in: float = 300.0
    refresh_token: str = ""

    def __repr__(self) -> str:
        return "TokenAnswer(…)"


class AccessToken:
    """One token.

    Args:
        ask: asks the vendor for a new one. Raises: VendorUnavailable.
    """

    def __init__(self, ask: Callable[[], Awaitable[TokenAnswer]], clock: Clock) -> None:
        self._ask = ask
        self._clock = clock
        self._token = ""
        self._until = 0.0
        # Many deliveries that come at once ask for one token.
        self._turn = asyncio.Lock()

    async def get(self) -> str:
        """A token that is valid for a while. Raises: VendorUnavailable."""
        async with self._turn:
            if not self._token or self._clock.monotonic() >= self._until:
                begun = self._clock.monotonic()
                answer = await self._ask()
                self._token = answer.access_token
                self._until = begun + max(0.0, answer.expires_in - _EARLY_SECONDS)
            return self._token
