"""What every `HubHandler` promises."""

# ruff: noqa: S101 - a suite of tests

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

import pytest

from hubwire.errors import BindingError, Forbidden, HubError, MethodNotFound
from hubwire.hub.hub import Hub
from hubwire.hub.methods import hub_method
from hubwire.ports import HubHandler
from hubwire.testing.lines import make_caller
from hubwire.wire.messages import Invocation


@dataclass(slots=True)
class SpecJournal:
    """What the hubs of one test saw."""

    events: list[tuple[str, str, object]] = field(default_factory=list)
    """Event, connection id, and the error of a `disconnected`."""
    began: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a method that runs until it is cancelled has begun."""
    hubs: list[Hub] = field(default_factory=list)
    """The hub objects that were called, kept so that no two share an address."""


class SpecHub(Hub):
    """The hub that handlers under test run."""

    def __init__(self, journal: SpecJournal) -> None:
        self.journal = journal
        journal.hubs.append(self)

    async def connected(self) -> None:
        self.journal.events.append(("connected", self.context.connection_id, None))
        if self.context.user_id == "unwelcome":
            raise HubError("Not you.")

    async def disconnected(self, error: BaseException | None) -> None:
        self.journal.events.append(("disconnected", self.context.connection_id, None if error is None else str(error)))

    @hub_method("Add")
    async def add(self, one: int, other: int) -> int:
        return one + other

    @hub_method("Nothing")
    async def nothing(self) -> None:
        return None

    @hub_method("WhoAmI")
    async def who_am_i(self) -> list[str | None]:
        return [self.context.connection_id, self.context.user_id]

    @hub_method("Refuse")
    async def refuse(self) -> None:
        raise HubError("No more than three.")

    @hub_method("Forbid")
    async def forbid(self) -> None:
        raise Forbidden("not for you")

    @hub_method("Fail")
    async def fail(self) -> None:
        raise LookupError("a detail that is nobody's business")

    async def undecorated(self) -> str:
        return "never"


class HubHandlerSpec(ABC):
    """Implement `create`; each test gets a handler and a journal of its own."""

    @abstractmethod
    def create(self, factory: Callable[[], SpecHub]) -> AbstractAsyncContextManager[HubHandler]:
        """A handler that runs the hubs of this factory; leaving the context ends it."""

    def factory(self, journal: SpecJournal) -> Callable[[], SpecHub]:
        """Makes the hubs that this suite calls."""
        return lambda: SpecHub(journal)

    @pytest.fixture(autouse=True)
    async def _begin(self) -> AsyncIterator[None]:
        self.journal = SpecJournal()
        self.caller = make_caller("ann")
        async with self.create(self.factory(self.journal)) as self.handler:
            await self.handler.connected(self.caller)
            yield

    async def call(self, target: str, *arguments: object) -> object:
        return await self.handler.invoke(self.caller, Invocation(target, arguments, "1"))

    async def test_connected_reaches_the_hub_once(self) -> None:
        assert self.journal.events == [("connected", self.caller.connection_id, None)]

    async def test_an_error_in_connected_reaches_the_server(self) -> None:
        with pytest.raises(HubError, match=r"Not you\."):
            await self.handler.connected(make_caller("unwelcome"))

    async def test_invoke_returns_the_result(self) -> None:
        assert await self.call("Add", 40, 2) == 42

    async def test_a_method_without_result_gives_none(self) -> None:
        assert await self.call("Nothing") is None

    async def test_the_method_knows_its_caller(self) -> None:
        assert await self.call("WhoAmI") == [self.caller.connection_id, "ann"]

    @pytest.mark.parametrize("target", ["add", "ADD", "aDd"])
    async def test_methods_are_found_without_regard_to_case(self, target: str) -> None:
        assert await self.call(target, 1, 2) == 3

    @pytest.mark.parametrize(
        "target",
        ["undecorated", "connected", "disconnected", "clients", "journal", "__init__", "__class__", "add ", "", "Ädd"],
    )
    async def test_only_hub_methods_can_be_called(self, target: str) -> None:
        with pytest.raises(MethodNotFound):
            await self.call(target)

    async def test_a_hub_error_arrives_with_its_text(self) -> None:
        with pytest.raises(HubError, match=r"^No more than three\.$"):
            await self.call("Refuse")

    async def test_a_refusal_arrives_as_one(self) -> None:
        with pytest.raises(Forbidden):
            await self.call("Forbid")

    async def test_another_exception_is_raised_and_the_handler_lives_on(self) -> None:
        with pytest.raises(Exception):  # noqa: B017, PT011 - a remote handler cannot know its class
            await self.call("Fail")
        assert await self.call("Add", 1, 1) == 2

    @pytest.mark.parametrize("arguments", [(), (1,), (1, 2, 3), ("one", 2), (None, None)])
    async def test_arguments_that_do_not_fit_are_refused(self, arguments: tuple[object, ...]) -> None:
        with pytest.raises(BindingError):
            await self.call("Add", *arguments)

    async def test_each_event_and_each_call_has_a_hub_object_of_its_own(self) -> None:
        before = len(self.journal.hubs)
        await self.call("Nothing")
        await self.call("Nothing")
        await self.handler.disconnected(self.caller, None)
        assert len(self.journal.hubs) == before + 3

    async def test_a_good_bye_reaches_the_hub_without_error(self) -> None:
        await self.handler.disconnected(self.caller, None)
        assert self.journal.events[1:] == [("disconnected", self.caller.connection_id, None)]

    async def test_a_loss_reaches_the_hub_with_its_error(self) -> None:
        await self.handler.disconnected(self.caller, ConnectionResetError("lost"))
        assert self.journal.events[1:] == [("disconnected", self.caller.connection_id, "lost")]
