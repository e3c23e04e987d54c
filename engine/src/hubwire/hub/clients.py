"""Whom a hub addresses: each property or method gives the contract of the clients chosen. Knows no registry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic

from hubwire.hub.contracts import ContractT
from hubwire.model import Audience
from hubwire.options import PropertyNames
from hubwire.ports import DataPlane


class HubClients(Generic[ContractT]):
    """The clients of a hub, seen from anywhere."""

    __slots__ = ("_contract", "_plane", "_property_names")

    def __init__(
        self,
        plane: DataPlane,
        contract: type[ContractT],
        property_names: PropertyNames = PropertyNames.AS_DECLARED,
    ) -> None:
        self._plane = plane
        self._contract = contract
        self._property_names = property_names

    def _for(self, audience: Audience) -> ContractT:
        return self._contract(self._plane, audience, self._property_names)

    @property
    def all(self) -> ContractT:
        """Every connection of the hub."""
        return self._for(Audience.all())

    def all_except(self, connection_ids: Sequence[str]) -> ContractT:
        """Every connection but these; strangers among them are no error."""
        return self._for(Audience.all(_names(connection_ids)))

    def client(self, connection_id: str) -> ContractT:
        """One connection, which can be asked too; messages for an unknown id go silently to nobody."""
        return self._for(Audience.connection(connection_id))

    def clients(self, connection_ids: Sequence[str]) -> ContractT:
        """These connections; a message for an unknown id goes silently to nobody."""
        return self._for(Audience.connections(_names(connection_ids)))

    def group(self, name: str) -> ContractT:
        """The members of a group at the moment of the call. Raises: ValueError for an empty name."""
        return self._for(Audience.group(name))

    def groups(self, names: Sequence[str]) -> ContractT:
        """A connection in two of the groups receives twice. Raises: ValueError for an empty name."""
        return self._for(Audience.groups(_names(names)))

    def group_except(self, name: str, connection_ids: Sequence[str]) -> ContractT:
        """The members of a group but these connections. Raises: ValueError for an empty name."""
        return self._for(Audience.group(name, _names(connection_ids)))

    def user(self, user_id: str) -> ContractT:
        """All connections of one user; ids are compared with regard to case."""
        return self._for(Audience.user(user_id))

    def users(self, user_ids: Sequence[str]) -> ContractT:
        """All connections of these users."""
        return self._for(Audience.users(_names(user_ids)))


class HubCallerClients(HubClients[ContractT]):
    """The clients of a hub, seen from one of its connections."""

    __slots__ = ("_connection_id",)

    def __init__(
        self,
        plane: DataPlane,
        contract: type[ContractT],
        connection_id: str,
        property_names: PropertyNames = PropertyNames.AS_DECLARED,
    ) -> None:
        super().__init__(plane, contract, property_names)
        self._connection_id = connection_id

    @property
    def caller(self) -> ContractT:
        """The connection behind the present call, which can be asked too."""
        return self.client(self._connection_id)

    @property
    def others(self) -> ContractT:
        """Every connection but the caller's."""
        return self.all_except((self._connection_id,))

    def others_in_group(self, name: str) -> ContractT:
        """The members of a group but the caller. Raises: ValueError for an empty name."""
        return self.group_except(name, (self._connection_id,))


def _names(names: Sequence[str]) -> Sequence[str]:
    """Refuse a lone string, which is a sequence of its letters to the type checker too."""
    if isinstance(names, str):
        raise TypeError(f"Expected several names, got the single string {names!r}; put it into a list.")
    return names
