"""What every `HubHandler` promises whose hosting has `Features.STREAMING`, beside what all promise."""

# ruff: noqa: S101 - a suite of tests

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable

import pytest

from hubwire.errors import BindingError, Forbidden, HubError, MethodNotFound, StreamingMismatch
from hubwire.hub.methods import hub_method
from hubwire.testing.lines import make_caller
from hubwire.testing.specs.hub_handler import HubHandlerSpec, SpecHub, SpecJournal
from hubwire.wire.messages import Invocation, StreamInvocation

_TIMEOUT_SECONDS = 10


class StreamingSpecHub(SpecHub):
    """The hub that handlers under test run."""

    @hub_method("Count")
    async def count(self, until: int) -> AsyncIterator[int]:
        try:
            for number in range(until):
                self.note("making", number)
                yield number
        finally:
            self.note("count ended")

    @hub_method("Given")
    async def given(self, until: int) -> AsyncIterator[int]:
        return self.count(until)

    @hub_method("CountAndFail")
    async def count_and_fail(self, until: int) -> AsyncIterator[int]:
        for number in range(until):
            yield number
        raise HubError("No more than that.")

    @hub_method("ForbidStream")
    async def forbid_stream(self) -> AsyncIterator[int]:
        raise Forbidden("not for you")

    @hub_method("Endless")
    async def endless(self) -> AsyncIterator[int]:
        yield 0
        try:
            await asyncio.Event().wait()
        finally:
            self.note("endless ended")

    @hub_method("Stoppable", cancellable=True)
    async def stoppable(self) -> None:
        self.journal.began.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.note("stoppable ended")

    @hub_method("Concat")
    async def concat(self, separator: str, words: AsyncIterator[str]) -> str:
        return separator.join([word async for word in words])

    @hub_method("Double")
    async def double(self, numbers: AsyncIterator[int]) -> AsyncIterator[int]:
        async for number in numbers:
            yield 2 * number

    @hub_method("First")
    async def first(self, words: AsyncIterator[str]) -> str:
        return await anext(words)

    @hub_method("Report")
    async def report(self, numbers: AsyncIterator[int]) -> list[object]:
        seen: list[object] = []
        try:
            async for number in numbers:
                seen.append(number)
        except HubError as error:
            seen.append(str(error))
        return seen

    def note(self, event: str, detail: object = None) -> None:
        self.journal.events.append((event, self.context.connection_id, detail))


async def _items(*items: object) -> AsyncGenerator[object, None]:
    for item in items:
        if isinstance(item, Exception):
            raise item
        yield item


