"""Long polling (sheet 2.3): every answer to a poll, and who wins when several wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from compliance.checklist import POLLING, shows
from compliance.raw.http11 import Reply, Streams
from compliance.raw.judge import Judge, call, completion
from compliance.raw.peers import NO_CACHE, PollingPeer


@asynccontextmanager
async def polling(judge: Judge, over: str = "LongPolling-json", path: str = "/testhub") -> AsyncIterator[PollingPeer]:
    async with judge.connected(over, path) as peer:
        assert isinstance(peer, PollingPeer)
        yield peer


async def begin_to_poll(judge: Judge, peer: PollingPeer) -> Streams:
    """A poll that the server holds by now."""
    streams = await judge.dial()
    streams.writer.write(judge.head("GET", peer.target))
    await judge.fence()
    return streams


@shows("polling-first")
async def test_the_first_poll_is_answered_at_once_and_begins_the_connection(judge: Judge) -> None:
    peer = judge.peer("LongPolling-json", query="greet=hello")
    assert isinstance(peer, PollingPeer)
    await peer.negotiate()
    reply = await peer.poll()
    assert (reply.status, reply.body, reply.headers["content-length"]) == (200, b"", "0")
    assert reply.headers["content-type"] == "application/octet-stream"
    await peer.shake()
    await peer.leave()


@shows("polling-headers", over=POLLING)
async def test_no_answer_to_a_poll_may_be_kept(judge: Judge, over: str) -> None:
    async with polling(judge, over, "/testhub") as peer:  # `poll` looks for the headers
        await peer.send(call("Echo", 1, invocation_id="1"))
        assert (await peer.poll()).body
        await peer.send({"type": 7})
        assert [(await peer.poll()).status for _ in range(3)] == [200, 204, 404]
    for target in ("/testhub?id=x", "/testhub", "/testhub-events?id=x"):
        assert NO_CACHE.items() <= (await judge.request("GET", target)).headers.items()


@shows("polling-everything-at-once", over=POLLING)
async def test_a_poll_brings_everything_that_waits(judge: Judge, over: str) -> None:
    async with polling(judge, over) as peer, judge.connected("WebSockets-json") as other:
        assert await other.result("Burst", [peer.connection_id], "Message", 50, 100) == 50
        reply = await peer.poll()
        assert reply.headers["content-type"] == "application/octet-stream"
        assert peer.notation.read(reply.body) == [call("Message", "x" * 100)] * 50


@shows("second-poll", over=POLLING)
async def test_a_second_poll_takes_over_from_the_first(judge: Judge, over: str) -> None:
    async with polling(judge, over) as peer:
        first = await begin_to_poll(judge, peer)
        second = await begin_to_poll(judge, peer)
        reply = await first.reply()
        assert (reply.status, reply.body) == (204, b"")
        assert NO_CACHE.items() <= reply.headers.items()
        assert "content-type" not in reply.headers
        await peer.send(call("Echo", 1, invocation_id="1"))
        assert peer.notation.read((await second.reply()).body) == [completion("1", result=1)]


@shows("racing-polls")
async def test_of_two_polls_that_race_for_the_place_of_a_third_one_is_409(judge: Judge) -> None:
    async with polling(judge) as peer:
        first = await begin_to_poll(judge, peer)
        racing = [await judge.dial() for _ in range(2)]
        for streams in racing:  # so that the server has accepted both before it stands still
            streams.writer.write(judge.head("GET", "/"))
            await streams.reply()
        with judge.frozen():
            for streams in racing:
                streams.writer.write(judge.head("GET", peer.target))
                await streams.writer.drain()
        assert (await first.reply()).status == 204
        waiting = {asyncio.create_task(streams.reply()) for streams in racing}
        done, rest = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        (loser,) = done
        assert (loser.result().status, loser.result().body) == (409, b"")
        assert NO_CACHE.items() <= loser.result().headers.items()
        await peer.send(call("Echo", 1, invocation_id="1"))
        assert peer.notation.read((await rest.pop()).body) == [completion("1", result=1)]


@shows("polling-aborted-poll")
async def test_a_poll_that_the_client_leaves_loses_nothing(judge: Judge) -> None:
    async with polling(judge) as peer:
        left = await begin_to_poll(judge, peer)
        left.abort()
        await judge.fence()
        await peer.send(call("Echo", 1, invocation_id="1"))
        assert await peer.receive() == completion("1", result=1)


@shows("delete", over=POLLING)
async def test_a_delete_ends_the_connection_and_the_poll_that_waits(judge: Judge, over: str) -> None:
    async with polling(judge, over) as peer:
        waiting = await begin_to_poll(judge, peer)
        reply = await judge.request("DELETE", peer.target)
        assert (reply.status, reply.body) == (202, b"")
        reply = await waiting.reply()
        assert (reply.status, reply.body) == (204, b"")
        assert await judge.events(peer.connection_id, "disconnected") == ["connected", "disconnected"]
        late = await peer.post(peer.notation.write({"type": 7}))  # the JavaScript client's order
        assert (late.status, late.text) == (404, "No Connection with that ID")


@shows("delete", over=POLLING)
async def test_a_delete_between_polls_needs_none(judge: Judge, over: str) -> None:
    async with polling(judge, over) as peer:
        await peer.leave()
        assert await judge.events(peer.connection_id, "disconnected") == ["connected", "disconnected"]
        assert (await judge.request("DELETE", peer.target)).status == 404


@shows("delete", over=POLLING)
async def test_a_delete_is_answered_although_a_method_hangs(judge: Judge, over: str) -> None:
    async with polling(judge, over) as peer:
        gate = f"hanging-{peer.connection_id}"
        await peer.send(call("Hold", gate, invocation_id="1"))
        await judge.events(peer.connection_id, "holding")
        await peer.leave()
        await judge.events(peer.connection_id, "disconnected")
        await judge.release(gate)


@shows("app-finished")
async def test_the_last_data_is_polled_before_the_end_is(judge: Judge) -> None:
    peer = judge.peer("LongPolling-json", "/scripted")
    assert isinstance(peer, PollingPeer)
    await peer.negotiate()
    await peer.open()
    await peer.send_bytes(b"return")
    assert await peer.payload() == b"last words"
    reply = await peer.poll()
    assert (reply.status, reply.body) == (204, b"")
    assert (await peer.poll()).status == 404


@shows("app-finished")
async def test_a_poll_that_waits_hears_of_the_end(judge: Judge) -> None:
    async with polling(judge) as peer:
        waiting = await begin_to_poll(judge, peer)
        await peer.send(call("Abort"))
        assert peer.notation.read((await waiting.reply()).body) == [{"type": 7}]
        assert (await peer.poll()).status == 204


@shows("app-raised")
async def test_a_poll_during_which_the_application_fails_is_500(judge: Judge) -> None:
    peer = judge.peer("LongPolling-json", "/scripted")
    assert isinstance(peer, PollingPeer)
    await peer.negotiate()
    await peer.open()
    waiting = await begin_to_poll(judge, peer)
    await peer.send_bytes(b"raise")
    reply: Reply = await waiting.reply()
    assert (reply.status, reply.body) == (500, b"")
    assert NO_CACHE.items() <= reply.headers.items()
    assert (await peer.poll()).status == 404


@shows("post-before-first-poll", over=POLLING)
async def test_a_post_may_come_before_the_first_poll(judge: Judge, over: str) -> None:
    peer = judge.peer(over)
    assert isinstance(peer, PollingPeer)
    await peer.negotiate("negotiateVersion=0")
    await peer.send_bytes(peer.handshake() + peer.notation.write(call("Echo", 1, invocation_id="1")))
    await peer.open()
    await peer.be_accepted()
    assert await peer.receive() == completion("1", result=1)
    await peer.leave()


@shows("polling-other-parameters", over=POLLING)
async def test_what_clients_add_to_polls_means_nothing(judge: Judge, over: str) -> None:
    async with polling(judge, over) as peer:
        await peer.send(call("Echo", 1, invocation_id="1"))
        reply = await judge.request("GET", f"{peer.target}&_=1700000000000", {"Accept": "Text"})
        assert peer.notation.read(reply.body) == [completion("1", result=1)]


@shows("another-user")
async def test_another_user_s_token_is_refused_at_every_request(judge: Judge) -> None:
    headers = {"Authorization": f"Bearer {await judge.token('ann')}"}
    async with judge.connected("LongPolling-json", headers=headers) as peer:
        other = {"Authorization": f"Bearer {await judge.token('bob')}"}
        for method in ("GET", "POST", "DELETE"):
            for refused, status in ((other, 403), ({"Authorization": "Bearer x"}, 401)):
                reply = await judge.request(method, peer.target, refused)
                assert (reply.status, reply.body) == (status, b"")
        peer.headers = {"Authorization": f"Bearer {await judge.token('ann', 90)}"}  # a newer one of the same user
        assert await peer.result("GetUserId") == "ann"
