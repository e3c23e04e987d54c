"""Streams from hubs to clients (sheet 5.5)."""

from __future__ import annotations

from typing import Any

import pytest
from compliance.checklist import ALL, shows
from compliance.raw.judge import Judge, call, completion
from compliance.raw.notation import Message

RUNNING = "An error occurred on the server while streaming results."


def streaming(target: str, *arguments: object, invocation_id: str = "s", **more: Any) -> Message:
    return {"type": 4, "invocationId": invocation_id, "target": target, "arguments": list(arguments), **more}


def item(value: object, invocation_id: str = "s") -> Message:
    return {"type": 2, "invocationId": invocation_id, "item": value}


@shows("stream-kinds", over=ALL)
@pytest.mark.parametrize("target", ["Stream", "StreamReturned", "StreamQueue", "stream"])
async def test_streams_of_every_kind_give_their_items_and_end(judge: Judge, over: str, target: str) -> None:
    async with judge.connected(over) as peer:
        for _ in range(2):  # the id is free again
            await peer.send(streaming(target))
            assert [await peer.receive() for _ in range(4)] == [item("a"), item("b"), item("c"), completion("s")]


@shows("stream-kinds", over=ALL)
async def test_a_stream_may_be_empty_or_long(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        await peer.send(streaming("EmptyStream"), streaming("Counter", 500, invocation_id="t"))
        messages = [await peer.receive() for _ in range(502)]
        assert [each for each in messages if each["invocationId"] == "s"] == [completion("s")]
        expected = [*(item(number, "t") for number in range(500)), completion("t")]
        assert [each for each in messages if each["invocationId"] == "t"] == expected


@shows("stream-errors", over=ALL)
async def test_errors_of_streams_end_them_and_tell_what_may_be_told(judge: Judge, over: str) -> None:
    at_call = "An unexpected error occurred invoking 'StreamThrowException' on the server."
    cases = [
        ("StreamThrowException", [], at_call, " InvalidOperationException: no"),
        ("StreamThrowsLater", [item(1)], RUNNING, " InvalidOperationException: no"),
    ]
    for path, is_detailed in (("/testhub", True), ("/plain", False)):
        async with judge.connected(over, path) as peer:
            for target, items, text, detail in cases:
                await peer.send(streaming(target, "no"))
                expected = [*items, completion("s", error=text + detail * is_detailed)]
                assert [await peer.receive() for _ in expected] == expected
            await peer.send(streaming("StreamThrowsHubException", "you"))
            expected = [item(1), completion("s", error=RUNNING + " HubException: you")]
            assert [await peer.receive() for _ in expected] == expected
            await peer.send(streaming("Counter"))
            text = "Failed to invoke 'Counter' due to an error on the server."
            detail = " InvalidDataException: Invocation provides 0 argument(s) but target expects 1."
            assert await peer.receive() == completion("s", error=text + detail * is_detailed)


@shows("stream-errors", over=ALL)
async def test_a_streaming_method_that_returns_none_says_so(judge: Judge, over: str) -> None:
    async with judge.connected(over, "/plain") as peer:
        await peer.send(streaming("streamnothing"))
        text = (
            "The value returned by the streaming method 'StreamNothing' is not a ChannelReader<> or IAsyncEnumerable<>."
        )
        assert await peer.receive() == completion("s", error=text)


@shows("stream-cancel", over=ALL)
async def test_a_cancelled_stream_ends_without_error_and_its_id_is_free(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        await peer.send(streaming("InfiniteStream"))
        await judge.events(peer.connection_id, "streaming")
        await peer.send({"type": 5, "invocationId": "s"})
        assert await peer.receive() == call("StreamCanceled")
        assert await peer.receive() == completion("s")
        assert (await judge.events(peer.connection_id))[-1] == "stream ended"
        await peer.send(streaming("Counter", 1))
        assert [await peer.receive() for _ in range(2)] == [item(0), completion("s")]


@shows("stream-cancel", over=ALL)
async def test_a_flood_can_be_cancelled(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        await peer.send(streaming("Flood", 100))
        assert await peer.receive() == item("x" * 100)
        await peer.send({"type": 5, "invocationId": "s"})
        while (message := await peer.receive()) == item("x" * 100):
            pass  # some are on their way
        assert message == completion("s")
        assert await peer.invoke("Echo", "next") == completion("i", result="next")


@shows("stream-cancel-unknown", over=ALL)
async def test_to_cancel_what_is_not_there_means_nothing(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        await peer.send({"type": 5, "invocationId": "nothing"}, streaming("Counter", 1))
        assert [await peer.receive() for _ in range(2)] == [item(0), completion("s")]
        await peer.send({"type": 5, "invocationId": "s"})
        assert await peer.invoke("Echo", "next") == completion("i", result="next")


@shows("duplicate-stream-id", over=ALL)
async def test_an_id_in_use_is_refused_and_the_first_stream_goes_on(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        gate = f"duplicate-{peer.connection_id}"
        await peer.send(streaming("StreamHeld", gate))
        assert await peer.receive() == item("before")
        await peer.send(streaming("Counter", 1))
        assert await peer.receive() == completion("s", error="Invocation ID 's' is already in use.")
        await judge.events(peer.connection_id, "holding")
        await judge.release(gate)
        assert [await peer.receive() for _ in range(2)] == [item("behind"), completion("s")]


@shows("stream-ends-with-connection", over=ALL)
async def test_a_stream_ends_with_its_connection_before_the_hub_hears_of_that(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        await peer.send(streaming("InfiniteStream"))
        await judge.events(peer.connection_id, "streaming")
        await peer.leave()
        events = await judge.events(peer.connection_id, "disconnected")
        assert events == ["connected", "streaming", "stream ended", "disconnected"]
