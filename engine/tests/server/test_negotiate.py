"""Negotiate on both servers: versions, transports, stateful reconnect, redirects, limits (signalr-protocol 1)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from starlette.types import ASGIApp

from hubwire import ConnectRequest, Forbidden, HubOptions, HubServer, Principal, Redirect, ServerOptions, Unauthorized

from .conftest import TIMEOUT_SECONDS, Reply, Running, Serve, until
from .http_clients import Polling
from .test_raw import echo, raw

WEBSOCKETS = {"transport": "WebSockets", "transferFormats": ["Text", "Binary"]}
EVENTS = {"transport": "ServerSentEvents", "transferFormats": ["Text"]}
POLLS = {"transport": "LongPolling", "transferFormats": ["Text", "Binary"]}


@pytest.mark.parametrize("target", ["/sample/negotiate", "/SAMPLE/Negotiate", "/sample/negotiate/"])
async def test_version_0_has_an_id_and_no_token(serve: Serve, target: str) -> None:
    async with serve() as running:
        reply = await running.request("POST", target)
        assert reply.status == 200
        assert reply.headers["content-type"] == "application/json"
        assert reply.headers["content-length"] == str(len(reply.body))
        answer = reply.json()
        assert len(answer.pop("connectionId")) == 40
        assert answer == {"negotiateVersion": 0, "availableTransports": [WEBSOCKETS, EVENTS, POLLS]}


@pytest.mark.parametrize(
    "query", ["negotiateVersion=1", "NEGOTIATEVERSION=1", "negotiateVersion=7&useStatefulReconnect=true"]
)
async def test_version_1_and_above_have_a_token_besides(serve: Serve, query: str) -> None:
    async with serve() as running:
        answer = await running.negotiate(f"/sample/negotiate?{query}")
        assert sorted(answer) == ["availableTransports", "connectionId", "connectionToken", "negotiateVersion"]
        assert answer["negotiateVersion"] == 1
        assert answer["connectionId"] != answer["connectionToken"]
        assert answer["connectionToken"].replace("-", "").replace("_", "").isalnum()


async def test_a_version_that_is_no_number_is_an_error_inside_200(serve: Serve) -> None:
    async with serve() as running:
        assert await running.negotiate("/sample/negotiate?negotiateVersion=x") == {
            "error": "The client requested a non-integer protocol version."
        }


async def test_a_version_below_the_minimum_is_an_error_inside_200(serve: Serve) -> None:
    async with serve(hub_options=HubOptions(minimum_negotiate_version=1)) as running:
        refused = {"error": "The client requested version '0', but the server does not support this version."}
        assert await running.negotiate("/sample/negotiate") == refused
        assert await running.negotiate("/sample/negotiate?negotiateVersion=0") == refused
        assert (await running.negotiate("/sample/negotiate?negotiateVersion=1"))["negotiateVersion"] == 1


@pytest.mark.parametrize(
    ("names", "listed"),
    [
        ({"WebSockets"}, [WEBSOCKETS]),
        ({"LongPolling", "ServerSentEvents"}, [EVENTS, POLLS]),
        ({"LongPolling", "WebSockets"}, [WEBSOCKETS, POLLS]),
    ],
)
async def test_only_transports_of_the_hub_are_listed_in_their_order(
    serve: Serve, names: set[str], listed: list[object]
) -> None:
    async with serve(hub_options=HubOptions(transports=frozenset(names))) as running:
        assert (await running.negotiate())["availableTransports"] == listed


@pytest.mark.parametrize(
    ("allowed", "query", "promised"),
    [
        (True, "negotiateVersion=1&useStatefulReconnect=true", True),
        (True, "negotiateVersion=1&USESTATEFULRECONNECT=True", True),
        (True, "negotiateVersion=1&useStatefulReconnect=false", None),
        (True, "negotiateVersion=1&useStatefulReconnect=1", None),
        (True, "negotiateVersion=1", None),
        (True, "useStatefulReconnect=true", None),  # version 0
        (False, "negotiateVersion=1&useStatefulReconnect=true", None),
    ],
)
async def test_stateful_reconnect_is_promised_if_both_sides_want_it(
    serve: Serve, allowed: bool, query: str, promised: bool | None
) -> None:
    async with serve(hub_options=HubOptions(stateful_reconnect=allowed)) as running:
        answer = await running.negotiate(f"/sample/negotiate?{query}")
        assert answer.get("useStatefulReconnect") is promised
        assert ("useStatefulReconnect" in answer) is (promised is True)
        token = running.hubs.endpoint.table.tokens.read("Sample", answer.get("connectionToken", answer["connectionId"]))
        assert token is not None
        assert token.is_stateful is (promised is True)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
async def test_negotiate_takes_post_only(serve: Serve, method: str) -> None:
    async with serve() as running:
        reader, writer = await running.open()
        writer.write(running.head(method, "/sample/negotiate"))
        async with asyncio.timeout(TIMEOUT_SECONDS):
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
        assert head.startswith(b"http/1.1 405 ")
        assert b"content-type: text/plain\r\n" in head
        writer.close()


async def test_an_upgrade_of_negotiate_is_refused(serve: Serve) -> None:
    async with serve() as running:
        assert (await running.upgrade("/sample/negotiate")).status == 405


async def test_a_body_is_ignored(serve: Serve) -> None:
    async with serve() as running:
        reply = await running.request("POST", "/sample/negotiate", b"{]" * 50_000, Content_Type="application/json")
        assert reply.json()["negotiateVersion"] == 0


async def test_tokens_that_nobody_uses_expire_and_cost_nothing_until_then(serve: Serve) -> None:
    async with serve(ServerOptions(connect_timeout_seconds=7.0)) as running:
        first = await running.negotiate()
        for _ in range(20):
            await running.negotiate()
        table = running.hubs.endpoint.table
        assert (len(table.used), len(table.early), len(table.connections)) == (0, 0, 0)
        running.clock.advance(7.0)
        for reply in await asked_for(running, first["connectionToken"]):
            assert (reply.status, reply.body) == (404, b"No Connection with that ID")


async def test_a_token_that_was_changed_or_is_another_hubs_is_unknown(serve: Serve) -> None:
    async with serve(app=raw(echo)) as running:
        token = (await running.negotiate())["connectionToken"]
        others = (await running.negotiate("/raw/negotiate?negotiateVersion=1"))["connectionToken"]
        for wrong in (("B" if token[0] == "A" else "A") + token[1:], token[:-1], others):
            for reply in await asked_for(running, wrong):
                assert (reply.status, reply.body) == (404, b"No Connection with that ID")


async def test_a_token_opens_one_connection(serve: Serve) -> None:
    async with serve() as running:
        token = (await running.negotiate())["connectionToken"]
        async with running.connected(f"/sample?id={token}"):
            pass
        await running.journal.until("disconnected")
        await until(lambda: running.hubs.connection_count == 0)
        assert len(running.hubs.endpoint.table.used) == 1
        for reply in await asked_for(running, token):
            assert (reply.status, reply.body) == (404, b"No Connection with that ID")


async def asked_for(running: Running, token: str) -> tuple[Reply, ...]:
    """What each kind of request that a token may open gets."""
    return (
        await running.upgrade(f"/sample?id={token}"),
        await running.request("GET", f"/sample?id={token}"),
        await running.request("GET", f"/sample?id={token}", Accept="text/event-stream"),
        await running.request("POST", f"/sample?id={token}", b"x"),
    )


# Redirects


async def test_a_redirect_tells_where_to_negotiate_and_with_which_token(serve: Serve) -> None:
    async def choose(request: ConnectRequest, principal: Principal) -> Redirect:
        return Redirect(f"https://other/hub?n={request.query_value('n')}", f"token of {principal.user_id}")

    async with serve(app=with_redirect(choose), verifier=Users()) as running:
        reply = await running.request("POST", "/away/negotiate?n=7", Authorization="Bearer ann")
        assert reply.status == 200
        assert reply.headers["content-type"] == "application/json"
        assert reply.json() == {"url": "https://other/hub?n=7", "accessToken": "token of ann"}
        refused = await running.request("POST", "/away/negotiate")
        assert (refused.status, refused.phrase, refused.body) == (401, "Unauthorized", b"")


async def test_a_redirect_without_a_token_leaves_the_clients_own(serve: Serve) -> None:
    async def choose(request: ConnectRequest, principal: Principal) -> Redirect:
        return Redirect(f"http://127.0.0.1:{running.port}/sample")

    async with serve(app=with_redirect(choose)) as running:
        assert (await running.request("POST", "/AWAY/negotiate/")).json() == {
            "url": f"http://127.0.0.1:{running.port}/sample"
        }


async def test_other_requests_find_nothing_where_a_redirect_is(serve: Serve) -> None:
    async def choose(request: ConnectRequest, principal: Principal) -> Redirect:
        raise AssertionError("nobody negotiates")

    async with serve(app=with_redirect(choose)) as running:
        assert (await running.request("GET", "/away/negotiate")).status == 405
        for reply in (
            await running.request("GET", "/away?id=x"),
            await running.request("POST", "/away?id=x"),
            await running.request("DELETE", "/away"),
            await running.upgrade("/away"),
        ):
            assert (reply.status, reply.body) == (404, b"Not Found")


@pytest.mark.parametrize(
    ("error", "status", "body"),
    [
        (Unauthorized("for the log"), 401, b""),
        (Forbidden("for the log"), 403, b""),
        (RuntimeError("for the log"), 500, b"Internal Server Error"),
    ],
)
async def test_a_choice_that_fails_is_a_refusal(serve: Serve, error: Exception, status: int, body: bytes) -> None:
    async def choose(request: ConnectRequest, principal: Principal) -> Redirect:
        raise error

    options = ServerOptions(allowed_origins=frozenset({"https://admin.example"}))
    async with serve(options, app=with_redirect(choose)) as running:
        reply = await running.request("POST", "/away/negotiate", Origin="https://admin.example")
        assert (reply.status, reply.body) == (status, body)
        assert reply.headers["access-control-allow-origin"] == "https://admin.example"
        assert (await running.request("POST", "/away/negotiate", Origin="https://evil.example")).status == 403


async def test_while_draining_nobody_is_redirected(serve: Serve) -> None:
    async def choose(request: ConnectRequest, principal: Principal) -> Redirect:
        return Redirect("https://other/hub")

    async with serve(app=with_redirect(choose)) as running:
        await running.hubs.drain()
        assert (await running.request("POST", "/away/negotiate")).status == 503


async def test_a_redirect_needs_a_path_of_its_own(serve: Serve) -> None:
    async def choose(request: ConnectRequest, principal: Principal) -> Redirect:
        return Redirect("https://other/hub")

    async with serve() as running:
        with pytest.raises(ValueError, match="taken"):
            running.hubs.add_redirect("/Sample/", choose)


def test_the_token_of_a_redirect_is_never_shown() -> None:
    assert "s3cret" not in repr(Redirect("https://other/hub", "s3cret"))


class Users:
    """Implements `TokenVerifier`: the token is the user's name."""

    async def verify(self, token: str | None, hub: str, request: ConnectRequest) -> Principal:
        if token is None:
            raise Unauthorized("no token")
        return Principal(token)


