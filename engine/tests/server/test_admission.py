"""Who is let in: tokens, origins, hosts, limits, for negotiate and upgrades, on both lanes."""

from __future__ import annotations

import logging

import pytest
from uvicorn.logging import TRACE_LOG_LEVEL

from hubwire import ConnectRequest, Forbidden, Principal, ServerOptions, Unauthorized
from hubwire.azure.jwt import ClientTokens
from hubwire.server.log_redaction import redact

from .conftest import Serve


class Tokens:
    """Implements `TokenVerifier` by a table."""

    def __init__(self) -> None:
        self.hubs: list[str] = []

    async def verify(self, token: str | None, hub: str, request: ConnectRequest) -> Principal:
        self.hubs.append(hub)
        if token == "forbidden":
            raise Forbidden("for the log")
        if token is None or not token.startswith("user:"):
            raise Unauthorized("for the log")
        return Principal(token.removeprefix("user:"), {"token": token})


# The hub path


async def test_an_id_must_be_known(serve: Serve) -> None:
    async with serve() as running:
        ids = await running.negotiate()
        token = ids["connectionToken"]
        for target in (
            "/sample?id=unknown",
            "/sample?id=&id=",
            f"/sample?id={ids['connectionId']}",  # public in version 1, so no key
            f"/sample?id={token}&id={token}",
        ):
            reply = await running.upgrade(target)
            assert (reply.status, reply.body) == (404, b"No Connection with that ID")
        for method in ("GET", "POST", "DELETE"):
            reply = await running.request(method, "/sample?id=unknown")
            assert (reply.status, reply.body) == (404, b"No Connection with that ID")
            for target in ("/sample", "/sample?id="):
                reply = await running.request(method, target)
                assert (reply.status, reply.body) == (400, b"Connection ID required")
        assert (await running.request("PUT", f"/sample?id={token}")).status == 405
        assert 404 in running.observer.refused


async def test_an_id_is_good_for_one_connection(serve: Serve) -> None:
    async with serve() as running:
        token = (await running.negotiate())["connectionToken"]
        async with running.connected(f"/sample?ID={token}"):
            assert (await running.upgrade(f"/sample?id={token}")).status == 409
            reply = await running.request("POST", f"/sample?id={token}")
            assert (reply.status, reply.body) == (405, b"POST requests are not allowed for WebSocket connections.")
            reply = await running.request("DELETE", f"/sample?id={token}")
            assert (reply.status, reply.body) == (400, b"Cannot terminate this connection using the DELETE endpoint.")
        await running.hubs.endpoint.until_empty()
        assert (await running.upgrade(f"/sample?id={token}")).status == 404


async def test_connections_are_bounded(serve: Serve) -> None:
    async with serve(ServerOptions(maximum_connections=1)) as running:
        async with running.connected():
            reply = await running.upgrade("/sample")
            assert reply.status == 503
            assert "retry-after" in reply.headers
        await running.hubs.endpoint.until_empty()
        async with running.connected() as client:
            assert (await client.invoke("Echo", 1))["result"] == 1


async def test_a_quota_is_answered_as_such(serve: Serve) -> None:
    async with serve(ServerOptions(maximum_connections=1, full_status=429)) as running, running.connected():
        reply = await running.upgrade("/sample")
        assert (reply.status, "retry-after" in reply.headers) == (429, True)


# Tokens


async def test_a_token_that_is_too_long_is_answered_as_that(serve: Serve) -> None:
    tokens = ClientTokens(["k" * 32], ["http://service.example"])
    async with serve(verifier=tokens) as running:
        reply = await running.request("POST", "/sample/negotiate", Authorization="Bearer " + "a" * 4097)
        assert reply.status == 413
        assert (await running.upgrade("/sample?access_token=" + "a" * 4097)).status == 414


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic dXNlcjph"}])
async def test_without_a_valid_token_the_answer_is_an_empty_401(serve: Serve, headers: dict[str, str]) -> None:
    async with serve(verifier=Tokens()) as running:
        for reply in (
            await running.request("POST", "/sample/negotiate", **headers),
            await running.upgrade("/sample", **headers),
            await running.request("GET", "/sample?id=x", **headers),
        ):
            assert (reply.status, reply.phrase, reply.body) == (401, "Unauthorized", b"")


async def test_a_known_caller_without_the_right_gets_403(serve: Serve) -> None:
    async with serve(verifier=Tokens()) as running:
        headers = {"Authorization": "Bearer forbidden"}
        assert (await running.request("POST", "/sample/negotiate", **headers)).status == 403
        assert (await running.upgrade("/sample", **headers)).status == 403


