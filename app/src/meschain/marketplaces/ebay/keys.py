"""Keeps the public keys that eBay signs with, by id. Whoever makes ids up cannot make us ask eBay without end."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec

from meschain.auth.throttle import SlidingLimit, Throttled
from meschain.marketplaces.ebay.signature import read_key
from meschain.services.ports import Clock
from meschain.services.webhook_ports import VendorUnavailable


@dataclass(frozen=True, slots=True)
class KeyOptions:
    """How long keys are kept, and how often they are asked for."""

    keep_seconds: float = 6 * 3600.0
    """A key that eBay withdraws is believed so long at most; it asks for an hour at least."""
    unknown_seconds: float = 300.0
    """An id that eBay does not know is not asked for again so soon."""
    most_keys: int = 100
    """eBay uses a handful; the one unused for longest is forgotten."""
    lookups: int = 20
    """Questions to eBay within the window below; above it, what names an unknown key is to come again."""
    lookup_window_seconds: float = 60.0


class EbayKeys:
    """The keys of one application.

    Args:
        fetch: asks eBay for a key by its id; None: it knows none. Raises: VendorUnavailable.
    """

    def __init__(
        self, fetch: Callable[[str], Awaitable[str | None]], clock: Clock, options: KeyOptions | None = None
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._options = options or KeyOptions()
        self._kept: OrderedDict[str, tuple[float, ec.EllipticCurvePublicKey | None]] = OrderedDict()
        self._limit = SlidingLimit(self._options.lookups, self._options.lookup_window_seconds, clock.monotonic)
        # Of many notifications that come at once with a new key one asks.
        self._turn = asyncio.Lock()

    async def get(self, key_id: str) -> ec.EllipticCurvePublicKey | None:
        """The key; None: eBay has none of that id, or one that is no use. Raises: VendorUnavailable."""
        found = self._find(key_id)
        if found is not None:
            return found[1]
        async with self._turn:
            found = self._find(key_id)
            if found is not None:
                return found[1]
            try:
                self._limit.hit("")
            except Throttled:
                raise VendorUnavailable(
                    f"eBay was asked for {self._options.lookups} keys within "
                    f"{self._options.lookup_window_seconds:g} seconds; no more are asked for now"
                ) from None
            key = _usable(await self._fetch(key_id))
            keep = self._options.unknown_seconds if key is None else self._options.keep_seconds
            self._kept[key_id] = (self._clock.monotonic() + keep, key)
            while len(self._kept) > self._options.most_keys:
                self._kept.popitem(last=False)
            return key

    def _find(self, key_id: str) -> tuple[float, ec.EllipticCurvePublicKey | None] | None:
        found = self._kept.get(key_id)
        if found is None or found[0] <= self._clock.monotonic():
            return None
        self._kept.move_to_end(key_id)
        return found


def _usable(pem: str | None) -> ec.EllipticCurvePublicKey | None:
    try:
        return None if pem is None else read_key(pem)
    except ValueError:
        return None
