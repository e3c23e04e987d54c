"""Stateful reconnect (sheet 6): what is counted, kept, sent again and dropped, with its traps."""

from __future__ import annotations

import asyncio

import pytest
from compliance.checklist import WEBSOCKETS, shows
from compliance.raw.judge import Judge, call, completion
from compliance.raw.notation import PING
from compliance.raw.peers import WebSocketPeer
from compliance.raw.stateful import ASKED, UNKNOWN_ID, ack, come_back, counted, lose, refused, sequence, stateful


@shows("stateful-flag")
async def test_stateful_reconnect_is_promised_only_if_both_sides_want_it(judge: Judge) -> None:
    for path, query, expected in (
        ("/testhub", ASKED, True),
        ("/testhub", "USESTATEFULRECONNECT=True&NEGOTIATEVERSION=1", True),
        ("/testhub", "negotiateVersion=1", None),
        ("/testhub", "negotiateVersion=1&useStatefulReconnect=false", None),
        ("/plain", ASKED, None),
    ):
        assert (await judge.negotiate(path, query)).get("useStatefulReconnect") is expected


@shows("stateful-nothing-buffered", over=WEBSOCKETS)
async def test_a_client_that_lacks_nothing_comes_back_to_the_next_message(judge: Judge, over: str) -> None:
    async with stateful(judge, over) as peer:
        assert await come_back(peer) == 1
        await peer.send(sequence(1))
        for number in (1, 2):
            await peer.send(call("Echo", number, invocation_id="i"))
            assert await counted(peer) == completion("i", result=number)
            await peer.send(ack(number))
        await lose(peer)
        assert await come_back(peer) == 3
        await peer.send(sequence(3), call("Echo", 3, invocation_id="i"))
        assert await counted(peer) == completion("i", result=3)
        assert "disconnected" not in await judge.events(peer.connection_id)


@shows("stateful-resend", over=WEBSOCKETS)
async def test_what_was_not_acknowledged_is_sent_again_in_order(judge: Judge, over: str) -> None:
    async with stateful(judge, over) as peer:
        for number in (1, 2, 3, 4):
            await peer.send(call("Echo", number, invocation_id="i"))
            assert await counted(peer) == completion("i", result=number)
        await peer.send(ack(2))
        await lose(peer)
        assert await come_back(peer) == 3
        assert await counted(peer) == completion("i", result=3)
        assert await counted(peer) == completion("i", result=4)
        await peer.send(sequence(5), call("Echo", 5, invocation_id="i"))
        assert await counted(peer) == completion("i", result=5)


@shows("stateful-while-away", over=WEBSOCKETS)
async def test_what_is_sent_while_the_client_is_away_waits_for_it(judge: Judge, over: str) -> None:
    async with stateful(judge, over) as peer, judge.connected("WebSockets-json") as other:
        gate = f"away-{peer.connection_id}"
        await peer.result("AddToGroup", gate)
        await peer.send(call("Hold", gate, invocation_id="1"))
        await judge.events(peer.connection_id, "holding")
        await peer.send(ack(1))
        await lose(peer)
        for number in range(3):
            await other.result("SendToGroup", gate, "Message", number)
        await other.result("SendToClient", peer.connection_id, "Message", 3)
        await judge.release(gate)
        await judge.fence()
        assert await come_back(peer) == 2
        assert [await counted(peer) for _ in range(4)] == [call("Message", number) for number in range(4)]
        assert await counted(peer) == completion("1", result=gate)


@shows("stateful-duplicates", over=WEBSOCKETS)
async def test_messages_that_come_again_are_dropped(judge: Judge, over: str) -> None:
    async with stateful(judge, over) as peer:
        calls = [call("Echo", number, invocation_id=str(number)) for number in range(4)]
        await peer.send(*calls[:2])
        assert [(await counted(peer))["result"] for _ in range(2)] == [0, 1]
        await peer.send(ack(2))
        await lose(peer)
        assert await come_back(peer) == 3
        await peer.send(sequence(1), *calls[:3])
        assert await counted(peer) == completion("2", result=2)
        await peer.send(calls[3])
        assert await counted(peer) == completion("3", result=3)


