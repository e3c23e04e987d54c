"""The class that users write hubs from. Knows no codec, transport or hosting; its methods are found by `methods`."""

from __future__ import annotations

import typing
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Generic

from hubwire.hub.clients import HubCallerClients
from hubwire.hub.context import HubCallerContext
from hubwire.hub.contracts import ClientContract, ContractT
from hubwire.hub.groups import GroupManager
from hubwire.model import Caller
from hubwire.options import PropertyNames
from hubwire.ports import DataPlane


class _OnDemand:
    """An attribute that is made when it is first asked for: most calls use one of a hub's three, and many none.

    `functools.cached_property` does the same under a lock, which before Python 3.12 takes longer than making all three.
    """

    def __init__(self, make: Callable[[_Call, type[ClientContract]], object]) -> None:
        self._make = make

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, hub: Hub[Any] | None, owner: type) -> object:
        if hub is None:
            return self
        if hub._call is None:
            raise AttributeError(f"'{self._name}' is there while a call or an event is served, not in __init__.")
        value = hub.__dict__[self._name] = self._make(hub._call, hub.client_contract)
        return value


_Call = tuple[DataPlane, Caller, PropertyNames]
"""For whom a hub object was made."""


def _make_clients(call: _Call, contract: type[ClientContract]) -> HubCallerClients[Any]:
    plane, caller, property_names = call
    return HubCallerClients(plane, contract, caller.connection_id, property_names)


class Hub(Generic[ContractT]):
    """A hub: subclass it, decorate the methods that clients may call with `hub_method`.

    A new object is made for each call and each event, so nothing kept on `self` survives; that of a streaming method
    lives until the stream has ended. `Hub` alone means `Hub[ClientContract]`, whose clients have only
    `send(target, *arguments)` and `ask(target, *arguments)`.
    """

    if TYPE_CHECKING:
        clients: HubCallerClients[ContractT]
        """Whom to send to."""
        groups: GroupManager
        """Joins and leaves."""
        context: HubCallerContext
        """Who calls."""
    else:
        clients = _OnDemand(_make_clients)
        groups = _OnDemand(lambda call, contract: GroupManager(call[0]))
        context = _OnDemand(lambda call, contract: HubCallerContext(call[0], call[1]))

    client_contract: ClassVar[type[ClientContract]] = ClientContract
    """The contract named in `Hub[...]`; found when the class is made."""

    _call: _Call | None = None

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


def equip(hub: Hub[Any], plane: DataPlane, caller: Caller, property_names: PropertyNames) -> None:
    """Give a new hub object its clients, groups and context; apart from `__init__`, which belongs to the user."""
    hub._call = (plane, caller, property_names)