class HubStreamsSpec(HubHandlerSpec):
    """Implement `create`; each test gets a handler and a journal of its own."""

    def factory(self, journal: SpecJournal) -> Callable[[], SpecHub]:
        return lambda: StreamingSpecHub(journal)

    def events(self, name: str) -> int:
        return sum(event == name for event, _, _ in self.journal.events)

    def stream(
        self, target: str, *arguments: object, uploads: tuple[AsyncIterator[object], ...] = ()
    ) -> AsyncGenerator[object, None]:
        ids = tuple(f"u{number}" for number in range(len(uploads)))
        return self.handler.stream(self.caller, StreamInvocation("1", target, arguments, {}, ids), uploads)

    async def items(
        self, target: str, *arguments: object, uploads: tuple[AsyncIterator[object], ...] = ()
    ) -> list[object]:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            return [item async for item in self.stream(target, *arguments, uploads=uploads)]

    async def upload(self, target: str, *arguments: object, uploads: tuple[AsyncIterator[object], ...]) -> object:
        ids = tuple(f"u{number}" for number in range(len(uploads)))
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            return await self.handler.invoke(self.caller, Invocation(target, arguments, "1", {}, ids), uploads)

    @pytest.mark.parametrize("target", ["Count", "Given", "cOUNT"])
    async def test_a_stream_gives_the_items_of_the_method(self, target: str) -> None:
        assert await self.items(target, 3) == [0, 1, 2]
        assert await self.items(target, 0) == []

    async def test_items_are_made_when_they_are_asked_for(self) -> None:
        async with contextlib.aclosing(self.stream("Count", 1_000_000)) as items:
            assert [await anext(items), await anext(items)] == [0, 1]
            # A handler elsewhere may be some items ahead, but not at the end.
            assert self.events("making") < 1_000

    async def test_a_stream_has_one_hub_object_of_its_own_that_lives_until_its_end(self) -> None:
        before = len(self.journal.hubs)
        async with contextlib.aclosing(self.stream("Count", 5)) as items:
            await anext(items)
            assert len(self.journal.hubs) == before + 1
            assert await self.call("Add", 1, 1) == 2
            assert [item async for item in items] == [1, 2, 3, 4]
        assert len(self.journal.hubs) == before + 2

    @pytest.mark.parametrize("count", [0, 2])
    async def test_an_error_arrives_after_the_items_before_it(self, count: int) -> None:
        items = self.stream("CountAndFail", count)
        assert [await anext(items) for _ in range(count)] == list(range(count))
        with pytest.raises(HubError, match=r"^No more than that\.$"):
            await anext(items)

    async def test_a_refused_stream_arrives_as_one(self) -> None:
        with pytest.raises(Forbidden):
            await self.items("ForbidStream")

    async def test_closing_a_stream_stops_the_method(self) -> None:
        items = self.stream("Count", 5)
        await anext(items)
        await items.aclose()
        assert self.events("count ended") == 1

    async def test_cancelling_the_wait_for_an_item_stops_the_method(self) -> None:
        items = self.stream("Endless")
        await anext(items)
        waiting = asyncio.ensure_future(anext(items))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await items.aclose()
        assert self.events("endless ended") == 1

    async def test_cancelling_an_invocation_stops_the_method(self) -> None:
        running = asyncio.ensure_future(self.call("Stoppable"))
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            await self.journal.began.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert self.events("stoppable ended") == 1

    async def test_a_handler_knows_which_methods_may_be_cancelled(self) -> None:
        assert self.handler.is_cancellable("stoppABLE")
        assert not self.handler.is_cancellable("Add")
        assert not self.handler.is_cancellable("unknown")

    @pytest.mark.parametrize("target", ["Count", "Given"])
    async def test_a_streaming_method_cannot_be_invoked(self, target: str) -> None:
        with pytest.raises(StreamingMismatch) as refused:
            await self.call(target, 3)
        assert refused.value.is_streaming
        assert self.events("making") == 0

    async def test_a_plain_method_cannot_be_streamed(self) -> None:
        with pytest.raises(StreamingMismatch) as refused:
            await self.items("Add", 1, 2)
        assert not refused.value.is_streaming

    @pytest.mark.parametrize("target", ["undecorated", "connected", ""])
    async def test_only_hub_methods_can_be_streamed(self, target: str) -> None:
        with pytest.raises(MethodNotFound):
            await self.items(target)

    @pytest.mark.parametrize("arguments", [(), (1, 2), ("one",)])
    async def test_arguments_of_a_stream_that_do_not_fit_are_refused(self, arguments: tuple[object, ...]) -> None:
        with pytest.raises(BindingError):
            await self.items("Count", *arguments)

    async def test_an_upload_reaches_the_method_and_takes_no_place_among_the_arguments(self) -> None:
        assert await self.upload("Concat", " ", uploads=(_items("Hello", "world!"),)) == "Hello world!"

    async def test_an_upload_reaches_a_streaming_method_item_by_item(self) -> None:
        assert await self.items("Double", uploads=(_items(1, 2, 3),)) == [2, 4, 6]

    async def test_an_upload_need_not_be_read_to_its_end(self) -> None:
        assert await self.upload("First", uploads=(_items("one", "two"),)) == "one"

    async def test_an_upload_that_the_client_ended_with_an_error_raises_it_in_the_method(self) -> None:
        numbers = _items(1, HubError("Something bad"))
        assert await self.upload("Report", uploads=(numbers,)) == [1, "Something bad"]

    async def test_an_item_that_does_not_fit_fails_its_stream_in_the_method(self) -> None:
        numbers = _items(1, "two", 3)
        assert await self.upload("Report", uploads=(numbers,)) == [1, "Failed to bind Stream message."]

    @pytest.mark.parametrize(("target", "count", "expected"), [("Report", 2, 1), ("Report", 0, 1), ("Nothing", 1, 0)])
    async def test_another_count_of_streams_is_refused(self, target: str, count: int, expected: int) -> None:
        uploads = tuple(_items() for _ in range(count))
        with pytest.raises(HubError, match=rf"^Client sent {count} stream\(s\), Hub method expects {expected}\.$"):
            await self.upload(target, uploads=uploads)

    async def test_streams_of_several_callers_do_not_disturb_each_other(self) -> None:
        other = make_caller("bob")
        await self.handler.connected(other)
        async with (
            contextlib.aclosing(self.stream("Count", 3)) as mine,
            contextlib.aclosing(self.handler.stream(other, StreamInvocation("1", "Count", (3,)))) as theirs,
        ):
            assert [await anext(mine), await anext(theirs), await anext(mine), await anext(theirs)] == [0, 0, 1, 1]
