"""Streams among the arguments of a call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from hubwire.client import ClientError, ConnectionClosed
from hubwire.client.uploads import Uploads
from hubwire.wire.messages import Completion, Message, StreamItem

from .conftest import until


class Wire:
    """Where messages go; may be cut."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.is_cut = False
        self._next = 0

    def next_id(self) -> str:
        self._next += 1
        return str(self._next)

    async def send(self, message: Message) -> None:
        if self.is_cut:
            raise ConnectionClosed
        self.sent.append(message)
        await asyncio.sleep(0)


async def letters(*items: object) -> AsyncIterator[object]:
    for item in items:
        if isinstance(item, Exception):
            raise item
        yield item


async def test_streams_are_taken_out_and_each_ends_by_itself() -> None:
    wire = Wire()
    async with Uploads(wire, [letters("a"), 5, letters()]) as uploads:
        assert uploads.arguments == [5]
        assert uploads.stream_ids == ("1", "2")
        uploads.start()
        await uploads.finished()
    assert sorted(wire.sent, key=repr) == sorted([StreamItem("1", "a"), Completion("1"), Completion("2")], key=repr)


async def test_a_stream_that_raises_tells_the_server_and_the_caller() -> None:
    wire = Wire()
    async with Uploads(wire, [letters("a", KeyError())]) as uploads:
        uploads.start()
        with pytest.raises(KeyError):
            await uploads.finished()
    assert wire.sent == [StreamItem("1", "a"), Completion("1", error="KeyError")]


async def test_an_error_of_another_connection_is_the_streams_own() -> None:
    wire = Wire()
    async with Uploads(wire, [letters(ClientError("elsewhere"))]) as uploads:
        uploads.start()
        with pytest.raises(ClientError, match="elsewhere"):
            await uploads.finished()
    assert wire.sent == [Completion("1", error="elsewhere")]


async def test_a_cut_ends_them_without_a_word() -> None:
    wire = Wire()
    wire.is_cut = True
    async with Uploads(wire, [letters("a"), letters(KeyError())]) as uploads:
        uploads.start()
        with pytest.raises(ConnectionClosed):
            await uploads.finished()
    assert wire.sent == []


async def test_none_outlives_its_call_and_each_is_closed() -> None:
    wire = Wire()
    closed: list[str] = []

    async def endless(name: str) -> AsyncIterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.append(name)

    class Plain:
        """An iterator that cannot be closed."""

        def __aiter__(self) -> Plain:
            return self

        async def __anext__(self) -> int:
            return await asyncio.Event().wait()

    async with Uploads(wire, [endless("a"), endless("b"), Plain()]) as uploads:
        uploads.start()
        await until(lambda: len(wire.sent) > 10)
    assert sorted(closed) == ["a", "b"]
