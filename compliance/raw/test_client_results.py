"""Servers that ask clients (sheet 4.7)."""

from __future__ import annotations

import asyncio

from compliance.checklist import ALL, shows
from compliance.raw.judge import Judge, call, completion
from compliance.raw.notation import Message
from compliance.raw.peers import Peer

UNEXPECTED = "An unexpected error occurred invoking '{}' on the server."


async def question(peer: Peer, target: str, *arguments: object) -> str:
    """The id of the server's question, which has to be the next message."""
    message: Message = await peer.receive()
    invocation_id: str = message.pop("invocationId")
    assert message == call(target, *arguments)
    assert not invocation_id.isdigit()  # as those that clients give to their calls and streams
    return invocation_id


@shows("result-from-method", over=ALL)
async def test_a_method_gets_the_answer_of_its_caller(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        for answer in ("x", None, {"a": [1]}):
            await peer.send(call("AskCaller", "Result", ["a", 1], invocation_id="0"))
            asked = await question(peer, "Result", "a", 1)
            await peer.send(completion(asked, result=answer))
            assert await peer.receive() == completion("0", result=answer)


@shows("result-from-outside", over=ALL)
async def test_a_client_can_be_asked_from_outside_of_hubs(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        asking = asyncio.create_task(judge.ask(peer.connection_id, "Result"))
        await peer.send(completion(await question(peer, "Result"), result=10))
        assert await asking == {"result": 10}
    assert await judge.ask("nobody", "Result") == {"error": "Connection 'nobody' does not exist."}


@shows("result-from-outside", over=ALL)
async def test_who_asks_hears_that_the_client_has_left(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        asking = asyncio.create_task(judge.ask(peer.connection_id, "Result"))
        await question(peer, "Result")
        await peer.leave()
        assert await asking == {"error": f"Connection '{peer.connection_id}' disconnected."}


@shows("result-twice", over=ALL)
async def test_a_method_may_ask_twice(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        await peer.send(call("AskTwice", "Result", invocation_id="0"))
        first = await question(peer, "Result", "first")
        await peer.send(completion(first, result=1))
        second = await question(peer, "Result", "second")
        assert second != first
        await peer.send(completion(second, result=2))
        assert await peer.receive() == completion("0", result=[1, 2])


@shows("result-in-upload", over=ALL)
async def test_a_method_may_ask_between_the_items_of_an_upload(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        await peer.send(call("StreamingAsk", "Result", invocation_id="0", streamIds=["1"]))
        await peer.send({"type": 2, "invocationId": "1", "item": "a"})
        asked = await question(peer, "Result")
        await peer.send({"type": 2, "invocationId": "1", "item": "b"}, completion(asked, result=5), completion("1"))
        assert await peer.receive() == completion("0", result=["a", 5, "b"])


@shows("result-in-stream", over=ALL)
async def test_a_streaming_method_may_ask(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        await peer.send({"type": 4, "invocationId": "0", "target": "StreamAsk", "arguments": ["Result"]})
        assert (await peer.receive())["item"] == "first"
        await peer.send(completion(await question(peer, "Result"), result=5))
        assert [(await peer.receive()).get("item") for _ in range(2)] == [5, "last"]
        assert await peer.receive() == completion("0")


@shows("result-in-background", over=ALL)
async def test_a_task_may_ask_when_its_method_is_over(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        await peer.send(call("AskLater", "Result", invocation_id="0"))
        messages = [await peer.receive(), await peer.receive()]
        assert completion("0", result=None) in messages
        (asked,) = (message["invocationId"] for message in messages if message["type"] == 1)
        assert await peer.invoke("Echo", "between") == completion("i", result="between")
        await peer.send(completion(asked, result=5))
        assert (await judge.events(peer.connection_id, "answered"))[-1] == "answered 5"


@shows("result-error", over=ALL)
async def test_a_client_s_error_reaches_the_method_word_for_word(judge: Judge, over: str) -> None:
    async with judge.connected(over, "/plain") as peer:
        await peer.send(call("AskCaller", "Result", invocation_id="0"))
        await peer.send(completion(await question(peer, "Result"), error="Error: from callback"))
        text = UNEXPECTED.format("AskCaller") + " HubException: Error: from callback"
        assert await peer.receive() == completion("0", error=text)
        assert await peer.invoke("Echo", "x") == completion("i", result="x")


@shows("result-gives-way", over=ALL)
async def test_while_a_method_waits_for_the_client_the_next_call_begins(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        await peer.send(call("AskCaller", "Result", invocation_id="0"), call("Echo", "next", invocation_id="1"))
        asked = await question(peer, "Result")
        assert await peer.receive() == completion("1", result="next")
        await peer.send(completion(asked, result=5))
        assert await peer.receive() == completion("0", result=5)


@shows("result-of-another", over=ALL)
async def test_another_connection_cannot_answer(judge: Judge, over: str) -> None:
    async with judge.connected(over) as asked, judge.connected("WebSockets-json") as other:
        await other.send(call("AskClient", asked.connection_id, "Result", invocation_id="0"))
        question_id = await question(asked, "Result")
        await other.send(completion(question_id, result="wrong"))
        await asked.send(completion(question_id, result="right"))
        assert await other.receive() == completion("0", result="right")


@shows("result-in-connected", over=ALL)
async def test_a_client_cannot_be_asked_while_it_connects(judge: Judge, over: str) -> None:
    async with judge.opened(over, query="askOnConnect=Result") as peer:
        await peer.shake()
        text = "Client results inside OnConnectedAsync Hub methods are not allowed."
        error = f"Connection closed with an error. InvalidOperationException: {text}"
        assert await peer.end() == [{"type": 7, "error": error}]


@shows("result-in-disconnected", over=ALL)
async def test_a_client_that_has_left_cannot_be_asked(judge: Judge, over: str) -> None:
    async with judge.connected(over, query="askOnDisconnect=Result") as peer:
        await peer.leave()
        events = await judge.events(peer.connection_id, "disconnected")
        text = f"ask failed: Connection '{peer.connection_id}' disconnected."
        assert events == ["connected", text, "disconnected"]
