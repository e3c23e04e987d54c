"""The class that users write hubs from. Knows no codec, transport or hosting; its methods are found by `methods`."""

from __future__ import annotations

import typing
from typing import Any, ClassVar, Generic

from hubwire.hub.clients import HubCallerClients
from hubwire.hub.context import HubCallerContext
from hubwire.hub.contracts import ClientContract, ContractT
from hubwire.hub.groups import GroupManager
from hubwire.model import Caller
from hubwire.options import PropertyNames
from hubwire.ports import DataPlane


class Hub(Generic[ContractT]):
    """A hub: subclass it, decorate the methods that clients may call with `hub_method`.

    A new object is made for each call and each event, so nothing kept on `self` survives; that of a streaming method
    lives until the stream has ended. `Hub` alone means `Hub[ClientContract]`, whose clients have only
    `send(target, *arguments)` and `ask(target, *arguments)`.
    """

    clients: HubCallerClients[ContractT]
    """Whom to send to."""
    groups: GroupManager
    """Joins and leaves."""
    context: HubCallerContext
    """Who calls."""

    client_contract: ClassVar[type[ClientContract]] = ClientContract
    """The contract named in `Hub[...]`; found when the class is made."""

    def __init_subclass__(cls, **named: Any) -> None:
        super().__init_subclass__(**named)
        for base in cls.__dict__.get("__orig_bases__", ()):
            for argument in typing.get_args(base):
                contract = getattr(argument, "__bound__", argument)  # of a type variable, what it stands for at least
                if isinstance(contract, type) and issubclass(contract, ClientContract):
                    cls.client_contract = contract

    async def connected(self) -> None:
        """Called once, before any method. Raising ends the connection, and `disconnected` is not called then."""

    async def disconnected(self, error: BaseException | None) -> None:
        """Called once when a connection that was connected has ended; `error` None: the client said good-bye."""


def equip(hub: Hub[ContractT], plane: DataPlane, caller: Caller, property_names: PropertyNames) -> HubCallerContext:
    """Give a new hub object its clients, groups and context; apart from `__init__`, which belongs to the user."""
    contract: Any = hub.client_contract  # filled from the same `Hub[...]` that bound ContractT
    hub.clients = HubCallerClients(plane, contract, caller.connection_id, property_names)
    hub.groups = GroupManager(plane)
    hub.context = HubCallerContext(plane, caller)
    return hub.context
