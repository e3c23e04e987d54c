"""The client against a real server, in every combination of transport and protocol."""

from __future__ import annotations

import asyncio
import datetime
import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import pytest

from hubwire.client import (
    ConnectionClosed,
    ConnectionState,
    HubConnection,
    InvocationError,
    NotConnected,
    UnexpectedResult,
)
from hubwire.options import PropertyNames

from .conftest import Calls, Conformance

COMBINATIONS = [
    ("WebSockets", "json"),
    ("WebSockets", "messagepack"),
    ("ServerSentEvents", "json"),
    ("LongPolling", "json"),
    ("LongPolling", "messagepack"),
]


@pytest.fixture(params=COMBINATIONS, ids="-".join)
def connection(request: pytest.FixtureRequest, conformance: Conformance) -> HubConnection:
    transport, protocol = request.param
    return HubConnection(conformance.url, transports=[transport], protocol=protocol)


@dataclass(frozen=True, slots=True)
class ComplexObject:
    ByteArray: bytes
    DateTime: datetime.datetime
    Guid: uuid.UUID
    IntArray: list[int]
    String: str


COMPLEX = ComplexObject(
    bytes((1, 2, 3)),
    datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC),
    uuid.UUID("00010203-0405-0607-0706-050403020100"),
    [1, 2, 3],
    "hello world",
)


async def letters(*items: str) -> AsyncIterator[str]:
    for item in items:
        yield item


async def test_values_come_back_as_they_went(connection: HubConnection) -> None:
    async with connection:
        assert await connection.invoke("Echo", "çay ☕") == "çay ☕"
        assert await connection.invoke("Echo", {"a": [1, None, 2.5]}) == {"a": [1, None, 2.5]}
        assert await connection.invoke("VoidMethod") is None
        assert await connection.invoke("Add", 40, 2, result_type=int) == 42
        assert await connection.invoke("SendComplexObject", result_type=ComplexObject) == COMPLEX
        assert await connection.invoke("EchoComplexObject", COMPLEX, result_type=ComplexObject) == COMPLEX


async def test_a_result_of_another_type_says_so(connection: HubConnection) -> None:
    async with connection:
        with pytest.raises(UnexpectedResult, match="'Echo'"):
            await connection.invoke("Echo", "x", result_type=int)
        with pytest.raises(UnexpectedResult, match="'Stream'"):
            await anext(connection.stream("Stream", item_type=int))
        assert await connection.invoke("Echo", "x") == "x"


async def test_an_error_carries_the_text_of_the_server(connection: HubConnection) -> None:
    async with connection:
        with pytest.raises(InvocationError) as caught:
            await connection.invoke("ThrowHubException", "on purpose")
        assert str(caught.value) == (
            "An unexpected error occurred invoking 'ThrowHubException' on the server. HubException: on purpose"
        )
        assert caught.value.target == "ThrowHubException"
        assert await connection.invoke("Echo", 1) == 1


async def test_handlers_get_what_the_server_calls_with(connection: HubConnection) -> None:
    message = connection.on("message", Calls())
    async with connection:
        await connection.invoke("InvokeWithString", "hello")
        assert await message.until() == ["hello"]


async def test_a_call_without_an_answer_is_carried_out(connection: HubConnection) -> None:
    message = connection.on("Message", Calls())
    async with connection:
        await connection.send("SendToCaller", "Message", "sent")
        assert await message.until() == ["sent"]


async def test_streams_end_fail_and_are_cancelled(connection: HubConnection) -> None:
    cancelled = connection.on("StreamCanceled", Calls())
    async with connection:
        assert [item async for item in connection.stream("Stream")] == ["a", "b", "c"]
        assert [item async for item in connection.stream("EmptyStream")] == []
        failing = connection.stream("StreamThrowsLater", "oh", item_type=int)
        assert await anext(failing) == 1
        with pytest.raises(InvocationError, match="An error occurred on the server while streaming results"):
            await anext(failing)
        async with aclosing(connection.stream("Counter", 1_000_000)) as counting:
            async for number in counting:
                if number == 3:
                    break
        reading = asyncio.ensure_future(anext(connection.stream("InfiniteStream")))
        await connection.invoke("Echo", 1)
        reading.cancel()
        assert await cancelled.until() == [()]


async def test_a_loop_over_a_stream_that_is_left_cancels_it(
    connection: HubConnection, conformance: Conformance
) -> None:
    async with connection:
        async for _ in connection.stream("StreamEcho", letters("a"), item_type=str):
            break
        async for _ in connection.stream("Flood", 10):
            break
        # Otherwise the flood would hold up every answer behind it.
        for number in range(50):
            assert await connection.invoke("Echo", number) == number


async def test_iterators_among_the_arguments_are_uploaded(connection: HubConnection) -> None:
    async with connection:
        assert await connection.invoke("StreamingConcat", letters("Hello ", "world", "!")) == "Hello world!"
        assert await connection.invoke("StreamingJoin", letters("a", "b"), "-", letters("c")) == "ab-c"
        assert [item async for item in connection.stream("StreamEcho", letters("x", "y"))] == ["x", "y"]
        told = connection.on("Item", Calls())
        await connection.send("StreamingTold", letters("1", "2"))
        assert await told.until(2) == ["1", "2"]


async def test_an_upload_that_fails_fails_the_call(connection: HubConnection) -> None:
    async def failing() -> AsyncIterator[str]:
        yield "a"
        raise ValueError("Something bad")

    async with connection:
        with pytest.raises(InvocationError, match="HubException: Something bad"):
            await connection.invoke("StreamingConcat", failing())
        with pytest.raises(ValueError, match="Something bad"):
            await connection.send("StreamingConcat", failing())
        assert await connection.invoke("Echo", 1) == 1


