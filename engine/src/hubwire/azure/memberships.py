"""Users in groups, as Azure SignalR Service has them: a user joins with the connections it has and with later ones.

A membership lives in two places: as a record in the store, which later connections read, and in the data plane, which
holds the connections of now. What keeps both in step while others call at the same time, also in other processes:

- A change writes the record first and changes the plane second. A connection is attached first and reads the records
  second. So a record that a connection did not see was written after it was attached, and the change of the plane that
  follows meets the connection. No membership is lost.
- Whoever has changed the plane reads the record again, and changes the plane once more if the record says otherwise.
  So after the last writing of a record, whatever was done to the plane by the one before is put right: a removed
  membership does not come back by a connection that has read it before, nor by an addition that was overtaken.

For the second, a record that expired has to be told from one that was removed, since expiry takes nobody out of a
group: stores keep expired ones for an hour. Knows no HTTP, no sockets, and of stores and planes their ports only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable

from hubwire.clock import Clock, SystemClock
from hubwire.model import Caller, Member
from hubwire.ports import DataPlane, MembershipStore

LONGEST_SECONDS = 365 * 24 * 3600
"""How long a membership without a time to live lasts: one year, as the service's description says."""
KEPT_WITHOUT_TTL = 100
"""How many memberships without a time to live a user has; those updated before the last so many expire."""
LONGEST_TTL_SECONDS = 2**31 - 1
"""The description's type of `ttl`."""


class Memberships:
    """Those of all hubs of a service. Hubs are compared without regard to case, users and groups with."""

    def __init__(
        self, store: MembershipStore, plane_of: Callable[[str], DataPlane], *, clock: Clock | None = None
    ) -> None:
        """Use a store that its owner starts and stops.

        Args:
            plane_of: gives the data plane of a hub, by its name in lower case.
        """
        self._store = store
        self._plane_of = plane_of
        self._clock: Clock = clock or SystemClock()

    async def add(self, hub: str, user_id: str, group: str, ttl_seconds: float | None = None) -> None:
        """Let the user's connections of now join, and those that open until the membership expires.

        Adding again counts the time from now. No connection leaves a group when a membership expires.

        Args:
            ttl_seconds: 0: the connections of now only. None: a year, and of those a user has the last 100 only.

        Raises: ValueError; StoreUnavailable, after which nothing has changed; what the plane raises, after which
            later connections join and those of now may not have: add again.
        """
        if ttl_seconds is not None and not 0 <= ttl_seconds <= LONGEST_TTL_SECONDS:
            raise ValueError(f"A time to live of {ttl_seconds} s makes no sense: give 0 to {LONGEST_TTL_SECONDS} s.")
        hub = hub.lower()
        now = self._clock.time()
        await self._store.put(
            hub,
            user_id,
            group,
            now=now,
            expires_at=now + (LONGEST_SECONDS if ttl_seconds is None else ttl_seconds),
            kept=KEPT_WITHOUT_TTL if ttl_seconds is None else None,
        )
        await self._plane_of(hub).add_to_group(group, Member.user(user_id))
        await self._settle(hub, user_id, group, is_in=True)

    async def remove(self, hub: str, user_id: str, group: str) -> None:
        """Take the user's connections out of the group, and let no later one join. A stranger is no error.

        Raises: as `add`.
        """
        hub = hub.lower()
        await self._store.remove(hub, user_id, group)
        await self._plane_of(hub).remove_from_group(group, Member.user(user_id))
        await self._settle(hub, user_id, group, is_in=False)

    async def remove_from_all(self, hub: str, user_id: str) -> None:
        """Take the user's connections out of every group, also of those that each joined by itself.

        Raises: as `add`.
        """
        hub = hub.lower()
        await self._store.remove_all(hub, user_id)
        await self._plane_of(hub).remove_from_all_groups(Member.user(user_id))
        for group in await self._store.of_user(hub, user_id):  # added meanwhile
            await self._settle(hub, user_id, group, is_in=False)

    async def is_member(self, hub: str, user_id: str, group: str) -> bool:
        """Whether later connections of the user would join now; connections do not count.

        Raises: StoreUnavailable.
        """
        expires_at = await self._store.find(hub.lower(), user_id, group)
        return expires_at is not None and expires_at > self._clock.time()

    async def connected(self, caller: Caller) -> None:
        """Let a new connection join its user's groups. Call it when the connection is attached, before others hear.

        Raises: StoreUnavailable, what the plane raises.
        """
        if caller.user_id is None:
            return
        hub = caller.hub.lower()
        member = Member.connection(caller.connection_id)
        joined: set[str] = set()
        while True:
            now = self._clock.time()
            known = await self._store.of_user(hub, caller.user_id)
            joins = {group for group, expires_at in known.items() if expires_at > now} - joined
            leaves = joined - known.keys()
            if not joins and not leaves:
                return
            plane = self._plane_of(hub)
            await _all(plane.add_to_group(group, member) for group in joins)
            await _all(plane.remove_from_group(group, member) for group in leaves)
            joined = (joined | joins) - leaves

    async def _settle(self, hub: str, user_id: str, group: str, *, is_in: bool) -> None:
        """Change the plane until it is as the record says; `is_in`: what it was made last."""
        plane, member = self._plane_of(hub), Member.user(user_id)
        while (is_known := await self._store.find(hub, user_id, group) is not None) is not is_in:
            if is_known:
                await plane.add_to_group(group, member)
            else:
                await plane.remove_from_group(group, member)
            is_in = is_known


async def _all(work: Iterable[Coroutine[object, object, None]]) -> None:
    """Do all of it at once: planes that ask other processes do so for all groups in one turn."""
    for outcome in await asyncio.gather(*work, return_exceptions=True):
        if outcome is not None:
            raise outcome
