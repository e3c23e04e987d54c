"""The dispatcher keeps the promises of `HubHandler`, and runs filters, hubs and their contexts as it says."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from hubwire.errors import BindingError, Forbidden, HubError
from hubwire.hub import (
    ClientContract,
    Hub,
    HubCallerContext,
    HubDispatcher,
    HubFilter,
    InvocationContext,
    client_method,
    hub_method,
)
from hubwire.hub.filters import ConnectedNext, DisconnectedNext, InvokeNext
from hubwire.model import Caller
from hubwire.plane import LocalDataPlane
from hubwire.ports import HubHandler
from hubwire.testing import MemoryLine, make_caller
from hubwire.testing.specs import HubStreamsSpec, SpecHub
from hubwire.wire.messages import Close, Invocation


class TestHubDispatcher(HubStreamsSpec):
    @asynccontextmanager
    async def create(self, factory: Callable[[], SpecHub]) -> AsyncIterator[HubHandler]:
        yield HubDispatcher(factory, LocalDataPlane())


class RoomClient(ClientContract):
    @client_method("said")
    async def said(self, text: str) -> None: ...


class Room(Hub[RoomClient]):
    def __init__(self, log: list[str] | None = None) -> None:
        self.log = [] if log is None else log

    async def connected(self) -> None:
        self.log.append("connected")
        await self.groups.add(self.context.connection_id, "room")

    async def disconnected(self, error: BaseException | None) -> None:
        self.log.append(f"disconnected {error}")
        if str(error) == "gone":
            raise RuntimeError("nobody is left to hear this")

    @hub_method("Say")
    async def say(self, text: str, times: int = 1) -> int:
        self.log.append(f"say {text}")
        for _ in range(times):
            await self.clients.group("room").said(text)
        return times

    @hub_method("Leave")
    async def leave(self) -> None:
        await self.context.abort()

    @hub_method("Describe")
    async def describe(self) -> list[object]:
        return [self.context.user_id, self.context.claims["role"], self.context.request.headers["x"]]

    @hub_method("Wait")
    async def wait(self) -> None:
        await asyncio.Event().wait()

    @hub_method("Fail")
    async def fail(self, kind: str) -> None:
        raise {"hub": HubError, "forbidden": Forbidden, "value": ValueError}[kind]("why")


class Fixture:
    def __init__(self, filters: list[HubFilter] | None = None) -> None:
        self.log: list[str] = []
        self.plane = LocalDataPlane()
        self.dispatcher = HubDispatcher(functools.partial(Room, self.log), self.plane, filters or [], hub="TheRoom")
        self.caller: Caller = make_caller("ann", claims={"role": "admin"}, headers={"x": "y"}, hub="TheRoom")
        self.line = MemoryLine(self.caller)
        self.plane.registry.attach(self.line)

    async def invoke(self, target: str, *arguments: object, stream_ids: tuple[str, ...] = ()) -> object:
        return await self.dispatcher.invoke(self.caller, Invocation(target, arguments, "1", {}, stream_ids))


async def test_a_hub_has_its_clients_groups_and_context() -> None:
    room = Fixture()
    await room.dispatcher.connected(room.caller)
    assert await room.invoke("Say", "hi", 2) == 2
    assert await room.invoke("Describe") == ["ann", "admin", "y"]
    assert [call.arguments for call in room.line.received] == [("hi",), ("hi",)]


async def test_abort_ends_the_connection_without_asking_it_to_come_again() -> None:
    room = Fixture()
    await room.invoke("Leave")
    assert room.line.closed == Close(None, False)


async def test_the_dispatcher_gives_the_way_in_from_outside() -> None:
    room = Fixture()
    await room.dispatcher.connected(room.caller)
    await room.dispatcher.context.clients.group("room").send("said", "from outside")
    assert [call.arguments for call in room.line.received] == [("from outside",)]


def test_names_are_those_given_or_those_of_the_class() -> None:
    plane = LocalDataPlane()
    assert Fixture().dispatcher.name == "TheRoom"
    assert HubDispatcher(Room, plane).name == "Room"
    assert HubDispatcher(lambda: Room([]), plane).hub_class is Room


def test_registered_names_are_found_by_any_spelling() -> None:
    dispatcher = Fixture().dispatcher
    assert dispatcher.method_name("sAY") == "Say"
    assert dispatcher.method_name("connected") is None


async def test_uploads_are_refused_with_the_reference_text() -> None:
    with pytest.raises(HubError, match=r"^Client sent 2 stream\(s\), Hub method expects 0\.$"):
        await Fixture().invoke("Say", "hi", stream_ids=("1", "2"))


@dataclasses.dataclass
class Noting(HubFilter):
    """Notes what passes through it."""

    name: str
    log: list[str]

    async def connected(self, context: HubCallerContext, proceed: ConnectedNext, /) -> None:
        self.log.append(f"{self.name} before connected of {context.user_id}")
        await proceed(context)
        self.log.append(f"{self.name} after connected")

    async def invoke(self, call: InvocationContext, proceed: InvokeNext, /) -> object:
        self.log.append(f"{self.name} before {call.method}{call.arguments}")
        result = await proceed(call)
        self.log.append(f"{self.name} after {call.method}")
        return result

    async def disconnected(
        self, context: HubCallerContext, error: BaseException | None, proceed: DisconnectedNext, /
    ) -> None:
        self.log.append(f"{self.name} before disconnected")
        await proceed(context, error)
        self.log.append(f"{self.name} after disconnected")


async def test_the_first_filter_is_the_outermost_and_sees_bound_arguments() -> None:
    log: list[str] = []
    room = Fixture([Noting("one", log), HubFilter(), Noting("two", log)])
    room.log = log
    await room.dispatcher.connected(room.caller)
    await room.invoke("SAY", "hi")
    await room.dispatcher.disconnected(room.caller, None)
    assert log == [
        "one before connected of ann",
        "two before connected of ann",
        "two after connected",
        "one after connected",
        "one before Say('hi', 1)",
        "two before Say('hi', 1)",
        "two after Say",
        "one after Say",
        "one before disconnected",
        "two before disconnected",
        "two after disconnected",
        "one after disconnected",
    ]


class Guard(HubFilter):
    """Lets nobody in, and nobody call but Say, in capitals."""

    async def connected(self, context: HubCallerContext, proceed: ConnectedNext, /) -> None:
        raise Forbidden("closed")

    async def invoke(self, call: InvocationContext, proceed: InvokeNext, /) -> object:
        if call.method != "Say":
            raise Forbidden("not this one")
        assert isinstance(call.hub, Room)
        text, times = call.arguments
        return [await proceed(dataclasses.replace(call, arguments=(str(text).upper(), times)))]


async def test_a_filter_can_refuse_and_nothing_behind_it_runs() -> None:
    room = Fixture([Guard()])
    with pytest.raises(Forbidden):
        await room.dispatcher.connected(room.caller)
    with pytest.raises(Forbidden):
        await room.invoke("Leave")
    assert room.log == []
    assert room.line.closed is None


async def test_a_filter_can_change_arguments_and_results() -> None:
    room = Fixture([Guard()])
    assert await room.invoke("Say", "hi") == [1]
    assert room.log == ["say HI"]


async def test_filters_do_not_run_for_what_cannot_be_called() -> None:
    log: list[str] = []
    room = Fixture([Noting("one", log)])
    with pytest.raises(BindingError):
        await room.invoke("Say")
    assert log == []


@pytest.mark.parametrize(("kind", "logged"), [("hub", 0), ("forbidden", 0), ("value", 1)])
async def test_only_unexpected_errors_are_logged(kind: str, logged: int, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "hubwire"), pytest.raises((HubError, Forbidden, ValueError)):
        await Fixture().invoke("Fail", kind)
    assert len(caplog.records) == logged


async def test_an_error_in_disconnected_goes_to_the_log_alone(caplog: pytest.LogCaptureFixture) -> None:
    room = Fixture()
    with caplog.at_level(logging.ERROR, "hubwire"):
        await room.dispatcher.disconnected(room.caller, EOFError("gone"))
    assert room.log == ["disconnected gone"]
    assert len(caplog.records) == 1


async def test_why_arguments_did_not_fit_is_told_to_developers(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "hubwire"), pytest.raises(BindingError):
        await Fixture().invoke("Say", 7)
    assert "Expected `str`, got `int` - at `$[0]`" in caplog.text


async def test_a_cancelled_call_ends_without_a_log_entry(caplog: pytest.LogCaptureFixture) -> None:
    call = asyncio.create_task(Fixture().invoke("Wait"))
    await asyncio.sleep(0)
    call.cancel()
    with caplog.at_level(logging.DEBUG, "hubwire"), pytest.raises(asyncio.CancelledError):
        await call
    assert caplog.records == []
