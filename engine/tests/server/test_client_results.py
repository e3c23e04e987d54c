"""Calls of a client's methods: from where they may be made, and everything that can become of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import pytest

from hubwire.errors import ClientResultError, ClientResultTimeout, ConnectionGone, LocalProtocolError
from hubwire.hub.ongoing import BEFORE_ASKING
from hubwire.options import HubOptions

from .memory import Script, asks, opened


def answer(question_id: str, **fields: Any) -> dict[str, Any]:
    return {"type": 3, "invocationId": question_id} | fields


async def test_a_client_is_called_by_an_id_that_it_would_not_choose_itself() -> None:
    async with opened(Script()) as peer:
        asking = asyncio.ensure_future(asks(peer, "Ask", 5))
        await peer.settle()
        assert peer.received() == [{"type": 1, "invocationId": "s1", "target": "Ask", "arguments": [5]}]
        await peer.sends(answer("s1", result={"a": [1]}))
        assert await asking == {"a": [1]}


async def test_a_client_that_answers_nothing_answers_none() -> None:
    async with opened(Script()) as peer:
        asking = asyncio.ensure_future(asks(peer, "Ask"))
        await peer.settle()
        await peer.sends(answer("s1"))
        assert await asking is None


async def test_a_clients_error_is_raised_word_for_word() -> None:
    async with opened(Script()) as peer:
        asking = asyncio.ensure_future(asks(peer, "Ask"))
        await peer.settle()
        await peer.sends(answer("s1", error="Error: from callback"))
        with pytest.raises(ClientResultError, match=r"^Error: from callback$"):
            await asking


async def test_answers_may_come_in_any_order() -> None:
    async with opened(Script()) as peer:
        asking = [asyncio.ensure_future(asks(peer, "Ask", number)) for number in range(3)]
        await peer.settle()
        await peer.sends(answer("s3", result=3), answer("s1", result=1), answer("s2", result=2))
        assert await asyncio.gather(*asking) == [1, 2, 3]


async def test_a_method_may_ask_its_own_caller_twice() -> None:
    hub = Script()
    async with opened(hub) as peer:

        async def both() -> object:
            return [await asks(peer, "First"), await asks(peer, "Second")]

        hub.methods["Both"] = both
        assert [each["target"] for each in await peer.invoke("1", "Both")] == ["First"]
        assert [each["target"] for each in await peer.sends(answer("s1", result=1))] == ["Second"]
        assert await peer.sends(answer("s2", result=2)) == [{"type": 3, "invocationId": "1", "result": [1, 2]}]


async def test_while_a_method_waits_for_its_caller_the_callers_next_call_runs() -> None:
    hub = Script()
    async with opened(hub, HubOptions(maximum_parallel_invocations=1)) as peer:

        async def ask() -> object:
            return await asks(peer, "Ask")

        hub.methods |= {"Ask": ask, "Echo": _echo}
        call = {"type": 1, "target": "Echo", "arguments": [1], "invocationId": "2"}
        first = {"type": 1, "target": "Ask", "arguments": [], "invocationId": "1"}
        sent = await peer.sends(first, call)
        assert [each.get("target", each.get("result")) for each in sent] == ["Ask", 1]
        assert await peer.sends(answer("s1", result=2)) == [{"type": 3, "invocationId": "1", "result": 2}]


async def test_an_answer_behind_two_waiting_calls_is_read() -> None:
    """Each of them asks too: had the first not given way, the answer to it would never be read."""
    hub = Script()
    async with opened(hub, HubOptions(maximum_parallel_invocations=1)) as peer:

        async def ask() -> object:
            return await asks(peer, "Ask")

        hub.methods["Ask"] = ask
        calls = [{"type": 1, "target": "Ask", "arguments": [], "invocationId": str(number)} for number in range(3)]
        assert len(await peer.sends(*calls, answer("s1", result=1))) == 4


async def test_the_permit_that_was_given_back_is_not_taken_again() -> None:
    hub, gate, running = Script(), asyncio.Event(), []
    async with opened(hub, HubOptions(maximum_parallel_invocations=1)) as peer:

        async def ask() -> None:
            await asks(peer, "Ask")
            running.append("after")
            await gate.wait()

        async def wait() -> None:
            running.append("wait")
            await gate.wait()

        hub.methods |= {"Ask": ask, "Wait": wait}
        await peer.invoke("1", "Ask")
        await peer.sends(answer("s1"))
        await peer.invoke("2", "Wait")
        await peer.invoke("3", "Wait")
        assert running == ["after", "wait"]  # the second has the one permit, the first needs none, the third waits
        gate.set()
        await peer.settle()
        assert running == ["after", "wait", "wait"]


async def test_a_client_that_answers_nothing_cannot_start_calls_without_end() -> None:
    hub = Script()
    async with opened(hub, HubOptions(maximum_parallel_invocations=2, maximum_streams=5)) as peer:

        async def ask() -> object:
            return await asks(peer, "Ask")

        hub.methods["Ask"] = ask
        calls = [{"type": 1, "target": "Ask", "arguments": [], "invocationId": str(number)} for number in range(50)]
        assert len(await peer.sends(*calls)) == 7
        assert len(peer.hub.tasks._running) == 7


async def test_streams_and_methods_with_uploads_may_ask() -> None:
    hub = Script()
    async with opened(hub) as peer:

        async def stream() -> AsyncGenerator[object, None]:
            yield await asks(peer, "Ask")

        async def upload(items: AsyncIterator[object]) -> object:
            return [await asks(peer, "Ask", each) async for each in items]

        hub.streams["Stream"] = stream
        hub.methods["Upload"] = upload
        await peer.stream("1", "Stream")
        assert [each.get("item") for each in await peer.sends(answer("s1", result="x"))] == ["x", None]
        await peer.invoke("2", "Upload", streamIds=["a"])
        await peer.sends({"type": 2, "invocationId": "a", "item": 1}, {"type": 3, "invocationId": "a"})
        assert await peer.sends(answer("s2", result="y")) == [{"type": 3, "invocationId": "2", "result": ["y"]}]


async def test_a_task_that_outlives_its_method_may_ask() -> None:
    hub, tasks = Script(), []
    async with opened(hub) as peer:

        async def start() -> None:
            tasks.append(asyncio.ensure_future(asks(peer, "Ask")))

        hub.methods["Start"] = start
        assert len(await peer.invoke("1", "Start")) == 2
        await peer.sends(answer("s1", result=1))
        assert await tasks[0] == 1


async def test_a_question_that_nobody_waits_for_any_more_is_forgotten_and_its_answer_ignored() -> None:
    hub = Script()
    hub.methods["Echo"] = _echo
    async with opened(hub) as peer:
        asking = asyncio.ensure_future(asks(peer, "Ask"))
        await peer.settle()
        asking.cancel()
        await peer.settle()
        assert len(await peer.sends(answer("s1", result=1))) == 1  # the question itself
        assert await peer.invoke("1", "Echo", 1) == [{"type": 3, "invocationId": "1", "result": 1}]


async def test_a_client_that_does_not_answer_in_time_is_given_up() -> None:
    async with opened(Script(), HubOptions(client_result_timeout_seconds=20.0)) as peer:
        usual = asyncio.ensure_future(asks(peer, "Ask"))
        short = asyncio.ensure_future(asks(peer, "Ask", timeout_seconds=5.0))
        await peer.settle()
        await peer.passes(5.5)
        with pytest.raises(ClientResultTimeout, match="5 s"):
            await short
        assert not usual.done()
        await peer.passes(15.0)
        with pytest.raises(ClientResultTimeout, match="20 s"):
            await usual
        assert len(await peer.sends(answer("s1", result=1), answer("s2", result=1))) == 2  # the questions


async def test_a_client_that_leaves_is_gone_for_everybody_who_waits_for_it() -> None:
    async with opened(Script()) as peer:
        asking = [asyncio.ensure_future(asks(peer, "Ask")) for _ in range(2)]
        await peer.settle()
        await peer.vanish()
        for each in asking:
            with pytest.raises(ConnectionGone, match=r"^Connection 'one' disconnected\.$"):
                await each


async def test_a_client_cannot_be_asked_by_its_own_disconnected() -> None:
    hub, failures = Script(), []
    async with opened(hub) as peer:

        async def disconnected() -> None:
            try:
                await asks(peer, "Ask")
            except ConnectionGone as error:
                failures.append(str(error))

        hub.on_disconnected = disconnected
        await peer.vanish()
        assert failures == ["Connection 'one' disconnected."]


async def test_hub_code_can_tell_when_it_may_not_ask() -> None:
    hub, told, gate = Script(), [], asyncio.Event()

    async def note() -> None:
        try:
            BEFORE_ASKING.get()()
        except LocalProtocolError:
            told.append("may not")
        else:
            told.append("may")

    async def later() -> None:
        await gate.wait()
        await note()

    async def connected() -> None:
        await note()
        hub.events.append(asyncio.ensure_future(later()))

    async def stream() -> AsyncGenerator[object, None]:
        await note()
        yield 1

    hub.on_connected = connected
    hub.on_disconnected = note
    hub.methods["Note"] = note
    hub.streams["Note"] = stream
    async with opened(hub) as peer:
        assert told == ["may not"]
        gate.set()  # a task that `connected` has left behind
        await peer.invoke("1", "Note")
        await peer.stream("2", "Note")
        await peer.vanish()
        assert told == ["may not", "may", "may", "may", "may"]


async def test_a_question_that_cannot_be_written_ends_the_connection() -> None:
    hub = Script()
    async with opened(hub) as peer:
        with pytest.raises(ConnectionGone):
            await asks(peer, "Ask", object())
        await peer.settle()
        (error,) = hub.errors
        assert isinstance(error, TypeError)


async def test_a_method_that_lets_a_clients_error_pass_tells_its_caller() -> None:
    hub = Script()
    async with opened(hub) as peer:

        async def ask() -> object:
            return await asks(peer, "Ask")

        hub.methods["Ask"] = ask
        await peer.invoke("1", "Ask")
        (end,) = await peer.sends(answer("s1", error="no"))
        assert end["error"] == "An unexpected error occurred invoking 'Ask' on the server. HubException: no"


async def _echo(value: object) -> object:
    return value