async def test_the_token_is_taken_from_the_header_first_then_from_the_query(serve: Serve) -> None:
    tokens = Tokens()
    async with serve(verifier=tokens) as running:
        await running.negotiate(Authorization="Bearer user:ann")
        async with running.connected("/sample", Authorization="Bearer user:ann") as client:
            assert (await client.invoke("Who"))["result"]["user"] == "ann"
        async with running.connected("/sample?access_token=user%3Abob") as client:
            assert (await client.invoke("Who"))["result"]["user"] == "bob"
        async with running.connected("/sample?access_token=user:bob", Authorization="bearer user:ann") as client:
            assert (await client.invoke("Who"))["result"]["user"] == "ann"
        assert (await running.upgrade("/sample?access_token=user:bob", Authorization="Bearer wrong")).status == 401
        assert set(tokens.hubs) == {"Sample"}


async def test_a_verifier_that_fails_lets_nobody_in(serve: Serve) -> None:
    class Broken:
        async def verify(self, token: str | None, hub: str, request: ConnectRequest) -> Principal:
            raise RuntimeError("the key store is down")

    async with serve(verifier=Broken()) as running:
        for reply in (await running.upgrade("/sample"), await running.request("POST", "/sample/negotiate")):
            assert (reply.status, reply.body) == (500, b"Internal Server Error")
        assert running.hubs.connection_count == 0


async def test_tokens_do_not_reach_the_log(serve: Serve, lane: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("uvicorn.error", "uvicorn.asgi"):
        caplog.set_level(TRACE_LOG_LEVEL, name)  # which shows whole scopes
    async with serve(verifier=Tokens(), access_log=True) as running:
        async with running.connected("/sample?a=1&access_token=user:s3cret&b=2"):
            pass
        await running.request("POST", "/sample/negotiate?access_token=user:s3cret")
        ids = await running.negotiate(Authorization="Bearer user:s3cret")
        target = f"/sample?id={ids['connectionToken']}"
        assert (await running.request("GET", target, Authorization="Bearer user:s3cret")).status == 200
        await running.upgrade(target)
        await running.upgrade("/sample?access_token=s3cret")
        await running.upgrade("/sample", Authorization="Bearer s3cret")
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("websockets.client")]
    assert any("query_string" in message for message in ours)
    assert not [message for message in ours if "s3cret" in message or ids["connectionToken"] in message]
    assert any("[redacted]" in message for message in ours if "WebSocket" in message) is (lane == "asgi")


TOKEN = "0123456789-_abcdefgh" * 2


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("/a?b=1", "/a?b=1"),
        ("/a?access_token=x", "/a?access_token=[redacted]"),
        ("/a?Access_Token=x&b=1&access_token=y&c", "/a?Access_Token=[redacted]&b=1&access_token=[redacted]&c"),
        ("access%5ftoken=x", "access%5ftoken=[redacted]"),
        ("< GET /a?access_token=x HTTP/1.1", "< GET /a?access_token=[redacted] HTTP/1.1"),
        (f"/a?b=1&id={TOKEN}", "/a?b=1&id=[redacted]"),
        (f"/a?b=1&id={TOKEN}node-1", "/a?b=1&id=[redacted]"),
        (f"/a?id=17&paid={TOKEN}", f"/a?id=17&paid={TOKEN}"),
    ],
)
def test_redaction(text: str, redacted: str) -> None:
    assert redact(text) == redacted


# The client path


async def test_one_path_reaches_every_hub_by_name(serve: Serve) -> None:
    async with serve(ServerOptions(client_path="/client"), path=None) as running:
        ids = await running.negotiate("/client/negotiate?hub=SAMPLE&negotiateVersion=1")
        async with running.connected(f"/client/?hub=sample&id={ids['connectionToken']}") as client:
            assert (await client.invoke("Who"))["result"]["connection"] == ids["connectionId"]


@pytest.mark.parametrize(
    ("query", "status"), [("", 400), ("hub=sample&hub=sample", 400), ("hub=sample&HUB=other", 400), ("hub=other", 404)]
)
async def test_the_hub_must_be_named_once_and_exist(serve: Serve, query: str, status: int) -> None:
    async with serve(ServerOptions(client_path="/client"), path=None) as running:
        assert (await running.request("POST", f"/client/negotiate?{query}")).status == status
        assert (await running.upgrade(f"/client/?{query}")).status == status


# Origin, host, proxies


async def test_pages_of_other_origins_are_refused_unless_allowed(serve: Serve) -> None:
    async with serve(ServerOptions(allowed_origins=frozenset({"https://admin.example"}))) as running:
        own = f"http://127.0.0.1:{running.port}"
        for origin, status in (
            (own, 101),
            ("https://admin.example", 101),
            ("https://evil.example", 403),
            ("null", 403),
        ):
            assert (await running.upgrade("/sample", Origin=origin)).status == status
        assert (await running.request("POST", "/sample/negotiate", Origin="https://evil.example")).status == 403
        assert (await running.request("POST", "/sample/negotiate", Origin=own)).status == 200


