"""Which methods of a hub class clients may call, and what is refused at registration."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, TypeVar, overload

import pytest

from hubwire.hub import ClientContract, Hub, HubDispatcher, hub_method
from hubwire.hub.methods import methods_of
from hubwire.plane import LocalDataPlane


def _names(hub: type[Hub[Any]]) -> list[str]:
    return sorted(methods_of(hub))


class Base(Hub):
    @hub_method("Greet")
    async def greet(self) -> str:
        return "base"

    @hub_method
    async def count(self) -> int:
        return 0

    async def hidden(self) -> None:
        return None


class Derived(Base):
    async def greet(self) -> str:  # an override without decorator
        return "derived"

    @hub_method("Tally")
    async def count(self) -> int:
        return 1

    @hub_method("More")
    async def more(self) -> None:
        return None


def test_only_decorated_methods_are_callable_by_their_wire_or_own_names() -> None:
    assert _names(Base) == ["Greet", "count"]


def test_inherited_methods_are_callable_and_an_override_keeps_its_name_unless_it_has_its_own() -> None:
    assert _names(Derived) == ["Greet", "More", "Tally"]
    assert methods_of(Derived)["Greet"].function is Derived.greet


def test_a_subclass_can_withdraw_a_method() -> None:
    class Quiet(Base):
        greet = None  # type: ignore[assignment] # the documented way

    assert _names(Quiet) == ["count"]


def test_a_mixin_that_is_no_hub_brings_its_methods() -> None:
    class Mixin:
        @hub_method("Mixed")
        async def mixed(self) -> None:
            return None

    class Mixed(Mixin, Hub):
        pass

    assert _names(Mixed) == ["Mixed"]


def test_names_that_differ_in_case_only_are_refused() -> None:
    class Twice(Hub):
        @hub_method("Send")
        async def one(self) -> None:
            return None

        @hub_method("send")
        async def other(self) -> None:
            return None

    with pytest.raises(TypeError, match=r"two hub methods named 'send' \(one, other\)"):
        methods_of(Twice)


def test_overloads_are_refused() -> None:
    class Overloaded(Hub):
        @overload
        async def send(self, value: int) -> None: ...
        @overload
        async def send(self, value: str) -> None: ...
        @hub_method("Send")
        async def send(self, value: int | str) -> None:
            return None

    with pytest.raises(TypeError, match="is overloaded"):
        methods_of(Overloaded)


@pytest.mark.parametrize("hook", ["connected", "disconnected"])
def test_life_cycle_hooks_cannot_be_offered(hook: str) -> None:
    async def function(self: object) -> None:
        return None

    hub = type("Hooked", (Hub,), {hook: hub_method("Hook")(function)})
    with pytest.raises(TypeError, match="called by the server only"):
        methods_of(hub)


def test_plain_functions_are_refused_when_decorated_and_told_where_blocking_work_belongs() -> None:
    def plain(self: object) -> int:
        return 1

    def iterator(self: object) -> AsyncIterator[int]:
        raise AssertionError

    def generator(self: object) -> Iterator[int]:
        yield 1

    for function in (plain, iterator, generator):
        with pytest.raises(
            TypeError, match=r"must be written with 'async def'; run blocking work .* asyncio\.to_thread"
        ):
            hub_method("Send")(function)  # type: ignore[type-var] # what a checker refuses too


def test_an_override_that_cannot_be_awaited_is_refused() -> None:
    class Blocking(Base):
        def greet(self) -> str:  # type: ignore[override] # what a checker refuses too
            return "blocking"

    with pytest.raises(TypeError, match="overrides a hub method"):
        methods_of(Blocking)


def test_static_methods_are_refused() -> None:
    class Static(Hub):
        @staticmethod
        @hub_method("Send")
        async def send() -> None:
            return None

    with pytest.raises(TypeError, match="must be an ordinary method"):
        methods_of(Static)


def test_an_empty_wire_name_is_refused() -> None:
    with pytest.raises(ValueError, match="wire name of a hub method is empty"):
        hub_method("")


class Contract(ClientContract):
    pass


class OtherContract(Contract):
    pass


T = TypeVar("T", bound=Contract)


class GenericHub(Hub[T]):
    pass


class ConcreteHub(GenericHub[OtherContract]):
    pass


class Plain(Hub):
    pass


class Below(ConcreteHub):
    pass


@pytest.mark.parametrize(
    ("hub", "contract"),
    [
        (Plain, ClientContract),
        (GenericHub, Contract),
        (ConcreteHub, OtherContract),
        (Below, OtherContract),
    ],
)
def test_the_contract_is_the_one_in_brackets(hub: type[Hub[Any]], contract: type[ClientContract]) -> None:
    assert hub.client_contract is contract


def test_what_is_no_hub_is_refused_at_registration() -> None:
    with pytest.raises(TypeError, match="is no hub"):
        HubDispatcher(dict, LocalDataPlane())  # type: ignore[arg-type] # the mistake under test
