"""Streaming methods and uploads: how they are declared, bound, filtered, ended and worded when they fail."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from typing import Annotated, Any, cast

import pytest

from hubwire.errors import BindingError, Forbidden, HubError, MethodNotFound, NotAStream, StreamingMismatch
from hubwire.hub import Hub, HubDispatcher, HubFilter, InvocationContext, hub_method
from hubwire.hub.binding import BoundMethod
from hubwire.hub.filters import InvokeNext
from hubwire.hub.methods import HubMethod, methods_of
from hubwire.model import Features
from hubwire.options import PropertyNames
from hubwire.plane import LocalDataPlane
from hubwire.testing import make_caller
from hubwire.wire.messages import Invocation, StreamInvocation


@dataclasses.dataclass
class Point:
    x_value: int


class Countdown:
    """An iterator that is no generator, and knows whether it was closed."""

    def __init__(self, start: int) -> None:
        self.left = start
        self.closes = 0

    def __aiter__(self) -> Countdown:
        return self

    async def __anext__(self) -> int:
        if not self.left:
            raise StopAsyncIteration
        self.left -= 1
        return self.left

    async def aclose(self) -> None:
        self.closes += 1


class Plain:
    """Something to iterate over that cannot be closed."""

    def __aiter__(self) -> AsyncIterator[int]:
        return self

    async def __anext__(self) -> int:
        raise StopAsyncIteration


class Streams(Hub):
    def __init__(self, log: list[str]) -> None:
        self.log = log
        self.countdown = Countdown(3)

    @hub_method("Count")
    async def count(self, until: int, start: int = 0) -> AsyncIterator[int]:
        self.log.append("begin")
        try:
            for number in range(start, until):
                yield number
        finally:
            self.log.append("end")

    @hub_method
    async def generated(self) -> AsyncGenerator[int, None]:
        yield 1

    @hub_method("Unannotated")
    async def unannotated(self):  # type: ignore[no-untyped-def] # the case under test
        yield 1

    @hub_method("Given")
    async def given(self) -> AsyncIterable[int]:
        return self.countdown

    @hub_method("Plain")
    async def plain(self) -> AsyncIterator[int]:
        return Plain()

    @hub_method("Nothing")
    async def nothing(self) -> AsyncIterator[int]:
        return cast(AsyncIterator[int], None)

    @hub_method("FailAtCall")
    async def fail_at_call(self) -> AsyncIterator[int]:
        raise ValueError("at the call")

    @hub_method("FailAfter")
    async def fail_after(self, count: int) -> AsyncIterator[int]:
        for number in range(count):
            yield number
        raise ValueError("while streaming")

    @hub_method("Endless")
    async def endless(self) -> AsyncIterator[int]:
        yield 0
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.log.append("cancelled")
            raise
        finally:
            self.log.append("released")

    @hub_method("FailAtEnd")
    async def fail_at_end(self) -> AsyncIterator[int]:
        try:
            yield 0
        finally:
            raise ValueError("while closing")

    @hub_method("Value", cancellable=True)
    async def value(self) -> int:
        return 1

    @hub_method("Other")
    async def other(self) -> None:
        return None

    @hub_method("Sum")
    async def sum(self, first: AsyncIterator[int], factor: int, second: AsyncGenerator[int, None]) -> int:
        return factor * (sum([item async for item in first]) + sum([item async for item in second]))

    @hub_method("Points")
    async def points(self, points: Annotated[AsyncIterable[Point], "uploaded"]) -> AsyncIterator[int]:
        async for point in points:
            yield point.x_value

    @hub_method("Lenient")
    async def lenient(self, numbers: AsyncIterator[int]) -> list[object]:
        seen: list[object] = []
        for _ in range(3):
            try:
                seen += [item async for item in numbers]
            except HubError as error:
                seen.append(str(error))
        return seen

    @hub_method("Anything")
    async def anything(self, items: AsyncIterator) -> list[object]:  # type: ignore[type-arg] # the case under test
        return [item async for item in items]

    @hub_method("FirstOnly")
    async def first_only(self, items: AsyncGenerator[int, None]) -> list[int]:
        first = await items.asend(None)
        await items.aclose()
        return [first, *[item async for item in items]]

    @hub_method("Thrown")
    async def thrown(self, items: AsyncGenerator[int, None]) -> None:
        await items.athrow(ValueError("thrown in"))


class Items:
    """A client's stream, as a server gives it."""

    def __init__(self, *items: object) -> None:
        self.items = list(items)
        self.is_closed = False

    def __aiter__(self) -> Items:
        return self

    async def __anext__(self) -> object:
        if self.is_closed or not self.items:
            raise StopAsyncIteration
        item = self.items.pop(0)
        if isinstance(item, Exception):
            raise item
        return item

    async def aclose(self) -> None:
        self.is_closed = True


