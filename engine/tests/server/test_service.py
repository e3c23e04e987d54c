"""The self-hosted service as clients, applications and operators see it, over real sockets."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from hubwire.azure.upstream_templates import UpstreamTemplate, UpstreamTemplates
from hubwire.options import ServiceOptions
from hubwire.server.service import SignalRService

from .conftest import until
from .services import KEY, SECONDARY_KEY, RunningService, application_behind, running_service

DEFAULTS = ServiceOptions()


# Who is let in (azure-serverless 2.3, 2.4, 2.6)


async def test_clients_with_a_token_of_either_key_are_let_in() -> None:
    async with running_service() as running:
        for key in (KEY, SECONDARY_KEY):
            answer = await running.negotiate(running.token(key=key))
            assert answer.status == 200
            transports = [each["transport"] for each in (await answer.json())["availableTransports"]]
            assert transports == ["WebSockets", "ServerSentEvents", "LongPolling"]


@pytest.mark.parametrize(
    "claims",
    [
        {"key": "another-" + "k" * 36},
        {"aud": "http://elsewhere.example/client/?hub=chat"},
        {"aud": "http://127.0.0.1/client/?hub=other"},
        {"aud": "http://127.0.0.1/api/hubs/chat/:send"},
        {"exp": 1_000_000_000},
        {"exp": None},
    ],
)
async def test_clients_with_a_wrong_token_are_refused(claims: dict[str, Any]) -> None:
    async with running_service() as running:
        key = str(claims.pop("key", KEY))
        token = running.token(key=key, **claims)
        assert (await running.negotiate(token)).status == 401
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await running.session.ws_connect(f"{running.url}/client/?hub=chat&access_token={token}")
        assert refused.value.status == 401


async def test_the_codes_of_the_client_endpoint() -> None:
    async with running_service() as running:
        token = running.token()
        assert (await running.negotiate(None)).status == 401
        assert (await running.negotiate(token, "hub=chat&hub=chat")).status == 400
        assert (await running.negotiate(token, "hub=my-chat")).status == 400
        assert (await running.negotiate(token, "other=1")).status == 400
        assert (await running.negotiate("a" * 4097)).status == 413
        assert (await running.get(f"/client/?hub=chat&id=unknown&access_token={'a' * 4097}")).status in (413, 414, 401)
        answer = await running.get("/client/?hub=chat&id=unknown", Authorization=f"Bearer {token}")
        assert answer.status == 404


async def test_a_token_in_the_query_counts_for_events_and_web_sockets_alone() -> None:
    async with running_service() as running:
        token = running.token()
        assert (await running.negotiate(None, f"hub=chat&access_token={token}")).status == 401
        target = f"/client/?hub=chat&id=unknown&access_token={token}"
        assert (await running.get(target)).status == 401  # a poll
        assert (await running.get(target, Accept="text/event-stream")).status == 404
        assert (await running.get(target, Accept="text/event-stream", Authorization="Bearer x")).status == 401


async def test_pages_of_any_origin_may_read_answers_unless_told_otherwise() -> None:
    origin = "https://shop.example"
    async with running_service() as running:
        answer = await running.negotiate(running.token(), Origin=origin)
        assert answer.headers["access-control-allow-origin"] == origin
        assert answer.headers["access-control-allow-credentials"] == "true"
    server = replace(DEFAULTS.server, allowed_origins=frozenset({"https://admin.example"}))
    async with running_service(options=replace(DEFAULTS, server=server)) as running:
        assert (await running.negotiate(running.token(), Origin=origin)).status == 403
        assert (await running.negotiate(running.token(), Origin="https://admin.example")).status == 200


async def test_quotas_are_answered_with_429() -> None:
    server = replace(DEFAULTS.server, maximum_connections=1)
    async with running_service(options=replace(DEFAULTS, server=server, maximum_hubs=1)) as running, running.client():
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await running.session.ws_connect(f"{running.url}/client/?hub=chat&access_token={running.signed()}")
        assert refused.value.status == 429
        assert refused.value.headers is not None
        assert "retry-after" in refused.value.headers
        assert (await running.negotiate(running.signed("other"), "hub=other")).status == 429
        answer = await running.rest("POST", "/api/hubs/other/:send", body={"target": "a"})
        assert (answer.status, answer.headers["x-ms-error-code"]) == (429, "Error.Request.Throttled")


async def test_negotiates_that_come_too_fast_are_answered_with_429() -> None:
    server = replace(DEFAULTS.server, connects_per_second=1, connect_burst_seconds=2.0, trusted_networks=())
    async with running_service(options=replace(DEFAULTS, server=server)) as running:
        token = running.token()
        statuses = [(await running.negotiate(token)).status for _ in range(40)]
        assert statuses[0] == 200
        assert 429 in statuses


# Keys that change


async def test_a_key_that_is_replaced_counts_at_once_no_longer() -> None:
    async with running_service() as running:
        old, new = running.token(), running.token(key=SECONDARY_KEY)
        assert (await running.negotiate(old)).status == 200
        running.service.replace_keys([SECONDARY_KEY])
        assert (await running.negotiate(old)).status == 401
        assert (await running.negotiate(new)).status == 200
        assert (await running.rest("POST", "/api/hubs/chat/:send", body={"target": "a"})).status == 401
        answer = await running.rest("POST", "/api/hubs/chat/:send", body={"target": "a"}, key=SECONDARY_KEY)
        assert answer.status == 202
        with pytest.raises(ValueError, match="32 bytes"):
            running.service.replace_keys(["short"])
        assert (await running.negotiate(new)).status == 200


# The application behind it


async def test_calls_reach_the_application_and_its_answers_the_client() -> None:
    async with (
        running_service() as running,
        application_behind(running) as (hubs, seen),
        running.client("alice") as client,
    ):
        assert await seen.next() == ("connected", "alice")
        assert (await client.invoke("Echo", {"ä": [1, None]}))["result"] == {"ä": [1, None]}
        await client.invoke("Tell", "alice", 7)
        assert (await client.receive())["arguments"] == [7]
        await hubs.context("chat").clients.user("alice").send("Hello")
        assert (await client.receive())["target"] == "Hello"
        assert "HubException" in (await client.invoke("Nothing"))["error"]
    async with running_service() as running, application_behind(running) as (_, seen):
        async with running.client("bob"):
            assert await seen.next() == ("connected", "bob")
        assert await seen.next() == ("disconnected", "bob")


async def test_an_application_with_another_key_refuses_what_the_service_sends() -> None:
    async with running_service(keys=[KEY]) as running, application_behind(running, SECONDARY_KEY) as (_, seen):
        async with running.client() as client:
            assert (await client.invoke("Echo", 1))["error"] == "Invocation failed, status code 401"
        assert seen.events.empty()


async def test_without_an_upstream_calls_end_in_a_clear_error() -> None:
    async with running_service() as running, running.client() as client:
        assert "no upstream" in (await client.invoke("Echo", 1))["error"]
        running.service.replace_upstream(UpstreamTemplates([UpstreamTemplate("http://127.0.0.1:1/", hub_pattern="x")]))
        assert "no upstream" in (await client.invoke("Echo", 1))["error"]


async def test_streams_end_in_a_clear_error() -> None:
    async with running_service() as running, application_behind(running), running.client() as client:
        await client.socket.send('{"type":4,"invocationId":"1","target":"Echo","arguments":[]}\x1e')
        assert "streams are not passed on" in (await client.receive())["error"]


@pytest.mark.parametrize("is_strict", [False, True])
async def test_a_refused_connect_ends_the_connection_where_the_service_is_strict(is_strict: bool) -> None:
    options = replace(DEFAULTS, upstream=replace(DEFAULTS.upstream, closes_refused=is_strict))
    async with running_service(options=options) as running, application_behind(running) as (_, seen):
        seen.refuses = True
        async with running.client() as client:
            if is_strict:
                message = await client.receive()
                assert (message["type"], message.get("allowReconnect", False)) == (7, False)
            else:
                assert (await client.invoke("Echo", 1))["result"] == 1


async def test_users_are_in_their_groups_when_they_come_and_before_the_application_hears_of_it() -> None:
    async with running_service() as running:
        assert (await running.rest("PUT", "/api/hubs/chat/users/alice/groups/shop", "&ttl=60")).status == 200
        async with running.client("alice") as client, running.client("bob"):
            await client.invoke("Anything")  # behind `connected`
            sent = await running.rest(
                "POST", "/api/hubs/chat/groups/shop/:send", body={"target": "T", "arguments": [1]}
            )
            assert (sent.status, (await client.receive())["arguments"]) == (202, [1])


# Operators


async def test_server_connections_are_refused_in_plain_words() -> None:
    async with running_service() as running:
        answer = await running.get("/server/?hub=chat")
        assert (answer.status, "Serverless" in await answer.text()) == (404, True)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await running.session.ws_connect(f"{running.url}/server/?hub=chat")
        assert refused.value.status in (403, 404)


async def test_figures_are_told_to_those_who_may_know() -> None:
    async with running_service() as running:
        await running.negotiate(None)
        async with running.client():
            await running.rest("POST", "/api/hubs/chat/:send", body={"target": "a"})
            answer = await running.get("/metrics")
            text = await answer.text()
            assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
            for line in (
                "hubwire_connection_count 1",
                "hubwire_connection_open_count_total 1",
                'hubwire_connection_refused_count_total{status="401"} 1',
                'hubwire_rest_request_count_total{status="202"} 1',
                "hubwire_user_errors_total 1",
            ):
                assert line in text.splitlines()
        assert (await running.get("/metrics", **{"X-Forwarded-For": "203.0.113.9"})).status == 403
    async with running_service(options=replace(DEFAULTS, metrics_networks=("192.0.2.0/24",))) as running:
        assert (await running.get("/metrics")).status == 403


async def test_no_token_stands_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        async with running_service() as running, running.client("alice"):
            await running.negotiate(running.token(key="another-" + "k" * 36))
    tokens = [record for record in caplog.records if "eyJ" in record.getMessage() and record.name.startswith("hubwire")]
    assert tokens == []


async def test_a_stop_answers_what_was_asked_and_refuses_what_comes_then() -> None:
    async with running_service() as running, running.client("alice") as client:
        connection_id = next(iter(running.service.hubs.endpoint.connections.values())).caller.connection_id
        path = f"/api/hubs/chat/connections/{connection_id}/:invoke"
        asking = asyncio.create_task(running.rest("POST", path, body={"target": "Ask", "arguments": []}))
        question = await client.receive()
        draining = asyncio.create_task(running.service.hubs.drain())
        await until(lambda: running.service.hubs.endpoint.is_draining)
        late = await running.rest("POST", "/api/hubs/chat/:send", body={"target": "late"})
        assert (late.status, "retry-after" in late.headers) == (503, True)
        answer = f'{{"type":3,"invocationId":"{question["invocationId"]}","result":"here"}}\x1e'
        await client.socket.send(answer)
        asked = await asking
        assert (asked.status, (await asked.json())["result"]) == (200, "here")
        assert await client.receive() == {"type": 7, "allowReconnect": True}
        await draining


def test_what_makes_no_sense_is_refused_at_the_start() -> None:
    for keys, urls in (([], ["http://a.example"]), (["short"], ["http://a.example"]), ([KEY], []), ([KEY], ["a"])):
        with pytest.raises(ValueError, match=r"key|address"):
            SignalRService(keys, urls)
    assert KEY not in repr(RunningService)


async def test_the_pages_for_operators_and_applications_are_there() -> None:
    async with running_service() as running:
        for path, kind in (
            ("/openapi", "text/html"),
            ("/livetrace", "text/html"),
            ("/openapi/2024-12-01.json", "json"),
        ):
            answer = await running.get(path)
            assert (answer.status, kind in answer.headers["content-type"]) == (200, True)
        assert (await running.get("/livetrace/events")).status == 401
        assert (await running.get("/api/health")).status == 200
        assert (await running.get("/nothing")).status == 404


async def test_a_stop_waits_for_no_stranger(caplog: pytest.LogCaptureFixture) -> None:
    async with running_service() as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        head = "POST /api/v1/hubs/chat HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n{"
        writer.write(head.encode())
        assert b" 401 " in await reader.readline()
        await running.service.hubs.drain()
        writer.close()
    assert "may not have been delivered" not in caplog.text
