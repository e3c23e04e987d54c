"""Hub messages from clients (sheet 4 and 5.2): how large, how broken and how unknown they may be."""

from __future__ import annotations

from typing import Any

import pytest
from compliance.checklist import ALL, WEBSOCKETS, shows
from compliance.raw.judge import Judge, call, completion
from compliance.raw.notation import RS, length_prefix
from compliance.raw.peers import Peer

TOO_LARGE = (
    "Connection closed with an error. InvalidDataException: The maximum message size of 1024B was exceeded. "
    "The message size can be configured "
)


def padded(peer: Peer, size: int, invocation_id: str) -> bytes:
    """A call whose message has exactly that many bytes, framing included."""
    text = "x" * (size - 100)
    while (missing := size - len(peer.notation.write(call("Echo", text, invocation_id=invocation_id)))) > 0:
        text += "x" * missing
    return peer.notation.write(call("Echo", text, invocation_id=invocation_id))


async def closed_as_too_large(peer: Peer) -> None:
    """The last message, and nothing after it."""
    (close,) = await peer.end()
    assert close.pop("error").startswith(TOO_LARGE)
    assert close == {"type": 7, "allowReconnect": True}


@shows("message-over-limit", over=ALL)
@pytest.mark.parametrize("size", [1025, 4000])
async def test_a_message_over_the_limit_is_fatal(judge: Judge, over: str, size: int) -> None:
    async with judge.connected(over, "/limits") as peer:
        assert await peer.result("Echo", "x" * 900) == "x" * 900
        await peer.send_bytes(padded(peer, size, "1"))
        await closed_as_too_large(peer)


@shows("message-over-limit", over=ALL)
async def test_a_message_of_just_the_limit_is_taken(judge: Judge, over: str) -> None:
    async with judge.connected(over, "/limits") as peer:
        data = padded(peer, 1024, "1")
        assert len(data) == 1024
        await peer.send_bytes(data)
        assert (await peer.receive())["invocationId"] == "1"


@shows("message-over-limit-in-chunks", over=ALL)
async def test_a_message_over_the_limit_is_fatal_before_it_is_whole(judge: Judge, over: str) -> None:
    async with judge.connected(over, "/limits") as peer:
        data = padded(peer, 2000, "1")
        await peer.send_bytes(data[:512])
        if not peer.notation.is_binary:  # there the first bytes have told how long it would be
            await peer.send_bytes(data[512:1024])
            await peer.send_bytes(data[1024:1025])
        await closed_as_too_large(peer)


@shows("third-of-three-over-limit", over=ALL)
async def test_messages_before_one_over_the_limit_are_answered(judge: Judge, over: str) -> None:
    async with judge.connected(over, "/limits") as peer:
        first, second = call("Echo", 1, invocation_id="1"), call("Echo", 2, invocation_id="2")
        await peer.send_bytes(peer.notation.write(first, second) + padded(peer, 1025, "3"))
        assert await peer.receive() == completion("1", result=1)
        assert await peer.receive() == completion("2", result=2)
        await closed_as_too_large(peer)


@shows("three-under-limit", over=ALL)
async def test_messages_under_the_limit_may_exceed_it_together(judge: Judge, over: str) -> None:
    async with judge.connected(over, "/limits") as peer:
        await peer.send_bytes(b"".join(padded(peer, 1000, str(number)) for number in range(3)))
        assert [(await peer.receive())["invocationId"] for _ in range(3)] == ["0", "1", "2"]


MALFORMED: dict[str, list[Any]] = {
    "no object": [b"[]", b"\xc0"],
    "no type": [b"{}", b"\x90"],
    "type of a wrong type": [b'{"type":"1"}', b"\x92\xa1\x31\x80"],
    "no target": [b'{"type":1,"arguments":[]}', b"\x93\x01\x80\xc0"],
    "arguments that are no array": [b'{"type":1,"target":"Echo","arguments":1}', b"\x95\x01\x80\xc0\xa4Echo\x01"],
    "a result and an error": [
        b'{"type":3,"invocationId":"s1","result":1,"error":"x"}',
        b"\x95\x03\x80\xa2s1\x09\x01",  # there a result kind that does not exist
    ],
    "broken off": [b'{"type":1,"target":"Echo"', b"\x95\x01\x80"],
}


