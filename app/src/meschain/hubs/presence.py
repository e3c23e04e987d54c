"""The `Presence` of the services: asks the data planes whether anybody is there. Knows no connection."""

from __future__ import annotations

from collections.abc import Callable

from hubwire import Audience, DataPlane
from meschain.domain.events import HUBS


class PlanePresence:
    """Presence over the data plane of each hub.

    Args:
        plane_of: Gives the plane of a hub by its name; asked each time, because hubs are made after this object.
    """

    def __init__(self, plane_of: Callable[[str], DataPlane]) -> None:
        self._plane_of = plane_of

    async def anyone_in(self, hub: str, group: str) -> bool:
        return await self._plane_of(hub).exists(Audience.group(group))

    async def user_is_connected(self, user_id: str) -> bool:
        for hub in HUBS:
            if await self._plane_of(hub).exists(Audience.user(user_id)):
                return True
        return False
