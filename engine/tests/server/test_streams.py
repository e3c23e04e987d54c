"""Streams to a client: order, errors, cancels, clients that do not read, and the end of the connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from hubwire.errors import HubError, WriteTimeout
from hubwire.options import HubOptions
from hubwire.transports.memory import MemoryTransport

from .memory import Peer, Script, opened

STREAMING = "An error occurred on the server while streaming results."


class SlowTransport(MemoryTransport):
    """Takes so many bytes and then no more until it is read."""

    def __init__(self, room_bytes: int) -> None:
        super().__init__()
        self.room_bytes = room_bytes

    @property
    def direct_write(self) -> Callable[[bytes], object]:
        return self.write

    def write(self, data: bytes) -> None:
        super().write(data)
        if sum(map(len, self.written)) > self.room_bytes and self.receiver is not None:
            self.receiver.pause_writing()


class Source:
    """An endless stream that says what happens to it."""

    def __init__(self) -> None:
        self.pulled = 0
        self.events: list[str] = []
        self.gate = asyncio.Event()

    async def numbers(self, size: int = 1) -> AsyncGenerator[object, None]:
        """Never waits for anything."""
        try:
            while True:
                self.pulled += 1
                yield "x" * size
        finally:
            self.events.append("closed")

    async def waiting(self) -> AsyncGenerator[object, None]:
        """One item, then nothing until the gate opens."""
        try:
            yield "first"
            await self.gate.wait()
            yield "second"
        except asyncio.CancelledError:
            self.events.append("cancelled")
            raise
        finally:
            self.events.append("closed")


async def three() -> AsyncGenerator[object, None]:
    for letter in "abc":
        yield letter


async def failing(items: int, error: Exception) -> AsyncGenerator[object, None]:
    for number in range(items):
        yield number
    raise error


def script(**streams: Callable[..., AsyncGenerator[object, None]]) -> Script:
    result = Script()
    result.streams.update(streams)
    return result


async def until_parked(peer: Peer, source: Source) -> None:
    """Return when the stream has stopped to pull."""
    pulled = -1
    while pulled != source.pulled:
        pulled = source.pulled
        await peer.settle()


async def test_items_arrive_in_order_and_then_an_empty_completion() -> None:
    async with opened(script(Three=three)) as peer:
        assert await peer.stream("1", "Three") == [
            {"type": 2, "invocationId": "1", "item": "a"},
            {"type": 2, "invocationId": "1", "item": "b"},
            {"type": 2, "invocationId": "1", "item": "c"},
            {"type": 3, "invocationId": "1"},
        ]
        assert peer.observer.invoked == [("Three", False)]


@pytest.mark.parametrize(
    ("items", "error", "detailed", "text"),
    [
        (0, ValueError("secret"), False, "An unexpected error occurred invoking 'Fail' on the server."),
        (0, ValueError("m"), True, "An unexpected error occurred invoking 'Fail' on the server. ValueError: m"),
        (0, HubError("m"), False, "An unexpected error occurred invoking 'Fail' on the server. HubException: m"),
        (2, ValueError("secret"), False, STREAMING),
        (2, ValueError("m"), True, f"{STREAMING} ValueError: m"),
        (2, HubError("m"), False, f"{STREAMING} HubException: m"),
    ],
)
async def test_a_stream_that_fails_says_so_by_the_reference_texts(
    items: int, error: Exception, detailed: bool, text: str
) -> None:
    hub = script(Fail=lambda: failing(items, error))
    async with opened(hub, HubOptions(detailed_errors=detailed)) as peer:
        *sent, end = await peer.stream("1", "Fail")
        assert [message["item"] for message in sent] == list(range(items))
        assert end == {"type": 3, "invocationId": "1", "error": text}
        assert peer.observer.invoked == [("Fail", not isinstance(error, HubError))]


async def test_an_unknown_stream_is_refused_like_an_unknown_method() -> None:
    async with opened(script()) as peer:
        (end,) = await peer.stream("1", "Nope")
        assert (
            end["error"]
            == "Failed to invoke 'Nope' due to an error on the server. HubException: Method does not exist."
        )
        assert peer.observer.invoked == [("unknown", False)]


async def test_calls_proceed_while_a_stream_is_blocked() -> None:
    hub, source = script(), Source()
    hub.streams["Wait"] = source.waiting
    hub.methods["Echo"] = _echo
    async with opened(hub) as peer:
        assert [message["type"] for message in await peer.stream("1", "Wait")] == [2]
        assert await peer.invoke("2", "Echo", 5) == [{"type": 3, "invocationId": "2", "result": 5}]
        source.gate.set()
        await peer.settle()
        assert [message["type"] for message in peer.received()] == [2, 3]


async def test_a_call_runs_while_an_endless_stream_never_waits() -> None:
    hub, source = script(), Source()
    hub.streams["Numbers"] = source.numbers
    hub.methods["Echo"] = _echo
    async with opened(hub) as peer:
        await peer.stream("1", "Numbers")
        answers = [each for each in await peer.invoke("2", "Echo", 5) if each["type"] == 3]
        assert answers == [{"type": 3, "invocationId": "2", "result": 5}]


async def test_the_second_stream_of_one_id_is_refused_and_the_first_goes_on() -> None:
    hub, source = script(), Source()
    hub.streams["Wait"] = source.waiting
    async with opened(hub) as peer:
        await peer.stream("1", "Wait")
        assert await peer.stream("1", "Wait") == [
            {"type": 3, "invocationId": "1", "error": "Invocation ID '1' is already in use."}
        ]
        source.gate.set()
        await peer.settle()
        assert [message.get("item") for message in peer.received()] == ["second", None]


async def test_a_stream_above_the_limit_is_refused_and_the_connection_stays() -> None:
    hub, source = script(), Source()
    hub.streams["Wait"] = source.waiting
    async with opened(hub, HubOptions(maximum_streams=1)) as peer:
        await peer.stream("1", "Wait")
        (end,) = await peer.stream("2", "Wait")
        assert end["error"] == "Failed to invoke 'Wait' because the connection has too many streams, 1 at most."
        await peer.cancel("1")
        assert [message["type"] for message in await peer.stream("2", "Wait")] == [2]


# Cancels


async def test_a_cancelled_stream_is_completed_without_an_error_and_its_id_is_free() -> None:
    hub, source = script(), Source()
    hub.streams["Wait"] = source.waiting
    async with opened(hub) as peer:
        for _ in range(2):
            assert [message["type"] for message in await peer.stream("1", "Wait")] == [2]
            assert await peer.cancel("1") == [{"type": 3, "invocationId": "1"}]
        assert source.events == ["cancelled", "closed"] * 2
        assert peer.observer.invoked == [("Wait", False)] * 2


async def test_a_stream_between_two_items_is_closed_when_it_is_cancelled() -> None:
    hub, source = script(), Source()
    hub.streams["Numbers"] = source.numbers
    async with opened(hub) as peer:
        await peer.stream("1", "Numbers")
        assert (await peer.cancel("1"))[-1] == {"type": 3, "invocationId": "1"}
        assert source.events == ["closed"]
        pulled = source.pulled
        await peer.settle()
        assert source.pulled == pulled


async def test_a_stream_that_is_cancelled_before_it_began_is_completed() -> None:
    hub, source = script(), Source()
    hub.streams["Wait"] = source.waiting
    async with opened(hub) as peer:
        answers = await peer.sends(
            {"type": 4, "invocationId": "1", "target": "Wait", "arguments": []}, {"type": 5, "invocationId": "1"}
        )
        assert answers[-1] == {"type": 3, "invocationId": "1"}


async def test_a_cancelled_stream_may_still_send_to_its_client_and_a_second_cancel_does_not_disturb_it() -> None:
    hub = script()
    gate = asyncio.Event()
    async with opened(hub) as peer:

        async def polite() -> AsyncGenerator[object, None]:
            try:
                yield 1
                await asyncio.Event().wait()
            finally:
                await gate.wait()
                await asks(peer)

        hub.streams["Polite"] = polite
        await peer.stream("1", "Polite")
        assert await peer.cancel("1") == []
        assert await peer.cancel("1") == []
        gate.set()
        await peer.settle()
        (question,) = peer.received()
        assert question["target"] == "StreamCanceled"
        assert await peer.sends({"type": 3, "invocationId": "s1"}) == [{"type": 3, "invocationId": "1"}]


async def test_a_stream_that_ignores_its_cancel_is_closed_at_its_next_item() -> None:
    hub = script()

    async def stubborn() -> AsyncGenerator[object, None]:
        while True:
            yield 1
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                continue

    hub.streams["Stubborn"] = stubborn
    async with opened(hub) as peer:
        await peer.stream("1", "Stubborn")
        assert (await peer.cancel("1"))[-1] == {"type": 3, "invocationId": "1"}


async def test_what_fails_while_a_cancelled_stream_cleans_up_is_not_the_clients_business() -> None:
    hub = script()

    async def clumsy() -> AsyncGenerator[object, None]:
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            raise ValueError("secret")

    hub.streams["Clumsy"] = clumsy
    async with opened(hub) as peer:
        await peer.stream("1", "Clumsy")
        assert await peer.cancel("1") == [{"type": 3, "invocationId": "1"}]
        assert peer.observer.invoked == [("Clumsy", True)]


async def test_a_stream_that_awaits_something_cancelled_has_failed() -> None:
    hub = script()

    async def broken() -> AsyncGenerator[object, None]:
        yield 1
        work: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        work.cancel()
        await work

    hub.streams["Broken"] = broken
    async with opened(hub) as peer:
        assert (await peer.stream("1", "Broken"))[-1] == {"type": 3, "invocationId": "1", "error": STREAMING}


async def test_a_cancel_for_nothing_is_ignored() -> None:
    hub = script(Three=three)
    hub.methods["Echo"] = _echo
    async with opened(hub) as peer:
        assert await peer.cancel("1") == []
        await peer.stream("1", "Three")
        assert await peer.cancel("1") == []
        assert await peer.invoke("1", "Echo", 1) == [{"type": 3, "invocationId": "1", "result": 1}]


async def test_a_cancellable_method_stops_and_is_completed_once() -> None:
    hub, waits = script(), Waits()
    hub.methods |= {"Stop": waits, "Echo": _echo}
    hub.cancellable.add("Stop")
    async with opened(hub) as peer:
        assert await peer.invoke("1", "Stop") == []
        assert await peer.cancel("1") == [
            {"type": 3, "invocationId": "1", "error": "An unexpected error occurred invoking 'Stop' on the server."}
        ]
        assert waits.events == ["cancelled"]
        assert await peer.cancel("1") == []
        assert await peer.invoke("2", "Echo", 1) == [{"type": 3, "invocationId": "2", "result": 1}]
        assert peer.observer.invoked == [("Stop", False), ("Echo", False)]


async def test_a_cancellable_method_may_answer_its_cancel_with_a_result() -> None:
    hub = script()

    async def calm() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "so be it"
        return "never"

    hub.methods["Calm"] = calm
    hub.cancellable.add("Calm")
    async with opened(hub) as peer:
        await peer.invoke("1", "Calm")
        assert await peer.cancel("1") == [{"type": 3, "invocationId": "1", "result": "so be it"}]


async def test_other_methods_are_not_cancelled() -> None:
    hub, waits = script(), Waits()
    hub.methods["Wait"] = waits
    async with opened(hub) as peer:
        await peer.invoke("1", "Wait")
        assert await peer.cancel("1") == []
        await peer.vanish()
        assert waits.events == []
        assert hub.events[1:] != []  # `disconnected` does not wait for it


# Clients that do not read


async def test_an_endless_stream_is_pulled_only_while_the_client_reads() -> None:
    hub, source = script(), Source()
    hub.streams["Numbers"] = source.numbers
    transport = SlowTransport(1000)
    async with opened(hub, transport=transport) as peer:
        for _ in range(3):
            await peer.stream("1", "Numbers", 100)
            await until_parked(peer, source)
            before = source.pulled
            await peer.settle()
            assert source.pulled == before
            assert sum(map(len, transport.take())) < 2000
            peer.connection.resume_writing()
            await until_parked(peer, source)
            assert source.pulled > before


async def test_a_stream_that_begins_while_the_client_does_not_read_is_not_pulled() -> None:
    hub, source = script(), Source()
    hub.streams["Numbers"] = source.numbers
    async with opened(hub) as peer:
        peer.connection.pause_writing()
        await peer.stream("1", "Numbers")
        assert source.pulled == 0
        assert await peer.cancel("1") == []
        peer.connection.resume_writing()
        await peer.settle()
        assert peer.received() == [{"type": 3, "invocationId": "1"}]


async def test_a_client_that_reads_none_of_its_many_streams_costs_no_more_than_its_outbox_and_is_cut_off() -> None:
    hub = script()
    sources = [Source() for _ in range(50)]
    hub.streams["Numbers"] = lambda number: sources[number].numbers(1000)
    options = HubOptions(outbox_limit_bytes=100_000, write_timeout_seconds=10.0)
    transport = SlowTransport(5000)
    async with opened(hub, options, transport=transport) as peer:
        for number in range(50):
            await peer.stream(str(number), "Numbers", number)
        outbox = peer.connection._outbox
        assert sum(map(len, transport.written)) < 5000 + 2000
        assert outbox is None or outbox.queued_bytes <= options.outbox_limit_bytes
        assert sum(source.pulled for source in sources) < 60
        await peer.passes(9.0)
        before = peer.is_aborted
        await peer.passes(1.5)
        assert (before, peer.is_aborted) == (False, True)
        (error,) = hub.errors
        assert isinstance(error, WriteTimeout)
        assert all(source.events in (["closed"], []) for source in sources)


# The end


async def test_streams_and_cancellable_methods_have_ended_before_disconnected_runs() -> None:
    hub, source = script(), Source()
    hub.streams["Wait"] = source.waiting
    hub.cancellable.add("Slow")
    order: list[object] = source.events  # type: ignore[assignment] # to which we add more

    async def slow() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(3):
                await asyncio.sleep(0)
            order.append("stopped")

    async def disconnected() -> None:
        order.append("disconnected")

    hub.methods["Slow"] = slow
    hub.on_disconnected = disconnected
    async with opened(hub) as peer:
        await peer.stream("1", "Wait")
        await peer.invoke("2", "Slow")
        await peer.vanish()
        assert order == ["cancelled", "closed", "stopped", "disconnected"]
        assert peer.received() == []


async def test_a_method_that_does_not_stop_delays_disconnected_by_the_close_timeout_at_most() -> None:
    hub = script()
    release = asyncio.Event()

    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await release.wait()

    hub.methods["Stubborn"] = stubborn
    hub.cancellable.add("Stubborn")
    async with opened(hub, HubOptions(close_timeout_seconds=5.0)) as peer:
        await peer.invoke("1", "Stubborn")
        await peer.vanish()
        await peer.passes(4.0)
        assert hub.events == ["connected"]
        await peer.passes(1.5)
        assert len(hub.events) == 2
        release.set()


async def test_what_fails_while_a_stream_cleans_up_does_not_keep_disconnected_from_running() -> None:
    hub = script()

    async def clumsy() -> AsyncGenerator[object, None]:
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            raise ValueError("secret")

    hub.streams["Clumsy"] = clumsy
    async with opened(hub) as peer:
        await peer.stream("1", "Clumsy")
        await peer.vanish()
        assert hub.events == ["connected", "disconnected"]


async def test_an_item_that_cannot_be_written_ends_the_connection_with_its_error() -> None:
    hub = script()

    async def unwritable() -> AsyncGenerator[object, None]:
        yield object()

    hub.streams["Unwritable"] = unwritable
    async with opened(hub) as peer:
        assert await peer.stream("1", "Unwritable") == [
            {"type": 7, "error": "Connection closed with an error.", "allowReconnect": True}
        ]
        (error,) = hub.errors
        assert isinstance(error, TypeError)


async def test_a_stream_may_end_its_own_connection() -> None:
    hub = script()
    async with opened(hub) as peer:

        async def abort() -> AsyncGenerator[object, None]:
            yield 1
            peer.connection.close(None, False)
            yield 2

        hub.streams["Abort"] = abort
        assert await peer.stream("1", "Abort") == [{"type": 2, "invocationId": "1", "item": 1}, {"type": 7}]
        assert hub.events == ["connected", "disconnected"]


async def asks(peer: Peer) -> None:
    await peer.connection.ask("StreamCanceled", (), None)


async def _echo(value: object) -> object:
    return value


class Waits:
    """A method that waits for ever, and notes how that ends."""

    def __init__(self) -> None:
        self.events: list[str] = []

    async def __call__(self, *_: Any) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.events.append("cancelled")
            raise


async def test_a_call_begins_behind_a_stream_that_was_asked_for_before_it() -> None:
    """A plain call may begin in the turn in which it comes, but not before what stands in front of it."""
    begun: list[str] = []

    async def numbers() -> AsyncGenerator[object, None]:
        begun.append("stream")
        yield 1

    async def plain() -> None:
        begun.append("call")

    told = script(Numbers=numbers)
    told.methods["Plain"] = plain
    async with opened(told) as peer:
        peer.connection.feed(
            b'{"type":4,"invocationId":"1","target":"Numbers","arguments":[]}\x1e'
            b'{"type":1,"invocationId":"2","target":"Plain","arguments":[]}\x1e'
            b'{"type":1,"invocationId":"3","target":"Plain","arguments":[]}\x1e'
        )
        await peer.settle()
        assert begun == ["stream", "call", "call"]