def with_redirect(choose: Any) -> Callable[[HubServer], ASGIApp]:
    """Add a redirect at /away to the server of the fixture."""

    def add(hubs: HubServer) -> ASGIApp:
        hubs.add_redirect("/away", choose)
        return hubs

    return add


# The table of answers on the hub path (signalr-protocol 2.0), where no connection is needed for them


async def test_an_id_must_be_given_and_known_on_every_transport(serve: Serve) -> None:
    async with serve() as running:
        ids = await running.negotiate()
        token = ids["connectionToken"]
        for target in (
            "/sample?id=unknown",
            "/sample?id=&id=",
            f"/sample?id={ids['connectionId']}",  # public in version 1, so no key
            f"/sample?id={token}&id={token}",
        ):
            for reply in (
                await running.request("GET", target),
                await running.request("GET", target, Accept="text/event-stream"),
                await running.request("POST", target),
                await running.request("DELETE", target),
                await running.upgrade(target),
            ):
                assert (reply.status, reply.body) == (404, b"No Connection with that ID")
        for target in ("/sample", "/sample?id="):
            for reply in (
                await running.request("GET", target),
                await running.request("GET", target, Accept="text/event-stream"),
                await running.request("POST", target),
                await running.request("DELETE", target),
            ):
                assert (reply.status, reply.body) == (400, b"Connection ID required")
                assert reply.headers["content-type"] == "text/plain"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "HEAD"])
