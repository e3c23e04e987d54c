"""Each request of a connection that consists of requests, by itself: its user, its origin, its transport.

What the transports do with those that are let in stands in test_sse and test_long_polling.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from hubwire import ConnectRequest, Principal, ServerOptions, Unauthorized

from ..transports.asgi_doubles import GONE, Server
from .conftest import HANDSHAKE, Reply, Running, Serve
from .http_clients import Events, Polling, listening, open_events, polling

ORIGIN = "https://admin.example"
BREAKING = b"\x1e"


class Tokens:
    """Implements `TokenVerifier`: `<user>:<seconds until it ends>`."""

    async def verify(self, token: str | None, hub: str, request: ConnectRequest) -> Principal:
        user, _, ends = (token or "").partition(":")
        if not user or user == "expired":
            raise Unauthorized("for the log")
        return Principal(user, {"token": token}, 1_700_000_000.0 + float(ends) if ends else None)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def requests(client: Polling | Events, **headers: str) -> dict[str, Reply]:
    """One of each kind of request that belongs to an open connection; DELETE last."""
    running, target = client.running, client.target
    accept = {"Accept": "text/event-stream"} if isinstance(client, Events) else {}
    return {
        "GET": await running.request("GET", target, **accept, **headers),
        "POST": await running.request("POST", target, b"", **headers),
        "DELETE": await running.request("DELETE", target, **headers),
    }


@asynccontextmanager
async def connected(
    serve: Serve, token: str, options: ServerOptions | None = None
) -> AsyncIterator[tuple[Running, Polling, Events]]:
    """One connection of each kind."""
    async with (
        serve(options, verifier=Tokens()) as running,
        polling(running, **bearer(token)) as polled,
        listening(running, **bearer(token)) as events,
    ):
        yield running, polled, events


# Users


async def test_every_request_brings_a_token_and_what_has_none_is_an_empty_401(serve: Serve) -> None:
    async with connected(serve, "ann") as (_, polled, events):
        for client in (polled, events):
            for headers in ({}, bearer("expired"), {"Authorization": "Basic YW5u"}):
                for reply in (await requests(client, **headers)).values():
                    assert (reply.status, reply.phrase, reply.body) == (401, "Unauthorized", b"")
            assert (await client.invoke("Who"))["result"]["user"] == "ann"


async def test_another_users_token_is_an_empty_403_and_does_nothing(serve: Serve) -> None:
    async with connected(serve, "ann") as (_, polled, events):
        for client in (polled, events):
            replies = await requests(client, **bearer("bob"))
            if isinstance(client, Events):  # which nobody can
                assert replies.pop("DELETE").status == 400
            for reply in replies.values():
                assert (reply.status, reply.body) == (403, b"")
            assert (await client.invoke("Who"))["result"]["user"] == "ann"


async def test_a_newer_token_of_the_same_user_counts_from_then_on(serve: Serve) -> None:
    async with connected(serve, "ann:60") as (running, polled, events):
        for client in (polled, events):
            connection = running.hubs.endpoint.connections[client.target.partition("=")[2]]
            for token, present in (("ann:90", "ann:90"), ("ann:30", "ann:90"), ("ann:90", "ann:90")):
                client.headers = bearer(token)
                assert (await client.post("")).status == 200
                assert connection.caller.claims == {"token": present}
        polled.headers = bearer("ann:120")
        assert (await polled.invoke("Echo", 1))["result"] == 1
        token = polled.target.partition("=")[2]
        assert running.hubs.endpoint.connections[token].caller.claims == {"token": "ann:120"}


async def test_the_token_may_stand_in_the_query_where_the_client_cannot_set_headers(serve: Serve) -> None:
    async with serve(verifier=Tokens()) as running:
        ids = await running.negotiate(**bearer("ann"))
        target = f"/sample?id={ids['connectionToken']}"
        events = await open_events(running, f"{target}&access_token=ann")
        assert events.status == "HTTP/1.1 200 OK"
        assert await events.line() == b":\r\n"
        events.target, events.headers = target, bearer("ann")
        assert (await events.post(HANDSHAKE)).status == 200
        assert await events.receive() == {}
        assert (await events.invoke("Who"))["result"]["user"] == "ann"
        wrong = await running.request("POST", f"{target}&access_token=ann", b"", **bearer("expired"))
        assert wrong.status == 401  # the header counts first
        events.writer.close()


async def test_what_one_user_posted_early_is_never_another_users(serve: Serve) -> None:
    async with serve(verifier=Tokens()) as running:
        ids = await running.negotiate(**bearer("ann"))
        client = Polling(running, f"/sample?id={ids['connectionToken']}", bearer("ann"))
        assert (await client.post(HANDSHAKE)).status == 200
        client.headers = bearer("bob")
        assert (await client.post(HANDSHAKE)).status == 403
        assert (await client.poll()).status == 403
        client.headers = bearer("ann")
        assert (await client.poll()).status == 200
        assert await client.receive() == {}


# Origins


@pytest.mark.parametrize("is_allowed", [True, False])
async def test_pages_of_allowed_origins_may_read_every_answer_and_others_get_none(
    serve: Serve, is_allowed: bool
) -> None:
    options = ServerOptions(allowed_origins=frozenset({ORIGIN}))
    origin = {"Origin": ORIGIN if is_allowed else "https://evil.example"}
    async with connected(serve, "ann", options) as (_, polled, events):
        replies = [
            *(await requests(events, **origin, **bearer("ann"))).values(),  # 409, 200, 400
            *(await requests(polled, **origin)).values(),  # 401
            await polled.running.request("GET", "/sample?id=x", **origin, **bearer("ann")),
            await polled.post("", **origin),
        ]
        await polled.post(BREAKING)  # breaks the protocol, so that a poll has something to answer
        replies += [await polled.poll(**origin) for _ in range(2)]
        replies.append(await polled.delete(**origin))
        for reply in replies:
            if is_allowed:
                assert reply.headers["access-control-allow-origin"] == ORIGIN.lower()
                assert reply.headers["access-control-allow-credentials"] == "true"
                assert reply.headers["vary"] == "origin"
            else:
                assert reply.status == 403
                assert "access-control-allow-origin" not in reply.headers
        if is_allowed:
            assert [reply.status for reply in replies] == [409, 200, 400, 401, 401, 401, 404, 200, 200, 204, 404]


async def test_the_answer_with_events_may_be_read_by_pages_of_allowed_origins(serve: Serve) -> None:
    options = ServerOptions(allowed_origins=frozenset({ORIGIN}))
    async with serve(options) as running, listening(running, Origin=ORIGIN) as events:
        head = dict(events.head)
        assert head["access-control-allow-origin"] == ORIGIN
        assert head["access-control-allow-credentials"] == "true"
        assert head["vary"] == "Origin"


async def test_the_preflight_of_a_delete_is_answered_without_a_token(serve: Serve) -> None:
    async with serve(ServerOptions(allowed_origins=frozenset({ORIGIN})), verifier=Tokens()) as running:
        asked = {"Access-Control-Request-Method": "DELETE", "Access-Control-Request-Headers": "authorization"}
        reply = await running.request("OPTIONS", "/sample?id=x", Origin=ORIGIN, **asked)
        assert reply.status == 204
        assert "delete" in reply.headers["access-control-allow-methods"]
        assert "authorization" in reply.headers["access-control-allow-headers"]


# One connection, one transport


async def other_transports(running: Running, target: str, but: str, **headers: str) -> list[Reply]:
    replies = []
    if but != "LongPolling":
        replies.append(await running.request("GET", target, **headers))
    if but != "ServerSentEvents":
        replies.append(await running.request("GET", target, Accept="text/event-stream", **headers))
    if but != "WebSockets":
        replies.append(await running.upgrade(target, **headers))
    return replies


async def test_a_connection_cannot_change_its_transport(serve: Serve) -> None:
    async with serve() as running:
        ids = await running.negotiate()
        target = f"/sample?id={ids['connectionToken']}"
        async with polling(running) as polled, listening(running) as events, running.connected(target) as socket:
            replies = [
                *await other_transports(running, polled.target, "LongPolling"),
                *await other_transports(running, events.target, "ServerSentEvents"),
                *await other_transports(running, target, "WebSockets"),
            ]
            for reply in replies:
                assert (reply.status, reply.body) == (400, b"Cannot change transports mid-connection")
            for client in (polled, events, socket):
                assert (await client.invoke("Echo", 1))["result"] == 1


async def test_an_id_that_something_was_posted_to_is_none_for_websockets_any_more(serve: Serve) -> None:
    async with serve() as running:
        ids = await running.negotiate()
        client = Polling(running, f"/sample?id={ids['connectionToken']}", {})
        assert (await client.post(HANDSHAKE)).status == 200
        reply = await running.upgrade(client.target)
        assert (reply.status, reply.body) == (400, b"Cannot change transports mid-connection")
        assert (await client.poll()).status == 200
        assert await client.receive() == {}


async def test_a_websocket_is_posted_to_in_vain_before_and_after_its_end(serve: Serve) -> None:
    async with serve() as running:
        ids = await running.negotiate()
        client = Polling(running, f"/sample?id={ids['connectionToken']}", {})
        async with running.connected(client.target):
            reply = await client.post(HANDSHAKE)
            assert (reply.status, reply.body) == (405, b"POST requests are not allowed for WebSocket connections.")
        await running.hubs.endpoint.until_empty()
        reply = await client.post(HANDSHAKE)
        assert (reply.status, reply.body) == (404, b"No Connection with that ID")


async def test_a_version_0_client_uses_its_id_and_a_version_1_id_is_no_key(serve: Serve) -> None:
    async with serve() as running, polling(running) as client:
        connection_id = (await client.invoke("Who"))["result"]["connection"]
        for reply in (await requests(Polling(running, f"/sample?id={connection_id}", {}))).values():
            assert (reply.status, reply.body) == (404, b"No Connection with that ID")
        ids = await running.negotiate("/sample/negotiate")
        other = Polling(running, f"/sample?id={ids['connectionId']}", {})
        assert (await other.poll()).status == 200
        assert (await other.delete()).status == 202


async def test_an_upgrade_that_the_server_in_front_did_not_make_is_refused_and_uses_nothing_up(serve: Serve) -> None:
    async with serve(ws="none", http="httptools") as running:
        ids = await running.negotiate()
        client = Polling(running, f"/sample?id={ids['connectionToken']}", {})
        reply = await running.upgrade(client.target)
        assert (reply.status, reply.body) == (404, b"WebSockets transport not supported by this end point type")
        assert (await client.poll()).status == 200


async def test_connections_of_one_hub_are_none_of_anothers(serve: Serve) -> None:
    async with serve(ServerOptions(client_path="/client")) as running, polling(running) as client:
        token = client.target.partition("=")[2]
        through_another_path = Polling(running, f"/client/?hub=sample&id={token}", {})
        assert (await through_another_path.invoke("Echo", 1))["result"] == 1
        unknown = await running.request("GET", f"/client/?hub=other&id={token}")
        assert (unknown.status, unknown.body) == (404, b"No such hub")


async def test_a_body_that_breaks_off_is_400_for_whoever_still_listens(serve: Serve) -> None:
    async with serve() as running, polling(running) as client:
        server = Server({"type": "http.request", "body": HANDSHAKE[:5].encode(), "more_body": True}, GONE)
        path, _, query = client.target.partition("?")
        scope = {
            "type": "http",
            "method": "POST",
            "scheme": "http",
            "path": path,
            "query_string": query.encode(),
            "headers": [],
        }
        await running.hubs(scope, server.receive, server.send)
        assert (server.status, server.body, server.content_type) == (400, b"", b"text/plain")