@shows("stateful-ack-during-resend", over=WEBSOCKETS)
async def test_an_acknowledgement_during_the_resend_loses_nothing(judge: Judge, over: str) -> None:
    async with stateful(judge, over) as peer:
        for number in (1, 2, 3):
            await peer.send(call("Echo", number, invocation_id="i"))
            await counted(peer)
        assert await come_back(peer, sequence(4), ack(2), call("Echo", 4, invocation_id="i")) == 1
        assert [(await counted(peer))["result"] for _ in range(4)] == [1, 2, 3, 4]
        await lose(peer)
        assert await come_back(peer) == 3
        assert [(await counted(peer))["result"] for _ in range(2)] == [3, 4]


@shows("stateful-ack-behind-resend", over=WEBSOCKETS)
async def test_the_acknowledgement_stands_behind_sequence_and_resend(judge: Judge, over: str) -> None:
    async with stateful(judge, over) as peer:
        for number in (1, 2):
            await peer.send(call("Echo", number, invocation_id="i"))
            await counted(peer)
        assert await come_back(peer) == 1
        messages = [await peer.receive() for _ in range(3)]
        assert messages == [completion("i", result=1), completion("i", result=2), ack(2)]


@shows("stateful-before-sequence", over=WEBSOCKETS)
async def test_messages_before_the_client_s_sequence_count_on(judge: Judge, over: str) -> None:
    async with stateful(judge, over) as peer:
        await peer.send(call("Echo", 1, invocation_id="1"))
        await counted(peer)
        assert await come_back(peer, call("Echo", 2, invocation_id="2"), sequence(2)) == 1
        assert [(await counted(peer))["invocationId"] for _ in range(2)] == ["1", "2"]
        await peer.send(call("Echo", 2, invocation_id="2"), call("Echo", 3, invocation_id="3"))
        assert (await counted(peer))["invocationId"] == "3"  # the second was sent again and is dropped


@shows("stateful-sequence-out-of-range", over=WEBSOCKETS)
@pytest.mark.parametrize("sequence_id", [3, 0, -5])
async def test_a_sequence_out_of_range_is_fatal(judge: Judge, over: str, sequence_id: int) -> None:
    async with stateful(judge, over) as peer:
        await peer.send(call("Echo", 1, invocation_id="1"))
        await counted(peer)
        await come_back(peer, sequence(sequence_id))
        close = (await peer.end())[-1]
        error = close.pop("error")
        assert close == {"type": 7, "allowReconnect": True}
        assert error.startswith("Connection closed with an error. InvalidDataException: ")
        if sequence_id > 0:
            assert error.endswith(" Sequence ID greater than amount of messages we've received.")
        assert (await judge.events(peer.connection_id, "disconnected"))[-1].startswith("disconnected ")
        assert await refused(judge, peer) == UNKNOWN_ID


@shows("stateful-client-close", over=WEBSOCKETS)
async def test_who_has_closed_cannot_come_back(judge: Judge, over: str) -> None:
    async with stateful(judge, over) as peer:
        await peer.send({"type": 7})
        assert await peer.end() == [{"type": 7}]
        assert await refused(judge, peer) == UNKNOWN_ID
        assert await judge.events(peer.connection_id, "disconnected") == ["connected", "disconnected"]


@shows("stateful-close-frame", over=WEBSOCKETS)
@pytest.mark.parametrize("code", [1000, 1001, None])
async def test_a_close_frame_is_final_whatever_its_code(judge: Judge, over: str, code: int | None) -> None:
    async with stateful(judge, over) as peer:
        await peer.invoke("Echo", 1)
        await peer.socket.send_close(code)
        while await peer.socket.frame() is not None:
            pass
        assert await judge.events(peer.connection_id, "disconnected") == ["connected", "disconnected"]
        assert await refused(judge, peer) == UNKNOWN_ID


