"""Requests for the hub path itself (sheet 2.0): which transport they mean, and the answers to those that mean none."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
from compliance.checklist import POLLING, TRANSPORTS, shows
from compliance.raw.http11 import Reply
from compliance.raw.judge import Judge, call, completion
from compliance.raw.peers import NO_CACHE, EventsPeer, PollingPeer

EVENTS = {"Accept": "text/event-stream"}
UNKNOWN_ID = "No Connection with that ID"
OTHER_TRANSPORT = "Cannot change transports mid-connection"


async def ask(judge: Judge, way: str, target: str) -> Reply:
    """One request in the way of a transport, or of those that belong to several."""
    if way == "WebSockets":
        return await judge.upgrade(target)
    headers: Mapping[str, str] = EVENTS if way == "ServerSentEvents" else {}
    return await judge.request("GET" if way in ("ServerSentEvents", "LongPolling") else way, target, headers)


@shows("unknown-id")
@pytest.mark.parametrize("way", ["WebSockets", "ServerSentEvents", "LongPolling", "POST", "DELETE"])
async def test_an_unknown_id_is_404(judge: Judge, way: str) -> None:
    reply = await ask(judge, way, "/testhub?id=nothing")
    assert (reply.status, reply.text) == (404, UNKNOWN_ID)
    assert reply.headers["content-type"].startswith("text/plain")


@shows("missing-id")
@pytest.mark.parametrize("way", ["ServerSentEvents", "LongPolling", "POST", "DELETE"])
async def test_a_request_without_id_is_400(judge: Judge, way: str) -> None:
    for target in ("/testhub", "/testhub?x=1"):
        reply = await ask(judge, way, target)
        assert (reply.status, reply.text) == (400, "Connection ID required")
        assert reply.headers["content-type"].startswith("text/plain")


@shows("other-methods")
@pytest.mark.parametrize("method", ["PUT", "PATCH", "HEAD"])
async def test_other_methods_are_405(judge: Judge, method: str) -> None:
    ids = await judge.negotiate("/testhub")
    async with judge.requesting(method, f"/testhub?id={ids['connectionToken']}") as streams:
        head = await streams.head()
    assert (head.status, head.headers["content-type"]) == (405, "text/plain")


@shows("wrong-transport")
@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/testhub-websockets", {"WebSockets"}),
        ("/testhub-events", {"ServerSentEvents"}),
        ("/testhub-polling", {"LongPolling"}),
        ("/testhub-nowebsockets", {"ServerSentEvents", "LongPolling"}),
    ],
)
async def test_a_transport_that_the_endpoint_has_not_is_404(judge: Judge, path: str, allowed: set[str]) -> None:
    for way in {"WebSockets", "ServerSentEvents", "LongPolling"} - allowed:
        token = (await judge.negotiate(path))["connectionToken"]
        reply = await ask(judge, way, f"{path}?id={token}")
        assert (reply.status, reply.text) == (404, f"{way} transport not supported by this end point type")
    for way in allowed:
        async with judge.connected(f"{way}-json", path) as peer:
            assert await peer.result("GetActiveTransportName") == way


@shows("wrong-transport")
async def test_a_websocket_without_id_needs_an_endpoint_that_has_websockets(judge: Judge) -> None:
    reply = await judge.upgrade("/testhub-nowebsockets")
    assert (reply.status, reply.text) == (404, "WebSockets transport not supported by this end point type")


@shows("change-of-transport", over=TRANSPORTS)
async def test_a_connection_keeps_its_transport(judge: Judge, over: str) -> None:
    async with judge.connected(over, "/plain") as peer:
        for way in {"WebSockets", "ServerSentEvents", "LongPolling"} - {peer.transport}:
            reply = await ask(judge, way, peer.target)
            assert (reply.status, reply.text) == (400, OTHER_TRANSPORT)
        assert await peer.result("Echo", "still here") == "still here"


@shows("second-websocket", "stateful-disabled-second")
async def test_a_second_websocket_is_409_and_the_first_still_works(judge: Judge) -> None:
    async with judge.connected("WebSockets-json", "/plain") as peer:
        reply = await ask(judge, "WebSockets", peer.target)
        assert (reply.status, reply.body) == (409, b"")
        assert await peer.result("Echo", "still here") == "still here"


@shows("second-events")
async def test_a_second_event_stream_is_409_and_the_first_still_works(judge: Judge) -> None:
    async with judge.connected("ServerSentEvents-json") as peer:
        reply = await ask(judge, "ServerSentEvents", peer.target)
        assert (reply.status, reply.body) == (409, b"")
        assert await peer.result("Echo", "still here") == "still here"


@shows("post-on-websocket")
async def test_a_post_to_a_websocket_is_405_and_404_when_that_has_ended(judge: Judge) -> None:
    async with judge.connected("WebSockets-json") as peer:
        reply = await ask(judge, "POST", peer.target)
        assert (reply.status, reply.text) == (405, "POST requests are not allowed for WebSocket connections.")
        assert await peer.result("Echo", "still here") == "still here"
        await peer.leave()
        reply = await ask(judge, "POST", peer.target)
        assert (reply.status, reply.text) == (404, UNKNOWN_ID)


@shows("delete-on-others")
@pytest.mark.parametrize("over", ["WebSockets-json", "ServerSentEvents-json"])
async def test_only_long_polling_can_be_deleted(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        reply = await ask(judge, "DELETE", peer.target)
        assert reply.status == 400
        assert reply.text == "Cannot terminate this connection using the DELETE endpoint."
        assert await peer.result("Echo", "still here") == "still here"


@shows("parallel-posts", over=("ServerSentEvents-json", *POLLING))
async def test_posts_side_by_side_are_all_taken_and_not_mixed(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        assert isinstance(peer, EventsPeer | PollingPeer)
        numbers = range(12)
        requests = []
        for number in numbers:
            body = peer.notation.write(*(call("SendToCaller", f"P{number}", part) for part in range(30)))
            streams = await judge.dial()
            streams.writer.write(judge.head("POST", peer.target, {"Content-Length": str(len(body))}))
            requests.append((streams, body))
        for place in range(0, max(len(body) for _, body in requests), 700):  # a piece of each in turn
            for streams, body in requests:
                streams.writer.write(body[place : place + 700])
            await asyncio.gather(*(streams.writer.drain() for streams, _ in requests))
        heard: dict[str, list[int]] = {}
        for _ in range(30 * len(numbers)):
            message = await peer.receive()
            heard.setdefault(message["target"], []).append(message["arguments"][0])
        assert heard == {f"P{number}": list(range(30)) for number in numbers}
        for streams, _ in requests:
            reply = await streams.reply()
            assert (reply.status, reply.body) == (200, b"")


@shows("post-content-types", over=("ServerSentEvents-json", "LongPolling-json"))
async def test_the_type_of_a_post_means_nothing(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        assert isinstance(peer, EventsPeer | PollingPeer)
        for content_type in ("text/plain;charset=UTF-8", "application/octet-stream", "application/json", "x"):
            data = peer.notation.write(call("Echo", content_type, invocation_id="1"))
            reply = await peer.post(data, {"Content-Type": content_type})
            assert (reply.status, reply.body) == (200, b"")
            assert await peer.receive() == completion("1", result=content_type)


@shows("post-chunked", over=("ServerSentEvents-json", "LongPolling-json"))
async def test_a_post_may_be_chunked_and_is_answered_behind_its_last_byte(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        data = peer.notation.write(call("Echo", "first", invocation_id="1"), call("Echo", "second", invocation_id="2"))
        half = data.index(b"\x1e") + 5
        streams = await judge.dial()
        streams.writer.write(judge.head("POST", peer.target, {"Transfer-Encoding": "chunked"}))
        for part in (data[:half], data[half:]):
            streams.writer.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            assert (await peer.receive())["type"] == 3  # it is read while it comes
        streams.writer.write(b"0\r\n\r\n")
        assert (await streams.reply()).status == 200


@shows("post-broken-off", over=("ServerSentEvents-json", "LongPolling-json"))
async def test_a_post_that_breaks_off_is_400_and_what_came_of_it_counts(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        data = peer.notation.write(call("Echo", "half", invocation_id="1"))
        streams = await judge.dial()
        streams.writer.write(judge.head("POST", peer.target, {"Content-Length": str(len(data) + 100)}) + data)
        assert await peer.receive() == completion("1", result="half")
        streams.send_end()
        assert await peer.invoke("Echo", "next") == completion("i", result="next")


@shows("context-of-request", over=TRANSPORTS)
async def test_the_hub_sees_the_request_that_opened_the_transport(judge: Judge, over: str) -> None:
    headers = {"User-Agent": "raw", "X-Header": "VALUE", "Cookie": "a=1; testCookie=x"}
    async with judge.connected(over, query="q=a%20b", headers=headers) as peer:
        assert await peer.result("GetHeader", "user-agent") == "raw"
        assert await peer.result("GetHeader", "X-HEADER") == "VALUE"
        assert await peer.result("GetCookie", "testCookie") == "x"
        assert await peer.result("GetQuery", "q") == "a b"
        assert await peer.own_id() == peer.connection_id


@shows("token-in-query", over=TRANSPORTS)
async def test_a_token_may_come_in_the_query_and_the_header_counts_first(judge: Judge, over: str) -> None:
    ann, bob = await judge.token("ann"), await judge.token("bob")
    async with judge.connected(
        over, "/testhub", query=f"access_token={bob}", headers={"Authorization": f"Bearer {ann}"}
    ) as peer:
        assert await peer.result("GetUserId") == "ann"
    async with judge.connected(over, "/testhub", query=f"access_token={bob}") as peer:
        assert await peer.result("GetUserId") == "bob"


@shows("cors-on-errors")
async def test_pages_of_other_origins_may_read_errors_too(judge: Judge) -> None:
    origin = {"Origin": "https://other.example"}
    for method, target in (("GET", "/testhub?id=x"), ("POST", "/testhub?id=x"), ("DELETE", "/testhub")):
        reply = await judge.request(method, target, origin)
        assert reply.status in (400, 404)
        assert reply.headers["access-control-allow-origin"] == "https://other.example"
        assert reply.headers["access-control-allow-credentials"] == "true"
    assert NO_CACHE.items() <= (await judge.request("GET", "/testhub?id=x", origin)).headers.items()