async def test_an_upload_that_nobody_wants_any_more_is_closed(
    connection: HubConnection, conformance: Conformance
) -> None:
    began, closed = asyncio.Event(), asyncio.Event()

    async def endless() -> AsyncIterator[int]:
        began.set()
        try:
            while True:
                yield 1
                await asyncio.sleep(0)
        finally:
            closed.set()

    async with connection:
        assert await connection.invoke("StreamingIgnored", endless()) == "ignored"
        # The answer may be there before the first item is asked for.
        assert closed.is_set() == began.is_set()
        reading = asyncio.ensure_future(connection.invoke("StreamingHeld", "gate", endless()))
        await began.wait()
        await conformance.events(connection.connection_id, "holding")
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert closed.is_set()
        async with HubConnection(conformance.url) as other:
            assert await other.invoke("Release", "gate")


async def test_the_server_is_answered(connection: HubConnection) -> None:
    @connection.on("Double")
    async def double(value: int) -> int:
        return 2 * value

    @connection.on("Fail")
    def fail() -> None:
        raise RuntimeError("from the handler")

    connection.on("Nothing", lambda: None)
    connection.on("Twice", lambda: 1)
    connection.on("Twice", lambda: 2)

    async with connection:
        assert await connection.invoke("AskCaller", "Double", [21]) == 42
        assert await connection.invoke("AskCaller", "Nothing") is None
        for target, text in (
            ("Nobody", "Client didn't provide a result."),
            ("Twice", "Client provided multiple results."),
            ("Fail", "from the handler"),
        ):
            with pytest.raises(InvocationError) as caught:
                await connection.invoke("AskCaller", target)
            assert str(caught.value).endswith(f"HubException: {text}")
        with pytest.raises(InvocationError, match="Invocation provides 0 argument"):
            await connection.invoke("AskCaller", "Double")
        with pytest.raises(InvocationError, match="Error binding arguments"):
            await connection.invoke("AskCaller", "Double", ["x"])


async def test_a_handler_may_call_the_server_and_await_the_answer(connection: HubConnection) -> None:
    answers: list[Any] = []

    @connection.on("Message")
    async def message(text: str) -> None:
        answers.append(await connection.invoke("Echo", text))

    async with connection:
        for text in ("a", "b", "c"):
            await connection.invoke("InvokeWithString", text)
        async with asyncio.timeout(30):
            while len(answers) < 3:
                await connection.invoke("Echo", None)
        assert answers == ["a", "b", "c"]


async def test_a_stop_is_a_good_bye_and_the_same_object_starts_again(connection: HubConnection) -> None:
    closed = connection.on_closed(Calls())
    ids = []
    for _ in range(2):
        assert (connection.state, connection.connection_id) == (ConnectionState.DISCONNECTED, None)
        await connection.start()
        assert connection.state is ConnectionState.CONNECTED
        ids.append(connection.connection_id)
        assert await connection.invoke("GetCallerConnectionId") == connection.connection_id
        await connection.stop()
    assert closed.received == [None, None]
    assert ids[0] != ids[1]


async def test_the_hub_learns_how_the_client_left(connection: HubConnection, conformance: Conformance) -> None:
    async with connection:
        connection_id = connection.connection_id
    assert (await conformance.events(connection_id, "disconnected"))[-1] == "disconnected"


async def test_calls_fail_when_the_server_ends_the_connection(connection: HubConnection) -> None:
    closed = connection.on_closed(Calls())
    await connection.start()
    waiting = asyncio.ensure_future(connection.invoke("Hold", "for ever"))
    with pytest.raises(ConnectionClosed, match="Invocation canceled due to the underlying connection being closed"):
        await connection.invoke("Abort")
    with pytest.raises(ConnectionClosed):
        await waiting
    assert await closed.until() == [None]
    assert connection.state is ConnectionState.DISCONNECTED
    with pytest.raises(NotConnected):
        await connection.invoke("Echo", 1)
    with pytest.raises(NotConnected):
        await anext(connection.stream("Stream"))


async def test_a_cancelled_call_is_cancelled_at_the_server(connection: HubConnection, conformance: Conformance) -> None:
    cancelled = connection.on("InvocationCanceled", Calls())
    async with connection:
        waiting = asyncio.ensure_future(connection.invoke("HoldCancellable", "gate"))
        await conformance.events(connection.connection_id, "holding")
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await cancelled.until() == [()]


async def test_arguments_that_cannot_be_written_harm_nothing(connection: HubConnection) -> None:
    async def objects() -> AsyncIterator[object]:
        yield object()

    async with connection:
        with pytest.raises(TypeError):
            await connection.invoke("Echo", object())
        with pytest.raises(TypeError):
            await connection.send("Echo", object())
        with pytest.raises(TypeError):
            await anext(connection.stream("StreamEcho", object()))
        with pytest.raises(InvocationError, match="StreamingConcat"):
            await connection.invoke("StreamingConcat", objects())
        assert await connection.invoke("Echo", 1) == 1


async def test_names_of_fields_are_spelled_as_the_server_spells_them(conformance: Conformance) -> None:
    @dataclass(frozen=True, slots=True)
    class Price:
        unit_price: int

    async with HubConnection(conformance.url, property_names=PropertyNames.CAMEL_CASE) as connection:
        assert await connection.invoke("Echo", Price(3)) == {"unitPrice": 3}
        assert await connection.invoke("Echo", Price(3), result_type=Price) == Price(3)