async def test_every_origin_may_be_allowed(serve: Serve) -> None:
    async with serve(ServerOptions(allowed_origins=None)) as running:
        assert (await running.upgrade("/sample", Origin="https://any.example")).status == 101


async def test_allowed_origins_may_read_answers_and_errors(serve: Serve) -> None:
    origin = "https://admin.example"
    async with serve(ServerOptions(allowed_origins=frozenset({origin})), verifier=Tokens()) as running:
        for reply in (
            await running.request("POST", "/sample/negotiate", Origin=origin, Authorization="Bearer user:a"),
            await running.request("POST", "/sample/negotiate", Origin=origin),
            await running.request("GET", "/sample", Origin=origin, Authorization="Bearer user:a"),
        ):
            assert reply.headers["access-control-allow-origin"] == origin
            assert reply.headers["access-control-allow-credentials"] == "true"
            assert reply.headers["vary"] == "origin"
        refused = await running.request("POST", "/sample/negotiate", Origin="https://evil.example")
        assert "access-control-allow-origin" not in refused.headers


async def test_preflights_are_answered_without_a_token(serve: Serve) -> None:
    async with serve(ServerOptions(allowed_origins=frozenset({"https://admin.example"})), verifier=Tokens()) as running:
        reply = await running.request("OPTIONS", "/sample/negotiate", Origin="https://admin.example")
        assert reply.status == 204
        assert reply.headers["access-control-allow-origin"] == "https://admin.example"
        for header in ("authorization", "content-type", "x-requested-with", "x-signalr-user-agent"):
            assert header in reply.headers["access-control-allow-headers"]
        for method in ("get", "post", "delete", "options"):
            assert method in reply.headers["access-control-allow-methods"]
        assert (await running.request("OPTIONS", "/sample/negotiate", Origin="https://evil.example")).status == 403


async def test_pages_of_an_allowed_origin_may_send_headers_of_their_own(serve: Serve) -> None:
    asked = {"Origin": "https://admin.example", "Access-Control-Request-Headers": "x-requested-with,x-shop"}
    async with serve(ServerOptions(allowed_origins=frozenset({"https://admin.example"}))) as running:
        reply = await running.request("OPTIONS", "/sample/negotiate", **asked)
        assert reply.headers["access-control-allow-headers"] == "x-requested-with,x-shop"
        refused = await running.request("OPTIONS", "/sample/negotiate", **{**asked, "Origin": "https://evil.example"})
        assert "access-control-allow-headers" not in refused.headers


@pytest.mark.parametrize(("count", "is_refused"), [(100, False), (130, True)])
async def test_a_request_may_not_be_made_of_very_many_parts_since_its_connection_keeps_them(
    serve: Serve, count: int, is_refused: bool
) -> None:
    query = "&".join(f"key{number}=" for number in range(count))
    headers = {f"Key-{number}": "" for number in range(count)}
    async with serve() as running:
        refusal = (431, b"Too many header fields or query parameters") if is_refused else None
        for reply in (
            await running.request("POST", f"/sample/negotiate?{query}"),
            await running.request("GET", f"/sample?{query}"),
            await running.upgrade(f"/sample?id=x&{query}"),
            await running.request("POST", "/sample/negotiate", **headers),
        ):
            assert ((reply.status, reply.body) == refusal) is is_refused


async def test_hosts_may_be_limited(serve: Serve) -> None:
    async with serve(ServerOptions(allowed_hosts=frozenset({"shop.example"}))) as running:
        for host, status in (("shop.example", 101), ("SHOP.example:8000", 101), ("evil.example", 400)):
            assert (await running.upgrade("/sample", Host=host)).status == status
        assert (await running.request("POST", "/sample/negotiate", Host="evil.example")).status == 400


async def test_forwarded_headers_count_from_trusted_proxies_only(serve: Serve) -> None:
    headers = {"X-Forwarded-For": "6.6.6.6, 203.0.113.9, 10.1.2.3", "X-Forwarded-Proto": "https"}
    async with serve(ServerOptions(trusted_proxies=("127.0.0.0/8", "10.0.0.0/8"))) as running:
        async with running.connected(**headers) as client:
            who = (await client.invoke("Who"))["result"]
            assert (who["address"], who["scheme"]) == ("203.0.113.9", "https")
        own = f"https://127.0.0.1:{running.port}"
        assert (await running.upgrade("/sample", Origin=own, **headers)).status == 101
        assert (await running.upgrade("/sample", Origin=own)).status == 403
    async with serve() as running, running.connected(**headers) as client:
        who = (await client.invoke("Who"))["result"]
        assert (who["address"], who["scheme"]) == ("127.0.0.1", "http")
