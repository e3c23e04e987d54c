"""Streams from clients to hubs (sheet 4.6 and 5.6)."""

from __future__ import annotations

from typing import Any

from compliance.checklist import ALL, shows
from compliance.raw.judge import Judge, call, completion
from compliance.raw.notation import Message

UNEXPECTED = "An unexpected error occurred invoking '{}' on the server. HubException: {}"


def upload(target: str, *arguments: object, streams: list[str], invocation_id: str | None = "u") -> Message:
    return call(target, *arguments, invocation_id=invocation_id, streamIds=streams)


def item(stream_id: str, value: object) -> Message:
    return {"type": 2, "invocationId": stream_id, "item": value}


@shows("upload-concat", over=ALL)
async def test_uploaded_items_arrive_in_order(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        await peer.send(upload("StreamingConcat", streams=["1"]))
        for part in ("Hello", " ", "world!"):
            await peer.send(item("1", part))
        await peer.send(completion("1"))
        assert await peer.receive() == completion("u", result="Hello world!")
        # All in one payload, under the same ids.
        await peer.send(upload("StreamingConcat", streams=["1"]), item("1", "x"), item("1", "y"), completion("1"))
        assert await peer.receive() == completion("u", result="xy")


@shows("upload-objects", over=ALL)
async def test_objects_can_be_uploaded(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        await peer.send(
            upload("StreamingObjects", streams=["1"]),
            item("1", {"Name": "a", "Value": 1}),
            item("1", {"Value": 2, "Name": "b", "More": 3}),
            completion("1"),
        )
        assert await peer.receive() == completion("u", result=["a=1", "b=2"])


@shows("upload-interleaved", over=ALL)
async def test_many_uploads_at_once_are_kept_apart(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        numbers = range(20)
        await peer.send(
            *(upload("StreamingConcat", streams=[f"s{number}"], invocation_id=str(number)) for number in numbers)
        )
        for part in "abc":
            await peer.send(*(item(f"s{number}", f"{part}{number}") for number in reversed(numbers)))
        await peer.send(*(completion(f"s{number}") for number in numbers))
        answers = [await peer.receive() for _ in numbers]
        assert sorted(answers, key=lambda each: int(each["invocationId"])) == [
            completion(str(number), result=f"a{number}b{number}c{number}") for number in numbers
        ]


@shows("upload-interleaved", over=ALL)
async def test_several_uploads_of_a_call_fill_its_streams_in_order(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        await peer.send(
            upload("StreamingJoin", "-", streams=["x", "u"]),  # a stream and a call may have the same id
            item("u", "1"),
            item("x", "a"),
            completion("u"),
            item("x", "b"),
            completion("x"),
        )
        assert await peer.receive() == completion("u", result="ab-1")


@shows("upload-visible-at-once", over=ALL)
async def test_an_item_reaches_the_method_before_the_next_is_sent(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        await peer.send(upload("StreamingTold", streams=["1"]))
        for number in range(5):
            await peer.send(item("1", number))
            assert await peer.receive() == call("Item", number)
        await peer.send(completion("1"))
        assert await peer.receive() == completion("u", result=None)


@shows("upload-into-stream", over=ALL)
async def test_a_streaming_method_may_take_an_upload(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        await peer.send(
            {"type": 4, "invocationId": "u", "target": "StreamEcho", "arguments": [], "streamIds": ["1"]},
        )
        for value in (1, None, "x"):
            await peer.send(item("1", value))
            assert await peer.receive() == item("u", value)
        await peer.send(completion("1"))
        assert await peer.receive() == completion("u")


@shows("upload-non-blocking", over=ALL)
async def test_a_call_that_nobody_waits_for_may_bring_an_upload(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        await peer.send(upload("StreamingTold", streams=["1"], invocation_id=None), item("1", "x"), completion("1"))
        assert await peer.receive() == call("Item", "x")
        assert await peer.invoke("Echo", 1) == completion("i", result=1)


@shows("upload-wrong-type", over=ALL)
async def test_an_item_of_a_wrong_type_fails_its_stream_alone(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        await peer.send(
            upload("StreamingSum", streams=["1"]),
            upload("StreamingSum", streams=["2"], invocation_id="v"),
            item("1", 1),
            item("1", "two"),
            item("2", 5),
        )
        answer = await peer.receive()
        assert answer["invocationId"] == "u"
        assert answer["error"].startswith("An unexpected error occurred invoking 'StreamingSum' on the server.")
        await peer.send(item("1", 3), completion("1"), item("2", 6), completion("2"))
        assert await peer.receive() == completion("v", result=11)


@shows("upload-unknown-id", over=ALL)
async def test_items_and_ends_of_unknown_uploads_are_ignored(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        await peer.send(
            item("x", 1), item("x", {"y": []}), completion("x"), completion("x", error="e"), completion("x", result=1)
        )
        assert await peer.invoke("Echo", "x") == completion("i", result="x")


@shows("upload-ends-with-error", over=ALL)
async def test_the_error_that_ends_an_upload_reaches_the_method(judge: Judge, over: str) -> None:
    async with judge.connected(over, "/plain") as peer:
        await peer.send(
            upload("StreamingConcat", streams=["1"]), item("1", "x"), completion("1", error="Something bad")
        )
        assert await peer.receive() == completion("u", error=UNEXPECTED.format("StreamingConcat", "Something bad"))


@shows("upload-count", over=ALL)
async def test_too_many_or_too_few_uploads_are_refused(judge: Judge, over: str) -> None:
    cases: list[tuple[str, list[Any], list[str], int]] = [
        ("StreamingConcat", [], ["1", "2"], 1),
        ("StreamingConcat", [], [], 1),
        ("StreamingJoin", ["-"], ["1"], 2),
        ("Echo", ["x"], ["1"], 0),
    ]
    async with judge.connected(over, "/plain") as peer:
        for target, arguments, streams, expected in cases:
            await peer.send(upload(target, *arguments, streams=streams))
            text = f"Client sent {len(streams)} stream(s), Hub method expects {expected}."
            assert await peer.receive() == completion("u", error=UNEXPECTED.format(target, text))
        await peer.send(upload("StreamingConcat", streams=["1"]), item("1", "x"), completion("1"))
        assert await peer.receive() == completion("u", result="x")


@shows("upload-takes-no-permit", over=ALL)
async def test_an_upload_that_waits_holds_up_no_call(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        await peer.send(upload("StreamingConcat", streams=["1"]), item("1", "x"))
        assert await peer.invoke("Echo", "between") == completion("i", result="between")
        await peer.send(completion("1"))
        assert await peer.receive() == completion("u", result="x")


@shows("upload-ends-with-method", over=ALL)
async def test_what_comes_after_the_method_has_returned_is_ignored(judge: Judge, over: str) -> None:
    async with judge.connected(over, "/limits") as peer:
        await peer.send(upload("StreamingIgnored", streams=["1"]))
        assert await peer.receive() == completion("u", result="ignored")
        await peer.send(*(item("1", number) for number in range(10)), completion("1"))
        assert await peer.invoke("Echo", "x") == completion("i", result="x")


@shows("upload-ends-with-connection", over=ALL)
async def test_an_upload_ends_in_an_error_when_its_client_leaves(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        await peer.send(upload("StreamingNoted", streams=["1"]), item("1", "x"))
        await judge.events(peer.connection_id, "uploading")
        await peer.leave()
        await judge.events(peer.connection_id, "disconnected")
        events = await judge.events(peer.connection_id, "upload")
        assert "upload failed: The underlying connection was closed." in events
