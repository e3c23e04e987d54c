"""What hub code knows of its caller, and the way into a hub from outside. Knows no socket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic

from hubwire.hub.clients import HubClients
from hubwire.hub.contracts import ContractT
from hubwire.hub.groups import GroupManager
from hubwire.model import Audience, Caller, ConnectRequest
from hubwire.options import PropertyNames
from hubwire.ports import DataPlane


class HubCallerContext:
    """The connection behind the present call. Identity in it comes from the verified token only."""

    __slots__ = ("_plane", "caller")

    def __init__(self, plane: DataPlane, caller: Caller) -> None:
        self._plane = plane
        self.caller = caller
        """The same object in each event of one connection."""

    @property
    def connection_id(self) -> str:
        """Names the connection, to other clients too; it is no secret and lasts until the client reconnects."""
        return self.caller.connection_id

    @property
    def user_id(self) -> str | None:
        """Who the verified token speaks for, None: nobody in particular."""
        return self.caller.principal.user_id

    @property
    def claims(self) -> Mapping[str, object]:
        """What the verified token says."""
        return self.caller.principal.claims

    @property
    def request(self) -> ConnectRequest:
        """The HTTP request that opened the connection: its headers, query, cookies and remote address."""
        return self.caller.request

    @property
    def transport(self) -> str:
        """How the connection travels, as negotiate calls it: `WebSockets`, `ServerSentEvents` or `LongPolling`."""
        return self.caller.transport

    @property
    def items(self) -> dict[str, object]:
        """Whatever the application keeps for this connection: see `Caller.items`."""
        return self.caller.items

    async def abort(self) -> None:
        """Begin to end this connection with a Close that does not ask the client to come again."""
        await self._plane.close(Audience.connection(self.caller.connection_id))


class HubContext(Generic[ContractT]):
    """Sends to a hub's clients and changes its groups from outside of hub methods."""

    __slots__ = ("clients", "groups")

    def __init__(
        self,
        plane: DataPlane,
        contract: type[ContractT],
        property_names: PropertyNames = PropertyNames.AS_DECLARED,
    ) -> None:
        self.clients: HubClients[ContractT] = HubClients(plane, contract, property_names)
        self.groups = GroupManager(plane)
