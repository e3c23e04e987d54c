"""What people do with the inbox: look at deliveries, replay them, drop them; all of it audited but the list.

Knows no vendor, no route and no command.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from meschain.services.options import InboxOptions
from meschain.services.ports import AuditStore, Clock
from meschain.services.webhook_ports import Backlog, InboxStore, Status, StoredDelivery


@dataclass(frozen=True, slots=True)
class ReplayedDead:
    """One page of replaying what was given up."""

    replayed: int
    before: int | None
    """Go on before this number; None: that was all."""


class InboxAdministration:
    """The use cases behind the page and `meschain inbox`. Whoever calls has checked that the person may.

    Args:
        wake: called once there is something to work on.
        vendors: those that have a store, by the word in their address.
    """

    def __init__(
        self,
        *,
        store: InboxStore,
        audit: AuditStore,
        wake: Callable[[], None],
        clock: Clock,
        vendors: Sequence[str] = (),
        options: InboxOptions | None = None,
    ) -> None:
        self.vendors = tuple(vendors)
        self._store = store
        self._audit = audit
        self._wake = wake
        self._clock = clock
        self._options = options or InboxOptions()

    async def list(
        self,
        *,
        status: str | None = None,
        vendor: str | None = None,
        before: int | None = None,
        limit: int | None = None,
    ) -> Sequence[StoredDelivery]:
        """The newest first, without bodies; at most a page. Raises: ValueError for a status that there is not."""
        if status is not None and status not in Status.ALL:
            raise ValueError(f"The status of a delivery is one of {', '.join(Status.ALL)}.")
        wanted = self._options.page if limit is None else limit
        return await self._store.list(status, vendor, before, max(1, min(wanted, self._options.largest_page)))

    async def backlog(self) -> Backlog:
        return await self._store.backlog()

    async def show(self, who: str, number: int) -> StoredDelivery | None:
        """A delivery with its body, which may hold a buyer's data; None: there is none."""
        found = await self._store.get(number)
        await self._audit.add(who, "ShowWebhook", {"delivery": number}, "ok" if found else "refused: there is none")
        return found

    async def replay(self, who: str, number: int) -> bool:
        """Work on it again. What it led to before is not told a second time; False: there is none, or it is dropped."""
        return await self._do(who, "ReplayWebhook", number, self._store.replay)

    async def replay_dead(self, who: str, before: int | None = None) -> ReplayedDead:
        """Work again on a page of those that were given up, the newest first, those before that number only."""
        found = await self._store.list(Status.DEAD, None, before, self._options.largest_page)
        replayed = 0
        for each in found:
            replayed += await self.replay(who, each.number)
        return ReplayedDead(replayed, found[-1].number if len(found) == self._options.largest_page else None)

    async def drop(self, who: str, number: int) -> bool:
        """Give it up for good: its body is emptied, and the vendor's repeats are not taken. False: there is none."""
        return await self._do(who, "DropWebhook", number, self._store.drop)

    async def _do(self, who: str, action: str, number: int, change: Callable[[int, datetime], Awaitable[bool]]) -> bool:
        changed = await change(number, self._clock.now())
        await self._audit.add(who, action, {"delivery": number}, "ok" if changed else "refused: it cannot be")
        if changed:
            self._wake()
        return changed
