"""Handlers run one after the other, apart from the socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hubwire.client import ConnectionClosed
from hubwire.client.backlog import Backlog
from hubwire.client.dispatcher import Dispatcher
from hubwire.client.handlers import Handlers
from hubwire.options import PropertyNames
from hubwire.wire.messages import Completion, Invocation


class Desk:
    """A dispatcher that runs, and what it answers."""

    def __init__(self) -> None:
        self.handlers = Handlers(PropertyNames.AS_DECLARED)
        self.backlog = Backlog(1000, 10_000)
        self.dispatcher = Dispatcher(self.handlers, self.backlog)
        self.answers: list[Completion] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Desk]:
        task = asyncio.create_task(self.dispatcher.run())
        yield self
        self.dispatcher.end()
        await task

    def call(self, target: str, *arguments: object, asks: str | None = None) -> None:
        self.dispatcher.put_call(Invocation(target, arguments, asks), 10, self.answer)

    async def answer(self, completion: Completion) -> None:
        if isinstance(completion.result, complex):
            raise TypeError("no complex numbers")
        self.answers.append(completion)


async def test_one_after_the_other_however_long_one_takes() -> None:
    order: list[object] = []
    gate = asyncio.Event()
    desk = Desk()

    async def slow(number: int) -> None:
        await gate.wait()
        order.append(number)

    desk.handlers.add("Slow", slow)
    desk.handlers.add("Quick", order.append)
    async with desk.running():
        desk.call("Slow", 1)
        desk.call("Quick", 2)
        desk.dispatcher.put_callback([order.append], argument=3)
        await asyncio.sleep(0)
        assert order == []
        assert desk.backlog.held_bytes > 0
        gate.set()
    assert order == [1, 2, 3]
    assert desk.backlog.held_bytes == 0


async def test_what_raises_harms_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    desk, seen = Desk(), list[Any]()

    async def cancelled() -> None:
        other = asyncio.ensure_future(asyncio.sleep(10))
        other.cancel()
        await other

    def fail() -> None:
        raise KeyError

    desk.handlers.add("Fail", fail)
    desk.handlers.add("Fail", cancelled)
    desk.handlers.add("Fail", lambda: seen.append(1))
    async with desk.running():
        desk.call("Fail", asks="s1")
        desk.call("Fail", "one too many")
        desk.dispatcher.put_callback([cancelled, lambda _: seen.append(2)], argument=None)
    assert seen == [1, 2]
    assert desk.answers == [Completion("s1", error="KeyError")]
    assert caplog.text.count("A handler of 'Fail' raised") == 5


async def test_a_result_that_cannot_be_written_is_an_error_of_the_handler() -> None:
    desk = Desk()
    desk.handlers.add("Ask", lambda: 1j)
    async with desk.running():
        desk.call("Ask", asks="s1")
    assert desk.answers == [Completion("s1", error="The result cannot be sent: no complex numbers")]


async def test_an_answer_that_comes_too_late_is_dropped() -> None:
    desk = Desk()
    desk.handlers.add("Ask", lambda: 1)

    async def gone(completion: Completion) -> None:
        raise ConnectionClosed

    async with desk.running():
        desk.dispatcher.put_call(Invocation("Ask", [], "s1"), 10, gone)
        desk.call("Ask", asks="s2")
    assert desk.answers == [Completion("s2", 1, None, True)]


async def test_an_interrupt_ends_the_handler_that_runs_and_only_that() -> None:
    desk, seen = Desk(), list[object]()
    began = asyncio.Event()

    async def endless() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("cancelled")

    desk.handlers.add("Endless", endless)
    desk.handlers.add("Next", lambda: seen.append("next"))
    async with desk.running():
        desk.dispatcher.interrupt()
        desk.call("Endless")
        await began.wait()
        desk.dispatcher.interrupt()
        desk.call("Next")
    assert seen == ["cancelled", "next"]


async def test_calls_can_be_dropped_and_callbacks_stay() -> None:
    desk, seen = Desk(), list[object]()
    desk.handlers.add("Call", lambda: seen.append("call"))
    desk.call("Call")
    desk.dispatcher.put_callback([seen.append], argument="callback")
    desk.dispatcher.drop_calls()
    assert desk.backlog.held_bytes == 0
    async with desk.running():
        pass
    assert seen == ["callback"]


async def test_who_is_inside_of_a_handler_is_known() -> None:
    desk, seen = Desk(), list[bool]()

    async def inside() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(deeper())

    async def deeper() -> None:
        seen.append(desk.dispatcher.is_caller)

    desk.handlers.add("Inside", inside)
    async with desk.running():
        desk.call("Inside")
    assert seen == [True]
    assert not desk.dispatcher.is_caller
