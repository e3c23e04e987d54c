"""Streams from a client, as hub methods read them: order, back-pressure, errors, every kind of end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import pytest

from hubwire.errors import HubError
from hubwire.options import HubOptions
from hubwire.server.uploads import Upload

from .memory import Script, opened


def item(stream_id: str, value: object) -> dict[str, Any]:
    return {"type": 2, "invocationId": stream_id, "item": value}


def end(stream_id: str, **fields: str) -> dict[str, Any]:
    return {"type": 3, "invocationId": stream_id} | fields


async def concat(items: AsyncIterator[object]) -> str:
    return "".join([str(each) async for each in items])


class Reader:
    """Reads an upload when it is told to."""

    def __init__(self) -> None:
        self.items: AsyncIterator[object] | None = None
        self.release = asyncio.Event()

    async def __call__(self, items: AsyncIterator[object]) -> None:
        self.items = items
        await self.release.wait()

    async def read(self) -> object:
        assert self.items is not None
        return await anext(self.items)


async def test_a_method_reads_its_upload_to_the_end() -> None:
    hub = Script()
    hub.methods["Concat"] = concat
    async with opened(hub) as peer:
        assert await peer.invoke("1", "Concat", streamIds=["a"]) == []
        await peer.sends(item("a", "Hello "), item("a", "world"))
        assert await peer.sends(item("a", "!"), end("a")) == [
            {"type": 3, "invocationId": "1", "result": "Hello world!"}
        ]


async def test_many_uploads_at_once_do_not_mix() -> None:
    hub = Script()
    hub.methods["Concat"] = concat
    async with opened(hub) as peer:
        for number in range(20):
            await peer.invoke(str(number), "Concat", streamIds=[f"s{number}"])
        for letter in "abc":
            await peer.sends(*(item(f"s{number}", f"{letter}{number}") for number in range(20)))
        answers = await peer.sends(*(end(f"s{number}") for number in reversed(range(20))))
        assert {each["invocationId"]: each["result"] for each in answers} == {
            str(number): f"a{number}b{number}c{number}" for number in range(20)
        }


async def test_the_uploads_of_one_call_stand_in_the_order_of_their_ids() -> None:
    hub = Script()

    async def both(first: AsyncIterator[object], second: AsyncIterator[object]) -> list[object]:
        return [[each async for each in second], [each async for each in first]]

    hub.methods["Both"] = both
    async with opened(hub) as peer:
        await peer.invoke("1", "Both", streamIds=["x", "y"])
        (answer,) = await peer.sends(item("x", 1), item("y", {"b": 2}), end("x"), end("y"))
        assert answer["result"] == [[{"b": 2}], [1]]


async def test_an_item_is_seen_as_soon_as_it_has_come() -> None:
    hub, seen = Script(), asyncio.Queue[object]()

    async def watch(items: AsyncIterator[object]) -> None:
        async for each in items:
            seen.put_nowait(each)

    hub.methods["Watch"] = watch
    async with opened(hub) as peer:
        await peer.invoke("1", "Watch", streamIds=["a"])
        for number in range(3):
            await peer.sends(item("a", number))
            assert seen.get_nowait() == number


async def test_a_streaming_method_may_read_uploads() -> None:
    hub = Script()

    async def double(items: AsyncIterator[Any]) -> AsyncGenerator[object, None]:
        async for each in items:
            yield each * 2

    hub.streams["Double"] = double
    async with opened(hub) as peer:
        await peer.stream("1", "Double", streamIds=["a"])
        assert [each.get("item") for each in await peer.sends(item("a", 1), item("a", 2))] == [2, 4]
        assert await peer.sends(end("a")) == [{"type": 3, "invocationId": "1"}]


async def test_behind_a_full_buffer_later_calls_are_not_answered_until_it_is_read() -> None:
    hub, reader = Script(), Reader()
    hub.methods |= {"Read": reader, "Echo": _echo}
    async with opened(hub, HubOptions(stream_buffer_items=1)) as peer:
        await peer.invoke("1", "Read", streamIds=["a"])
        await peer.sends(item("a", "one"))
        assert len(await peer.invoke("2", "Echo", 2)) == 1
        await peer.sends(item("a", "two"))
        assert await peer.invoke("3", "Echo", 3) == []
        assert await reader.read() == "one"
        await peer.settle()
        assert peer.received() == [{"type": 3, "invocationId": "3", "result": 3}]
        assert await reader.read() == "two"


async def test_a_method_that_never_reads_holds_up_the_socket_until_it_returns() -> None:
    hub, reader = Script(), Reader()
    hub.methods |= {"Read": reader, "Echo": _echo}
    async with opened(hub, HubOptions(stream_buffer_items=1)) as peer:
        await peer.invoke("1", "Read", streamIds=["a"])
        await peer.sends(*[item("a", "x" * 10_000)] * 10)
        held = peer.transport.is_reading
        reader.release.set()
        await peer.settle()
        assert (held, peer.transport.is_reading) == (False, True)
        assert [each["invocationId"] for each in await peer.invoke("2", "Echo", 2)] == ["1", "2"]


async def test_a_flood_of_uploads_that_nobody_reads_costs_no_more_than_its_limit() -> None:
    hub = Script()
    hub.methods["Read"] = _never
    options = HubOptions(maximum_streams=40, stream_buffer_bytes=100_000, maximum_receive_message_bytes=10_000)
    async with opened(hub, options) as peer:
        uploads = [f"u{number}" for number in range(40)]
        for upload in uploads:
            await peer.sends({"type": 1, "target": "Read", "arguments": [], "streamIds": [upload]})
        for _ in range(11):
            for upload in uploads:
                if peer.transport.is_reading:
                    await peer.sends(item(upload, "x" * 9_000))
        assert not peer.transport.is_reading
        assert peer.connection.activity is not None
        unread = sum(len(each._items) for each in peer.connection.activity._uploads.values())
        assert unread * 9_000 <= 100_000 + 40 * 9_000


async def test_what_is_read_after_the_end_of_an_upload_makes_room_for_others() -> None:
    hub, reader, other = Script(), Reader(), Reader()
    hub.methods |= {"Read": reader, "Other": other, "Echo": _echo}
    async with opened(hub, HubOptions(stream_buffer_bytes=1000)) as peer:
        await peer.invoke("1", "Read", streamIds=["a"])
        await peer.invoke("2", "Other", streamIds=["b"])
        await peer.sends(item("a", "x" * 400), item("a", "x" * 400), end("a"), item("b", 1), item("b", "x" * 400))
        assert await peer.invoke("3", "Echo", 3) == []
        assert await reader.read() == "x" * 400
        await peer.settle()
        assert peer.received() == [{"type": 3, "invocationId": "3", "result": 3}]
        assert [await other.read(), await other.read()] == [1, "x" * 400]


async def test_an_upload_takes_no_permit() -> None:
    hub, reader = Script(), Reader()
    hub.methods |= {"Read": reader, "Echo": _echo}
    async with opened(hub, HubOptions(maximum_parallel_invocations=1)) as peer:
        await peer.invoke("1", "Read", streamIds=["a"])
        await peer.invoke("2", "Read", streamIds=["b"])
        assert await peer.invoke("3", "Echo", 3) == [{"type": 3, "invocationId": "3", "result": 3}]


async def test_an_upload_that_the_client_ends_with_an_error_raises_its_words() -> None:
    hub = Script()
    hub.methods["Concat"] = concat
    async with opened(hub) as peer:
        await peer.invoke("1", "Concat", streamIds=["a"])
        assert await peer.sends(item("a", "x"), end("a", error="Something bad")) == [
            {
                "type": 3,
                "invocationId": "1",
                "error": "An unexpected error occurred invoking 'Concat' on the server. HubException: Something bad",
            }
        ]


@pytest.mark.parametrize("message", [item("x", 1), end("x"), end("x", error="bad")])
async def test_messages_for_unknown_uploads_leave_the_connection_as_it_is(message: dict[str, Any]) -> None:
    hub = Script()
    hub.methods |= {"Concat": concat, "Echo": _echo}
    async with opened(hub) as peer:
        await peer.sends(message)
        await peer.invoke("1", "Concat", streamIds=["a"])
        assert await peer.sends(message, end("a")) == [{"type": 3, "invocationId": "1", "result": ""}]
        assert len(await peer.invoke("2", "Echo", 2)) == 1


async def test_an_upload_ends_with_its_method_and_later_items_are_dropped() -> None:
    hub, reader = Script(), Reader()
    hub.methods |= {"Read": reader, "Echo": _echo}
    async with opened(hub, HubOptions(stream_buffer_items=2)) as peer:
        await peer.invoke("1", "Read", streamIds=["a"])
        await peer.sends(item("a", 1))
        reader.release.set()
        await peer.settle()
        with pytest.raises(StopAsyncIteration):
            await reader.read()
        assert len(await peer.sends(*[item("a", 2)] * 5, end("a"))) == 1
        assert len(await peer.invoke("2", "Echo", 2)) == 1


async def test_a_method_that_wants_no_more_of_its_upload_holds_up_nothing() -> None:
    hub, reader = Script(), Reader()
    hub.methods |= {"Read": reader, "Echo": _echo}
    async with opened(hub, HubOptions(stream_buffer_items=1)) as peer:
        await peer.invoke("1", "Read", streamIds=["a"])
        await peer.sends(item("a", 1), item("a", 2))
        assert await peer.invoke("2", "Echo", 2) == []
        assert isinstance(reader.items, Upload)
        await reader.items.aclose()
        await reader.items.aclose()
        await peer.settle()
        assert len(peer.received()) == 1
        assert len(await peer.sends(item("a", 3), item("a", 4), end("a"))) == 0
        with pytest.raises(StopAsyncIteration):
            await reader.read()


async def test_an_open_upload_ends_with_an_error_when_the_client_leaves() -> None:
    hub, ends = Script(), []

    async def watch(items: AsyncIterator[object]) -> None:
        try:
            async for each in items:
                ends.append(each)
        except HubError as error:
            ends.append(str(error))

    hub.methods["Watch"] = watch
    async with opened(hub) as peer:
        await peer.invoke("1", "Watch", streamIds=["a"])
        await peer.sends(item("a", 1))
        await peer.vanish()
        assert ends == [1, "The underlying connection was closed."]


async def test_a_completed_upload_does_not_care_when_the_client_leaves() -> None:
    hub, reader = Script(), Reader()
    hub.methods["Read"] = reader
    async with opened(hub) as peer:
        await peer.invoke("1", "Read", streamIds=["a"])
        await peer.sends(item("a", 1), end("a"))
        await peer.vanish()
        assert await reader.read() == 1
        with pytest.raises(StopAsyncIteration):
            await reader.read()


async def test_a_refused_upload_call_is_answered_and_the_connection_stays() -> None:
    hub = Script()
    hub.methods |= {"Concat": concat, "Echo": _echo}
    async with opened(hub, HubOptions(maximum_streams=1)) as peer:
        await peer.invoke("1", "Concat", streamIds=["a"])
        (refusal,) = await peer.invoke("2", "Concat", streamIds=["b"])
        assert refusal["error"] == "Failed to invoke 'Concat' because the connection has too many streams, 1 at most."
        assert len(await peer.sends(item("b", 1), end("b"), end("a"))) == 1


async def test_two_readers_of_one_upload_share_its_items() -> None:
    upload = Upload("a", lambda _: None, lambda _: None)
    readers = [asyncio.ensure_future(anext(upload)) for _ in range(2)]
    await asyncio.sleep(0)
    upload.put(1)
    upload.put(2)
    assert sorted(await asyncio.gather(*readers), key=str) == [1, 2]
    upload.end(HubError("bad"))
    with pytest.raises(HubError, match="bad"):
        await anext(upload)
    with pytest.raises(StopAsyncIteration):
        await anext(upload)


async def _echo(value: object) -> object:
    return value


async def _never(items: AsyncIterator[object]) -> None:
    await asyncio.Event().wait()
