"""Calls that begin at once: those that end there need no task, the others have one as if they had begun in it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextvars import ContextVar

import pytest

from hubwire.server.spare_task import SpareTask
from hubwire.server.tasks import Tasks

COLOUR: ContextVar[str] = ContextVar("colour", default="none")


@pytest.fixture
def tasks() -> Tasks:
    return Tasks()


def present() -> asyncio.Task[object]:
    task = asyncio.current_task()
    assert task is not None
    return task


async def test_a_call_that_waits_for_nothing_has_ended_when_it_was_begun(tasks: Tasks) -> None:
    ended: list[str] = []

    async def call(name: str) -> None:
        ended.append(name)

    for name in ("a", "b", "c"):
        tasks.begin(call(name))
    assert ended == ["a", "b", "c"]
    assert len(tasks) == 0
    await tasks.cancel()


async def test_a_call_that_waits_goes_on_in_the_task_that_it_began_in(tasks: Tasks) -> None:
    seen: list[asyncio.Task[object]] = []
    gate = asyncio.Event()

    async def call() -> None:
        seen.append(present())
        await gate.wait()
        seen.append(present())
        await asyncio.sleep(0)
        seen.append(present())

    tasks.begin(call())
    assert len(tasks) == 1
    tasks.begin(call())
    gate.set()
    await tasks.wait()
    first, second = seen[0], seen[1]
    assert first is not second
    assert {id(each) for each in seen} == {id(first), id(second)}
    assert [seen.count(first), seen.count(second)] == [3, 3]
    await tasks.cancel()


async def test_whoever_begins_it_is_the_current_task_again_behind_it(tasks: Tasks) -> None:
    inner: list[asyncio.Task[object]] = []

    async def call(depth: int) -> None:
        mine = present()
        inner.append(mine)
        if depth:
            tasks.begin(call(depth - 1))
        assert present() is mine

    outer = present()
    tasks.begin(call(0))
    assert present() is outer
    assert inner[0] is not outer
    asyncio.get_running_loop().call_soon(tasks.begin, call(0))  # where there is no current task
    await asyncio.sleep(0)
    assert len(inner) == 2
    await tasks.cancel()


async def test_each_call_has_a_context_of_its_own(tasks: Tasks) -> None:
    seen: list[str] = []

    async def call(colour: str, waits: bool) -> None:
        seen.append(COLOUR.get())
        COLOUR.set(colour)
        if waits:
            await asyncio.sleep(0)
        seen.append(COLOUR.get())

    COLOUR.set("outside")
    tasks.begin(call("red", False))
    tasks.begin(call("blue", True))
    tasks.begin(call("green", False))
    await tasks.wait()
    assert seen == ["outside", "red", "outside", "outside", "green", "blue"]
    assert COLOUR.get() == "outside"
    await tasks.cancel()


async def test_a_time_limit_of_the_first_step_ends_the_call_and_no_other(tasks: Tasks) -> None:
    told: list[str] = []

    async def limited() -> None:
        try:
            async with asyncio.timeout(0):
                await asyncio.Event().wait()
        except TimeoutError:
            told.append("time is up")

    async def other() -> None:
        await asyncio.sleep(0)
        told.append("goes on")

    tasks.begin(limited())
    tasks.begin(other())
    await tasks.wait()
    assert sorted(told) == ["goes on", "time is up"]
    await tasks.cancel()


async def test_a_task_group_of_the_first_step_works(tasks: Tasks) -> None:
    told: list[str] = []

    async def fail() -> None:
        await asyncio.sleep(0)
        raise ValueError("on purpose")

    async def call() -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(fail())
                group.create_task(asyncio.Event().wait())
        except* ValueError:
            told.append("failed together")

    tasks.begin(call())
    await tasks.wait()
    assert told == ["failed together"]
    await tasks.cancel()


@pytest.mark.parametrize("turns", [0, 1, 2])
async def test_a_call_that_waits_can_be_cancelled_from_its_first_turn_on(tasks: Tasks, turns: int) -> None:
    told: list[str] = []

    async def call() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            told.append("cancelled")
            raise

    tasks.begin(call())
    for _ in range(turns):
        await asyncio.sleep(0)
    await tasks.cancel()
    assert told == ["cancelled"]
    assert len(tasks) == 0


@pytest.mark.parametrize("turns", [0, 1, 2])
async def test_what_a_cancelled_call_waits_for_is_cancelled_with_it(tasks: Tasks, turns: int) -> None:
    child: list[asyncio.Task[bool]] = []

    async def call() -> None:
        child.append(asyncio.get_running_loop().create_task(asyncio.Event().wait()))
        await child[0]

    tasks.begin(call())
    for _ in range(turns):
        await asyncio.sleep(0)
    await tasks.cancel()
    assert child[0].cancelled()


async def test_a_call_that_cancels_itself_is_cancelled_where_it_waits_and_the_next_one_is_not(tasks: Tasks) -> None:
    told: list[str] = []

    async def suicidal(waits: bool) -> None:
        present().cancel()
        try:
            if waits:
                await asyncio.sleep(0)
                told.append("went on")
        except asyncio.CancelledError:
            told.append("cancelled")
            raise

    async def other() -> None:
        await asyncio.sleep(0)
        told.append("fine")

    for waits in (False, True):
        tasks.begin(suicidal(waits))
        tasks.begin(other())
        await tasks.wait()
    assert sorted(told) == ["cancelled", "fine", "fine"]
    await tasks.cancel()


@pytest.mark.parametrize("waits", [False, True])
async def test_a_call_that_fails_is_reported_and_the_others_go_on(
    tasks: Tasks, caplog: pytest.LogCaptureFixture, waits: bool
) -> None:
    ended: list[bool] = []

    async def fail() -> None:
        if waits:
            await asyncio.sleep(0)
        raise RuntimeError("on purpose")

    async def succeed() -> None:
        await asyncio.sleep(0)
        ended.append(True)

    tasks.begin(fail())
    tasks.begin(succeed())
    await tasks.wait()
    assert ended == [True]
    assert caplog.text.count("A connection's task failed") == 1
    await tasks.cancel()


async def test_a_future_that_is_done_or_fails_is_told_to_the_call(tasks: Tasks) -> None:
    told: list[str] = []

    async def wait_for(future: asyncio.Future[str]) -> None:
        try:
            told.append(await future)
        except ValueError as error:
            told.append(str(error))

    loop = asyncio.get_running_loop()
    good, bad = loop.create_future(), loop.create_future()
    tasks.begin(wait_for(good))
    tasks.begin(wait_for(bad))
    good.set_result("good")
    bad.set_exception(ValueError("bad"))
    await tasks.wait()
    assert told == ["good", "bad"]
    await tasks.cancel()


async def test_nothing_is_left_of_a_spare_task_that_nobody_took(tasks: Tasks) -> None:
    before = asyncio.all_tasks()

    async def call() -> None:
        return

    tasks.begin(call())
    assert len(asyncio.all_tasks() - before) == 1
    await tasks.cancel()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_a_spare_task_that_was_cancelled_is_spare_no_more() -> None:
    spare = SpareTask(asyncio.get_running_loop())
    await asyncio.sleep(0)
    spare.task.cancel()
    assert not spare.is_spare
    work: Coroutine[object, None, None] = asyncio.sleep(0)
    work.close()
    with pytest.raises(asyncio.CancelledError):
        await spare.task


async def test_a_call_that_ends_cancelled_in_its_first_step_ends_nobody_else(tasks: Tasks) -> None:
    told: list[str] = []

    async def cancelled() -> None:
        present().cancel()
        raise asyncio.CancelledError

    async def other() -> None:
        await asyncio.sleep(0)
        told.append("fine")

    tasks.begin(cancelled())
    tasks.begin(other())
    await tasks.wait()
    assert told == ["fine"]
    await tasks.cancel()


async def test_a_turn_lasts_until_a_task_that_was_started_in_it_has_begun(tasks: Tasks) -> None:
    seen: list[int] = []

    async def look() -> None:
        seen.append(tasks.turn())

    first = tasks.turn()
    assert tasks.turn() == first
    tasks.start(look())
    await tasks.wait()
    assert seen[0] != first
