"""The class that users write hubs from, and how its methods are found. Knows no codec, transport or hosting."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar, Generic, TypeVar, cast, overload

from hubwire.hub.clients import HubCallerClients
from hubwire.hub.context import HubCallerContext
from hubwire.hub.contracts import ClientContract, ContractT
from hubwire.hub.groups import GroupManager
from hubwire.model import Caller
from hubwire.ports import DataPlane

F = TypeVar("F", bound=Callable[..., Coroutine[Any, Any, object]])

_WIRE_NAME = "__hubwire_name__"


class Hub(Generic[ContractT]):
    """A hub: subclass it, decorate the methods that clients may call with `hub_method`.

    A new object is made for each call and each event, so nothing kept on `self` survives. `Hub` alone means
    `Hub[ClientContract]`, whose clients have only `send(target, *arguments)`.
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


@overload
def hub_method(method: F, /) -> F: ...
@overload
def hub_method(name: str, /) -> Callable[[F], F]: ...
def hub_method(name_or_method: str | Callable[..., object], /) -> object:
    """Let clients call this coroutine method, by its own name or by the wire name given.

    Clients may write the name in any case. Methods without this decorator cannot be called.
    """
    if isinstance(name_or_method, str):
        if not name_or_method:
            raise ValueError("The wire name of a hub method is empty; leave it out or give one.")
        return lambda method: _declare(method, name_or_method)
    return _declare(name_or_method, getattr(name_or_method, "__name__", ""))


def _declare(method: Callable[..., object], name: str) -> Callable[..., object]:
    if not inspect.iscoroutinefunction(method):
        # A plain function would hold up every connection of the process, a generator is a stream.
        raise TypeError(
            f"Hub method {name!r} must be written with 'async def' and return a value; "
            "run blocking work inside it with asyncio.to_thread."
        )
    setattr(method, _WIRE_NAME, name)
    return method


def methods_of(hub: type[Hub[Any]]) -> dict[str, Callable[..., Coroutine[Any, Any, object]]]:
    """The callable methods of a hub class by wire name, inherited and overridden ones included.

    An override without decorator keeps the name of the method it overrides; setting the attribute to None withdraws it.

    Raises: TypeError for two methods whose names differ in case at most, overloads, and decorated life-cycle hooks.
    """
    name_by_attribute: dict[str, str] = {}
    for owner in reversed(hub.__mro__):
        for attribute, value in vars(owner).items():
            if isinstance(value, staticmethod | classmethod) and hasattr(value.__func__, _WIRE_NAME):
                raise TypeError(f"{owner.__qualname__}.{attribute} is a hub method and must be an ordinary method.")
            if _WIRE_NAME in getattr(value, "__dict__", ()):
                name_by_attribute[attribute] = getattr(value, _WIRE_NAME)
    methods: dict[str, Callable[..., Coroutine[Any, Any, object]]] = {}
    attribute_by_key: dict[str, str] = {}
    for attribute, name in name_by_attribute.items():
        function = inspect.getattr_static(hub, attribute)
        if function is None:
            continue
        where = f"{hub.__qualname__}.{attribute}"
        if attribute in ("connected", "disconnected"):
            raise TypeError(f"{where} is called by the server only; remove @hub_method.")
        if not inspect.iscoroutinefunction(function):
            raise TypeError(f"{where} overrides a hub method and must be written with 'async def'.")
        if typing.get_overloads(function):
            raise TypeError(f"{where} is overloaded; give each variant a hub method of its own name.")
        other = attribute_by_key.setdefault(name.lower(), attribute)
        if other != attribute:
            raise TypeError(
                f"{hub.__qualname__} has two hub methods named {name!r} ({other}, {attribute}); "
                "names are compared without regard to case, rename one."
            )
        # iscoroutinefunction has just shown what a checker cannot know of a class attribute.
        methods[name] = cast(Callable[..., Coroutine[Any, Any, object]], function)
    return methods


def equip(hub: Hub[ContractT], plane: DataPlane, caller: Caller) -> HubCallerContext:
    """Give a new hub object its clients, groups and context; apart from `__init__`, which belongs to the user."""
    # The class attribute was filled from the same `Hub[...]` that bound ContractT.
    contract = cast(type[ContractT], hub.client_contract)
    hub.clients = HubCallerClients(plane, contract, caller.connection_id)
    hub.groups = GroupManager(plane)
    hub.context = HubCallerContext(plane, caller)
    return hub.context
