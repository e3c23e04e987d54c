"""How a connection comes about: negotiations of all kinds, redirects, tokens, and the next transport when one fails."""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
import traceback
from typing import Any

import pytest
from aiohttp import web

from hubwire.client import (
    ConnectionState,
    HandshakeFailed,
    HubConnection,
    NegotiationFailed,
    NotConnected,
    NoTransport,
    TransportFailed,
)
from hubwire.testing import FakeClock

from .conftest import Conformance, until
from .fake_server import EventStream, FakeServer, redirect, silence

HANDSHAKE_RESPONSE = b"data: {}\x1e\r\n\r\n"


async def started(connection: HubConnection, fake: FakeServer) -> HubConnection:
    """Start it on a WebSocket of the fake server."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(connection.start())
        tasks.create_task(fake.connected())
    return connection


# Negotiation


async def test_the_ids_and_headers_of_a_connection(fake: FakeServer) -> None:
    connection = await started(HubConnection(f"{fake.url}?x=%20y", headers={"X-Mine": "1", "user-agent": "me"}), fake)
    assert connection.connection_id == "id-1"
    (asked,) = fake.asked("POST", "/hub/negotiate")
    assert asked.raw_path == "/hub/negotiate?x=%20y&negotiateVersion=1"
    assert asked.headers["Content-Length"] == "0"
    (upgrade,) = fake.asked("GET")
    assert upgrade.raw_path == "/hub?x=%20y&id=token-1"
    for request in (asked, upgrade):
        assert request.headers["X-Mine"] == "1"
        assert request.headers.getall("User-Agent") == ["me"]
        assert request.headers["X-Requested-With"] == "XMLHttpRequest"
        assert "Authorization" not in request.headers
    assert "Sec-WebSocket-Extensions" not in upgrade.headers
    assert "Sec-WebSocket-Protocol" not in upgrade.headers
    await connection.stop()


async def test_the_client_says_who_it_is(fake: FakeServer) -> None:
    connection = await started(HubConnection(fake.url), fake)
    assert {request.headers["User-Agent"].split("/")[0] for request in fake.requests} == {"hubwire"}
    await connection.stop()


async def test_a_server_of_version_0_is_spoken_to(fake: FakeServer) -> None:
    fake.negotiations.append(
        web.json_response({"connectionId": "only", "availableTransports": [{"transport": "WebSockets"}]})
    )
    connection = await started(HubConnection(fake.url), fake)
    assert connection.connection_id == "only"
    assert fake.asked("GET")[0].query_string == "id=only"
    await connection.stop()


@pytest.mark.parametrize(
    ("answer", "text", "status"),
    [
        (web.Response(status=401), "Unauthorized: Status code '401'", 401),
        (web.Response(status=400, text="some reason"), "some reason: Status code '400'", 400),
        (web.Response(status=404), "not a SignalR endpoint", 404),
        (web.Response(status=201), "Status code '201'", 201),
        (web.json_response({"error": "not today"}), "^not today$", None),
        (web.Response(text="<html>"), "cannot be read", None),
        (web.Response(body=b" " * 100_000), "cannot be read", None),
    ],
)
async def test_a_negotiation_that_fails_says_why(
    fake: FakeServer, answer: web.Response, text: str, status: int | None
) -> None:
    fake.negotiations.append(answer)
    connection = HubConnection(fake.url)
    with pytest.raises(NegotiationFailed, match=text) as caught:
        await connection.start()
    assert caught.value.status == status
    assert connection.state is ConnectionState.DISCONNECTED


async def test_nobody_there_is_a_failed_negotiation(fake: FakeServer) -> None:
    with pytest.raises(NegotiationFailed, match="Failed to complete negotiation"):
        await HubConnection("http://127.0.0.1:1/hub").start()


async def test_a_server_that_does_not_answer_is_given_up(fake: FakeServer, clock: FakeClock) -> None:
    connection = HubConnection(fake.url, http_timeout_seconds=7, clock=clock)
    fake.negotiations.append(silence)
    starting = asyncio.ensure_future(connection.start())
    await until(lambda: fake.requests)
    clock.advance(7)
    with pytest.raises(NegotiationFailed, match="Not done within 7 s"):
        await starting
    fake.upgrades.append(silence)
    fake.gets += [silence, silence]
    starting = asyncio.ensure_future(connection.start())
    for count in (1, 2, 3):
        await until(functools.partial(lambda expected: len(fake.asked("GET")) == expected, count))
        clock.advance(7)
    with pytest.raises(NoTransport, match=r"(Not done within 7 s.*){3}"):
        await starting


async def test_a_handshake_without_an_answer_is_given_up(fake: FakeServer, clock: FakeClock) -> None:
    starting = asyncio.ensure_future(HubConnection(fake.url, clock=clock).start())
    socket = await fake.socket()
    await socket.receive()
    await until(lambda: clock.sleeping == 1)
    clock.advance(15)
    with pytest.raises(HandshakeFailed, match="did not answer the handshake within 15 s"):
        await starting


# Redirects


async def test_a_redirect_is_negotiated_again_with_its_token(fake: FakeServer) -> None:
    fake.negotiations += [redirect(f"{fake.url}?r=1", "theirs"), redirect(f"{fake.url}?r=2")]
    connection = await started(HubConnection(fake.url, access_token=lambda: "mine"), fake)
    tokens = [(request.query.get("r"), request.headers["Authorization"]) for request in fake.requests]
    assert tokens == [(None, "Bearer mine"), ("1", "Bearer theirs"), ("2", "Bearer theirs"), ("2", "Bearer theirs")]
    await connection.stop()


async def test_without_a_token_of_its_own_a_redirect_keeps_ours(fake: FakeServer) -> None:
    fake.negotiations.append(redirect(f"{fake.url}?r=1"))
    connection = await started(HubConnection(fake.url, access_token="mine"), fake)
    assert {request.headers["Authorization"] for request in fake.requests} == {"Bearer mine"}
    await connection.stop()


async def test_redirects_end_after_a_hundred(fake: FakeServer) -> None:
    fake.negotiations += [redirect(fake.url)] * 101
    with pytest.raises(NegotiationFailed, match="Negotiate redirection limit exceeded"):
        await HubConnection(fake.url).start()
    assert len(fake.requests) == 100


async def test_a_new_start_begins_at_the_first_address(fake: FakeServer) -> None:
    connection = HubConnection(fake.url, access_token="mine")
    for _ in range(2):
        fake.negotiations.append(redirect(f"{fake.url}?r=1", "theirs"))
        await started(connection, fake)
        await connection.stop()
    negotiations = fake.asked("POST", "/hub/negotiate")
    assert [request.query.get("r") for request in negotiations] == [None, "1", None, "1"]
    assert [request.headers["Authorization"] for request in negotiations] == ["Bearer mine", "Bearer theirs"] * 2


async def test_the_conformance_servers_redirects_lead_to_the_hub(conformance: Conformance) -> None:
    async with HubConnection(f"{conformance.address}/redirect") as connection:
        assert await connection.invoke("GetNumRedirects") == 1
    async with HubConnection(f"{conformance.address}/redirect?user=ali") as connection:
        assert await connection.invoke("GetUserId") == "ali"
    with pytest.raises(NegotiationFailed, match="limit exceeded"):
        await HubConnection(f"{conformance.address}/redirect-forever").start()
    with pytest.raises(NegotiationFailed, match="Some response from server: Status code '400'"):
        await HubConnection(f"{conformance.address}/bad-negotiate").start()


# Tokens and cookies


@pytest.mark.parametrize("transport", ["WebSockets", "ServerSentEvents", "LongPolling"])
async def test_a_token_opens_every_transport(conformance: Conformance, transport: str) -> None:
    url = f"{conformance.address}/authorizedhub"
    with pytest.raises(NegotiationFailed, match="Unauthorized: Status code '401'"):
        await HubConnection(url, transports=[transport]).start()
    token = await conformance.page("/token?user=ayse")

    async def factory() -> str:
        return token

    for access_token in (token, factory, lambda: token):
        async with HubConnection(url, transports=[transport], access_token=access_token) as connection:
            assert await connection.invoke("GetUserId") == "ayse"


@pytest.mark.parametrize("transport", ["WebSockets", "ServerSentEvents", "LongPolling"])
async def test_cookies_of_the_negotiation_come_back(conformance: Conformance, transport: str) -> None:
    async with HubConnection(conformance.url, transports=[transport]) as connection:
        assert await connection.invoke("GetCookie", "testCookie2") == "testValue2"
        assert await connection.invoke("GetCookie", "expiredCookie") is None


async def test_a_token_function_that_raises_is_heard(fake: FakeServer) -> None:
    def fail() -> str:
        raise KeyError("no token")

    connection = HubConnection(fake.url, access_token=fail)
    with pytest.raises(KeyError):
        await connection.start()
    assert connection.state is ConnectionState.DISCONNECTED


async def test_a_refused_send_or_poll_asks_for_a_new_token_once(fake: FakeServer) -> None:
    tokens = (f"t{number}" for number in itertools.count(1))
    fake.offer = {"LongPolling": ("Text",)}
    fake.gets += [web.Response(), web.Response(status=401), web.Response(body=b"{}\x1e")]
    connection = HubConnection(fake.url, access_token=lambda: next(tokens))
    await connection.start()
    assert [request.headers["Authorization"] for request in fake.asked("GET")][:3] == [
        "Bearer t1",
        "Bearer t1",
        "Bearer t2",
    ]
    assert json.loads((await fake.posted.get())[:-1])["protocol"] == "json"
    fake.posts.append(web.Response(status=401))
    await connection.send("x")
    assert [request.headers["Authorization"] for request in fake.asked("POST")][-2:] == ["Bearer t2", "Bearer t3"]
    assert json.loads((await fake.posted.get())[:-1])["target"] == "x"
    await connection.stop()


# Transports


async def test_a_transport_that_fails_is_followed_by_the_next_with_a_new_negotiation(fake: FakeServer) -> None:
    stream = EventStream()
    stream.send(HANDSHAKE_RESPONSE)
    fake.upgrades.append(web.Response(status=503))
    fake.gets.append(stream)
    connection = HubConnection(fake.url)
    await connection.start()
    assert connection.connection_id == "id-2"
    assert [request.query.get("id") for request in fake.asked("GET")] == ["token-1", "token-2"]
    assert len(fake.asked("POST", "/hub/negotiate")) == 2
    await connection.stop()


async def test_the_next_negotiation_is_where_the_last_redirect_led(fake: FakeServer) -> None:
    fake.negotiations.append(redirect(f"{fake.url}?r=1"))
    fake.upgrades.append(web.Response(status=503))
    fake.gets += [web.Response(status=404), web.Response(), web.Response(body=b"{}\x1e")]
    connection = HubConnection(fake.url)
    await connection.start()
    assert [request.query.get("r") for request in fake.asked("POST", "/hub/negotiate")] == [None, "1", "1", "1"]
    assert connection.connection_id == "id-3"
    await connection.stop()


async def test_when_none_can_be_used_all_reasons_are_named(fake: FakeServer) -> None:
    fake.upgrades.append(web.Response(status=503))
    fake.gets += [web.Response(text="<html>"), web.Response(status=500)]
    with pytest.raises(NoTransport) as caught:
        await HubConnection(fake.url).start()
    text = str(caught.value)
    assert text.startswith("Unable to connect to the server with any of the available transports. WebSockets: ")
    assert "503" in text
    assert "ServerSentEvents: the server answered with status 200 and text/plain." in text
    assert "LongPolling: the first poll was answered with status 500." in text
    assert [type(reason) for reason in caught.value.reasons] == [TransportFailed] * 3


async def test_none_that_both_have(fake: FakeServer) -> None:
    fake.offer = {"Pigeons": ("Text",)}
    with pytest.raises(NoTransport, match="None of the transports supported by the client are supported by the server"):
        await HubConnection(fake.url).start()


async def test_a_binary_protocol_passes_over_what_carries_text_only(fake: FakeServer) -> None:
    fake.offer = {"WebSockets": ("Text",), "ServerSentEvents": ("Text",)}
    with pytest.raises(NoTransport, match="WebSockets: it cannot carry the protocol 'messagepack'"):
        await HubConnection(fake.url, protocol="messagepack").start()
    assert fake.asked("GET") == []


async def test_the_application_chooses_the_order(conformance: Conformance) -> None:
    order = ["LongPolling", "WebSockets"]
    async with HubConnection(conformance.url, transports=order) as connection:
        assert await connection.invoke("GetActiveTransportName") == "LongPolling"
    url = f"{conformance.address}/testhub-nowebsockets"
    async with HubConnection(url) as connection:
        assert await connection.invoke("GetActiveTransportName") == "ServerSentEvents"
    async with HubConnection(url, protocol="messagepack") as connection:
        assert await connection.invoke("GetActiveTransportName") == "LongPolling"


async def test_negotiation_can_be_skipped(conformance: Conformance) -> None:
    async with HubConnection(conformance.url, skip_negotiation=True) as connection:
        assert connection.connection_id is None
        assert await connection.invoke("Echo", 5) == 5


async def test_a_socket_that_cannot_be_opened_without_negotiation_says_why(fake: FakeServer) -> None:
    fake.upgrades.append(web.Response(status=403))
    with pytest.raises(TransportFailed, match="403") as caught:
        await HubConnection(fake.url, skip_negotiation=True).start()
    assert caught.value.status == 403
    with pytest.raises(TransportFailed):
        await HubConnection("http://127.0.0.1:1/hub", skip_negotiation=True).start()


@pytest.mark.parametrize("transport", ["WebSockets", "ServerSentEvents", "LongPolling"])
async def test_the_connections_token_stands_in_no_error(fake: FakeServer, transport: str) -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 2x0 ?\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(nonsense, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        fake.upgrades.append(lambda _: web.Response(status=307, headers={"Location": f"http://127.0.0.1:{port}/?id=x"}))
        fake.gets += [fake.upgrades[0]] * 2
        with pytest.raises(NoTransport) as caught:
            await HubConnection(fake.url, transports=[transport]).start()
    text = "".join(traceback.format_exception(caught.value))
    assert transport in str(caught.value)
    assert "id=" not in text
    assert "token-1" not in text


# Handshake and start


async def test_a_refused_handshake_fails_the_start_without_another_transport(fake: FakeServer) -> None:
    starting = asyncio.ensure_future(HubConnection(fake.url).start())
    socket = await fake.socket()
    await socket.receive()
    await socket.send({"error": "no"})
    with pytest.raises(HandshakeFailed, match="Server returned handshake error: no"):
        await starting
    assert len(fake.asked("GET")) == 1
    assert await socket.closed() == 1000


async def test_a_socket_lost_during_the_handshake_fails_the_start(fake: FakeServer) -> None:
    starting = asyncio.ensure_future(HubConnection(fake.url, reconnect=lambda _: 0).start())
    (await fake.socket()).drop()
    with pytest.raises(TransportFailed):
        await starting


async def test_a_start_that_is_stopped_or_cancelled_leaves_nothing(fake: FakeServer) -> None:
    connection = HubConnection(fake.url)
    starting = asyncio.ensure_future(connection.start())
    await fake.socket()
    states = [connection.state]
    with pytest.raises(NotConnected, match="not in the 'Disconnected' state"):
        await connection.start()
    await connection.stop()
    with pytest.raises(NotConnected, match="stopped while it was starting"):
        await starting
    starting = asyncio.ensure_future(connection.start())
    await fake.socket()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert [*states, connection.state] == [ConnectionState.CONNECTING, ConnectionState.DISCONNECTED]
    await until(lambda: not [task for task in asyncio.all_tasks() if "hubwire/client" in repr(task.get_coro())])


async def test_a_stop_before_a_start_does_nothing() -> None:
    await HubConnection("http://127.0.0.1:1").stop()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"transports": []}, "transports"),
        ({"transports": ["Pigeons"]}, "name one or more of WebSockets, ServerSentEvents, LongPolling"),
        ({"protocol": "xml"}, "name one of json, messagepack"),
        ({"skip_negotiation": True, "transports": ["LongPolling"]}, "only be skipped with WebSockets"),
        ({"keep_alive_seconds": 0}, "keep_alive_seconds is 0"),
        ({"server_timeout_seconds": -1}, "server_timeout_seconds"),
        ({"receive_limit_bytes": 5}, "receive_limit_bytes"),
        ({"maximum_receive_message_bytes": 0}, "maximum_receive_message_bytes"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        HubConnection("http://a/hub", **arguments)