@shows("malformed-message", over=WEBSOCKETS)
@pytest.mark.parametrize("name", MALFORMED)
async def test_a_malformed_message_is_fatal(judge: Judge, over: str, name: str) -> None:
    for path, is_detailed in (("/testhub", True), ("/plain", False)):
        async with judge.connected(over, path) as peer:
            body = MALFORMED[name][peer.notation.is_binary]
            await peer.send_bytes(length_prefix(len(body)) + body if peer.notation.is_binary else body + RS)
            (close,) = await peer.end()
            error = close.pop("error")
            assert close == {"type": 7, "allowReconnect": True}
            assert error.startswith("Connection closed with an error." + " InvalidDataException: " * is_detailed)
            assert (error == "Connection closed with an error.") is not is_detailed


@shows("unknown-types-and-fields", over=ALL)
async def test_messages_of_unknown_types_and_unknown_fields_are_skipped(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        if peer.notation.is_binary:
            unknown, longer = b"\x93\x63\x80\x01", b"\x98\x01\x80\xa11\xa4Echo\x91\x05\x90\x01\x81\xa1x\x01"
            await peer.send_bytes(b"".join(length_prefix(len(body)) + body for body in (unknown, longer)))
        else:
            unknown, longer = (
                b'{"type":99,"x":[{}]}',
                b'{"new":{"a":[1,{}]},"arguments":[5],"target":"Echo","invocationId":"1","type":1}',
            )
            await peer.send_bytes(unknown + RS + longer + RS)
        assert await peer.receive() == completion("1", result=5)


@shows("unsolicited-ack-and-sequence", over=ALL)
async def test_ack_and_sequence_mean_nothing_without_stateful_reconnect(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        for sequence_id in (7, 1, 0):
            await peer.send({"type": 8, "sequenceId": sequence_id}, {"type": 9, "sequenceId": sequence_id})
        assert await peer.result("Echo", "x") == "x"


@shows("ping-accepted", over=ALL)
async def test_a_ping_is_taken_and_not_answered(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        await peer.send({"type": 6})
        await peer.send({"type": 6}, {"type": 6})
        assert await peer.invoke("Echo", "x") == completion("i", result="x")


@shows("partial-message-at-end", over=WEBSOCKETS)
async def test_a_connection_that_ends_inside_of_a_message_ends_in_an_error(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        await peer.send_bytes(peer.notation.write(call("Echo", "x"))[:-2])
        await peer.leave()
        events = await judge.events(peer.connection_id, "disconnected")
        assert events[-1] == "disconnected InvalidMessage: Connection terminated while reading a message."


@shows("unserialisable", over=ALL)
@pytest.mark.parametrize("target", ["Unserialisable", "SendUnserialisable"])
async def test_what_cannot_be_written_ends_the_connections_that_it_was_for(
    judge: Judge, over: str, target: str
) -> None:
    async with judge.connected(over) as peer, judge.connected("WebSockets-json") as other:
        receivers = [peer, other] if target == "SendUnserialisable" else [peer]
        await peer.send(call(target, *([[each.connection_id for each in receivers]] if receivers[1:] else [])))
        if target == "Unserialisable":
            assert await peer.result("Echo", "x") == "x"  # nobody waited for the result
            await peer.send(call(target, invocation_id="1"))
        for each in receivers:
            (close,) = [message for message in await each.end() if message["type"] == 7]
            assert close.pop("error").startswith("Connection closed with an error. ")
            assert close == {"type": 7, "allowReconnect": True}
            events = await judge.events(each.connection_id, "disconnected")
            assert events[-1].startswith("disconnected TypeError: ")