@shows("stateful-takeover", over=WEBSOCKETS)
async def test_a_second_socket_takes_over_and_the_first_ends(judge: Judge, over: str) -> None:
    async with stateful(judge, over) as peer:
        assert (await peer.invoke("Echo", 1))["result"] == 1
        first = peer.socket
        await peer.open()
        await peer.send(sequence(2))
        assert await peer.message() == sequence(1)
        assert await counted(peer) == completion("i", result=1)
        assert await first.frame() is None  # cut, without a word
        first.streams.writer.write(b"\x81\x80\0\0\0\0")
        await peer.send(call("Echo", 2, invocation_id="i"))
        assert await counted(peer) == completion("i", result=2)
        assert await judge.events(peer.connection_id) == ["connected"]


@shows("stateful-only-with-version-2", over=WEBSOCKETS)
async def test_a_handshake_of_version_one_gives_it_up(judge: Judge, over: str) -> None:
    peer = judge.peer(over)
    assert isinstance(peer, WebSocketPeer)
    await peer.negotiate(ASKED)
    await peer.open()
    await peer.shake({"type": PING})
    assert await refused(judge, peer) == (409, b"")
    assert await peer.result("Echo", "still here") == "still here"
    await lose(peer)
    assert (await judge.events(peer.connection_id, "disconnected"))[-1].startswith("disconnected ConnectionResetError")
    assert await refused(judge, peer) == UNKNOWN_ID


@shows("trap-glued-to-handshake", over=WEBSOCKETS)
async def test_messages_wait_for_the_client_s_first_word_behind_the_handshake(judge: Judge, over: str) -> None:
    async with stateful(judge, over, query="greet=hello", is_silent=True) as peer:
        waiting = asyncio.create_task(peer.message())
        await judge.events(peer.connection_id, "connected")
        await judge.fence()
        assert not waiting.done()
        await peer.send({"type": PING})
        assert await waiting == call("Greeting", "hello")
        assert await come_back(peer) == 1
        assert await counted(peer) == call("Greeting", "hello")


@shows("trap-sequence-first", over=WEBSOCKETS)
async def test_sequence_is_the_first_message_on_a_new_socket_whatever_else_there_is(judge: Judge, over: str) -> None:
    async with stateful(judge, over) as peer, judge.connected("WebSockets-json") as other:
        await peer.send({"type": 4, "invocationId": "s", "target": "Flood", "arguments": [50]})
        for _ in range(20):
            await counted(peer)
        for _ in range(5):
            await other.send(call("SendToClient", peer.connection_id, "Message", "x"))
            assert await come_back(peer) >= 1  # its first message is a Sequence


@shows("trap-token-dead-before-close", over=WEBSOCKETS)
@pytest.mark.parametrize("target", ["Abort", "Unserialisable"])
async def test_the_token_is_dead_when_the_client_reads_the_close(judge: Judge, over: str, target: str) -> None:
    async with stateful(judge, over) as peer:
        await peer.send(call(target, invocation_id="1"))
        assert (await counted(peer))["type"] == 7
        assert await refused(judge, peer) == UNKNOWN_ID


@shows("stateful-without-negotiate", over=WEBSOCKETS)
async def test_who_skips_negotiate_cannot_come_back(judge: Judge, over: str) -> None:
    peer = judge.peer(over, query="useStatefulReconnect=true")
    assert isinstance(peer, WebSocketPeer)
    await peer.open()
    await peer.shake(version=2)
    peer.token = peer.connection_id = await peer.own_id()
    assert await refused(judge, peer) == (409, b"")
    await lose(peer)
    await judge.events(peer.connection_id, "disconnected")
    assert await refused(judge, peer) == UNKNOWN_ID
