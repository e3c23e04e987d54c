"""Which calls of a connection wait for which (sheet 5.3): gates hold them, so that no time has to be guessed."""

from __future__ import annotations

from compliance.checklist import ALL, shows
from compliance.raw.judge import Judge, call, completion


@shows("serial-calls", over=ALL)
async def test_plain_calls_run_one_at_a_time_and_in_order(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        gate = f"serial {peer.connection_id}".replace(" ", "-")
        await peer.send(
            call("Hold", gate, invocation_id="1"),
            call("Hold", gate + "2", invocation_id="2"),
            call("Echo", "third"),
            call("Echo", "fourth", invocation_id="4"),
        )
        assert await judge.events(peer.connection_id, "holding") == ["connected", f"holding {gate}"]
        await judge.fence()
        assert await judge.events(peer.connection_id) == ["connected", f"holding {gate}"]
        await judge.release(gate)
        assert await peer.receive() == completion("1", result=gate)
        await judge.events(peer.connection_id, f"holding {gate}2")
        await judge.release(gate + "2")
        assert await peer.receive() == completion("2", result=gate + "2")
        assert await peer.receive() == completion("4", result="fourth")


@shows("stream-blocked", over=ALL)
async def test_a_stream_that_waits_holds_up_no_call_and_no_other_stream(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        gate = f"blocked-{peer.connection_id}"
        await peer.send({"type": 4, "invocationId": "s", "target": "StreamHeld", "arguments": [gate]})
        assert await peer.receive() == {"type": 2, "invocationId": "s", "item": "before"}
        assert await peer.invoke("Echo", "between") == completion("i", result="between")
        await peer.send({"type": 4, "invocationId": "t", "target": "Counter", "arguments": [1]})
        assert await peer.receive() == {"type": 2, "invocationId": "t", "item": 0}
        assert await peer.receive() == completion("t")
        await judge.events(peer.connection_id, "holding")
        await judge.release(gate)
        assert await peer.receive() == {"type": 2, "invocationId": "s", "item": "behind"}
        assert await peer.receive() == completion("s")


@shows("stream-needs-no-permit", over=ALL)
async def test_a_call_that_runs_holds_up_no_stream_no_ping_and_no_cancel(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        gate = f"running-{peer.connection_id}"
        await peer.send(
            call("Hold", gate, invocation_id="1"),
            {"type": 6},
            {"type": 4, "invocationId": "s", "target": "InfiniteStream", "arguments": []},
        )
        await judge.events(peer.connection_id, "streaming")
        await peer.send({"type": 5, "invocationId": "s"})
        assert await peer.receive() == call("StreamCanceled")
        assert await peer.receive() == completion("s")
        await judge.release(gate)
        assert await peer.receive() == completion("1", result=gate)


@shows("completion-behind-sends", over=ALL)
async def test_what_a_method_has_sent_comes_before_its_completion(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        await peer.send(*(call("InvokeWithString", str(number), invocation_id=str(number)) for number in range(20)))
        for number in range(20):
            assert await peer.receive() == call("Message", str(number))
            assert await peer.receive() == completion(str(number), result=None)


@shows("cancel-plain-call", over=ALL)
async def test_a_plain_call_that_allows_it_can_be_cancelled(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        gate = f"cancelled-{peer.connection_id}"
        await peer.send(call("HoldCancellable", gate, invocation_id="1"))
        await judge.events(peer.connection_id, "holding")
        await peer.send({"type": 5, "invocationId": "1"})
        assert await peer.receive() == call("InvocationCanceled")
        answer = await peer.receive()
        assert (answer["type"], answer["invocationId"]) == (3, "1")
        assert await peer.invoke("Echo", "next") == completion("i", result="next")
