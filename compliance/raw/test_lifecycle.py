"""The life of a hub connection (sheet 5.7): what the hub hears, and what the client hears at the end."""

from __future__ import annotations

from compliance.checklist import ALL, WEBSOCKETS, shows
from compliance.raw.judge import Judge, call
from compliance.raw.notation import Message
from compliance.raw.peers import Peer, WebSocketPeer

FAILED = "Connection closed with an error."


async def closed_with(peer: Peer, close: Message) -> None:
    """The Close is the last message, and the transport ends as it should."""
    assert await peer.end() == [close]


@shows("connected-raises", over=ALL)
async def test_a_client_whose_connect_fails_is_told_why_if_it_may_be(judge: Judge, over: str) -> None:
    cases = [
        ("/testhub", "throwOnConnect=no", " InvalidOperationException: no"),
        ("/plain", "throwOnConnect=no", ""),
        ("/testhub", "hubErrorOnConnect=you", " HubException: you"),
        ("/plain", "hubErrorOnConnect=you", " HubException: you"),
    ]
    for path, query, detail in cases:
        async with judge.opened(over, path, query=query) as peer:
            await peer.shake(call("Echo", "never", invocation_id="1"))
            await closed_with(peer, {"type": 7, "error": FAILED + detail})
            await judge.fence()
            assert await judge.events(peer.connection_id) == ["connected"]


@shows("hub-cannot-be-made", over=ALL)
async def test_a_hub_that_cannot_be_made_ends_the_connection(judge: Judge, over: str) -> None:
    async with judge.opened(over, "/uncreatable") as peer:
        await peer.shake()
        text = f"{FAILED} InvalidOperationException: This hub cannot be made."
        await closed_with(peer, {"type": 7, "error": text})


@shows("abort", over=ALL)
async def test_a_hub_method_may_end_the_connection(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        await peer.send(call("Abort", invocation_id="1"), call("Echo", "never", invocation_id="2"))
        await closed_with(peer, {"type": 7})
        if isinstance(peer, WebSocketPeer):
            assert peer.close_code == 1000
        assert await judge.events(peer.connection_id, "disconnected") == ["connected", "disconnected"]


@shows("client-close", over=ALL)
async def test_a_client_that_closes_is_answered_by_a_close_without_error(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        await peer.send({"type": 7}, call("Echo", "never", invocation_id="1"))
        await closed_with(peer, {"type": 7})
        assert await judge.events(peer.connection_id, "disconnected") == ["connected", "disconnected"]


@shows("client-close-with-error", over=ALL)
async def test_the_error_of_a_client_s_close_reaches_the_hub_alone(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        await peer.send({"type": 7, "error": "bye"})
        await closed_with(peer, {"type": 7})
        events = await judge.events(peer.connection_id, "disconnected")
        assert events == ["connected", "disconnected HubError: bye"]


@shows("close-is-last", over=ALL)
async def test_nothing_follows_a_close(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer, judge.connected("WebSockets-json") as other:
        await peer.send(
            {"type": 4, "invocationId": "s", "target": "InfiniteStream", "arguments": []},
            call("Hold", f"last-{peer.connection_id}", invocation_id="1"),
        )
        await judge.events(peer.connection_id, "holding")
        await peer.send({"type": 7})
        await judge.events(peer.connection_id, "stream ended")
        await other.send(call("SendToClient", peer.connection_id, "Message", "late", invocation_id="1"))
        await other.receive()
        await judge.release(f"last-{peer.connection_id}")
        await closed_with(peer, {"type": 7})


@shows("transport-left", over=ALL)
async def test_a_client_that_leaves_without_a_word_is_no_error(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        await peer.leave()
        assert await judge.events(peer.connection_id, "disconnected") == ["connected", "disconnected"]


@shows("transport-lost", over=WEBSOCKETS)
async def test_a_lost_client_s_calls_have_been_stopped_when_the_hub_hears_of_it(judge: Judge, over: str) -> None:
    for is_reset in (False, True):
        async with judge.connected(over) as peer:
            assert isinstance(peer, WebSocketPeer)
            gate = f"lost-{peer.connection_id}"
            await peer.send(call("HoldCancellable", gate, invocation_id="1"))
            await judge.events(peer.connection_id, "holding")
            if is_reset:
                peer.socket.streams.abort()
            else:
                peer.socket.streams.close()
            events = await judge.events(peer.connection_id, "disconnected")
            assert events[:-1] == ["connected", f"holding {gate}", f"canceled {gate}"]
            assert events[-1].startswith("disconnected ConnectionResetError: ")