class Fixture:
    def __init__(
        self, *filters: HubFilter, property_names: PropertyNames = PropertyNames.AS_DECLARED, factory: Any = None
    ) -> None:
        self.log: list[str] = []
        self.hubs: list[Streams] = []
        self.dispatcher = HubDispatcher(factory or self.make, LocalDataPlane(), filters, property_names=property_names)
        self.caller = make_caller("ann")

    def make(self) -> Streams:
        self.hubs.append(Streams(self.log))
        return self.hubs[-1]

    def stream(self, target: str, *arguments: object, uploads: tuple[Items, ...] = ()) -> AsyncGenerator[object, None]:
        ids = tuple(f"u{number}" for number in range(len(uploads)))
        return self.dispatcher.stream(self.caller, StreamInvocation("1", target, arguments, {}, ids), uploads)

    async def all(self, target: str, *arguments: object, uploads: tuple[Items, ...] = ()) -> list[object]:
        return [item async for item in self.stream(target, *arguments, uploads=uploads)]

    async def invoke(self, target: str, *arguments: object, uploads: tuple[Items, ...] = ()) -> object:
        ids = tuple(f"u{number}" for number in range(len(uploads)))
        return await self.dispatcher.invoke(self.caller, Invocation(target, arguments, "1", {}, ids), uploads)


# Declared


@pytest.mark.parametrize(
    ("target", "items"),
    [("count", [0, 1]), ("GENERATED", [1]), ("Unannotated", [1]), ("Given", [2, 1, 0]), ("Plain", [])],
)
async def test_a_method_that_yields_or_returns_an_iterator_streams(target: str, items: list[int]) -> None:
    streams = Fixture()
    assert await streams.all(target, *([2] if target == "count" else [])) == items
    with pytest.raises(StreamingMismatch, match=r"attempted to invoke the streaming '.*' method with a non-streaming"):
        await streams.invoke(target)


async def test_a_method_that_returns_a_value_does_not_stream() -> None:
    streams = Fixture()
    assert await streams.invoke("Value") == 1
    with pytest.raises(StreamingMismatch) as refused:
        await streams.all("vALUE")
    assert str(refused.value) == (
        "The client attempted to invoke the non-streaming 'Value' method with a streaming invocation."
    )


def test_streaming_methods_and_those_declared_so_are_cancellable() -> None:
    dispatcher = Fixture().dispatcher
    assert [dispatcher.is_cancellable(name) for name in ("COUNT", "Given", "Value", "Other", "?")] == [
        True,
        True,
        True,
        False,
        False,
    ]


def test_an_override_keeps_what_was_declared() -> None:
    class Below(Streams):
        async def value(self) -> int:
            return 2

    assert methods_of(Below)["Value"].is_cancellable


def test_a_method_without_a_name_of_its_own_can_be_cancellable() -> None:
    class Own(Hub):
        @hub_method(cancellable=True)
        async def own(self) -> None:
            return None

    assert HubDispatcher(Own, LocalDataPlane()).is_cancellable("OWN")


class WithDefault(Hub):
    @hub_method("Upload")
    async def upload(self, items: AsyncIterator[int] = Items()) -> None:  # type: ignore[assignment] # noqa: B008
        return None


