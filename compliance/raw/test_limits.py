"""Each limit of the server, tripped from outside: the end or the error that is documented, and others who go on.

The rows are the options of `docs/reference/limits.md`, which the checklist is held against. Limits that are times stand
in `test_in_time`, what clients that read nothing may cost in `test_reading_nothing`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from compliance.checklist import ALL, POLLING, WEBSOCKETS, shows
from compliance.conftest import running
from compliance.raw.conftest import LANES, fast_only
from compliance.raw.http11 import Reply, within
from compliance.raw.judge import SMALL_BUFFER_BYTES, Judge, call, completion
from compliance.raw.peers import EventsPeer, PollingPeer, WebSocketPeer
from compliance.raw.silent import is_cut, read_nothing
from compliance.raw.stateful import UNKNOWN_ID, ack, counted, refused, stateful
from compliance.server import ConformanceServer
from websockets.frames import Frame, Opcode

CANCELED = b'{"error":"Handshake was canceled."}\x1e'
FAR_TOO_MUCH_BYTES = 24 * 1024 * 1024
"""More than the kernel keeps of what a process does not read, both ends together."""


async def is_held_up(judge: Judge, waiting: asyncio.Task[Any]) -> bool:
    """Whether something is still not done when the server has had the time to do it."""
    await judge.fence()
    return not waiting.done()


# Of a connection


@shows("limit-maximum_receive_message_bytes", over=ALL)
async def test_a_message_over_the_limit_ends_its_own_connection_alone(judge: Judge, over: str) -> None:
    async with judge.connected(over, "/limits") as peer, judge.connected(over, "/limits") as other:
        await peer.send(call("Echo", "fits", invocation_id="1"), call("Echo", "x" * 1024, invocation_id="2"))
        assert await peer.receive() == completion("1", result="fits")
        (close,) = await peer.end()
        assert "The maximum message size of 1024B was exceeded." in close["error"]
        assert close["allowReconnect"] is True
        assert await other.result("Echo", "still here") == "still here"


@fast_only
@shows("limit-maximum_receive_frame_bytes")
async def test_a_frame_over_the_limit_ends_the_socket_with_1009(judge: Judge) -> None:
    socket = await judge.open_websocket("/limits")
    await socket.send_text(b"x" * 4097)
    frame = await socket.frame()
    assert frame is not None
    assert close_code_without_reason(frame) == 1009


def close_code_without_reason(frame: Frame) -> int:
    """The library that refuses it says why."""
    assert frame.opcode is Opcode.CLOSE
    return int.from_bytes(bytes(frame.data[:2]), "big")


@shows("limit-receive_buffer_bytes", over=("ServerSentEvents-json", "LongPolling-json"))
async def test_what_a_raw_handler_has_not_read_holds_up_the_post(judge: Judge, over: str) -> None:
    async with judge.opened(over, "/held", query=f"gate=post-{over}") as peer:
        assert isinstance(peer, EventsPeer | PollingPeer)
        posting = asyncio.create_task(peer.send_bytes(b"x" * 50_000 + b"."))
        assert await is_held_up(judge, posting)
        await judge.release(f"post-{over}")
        await posting


@shows("limit-receive_buffer_bytes")
async def test_what_a_raw_handler_has_not_read_stays_in_the_kernels(judge: Judge) -> None:
    socket = await judge.open_websocket("/held?gate=unread")
    before = judge.resident_bytes
    part = b"x" * 65_000
    count = FAR_TOO_MUCH_BYTES // len(part)
    frames = [Frame(Opcode.BINARY, part)] * count
    sending = asyncio.create_task(socket.send(*frames, Frame(Opcode.BINARY, b".")))
    assert await is_held_up(judge, sending)
    assert judge.resident_bytes - before < FAR_TOO_MUCH_BYTES / 4
    await judge.release("unread")
    await sending
    frame = await socket.frame()
    assert frame is not None
    assert int(frame.data) == count * len(part) + 1


@shows("limit-outbox_limit_bytes", over=ALL)
async def test_a_reader_whose_outbox_is_full_is_cut_and_holds_nobody_up(judge: Judge, over: str) -> None:
    peer = judge.peer(over, "/outbox")
    await read_nothing(peer)
    async with judge.connected("WebSockets-json", "/outbox") as other:
        await other.send(call("Burst", [peer.connection_id], "Message", 800, 30_000, invocation_id="1"))
        assert await other.receive() == completion("1", result=800)
        events = await judge.events(peer.connection_id, "disconnected")
        assert events[-1].startswith("disconnected SlowConsumer: ")
        assert await other.result("Echo", "still here") == "still here"
    await is_cut(judge, peer)


@shows("two-parallel-calls", "limit-maximum_parallel_invocations", over=ALL)
async def test_of_two_permits_the_second_call_overtakes_and_the_third_waits(judge: Judge, over: str) -> None:
    async with judge.connected(over, "/parallel") as peer:
        one, two, three = (f"parallel{number}-{peer.connection_id}" for number in range(3))
        await peer.send(
            call("Hold", one, invocation_id="1"),
            call("Hold", two, invocation_id="2"),
            call("Hold", three, invocation_id="3"),
        )
        await judge.events(peer.connection_id, f"holding {two}")
        await judge.fence()
        assert f"holding {three}" not in await judge.events(peer.connection_id)
        await judge.release(two)
        assert await peer.receive() == completion("2", result=two)
        await judge.events(peer.connection_id, f"holding {three}")
        await judge.release(three)
        assert await peer.receive() == completion("3", result=three)
        await judge.release(one)
        assert await peer.receive() == completion("1", result=one)


@shows("limit-maximum_streams", over=ALL)
async def test_a_stream_too_many_is_refused_and_the_connection_stays(judge: Judge, over: str) -> None:
    async with judge.connected(over, "/limits") as peer:
        await peer.send(
            {"type": 4, "invocationId": "1", "target": "InfiniteStream", "arguments": []},
            call("StreamingSum", invocation_id="2", streamIds=["u"]),
            {"type": 4, "invocationId": "3", "target": "Stream", "arguments": []},
            call("StreamingSum", invocation_id="4", streamIds=["v"]),
        )
        for invocation_id, target in (("3", "Stream"), ("4", "StreamingSum")):
            text = f"Failed to invoke '{target}' because the connection has too many streams, 2 at most."
            assert await peer.receive() == completion(invocation_id, error=text)
        await peer.send({"type": 2, "invocationId": "u", "item": 5}, completion("u"))
        assert await peer.receive() == completion("2", result=5)
        await peer.send({"type": 4, "invocationId": "3", "target": "Stream", "arguments": []})
        assert [(await peer.receive()).get("item") for _ in range(4)] == ["a", "b", "c", None]


@shows("upload-buffer", "limit-stream_buffer_items", over=ALL)
async def test_a_full_upload_holds_up_everything_behind_it_until_it_is_read(judge: Judge, over: str) -> None:
    async with judge.connected(over, "/limits") as peer:
        gate = f"full-{peer.connection_id}"
        await peer.send(call("StreamingHeld", gate, invocation_id="1", streamIds=["u"]))
        await judge.events(peer.connection_id, "holding")
        await peer.send({"type": 2, "invocationId": "u", "item": 1})
        assert await peer.result("Echo", "not full") == "not full"
        await peer.send({"type": 2, "invocationId": "u", "item": 2}, call("Echo", "behind", invocation_id="2"))
        answer = asyncio.create_task(peer.receive())
        assert await is_held_up(judge, answer)
        await judge.release(gate)
        assert await answer == completion("2", result="behind")
        await peer.send(completion("u"))
        assert await peer.receive() == completion("1", result=[1, 2])


@shows("limit-stream_buffer_bytes", over=ALL)
async def test_uploads_that_are_not_read_hold_up_everything_behind_them_by_their_bytes_too(
    judge: Judge, over: str
) -> None:
    async with judge.connected(over) as peer:
        gates = [f"heavy{number}-{peer.connection_id}" for number in range(4)]
        for gate in gates:
            await peer.send(call("StreamingHeld", gate, invocation_id=gate, streamIds=[gate]))
            await judge.events(peer.connection_id, f"holding {gate}")

        async def fill() -> None:
            for gate in gates:
                await peer.send(*[{"type": 2, "invocationId": gate, "item": "x" * 30_000}] * 10)
            await peer.send(call("Echo", "behind", invocation_id="e"))

        sending = asyncio.create_task(fill())
        answer = asyncio.create_task(peer.receive())
        assert await is_held_up(judge, answer)
        for gate in gates:
            await judge.release(gate)
        assert await answer == completion("e", result="behind")
        await sending
        await peer.send(*map(completion, gates))
        for _ in gates:
            assert (await peer.receive())["result"] == ["x" * 30_000] * 10


@shows("stateful-buffer", "limit-stateful_reconnect_buffer_bytes", over=WEBSOCKETS)
async def test_above_the_buffer_messages_wait_for_an_acknowledgement(judge: Judge, over: str) -> None:
    async with stateful(judge, over, "/limits") as peer:
        await peer.send(call("Large", 600, invocation_id="1"))
        assert await counted(peer) == completion("1", result="x" * 600)  # one is let through, however large
        await peer.send(call("Large", 10, invocation_id="2"))
        answer = asyncio.create_task(counted(peer))
        assert await is_held_up(judge, answer)
        await peer.send(ack(1))
        assert await answer == completion("2", result="x" * 10)


@shows("stateful-buffer", "limit-outbox_limit_bytes", over=WEBSOCKETS)
async def test_what_waits_for_an_acknowledgement_is_bounded_too(judge: Judge, over: str) -> None:
    async with stateful(judge, over, "/limits") as peer, judge.connected("WebSockets-json", "/limits") as other:
        await other.send(call("Burst", [peer.connection_id], "Message", 100, 1000, invocation_id="1"))
        assert await other.receive() == completion("1", result=100)
        events = await judge.events(peer.connection_id, "disconnected")
        assert events[-1].startswith("disconnected SlowConsumer: ")
        assert await refused(judge, peer) == UNKNOWN_ID


@shows(
    *("limit-messages_per_second", "limit-message_burst_seconds", "limit-message_rate_timeout_seconds"),
    over=ALL,
)
async def test_messages_over_the_rate_wait_and_those_that_do_not_stop_end_their_connection(
    judge: Judge, over: str
) -> None:
    async with judge.connected(over, "/paced") as peer, judge.connected(over, "/paced") as other:
        await peer.send(*[call("Echo", number, invocation_id=str(number)) for number in range(50)])
        for number in range(50):  # none is lost, and they stay in their order
            assert await peer.receive() == completion(str(number), result=number)
        # Polls and events bring the end while this is still being posted.
        flooding = asyncio.create_task(peer.send(*[{"type": 6}] * 500))
        (close,) = await peer.end()
        assert "more than 20 messages a second over 2 s" in close["error"]
        assert close["allowReconnect"] is True
        assert await other.result("Echo", "still here") == "still here"
        await asyncio.gather(flooding, return_exceptions=True)


# Of a server


@pytest.fixture
async def scarce(served: tuple[str, ConformanceServer], tmp_path: Path) -> AsyncIterator[Judge]:
    """A server of its own that has little of everything."""
    lane, _ = served
    server = ConformanceServer(tmp_path / "scarce.log", (*LANES[lane], "--scarce"))
    with running(server):
        judge = Judge(server, lane)
        yield judge
        await judge.leave()


def is_told_when_to_come_back(reply: Reply, status: int) -> bool:
    return reply.status == status and 5 <= int(reply.headers["retry-after"]) <= 10


@shows("limit-connect_timeout_seconds", "limit-maximum_connections")
async def test_a_server_that_is_full_says_so_and_forgets_tokens_that_nobody_uses(scarce: Judge) -> None:
    negotiated = [await scarce.negotiate("/testhub") for _ in range(3)]
    opened = [scarce.peer("WebSockets-json"), scarce.peer("ServerSentEvents-json"), scarce.peer("LongPolling-json")]
    for peer, answer in zip(opened, negotiated, strict=True):
        peer.connection_id, peer.token = answer["connectionId"], answer["connectionToken"]
        await peer.open()
        await peer.shake()
    late = [scarce.peer("WebSockets-json"), scarce.peer("ServerSentEvents-json"), scarce.peer("LongPolling-json")]
    for peer in late:
        await peer.negotiate()
    for peer, headers in zip(late[1:], ({"Accept": "text/event-stream"}, {}), strict=True):
        assert is_told_when_to_come_back(await scarce.request("GET", peer.target, headers), 503)
    for target in (late[0].target, "/testhub"):
        assert is_told_when_to_come_back(await scarce.upgrade(target), 503)
    await opened[0].leave()
    await scarce.events(opened[0].connection_id, "disconnected")  # its place is free behind that
    await late[0].open()
    await late[0].shake()
    for peer in (*opened[1:], late[0]):
        assert await peer.result("Echo", "still here") == "still here"
        await peer.leave()
    for peer in late[1:]:
        async with within():
            while (await scarce.request("DELETE", peer.target)).status != 404:  # its id expires
                pass


@shows("limit-outbox_total_bytes")
async def test_when_all_outboxes_together_are_full_the_fullest_reader_is_cut(scarce: Judge) -> None:
    peer = scarce.peer("WebSockets-json")
    await read_nothing(peer)
    async with scarce.connected("WebSockets-json") as other:
        await other.send(call("Burst", [peer.connection_id], "Message", 800, 30_000, invocation_id="1"))
        assert await other.receive() == completion("1", result=800)
        events = await scarce.events(peer.connection_id, "disconnected")
        assert events[-1].startswith("disconnected SlowConsumer: ")
        assert "of all connections together is 524288 B" in events[-1]
        assert await other.result("Echo", "still here") == "still here"
    await is_cut(scarce, peer)


@fast_only
@shows("limit-request_timeout_seconds")
async def test_a_request_that_does_not_get_on_is_cut(scarce: Judge) -> None:
    streams = [await scarce.dial() for _ in range(3)]
    streams[1].writer.write(b"GET ")
    streams[2].writer.write(b"GET /testhub HTTP/1.1\r\nUpgrade: websocket\r\n")
    assert all([await each.at_end() for each in streams])


@fast_only
@shows("limit-request-behind-another", "limit-unread-answer")
async def test_answers_that_are_not_read_and_requests_behind_them_are_cut(scarce: Judge) -> None:
    async with scarce.connected("LongPolling-json") as peer, scarce.connected("LongPolling-json") as other:
        await peer.send(call("Large", FAR_TOO_MUCH_BYTES, invocation_id="1"))
        unread = await scarce.dial(receive_buffer_bytes=SMALL_BUFFER_BYTES)
        unread.stop_reading()
        unread.writer.write(scarce.head("GET", peer.target))
        await scarce.fence()  # its time begins before that of the other, which tells that both are over
        behind = await scarce.dial()
        behind.writer.write(scarce.head("GET", other.target) + scarce.head("GET", "/"))
        assert await behind.at_end()
        await scarce.fence()
        unread.go_on_reading()
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await unread.reply()


# Fixed


@shows("limit-posted-early")
async def test_what_is_posted_to_a_connection_that_is_not_open_is_not_taken_without_end(judge: Judge) -> None:
    peer = judge.peer("LongPolling-json")
    await peer.negotiate()
    calls = [call("SendToCaller", "Message", "x" * 30_000)] * 5
    posting = asyncio.create_task(peer.send_bytes(peer.handshake() + peer.notation.write(*calls)))
    assert await is_held_up(judge, posting)
    await peer.open()
    await posting
    await peer.be_accepted()
    for _ in calls:
        assert await peer.receive() == call("Message", "x" * 30_000)
    await peer.leave()


@shows("limit-read-ahead", over=("ServerSentEvents-json", *POLLING))
async def test_what_is_posted_while_calls_wait_is_not_taken_without_end(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        gate = f"ahead-{peer.connection_id}"
        await peer.send(call("Hold", gate, invocation_id="1"), call("Echo", "waits", invocation_id="2"))
        await judge.events(peer.connection_id, "holding")
        posting = asyncio.create_task(peer.send(*[call("Echo", "x" * 30_000)] * 5))
        assert await is_held_up(judge, posting)
        await judge.release(gate)
        await posting
        assert [(await peer.receive())["result"] for _ in range(2)] == [gate, "waits"]


@shows("limit-read-ahead", over=WEBSOCKETS)
async def test_what_is_sent_while_calls_wait_stays_in_the_kernels(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        assert isinstance(peer, WebSocketPeer)
        gate = f"ahead-{peer.connection_id}"
        await peer.send(call("Hold", gate, invocation_id="1"), call("Echo", "waits", invocation_id="2"))
        await judge.events(peer.connection_id, "holding")
        before = judge.resident_bytes
        frame = Frame(peer.opcode, peer.notation.write(call("Echo", "x" * 30_000)))
        sending = asyncio.create_task(peer.socket.send(*[frame] * (FAR_TOO_MUCH_BYTES // 30_000)))
        assert await is_held_up(judge, sending)
        assert judge.resident_bytes - before < FAR_TOO_MUCH_BYTES / 4
        await judge.release(gate)
        assert [(await peer.receive())["result"] for _ in range(2)] == [gate, "waits"]
        await sending
        assert await peer.result("Echo", "still here") == "still here"


@shows("limit-nesting", over=ALL)
async def test_a_value_that_is_nested_too_deeply_is_a_malformed_message(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        value: object = None
        for _ in range(60):
            value = [value]
        assert await peer.result("Echo", value) == value
        for _ in range(10):
            value = {"a": value}
        await peer.send(call("Echo", value, invocation_id="1"))
        (close,) = await peer.end()
        assert "nested deeper than 64 levels" in close["error"]
