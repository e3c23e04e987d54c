"""The `Presence` of the services: asks the data planes whether anybody is there. Knows no connection.

While other processes cannot be asked, nobody there counts: nothing could be sent to them either, and whoever waits for
something is looked after later.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from hubwire import Audience, DataPlane
from meschain.domain.events import HUBS
from meschain.hubs.unreachable import UNREACHABLE

_log = logging.getLogger(__name__)


class PlanePresence:
    """Presence over the data plane of each hub.

    Args:
        plane_of: Gives the plane of a hub by its name; asked each time, because hubs are made after this object.
    """

    def __init__(self, plane_of: Callable[[str], DataPlane]) -> None:
        self._plane_of = plane_of

    async def anyone_in(self, hub: str, group: str) -> bool:
        return await self._exists(hub, Audience.group(group))

    async def user_is_connected(self, user_id: str) -> bool:
        for hub in HUBS:
            if await self._exists(hub, Audience.user(user_id)):
                return True
        return False

    async def _exists(self, hub: str, audience: Audience) -> bool:
        try:
            return await self._plane_of(hub).exists(audience)
        except UNREACHABLE as error:
            _log.warning("whether anybody is connected elsewhere is not known: %s", error)
            return False