class Maybe(Hub):
    @hub_method("Upload")
    async def upload(self, items: AsyncIterator[int] | None) -> None:
        return None


class OfNothing(Hub):
    @hub_method("Upload")
    async def upload(self, items: AsyncIterator[Items]) -> None:
        return None


@pytest.mark.parametrize(
    ("hub", "text"),
    [
        (WithDefault, "the upload 'items' has a default, but clients must always send it"),
        (Maybe, "nothing from the wire can be converted to"),
        (OfNothing, "nothing from the wire can be converted to"),
    ],
)
def test_an_upload_that_cannot_be_bound_is_refused_at_registration(hub: type[Hub], text: str) -> None:
    with pytest.raises(TypeError, match=f"Hub method 'Upload': {text}"):
        HubDispatcher(hub, LocalDataPlane())


class OnlyValues(LocalDataPlane):
    """A hosting without streams."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__()
        self.features = Features.CLIENT_RESULTS


class Uploads(Hub):
    @hub_method("Upload")
    async def upload(self, items: AsyncIterator[int]) -> None:
        return None


@pytest.mark.parametrize(("factory", "name"), [(lambda: Streams([]), "Count"), (Uploads, "Upload")])
def test_a_hub_with_streams_fails_at_start_where_there_are_none(factory: Any, name: str) -> None:
    with pytest.raises(TypeError, match=rf"Hub method '{name}' of .* needs Features\.STREAMING"):
        HubDispatcher(factory, OnlyValues())


# To the client


async def test_arguments_are_bound_before_anything_of_the_stream_runs() -> None:
    streams = Fixture()
    assert await streams.all("Count", 5, 3) == [3, 4]
    for arguments in ((), ("x",), (1, 2, 3)):
        with pytest.raises(BindingError):
            await streams.all("Count", *arguments)
    with pytest.raises(MethodNotFound):
        await streams.all("connected")
    assert streams.log == ["begin", "end"]


async def test_items_are_made_as_they_are_asked_for_by_one_hub_object() -> None:
    streams = Fixture()
    before = len(streams.hubs)
    async with contextlib.aclosing(streams.stream("Count", 10**9)) as items:
        assert len(streams.hubs) == before
        assert [await anext(items), await anext(items)] == [0, 1]
        assert streams.log == ["begin"]
        assert len(streams.hubs) == before + 1
        assert streams.hubs[-1].context.user_id == "ann"
    assert streams.log == ["begin", "end"]


async def test_an_iterator_that_was_returned_is_closed_too() -> None:
    streams = Fixture()
    async with contextlib.aclosing(streams.stream("Given")) as items:
        assert await anext(items) == 2
    assert streams.hubs[-1].countdown.closes == 1
    await streams.all("Given")
    assert streams.hubs[-1].countdown.closes == 1


async def test_cancelling_the_wait_for_an_item_cancels_the_method(caplog: pytest.LogCaptureFixture) -> None:
    streams = Fixture()
    items = streams.stream("Endless")
    assert await anext(items) == 0
    waiting = asyncio.ensure_future(anext(items))
    await asyncio.sleep(0)
    with caplog.at_level(logging.DEBUG, "hubwire"):
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert streams.log == ["cancelled", "released"]
    assert caplog.records == []


@pytest.mark.parametrize(("target", "count"), [("FailAtCall", 0), ("FailAfter", 0), ("FailAfter", 2)])
async def test_a_failure_arrives_after_the_items_before_it_and_is_logged_once(
    target: str, count: int, caplog: pytest.LogCaptureFixture
) -> None:
    streams = Fixture()
    items = streams.stream(target, *([count] if target == "FailAfter" else []))
    assert [await anext(items) for _ in range(count)] == list(range(count))
    with caplog.at_level(logging.ERROR, "hubwire"), pytest.raises(ValueError, match=r"at the call|while streaming"):
        await anext(items)
    assert len(caplog.records) == 1


async def test_a_failure_while_closing_reaches_the_log_alone(caplog: pytest.LogCaptureFixture) -> None:
    items = Fixture().stream("FailAtEnd")
    assert await anext(items) == 0
    with caplog.at_level(logging.ERROR, "hubwire"):
        await items.aclose()
    assert len(caplog.records) == 1


async def test_a_streaming_method_that_returns_nothing_is_told_with_the_reference_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR, "hubwire"), pytest.raises(NotAStream) as failed:
        await Fixture().all("nothing")
    assert str(failed.value) == (
        "The value returned by the streaming method 'Nothing' is not a ChannelReader<> or IAsyncEnumerable<>."
    )
    assert len(caplog.records) == 1


# Filters


class Guard(HubFilter):
    """Knows of no streams."""

    async def invoke(self, call: InvocationContext, proceed: InvokeNext, /) -> object:
        if call.arguments[:1] == (13,):
            raise Forbidden("not this number")
        return await proceed(call)


async def test_a_filter_that_guards_invocations_guards_streams() -> None:
    streams = Fixture(HubFilter(), Guard(), HubFilter())
    assert await streams.all("Count", 2) == [0, 1]
    streams.log.clear()
    with pytest.raises(Forbidden):
        await streams.all("Count", 13)
    assert streams.log == []


class BadGuard(Guard):
    """Overrides what sees the items, and cannot get around its guard by it."""

    async def stream(self, call: InvocationContext, items: AsyncIterator[object], /) -> AsyncIterator[object]:
        async for item in items:
            yield item


async def test_a_filter_cannot_get_around_itself_by_its_stream_hook() -> None:
    streams = Fixture(BadGuard())
    with pytest.raises(Forbidden):
        await streams.all("Count", 13)
    assert streams.log == []


@dataclasses.dataclass
class Noting(HubFilter):
    name: str
    log: list[str]

    async def invoke(self, call: InvocationContext, proceed: InvokeNext, /) -> object:
        self.log.append(f"{self.name} before {call.method}{call.arguments} {call.is_streaming}")
        result = await proceed(call)
        self.log.append(f"{self.name} after")
        return result

    async def stream(self, call: InvocationContext, items: AsyncIterator[object], /) -> AsyncIterator[object]:
        try:
            async for item in items:
                self.log.append(f"{self.name} {item}")
                yield f"{item}{self.name}"
        finally:
            self.log.append(f"{self.name} over")


async def test_invoke_stands_before_a_stream_and_the_stream_hook_around_its_items_the_outermost_ends_first() -> None:
    log: list[str] = []
    streams = Fixture(Noting("o", log), Noting("i", log), factory=lambda: Streams(log))
    async with contextlib.aclosing(streams.stream("Count", 3)) as items:
        assert await anext(items) == "0io"
    assert log == [
        "o before Count(3, 0) True",
        "i before Count(3, 0) True",
        "i after",
        "o after",
        "begin",
        "i 0",
        "o 0i",
        "o over",
        "i over",
        "end",
    ]


class Replacing(HubFilter):
    async def invoke(self, call: InvocationContext, proceed: InvokeNext, /) -> object:
        if not call.is_streaming:
            return [await proceed(dataclasses.replace(call, arguments=(2, *call.arguments[1:])))]
        until, start = call.arguments
        assert isinstance(until, int)
        return await proceed(dataclasses.replace(call, arguments=(until + 1, start)))


async def test_a_filter_can_change_the_arguments_of_a_stream() -> None:
    assert await Fixture(Replacing()).all("Count", 2) == [0, 1, 2]


class Losing(HubFilter):
    async def invoke(self, call: InvocationContext, proceed: InvokeNext, /) -> object:
        await proceed(call)
        return "no stream"


async def test_a_filter_that_returns_no_stream_is_told_by_name_and_what_was_opened_is_closed() -> None:
    streams = Fixture(Losing())
    with pytest.raises(NotAStream, match="'Given'"):
        await streams.all("Given")
    assert streams.hubs[-1].countdown.closes == 1


# From the client


async def test_uploads_fill_their_parameters_in_order_and_take_no_place_among_the_arguments() -> None:
    assert await Fixture().invoke("Sum", 10, uploads=(Items(1, 2), Items(3))) == 60


async def test_an_upload_reaches_a_streaming_method_item_by_item() -> None:
    streams = Fixture()
    upload = Items({"x_value": 1}, {"x_value": 2})
    async with contextlib.aclosing(streams.stream("Points", uploads=(upload,))) as items:
        assert await anext(items) == 1
        assert len(upload.items) == 1


async def test_items_are_read_with_the_property_names_of_the_hub() -> None:
    streams = Fixture(property_names=PropertyNames.CAMEL_CASE)
    assert await streams.all("Points", uploads=(Items({"xValue": 1}, {"XVALUE": 2}, {"x_value": 3}),)) == [1, 2, 3]


async def test_items_without_a_type_arrive_as_decoded() -> None:
    assert await Fixture().invoke("Anything", uploads=(Items(1, "a", None, [b"x"]),)) == [1, "a", None, [b"x"]]


@pytest.mark.parametrize(
    ("target", "arguments", "count", "expected"),
    [("Sum", (1,), 1, 2), ("Sum", (1,), 3, 2), ("Value", (), 2, 0), ("Lenient", (), 0, 1)],
)
async def test_another_count_of_streams_is_refused_with_the_reference_text(
    target: str, arguments: tuple[object, ...], count: int, expected: int
) -> None:
    uploads = tuple(Items() for _ in range(count))
    with pytest.raises(HubError) as refused:
        await Fixture().invoke(target, *arguments, uploads=uploads)
    assert str(refused.value) == f"Client sent {count} stream(s), Hub method expects {expected}."


async def test_a_streaming_method_counts_its_uploads_too() -> None:
    with pytest.raises(HubError, match=r"^Client sent 0 stream\(s\), Hub method expects 1\.$"):
        await Fixture().all("Points")


async def test_an_item_of_another_type_fails_its_stream_inside_the_method_and_the_rest_is_not_read(
    caplog: pytest.LogCaptureFixture,
) -> None:
    upload = Items(1, "two", 3)
    with caplog.at_level(logging.DEBUG, "hubwire"):
        assert await Fixture().invoke("Lenient", uploads=(upload,)) == ["Failed to bind Stream message."]
    assert upload.is_closed
    assert "Expected `int`, got `str`" in caplog.text


async def test_an_upload_that_the_client_ended_with_an_error_raises_it() -> None:
    with pytest.raises(HubError, match=r"^Something bad$"):
        await Fixture().invoke("Sum", 1, uploads=(Items(1, HubError("Something bad")), Items()))


async def test_an_upload_is_a_generator_to_those_who_want_one() -> None:
    upload = Items(1, 2)
    assert await Fixture().invoke("FirstOnly", uploads=(upload,)) == [1]
    assert upload.is_closed
    thrown = Items(1)
    with pytest.raises(ValueError, match="thrown in"):
        await Fixture().invoke("Thrown", uploads=(thrown,))
    assert thrown.is_closed


async def test_filters_see_uploads_in_their_places() -> None:
    log: list[str] = []

    class Types(HubFilter):
        async def invoke(self, call: InvocationContext, proceed: InvokeNext, /) -> object:
            log.extend(type(each).__name__ for each in call.arguments)
            return await proceed(call)

    await Fixture(Types()).invoke("Sum", 1, uploads=(Items(), Items()))
    assert log == ["Upload", "int", "Upload"]


def test_bound_methods_say_what_they_are() -> None:
    bound = {name: BoundMethod(method) for name, method in methods_of(Streams).items()}
    assert (bound["Sum"].upload_count, bound["Sum"].is_streaming) == (2, False)
    assert (bound["Points"].upload_count, bound["Points"].is_streaming) == (1, True)
    assert BoundMethod(HubMethod("Value", Streams.value)).is_cancellable is False
