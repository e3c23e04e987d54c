"""The line without a socket keeps the promises of its port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from hubwire.ports import Line
from hubwire.testing import FakeClock, MemoryLine, make_caller
from hubwire.testing.specs import LinePeer, LineSpec
from hubwire.wire.encoded import EncodedMessage
from hubwire.wire.messages import Close, Completion, Invocation, Message


class MemoryPeer:
    """Reads a `MemoryLine`, on which everything arrives at once."""

    def __init__(self, line: MemoryLine, clock: FakeClock) -> None:
        self._line = line
        self._clock = clock

    async def received(self, count: int) -> list[Message]:
        messages = [message for each in self._line.posted for message in each.messages]
        return messages if self._line.closed is None else [*messages, self._line.closed]

    async def settle(self) -> None:
        return None

    async def vanish(self) -> None:
        self._line.lose()

    async def answer(self, completion: Completion) -> None:
        if completion.error is None:
            self._line.answer(completion.invocation_id, completion.result)
        else:
            self._line.refuse(completion.invocation_id, completion.error)

    async def pass_time(self, seconds: float) -> None:
        await self._clock.until_sleeping()
        self._clock.advance(seconds)


class TestMemoryLine(LineSpec):
    @asynccontextmanager
    async def create(self) -> AsyncIterator[tuple[Line, LinePeer]]:
        clock = FakeClock()
        line = MemoryLine(make_caller(), clock)
        yield line, MemoryPeer(line, clock)


async def test_calls_can_be_waited_for() -> None:
    line = MemoryLine(make_caller())
    waiting = asyncio.create_task(line.until("b", 2))
    for target in ("b", "a", "b"):
        await asyncio.sleep(0)
        line.post(EncodedMessage(Invocation(target, (1,))))
    assert [call.target for call in await waiting] == ["b", "b"]


async def test_waiting_for_a_call_ends_with_the_connection() -> None:
    line = MemoryLine(make_caller())
    waiting = asyncio.create_task(line.until("never"))
    closing = asyncio.create_task(line.until_closed())
    await asyncio.sleep(0)
    line.close("over", False)
    assert await closing == Close("over")
    with pytest.raises(ConnectionError, match="ended before 'never' was called"):
        await waiting


def test_callers_have_ids_of_their_own() -> None:
    assert make_caller().connection_id != make_caller().connection_id
