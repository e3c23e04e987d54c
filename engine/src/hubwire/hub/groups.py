"""Group membership as hub code changes it."""

from __future__ import annotations

from hubwire.model import Member
from hubwire.ports import DataPlane


class GroupManager:
    """Joins connections to the groups of one hub. A membership ends with its connection."""

    __slots__ = ("_plane",)

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane

    async def add(self, connection_id: str, group: str) -> None:
        """Adding twice delivers once; a connection that is gone stays out. Raises: ValueError for an empty name."""
        await self._plane.add_to_group(_checked(group), Member.connection(connection_id))

    async def remove(self, connection_id: str, group: str) -> None:
        """Removing a stranger does nothing. Raises: ValueError for an empty name."""
        await self._plane.remove_from_group(_checked(group), Member.connection(connection_id))


def _checked(group: str) -> str:
    if not group:
        raise ValueError("A group name is empty; give each group a name.")
    return group
