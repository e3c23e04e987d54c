"""The `Presence` of the services: asks the data planes whether anybody is there. Knows no connection."""

from __future__ import annotations

from collections.abc import Mapping

from hubwire import Audience
from hubwire.ports import DataPlane


class PlanePresence:
    """Presence over the data plane of each hub.

    Args:
        planes: The plane of each hub, by its name.
    """

    def __init__(self, planes: Mapping[str, DataPlane]) -> None:
        self._planes = planes

    async def anyone_in(self, hub: str, group: str) -> bool:
        return await self._planes[hub].exists(Audience.group(group))

    async def user_is_connected(self, user_id: str) -> bool:
        for plane in self._planes.values():
            if await plane.exists(Audience.user(user_id)):
                return True
        return False