async def test_other_methods_are_405(serve: Serve, method: str) -> None:
    async with serve() as running:
        token = (await running.negotiate())["connectionToken"]
        reader, writer = await running.open()
        writer.write(running.head(method, f"/sample?id={token}"))
        async with asyncio.timeout(TIMEOUT_SECONDS):
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
        assert head.startswith(b"http/1.1 405 ")
        assert b"content-type: text/plain\r\n" in head
        writer.close()


@pytest.mark.parametrize("offered", ["WebSockets", "ServerSentEvents", "LongPolling"])
async def test_transports_that_are_not_offered_are_404_with_their_name(serve: Serve, offered: str) -> None:
    async with serve(hub_options=HubOptions(transports=frozenset({offered}))) as running:
        token = (await running.negotiate())["connectionToken"]
        asked = {
            "ServerSentEvents": await running.request("GET", "/sample?id=x", Accept="text/event-stream"),
            "LongPolling": await running.request("GET", "/sample?id=x"),
            "WebSockets": await running.upgrade("/sample?id=x"),
        }
        for reply in asked.values():  # an unknown id comes first
            assert (reply.status, reply.body) == (404, b"No Connection with that ID")
        for name in {"WebSockets", "ServerSentEvents", "LongPolling"} - {offered}:
            match name:
                case "WebSockets":
                    reply = await running.upgrade(f"/sample?id={token}")
                case "LongPolling":
                    reply = await running.request("GET", f"/sample?id={token}")
                case _:
                    reply = await running.request("GET", f"/sample?id={token}", Accept="text/event-stream")
            assert (reply.status, reply.body) == (
                404,
                f"{name} transport not supported by this end point type".encode(),
            )
        if offered != "WebSockets":
            assert (await running.upgrade("/sample")).status == 404  # nor without negotiate


async def test_the_accept_header_chooses_events_by_their_media_type_alone(serve: Serve) -> None:
    async with serve(hub_options=HubOptions(transports=frozenset({"WebSockets"}))) as running:
        token = (await running.negotiate())["connectionToken"]
        for accept, name in (
            ("text/event-stream", "ServerSentEvents"),
            ("*/*, Text/Event-Stream;q=0.9", "ServerSentEvents"),
            ("text/event-streams", "LongPolling"),
            ("binary", "LongPolling"),
            ("*/*", "LongPolling"),
        ):
            reply = await running.request("GET", f"/sample?id={token}", Accept=accept)
            assert reply.body == f"{name} transport not supported by this end point type".encode()


async def test_a_post_finds_no_transport_to_wait_for_where_there_are_websockets_only(serve: Serve) -> None:
    async with serve(hub_options=HubOptions(transports=frozenset({"WebSockets"}))) as running:
        token = (await running.negotiate())["connectionToken"]
        assert (await Polling(running, f"/sample?id={token}", {}).post("x")).status == 404
        assert (await running.upgrade(f"/sample?id={token}")).status == 101
