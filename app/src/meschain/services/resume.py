"""Replays what a connection missed: the stored events of its groups behind a position. Knows no hub and no table.

Why nothing is missed between the replay and what is live. The caller is in its groups before the newest position is
read here. Whatever has a higher position was stored after that reading, is told after it was stored, and so reaches
the caller live. Everything up to it is replayed. So `position` of the last answer parts the two: an event at or below
it has been replayed, one above it comes live. What comes live at or below it, because it was told while the replay ran,
is a double that is known as such by its position, and by its id. No lock, no state and no word with the publisher is
needed, and it does not matter which process asks, holds the connection or publishes.

A call replays a bounded number and says whether there is more; the client calls again, so it sets the pace itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final

from meschain.domain.event_routes import group_of
from meschain.domain.events import StoredEvent
from meschain.domain.payloads import ResumeAnswer
from meschain.services.errors import ResumeRefused
from meschain.services.options import EventOptions
from meschain.services.ports import KeptEvents, Shop, ShopUnavailable

LAST_ORDERS: Final = 10
"""Given to who cannot be told what it missed."""

Replay = Callable[[Sequence[StoredEvent]], Awaitable[None]]
"""Gives events to the caller, in order."""


class ResumeService:
    """Answers `ResumeEvents`."""

    def __init__(self, *, events: KeptEvents, shop: Shop, options: EventOptions | None = None) -> None:
        self._events = events
        self._shop = shop
        self._options = options or EventOptions()

    async def resume(
        self, hub: str, groups: Collection[str], marketplaces: Sequence[str] | None, position: object, replay: Replay
    ) -> ResumeAnswer:
        """Replay what is behind the position.

        Args:
            groups: of the caller on the hub; it is in them already.
            marketplaces: whose last orders it may see; None: the whole shop's.
            position: as the client gave it; None: it has none, so nothing is replayed.

        Raises: ResumeRefused.
        """
        if position is not None and (isinstance(position, bool) or not isinstance(position, int) or position < 0):
            raise ResumeRefused("The argument position is the whole number that the last event or answer had, or null.")
        newest = await self._events.newest()
        if position == newest:
            return _answer(newest)
        # One above the newest is of another database: what it counted is not known here.
        if position is None or position > newest:
            return await self._begin_anew(newest, marketplaces, is_complete=position is None)
        scan = self._options.replay_scan
        if newest - position > scan and not await self._is_kept(position + 1):
            return await self._begin_anew(newest, marketplaces, is_complete=False)
        rows = await self._events.behind(position, scan)
        rows = [row for row in rows if row.position <= newest]
        if not rows or rows[0].position != position + 1:  # it is not kept any more: positions have no holes
            return await self._begin_anew(newest, marketplaces, is_complete=False)
        missed = [row for row in rows if group_of(row.event, hub) in groups]
        is_too_many = len(missed) > self._options.replay
        missed = missed[: self._options.replay]
        await replay(missed)
        reached = missed[-1].position if is_too_many else rows[-1].position
        return _answer(reached, more=reached < newest)

    async def _is_kept(self, position: int) -> bool:
        """Looked at alone, where much would be read in vain."""
        return [row.position for row in await self._events.behind(position - 1, 1)] == [position]

    async def _begin_anew(self, newest: int, marketplaces: Sequence[str] | None, *, is_complete: bool) -> ResumeAnswer:
        try:
            orders = list(await self._shop.recent_orders(LAST_ORDERS, marketplaces))
        except ShopUnavailable:
            orders = []
        return ResumeAnswer(position=newest, complete=is_complete, more=False, orders=orders, events=[])


def _answer(reached: int, *, more: bool = False) -> ResumeAnswer:
    return ResumeAnswer(position=reached, complete=True, more=more, orders=[], events=[])
