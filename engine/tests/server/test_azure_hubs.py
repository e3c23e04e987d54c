"""Hubs behind a service: what they lack is said at start, requests are found, and hub code notices no difference."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from engine.tests.azure.upstream_pair import PRIMARY, MemoryService, connected_pair, serving_asgi
from starlette.applications import Starlette
from starlette.routing import Mount

from hubwire import (
    AzureHubs,
    AzureHubsOptions,
    ClientContract,
    Hub,
    HubError,
    HubFilter,
    HubOptions,
    InvocationContext,
    InvokeNext,
    NullObserver,
    PropertyNames,
    client_method,
    hub_method,
)
from hubwire.azure import hmac_jwt
from hubwire.azure.carried_claims import read_carried_claims
from hubwire.azure.endpoints import ServiceEndpoint
from hubwire.azure.upstream_endpoint import UpstreamRequest
from hubwire.azure.upstream_signature import UpstreamSignatures
from hubwire.errors import LocalProtocolError, UpstreamFailed
from hubwire.model import Caller, Principal
from hubwire.options import AzureOptions
from hubwire.server.azure_signalr import AzureSignalR
from hubwire.testing import MemoryLine, make_caller
from hubwire.wire.json_codec import JSON
from hubwire.wire.messages import Invocation
from hubwire.wire.serverless import unframed


class RoomClient(ClientContract):
    @client_method("said")
    async def said(self, text: str) -> None: ...

    @client_method("sure")
    async def sure(self) -> bool:
        raise NotImplementedError


class Room(Hub[RoomClient]):
    async def connected(self) -> None:
        if self.context.user_id == "asker":
            await self.clients.caller.sure()
        await self.groups.add(self.context.connection_id, "room")

    @hub_method("Say")
    async def say(self, text: str) -> int:
        await self.clients.group("room").said(f"{self.context.user_id}: {text}")
        return len(text)

    @hub_method("Claims")
    async def claims(self) -> dict[str, object]:
        return dict(self.context.claims)

    @hub_method("Ask")
    async def ask(self) -> bool:
        return await self.clients.caller.sure()

    @hub_method("Leave")
    async def leave(self) -> None:
        await self.context.abort()

    @hub_method("Refuse")
    async def refuse(self) -> None:
        raise HubError("No.")

    @hub_method("CancelItself")
    async def cancel_itself(self) -> None:
        raise asyncio.CancelledError

    @hub_method("Fail")
    async def fail(self) -> None:
        raise LookupError("a detail")


class Witness(NullObserver):
    """Keeps what an observer is told, in order."""

    def __init__(self) -> None:
        self.seen: list[tuple[object, ...]] = []

    def connection_opened(self, hub: str, transport: str) -> None:
        self.seen.append(("opened", hub, transport))

    def connection_closed(self, hub: str, transport: str, reason: str) -> None:
        self.seen.append(("closed", hub, reason))

    def invocation_finished(self, hub: str, target: str, seconds: float, failed: bool) -> None:
        self.seen.append(("invoked", target, failed))


class Streaming(Hub):
    @hub_method("Count")
    async def count(self) -> AsyncIterator[int]:
        yield 1


class Uploading(Hub):
    @hub_method("Take")
    async def take(self, items: AsyncIterator[int]) -> None:
        return None


def call(target: str, *arguments: object, **headers: str) -> dict[str, Any]:
    """What aiohttp needs to send one call as the service does."""
    return {
        "data": unframed(JSON, Invocation(target, arguments, "1")),
        "headers": {
            "x-asrs-connection-id": "one",
            "x-asrs-hub": "room",
            "x-asrs-category": "messages",
            "x-asrs-event": target,
            "x-asrs-signature": UpstreamSignatures([PRIMARY]).sign("one"),
            "content-type": "application/json",
            **headers,
        },
    }


def room_hubs(**arguments: Any) -> AzureHubs:
    hubs = AzureHubs(MemoryService(), **arguments)
    hubs.add(Room)
    return hubs


# Hubs


@pytest.mark.parametrize("hub", [Streaming, Uploading])
def test_a_hub_that_streams_is_refused_by_name(hub: type[Hub]) -> None:
    with pytest.raises(TypeError, match=r"(Count|Take).*needs Features\.STREAMING"):
        AzureHubs(MemoryService()).add(hub)


@pytest.mark.parametrize("name", ["with-hyphen", "1st", "x" * 129, "ä"])
def test_names_that_the_service_refuses_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no hub name"):
        AzureHubs(MemoryService()).add(Room, name=name)


def test_a_name_is_taken_once() -> None:
    hubs = room_hubs()
    with pytest.raises(ValueError, match="name of its own"):
        hubs.add(Room, name="ROOM")


def test_contexts_and_planes_are_found() -> None:
    hubs = room_hubs()
    assert hubs.context(Room) is hubs.context("room") is hubs.context("ROOM")
    assert hubs.plane("Room") is hubs.plane("room")
    assert hubs.nodes == []
    with pytest.raises(KeyError):
        hubs.context("other")
    with pytest.raises(KeyError):
        hubs.plane("other")
    hubs.add(Room, name="second")
    with pytest.raises(KeyError, match="added 2 times"):
        hubs.context(Room)


CONNECTION_STRING = f"Endpoint=http://127.0.0.1;Port=9;AccessKey={PRIMARY};Version=1.0;"


async def test_a_connection_string_is_enough() -> None:
    hubs = AzureHubs(CONNECTION_STRING)
    hubs.add(Room)
    access = await hubs.negotiate("room", user_id="ann")
    assert access.url == "http://127.0.0.1:9/client/?hub=room"
    async with connected_pair(hubs) as forwarder:
        assert await forwarder.invoke(make_caller(hub="room"), Invocation("Refuse", [])) is None


@pytest.mark.parametrize(
    ("keys", "status"), [([PRIMARY], 200), (["another-key-of-32-characters-or-more"], 200), (["x"], 401)]
)
async def test_each_of_several_services_may_call(keys: list[str], status: int) -> None:
    other = CONNECTION_STRING.replace("Port=9", "Port=10").replace(PRIMARY, "another-key-of-32-characters-or-more")
    endpoints = [ServiceEndpoint.parse(name, text) for name, text in (("blue", CONNECTION_STRING), ("green", other))]
    hubs = AzureHubs(AzureSignalR(endpoints, AzureOptions(retries=0)))
    hubs.add(Room)
    async with hubs.lifespan():
        asked = call("Claims", **{"x-asrs-signature": UpstreamSignatures(keys).sign("one")})
        answer = await hubs.handle(UpstreamRequest("POST", asked["headers"], asked["data"]))
    assert answer.status == status


def test_an_access_key_or_a_code_there_must_be() -> None:
    with pytest.raises(ValueError, match="Anybody could send"):
        AzureHubs(MemoryService(keys=()))
    AzureHubs(MemoryService(keys=()), code="secret")
    AzureHubs(MemoryService(keys=()), keys=[PRIMARY])


# Hub code


async def test_calls_reach_clients_through_the_plane() -> None:
    service = MemoryService()
    hubs = AzureHubs(service)
    hubs.add(Room)
    line = MemoryLine(make_caller("ann", hub="Room"))
    service.planes["room"].registry.attach(line)
    async with connected_pair(hubs) as forwarder:
        await forwarder.connected(line.caller)
        assert await forwarder.invoke(line.caller, Invocation("Say", ["hello"], "1")) == 5
        assert line.received == [Invocation("said", ("ann: hello",))]
        await hubs.context(Room).clients.all.said("from outside")
        assert line.received[1:] == [Invocation("said", ("from outside",))]
        await forwarder.invoke(line.caller, Invocation("Leave", [], "2"))
        assert line.is_gone


async def test_a_method_may_ask_its_client_and_connected_may_not() -> None:
    service = MemoryService()
    hubs = AzureHubs(service)
    hubs.add(Room)
    line = MemoryLine(make_caller("ann", hub="Room"))
    asker = MemoryLine(make_caller("asker", hub="Room"))
    service.planes["room"].registry.attach(line)
    service.planes["room"].registry.attach(asker)
    async with connected_pair(hubs) as forwarder:
        asked = asyncio.create_task(forwarder.invoke(line.caller, Invocation("Ask", [], "1")))
        (question,) = await line.until_asked()
        line.answer(question.invocation_id, True)
        assert await asked is True
        await forwarder.connected(asker.caller)
    assert asker.questions == []


async def test_claims_of_negotiate_reach_hub_code() -> None:
    claims = {"role": "guest", "name": "x, role: admin", "grants": ["a", "b"], "level": 3}
    service = MemoryService()
    hubs = AzureHubs(service)
    hubs.add(Room)
    async with connected_pair(hubs) as forwarder:
        access = await hubs.negotiate("room", user_id="ann", claims=claims)
        # As a service does: whatever the token says beside its own names.
        payload = hmac_jwt.read(access.access_token, [PRIMARY.encode()])
        principal = Principal("ann", {name: value for name, value in payload.items() if name.startswith("hubwire.")})
        caller = Caller("one", "room", principal, make_caller().request, "WebSockets")
        assert await forwarder.invoke(caller, Invocation("Claims", [], "1")) == claims


async def test_the_observer_sees_connections_and_calls() -> None:
    observer = Witness()
    hubs = room_hubs(observer=observer)
    caller = make_caller("ann", hub="Room")
    async with connected_pair(hubs) as forwarder:
        await forwarder.connected(caller)
        await forwarder.invoke(caller, Invocation("say", ["x"], "1"))
        for target in ("Refuse", "Fail", "Other"):
            with pytest.raises(UpstreamFailed):
                await forwarder.invoke(caller, Invocation(target, [], "1"))
        await forwarder.disconnected(caller, None)
        await forwarder.disconnected(caller, ConnectionResetError("lost"))
    assert observer.seen == [
        ("opened", "Room", "AzureSignalR"),
        ("invoked", "Say", False),
        ("invoked", "Refuse", False),
        ("invoked", "Fail", True),
        ("invoked", "unknown", False),
        ("closed", "Room", "client"),
        ("closed", "Room", "lost"),
    ]


async def test_a_method_that_awaits_something_cancelled_has_failed(caplog: pytest.LogCaptureFixture) -> None:
    observer = Witness()
    caller = make_caller("ann", hub="Room")
    async with connected_pair(room_hubs(observer=observer)) as forwarder:
        with pytest.raises(UpstreamFailed, match=r"^An unexpected error occurred invoking 'CancelItself'"):
            await forwarder.invoke(caller, Invocation("CancelItself", [], "1"))
    assert observer.seen == [("invoked", "CancelItself", True)]
    assert "CancelItself of hub room failed" in caplog.text.replace("Room", "room")


async def test_filters_and_options_count() -> None:
    class Doubling(HubFilter):
        async def invoke(self, context: InvocationContext, proceed: InvokeNext) -> object:
            return [await proceed(context), context.method]

    hubs = AzureHubs(MemoryService())
    options = HubOptions(detailed_errors=True, property_names=PropertyNames.CAMEL_CASE)
    hubs.add(Room, filters=[Doubling()], options=options)
    caller = make_caller("ann", hub="Room")
    async with connected_pair(hubs) as forwarder:
        assert await forwarder.invoke(caller, Invocation("say", ["xy"], "1")) == [2, "Say"]
        with pytest.raises(UpstreamFailed, match="LookupError: a detail"):
            await forwarder.invoke(caller, Invocation("Fail", [], "1"))


# Negotiate


async def test_negotiate_makes_one_claim_of_all_and_always() -> None:
    hubs = room_hubs()
    for claims in (None, {}, {"role": "x", "asrs.s.uid": "root", "aud": "y"}):
        access = await hubs.negotiate("Room", user_id="ann", claims=claims, lifetime_seconds=60)
        assert access.url == "https://service.example.com/client/?hub=room"
        payload = hmac_jwt.read(access.access_token, [PRIMARY.encode()])
        assert payload["asrs.s.uid"] == "ann"
        assert set(payload) == {"asrs.s.uid", "hubwire.claims", "nbf", "exp", "iat", "jti", "aud"}
        assert read_carried_claims(str(payload["hubwire.claims"])) == (claims or {})


@pytest.mark.parametrize("user_id", ["", " ann", "ann ", "ann\n", "a\0"])
async def test_a_user_id_that_would_arrive_as_another_is_refused(user_id: str) -> None:
    with pytest.raises(ValueError, match="user id"):
        await room_hubs().negotiate("room", user_id=user_id)


async def test_negotiate_refuses_what_it_cannot_carry() -> None:
    hubs = room_hubs()
    with pytest.raises(ValueError, match="reserved"):
        await hubs.negotiate("room", claims={"hubwire.claims": "x"})
    with pytest.raises(ValueError, match="characters"):
        await hubs.negotiate("room", claims={"a": "x" * 4_000})
    with pytest.raises(KeyError):
        await hubs.negotiate("other")


# Life and requests


async def test_it_is_ready_while_it_runs() -> None:
    service = MemoryService()
    hubs = AzureHubs(service)
    assert hubs.unready_reason == "the hubs do not run"
    async with hubs.lifespan():
        assert [service.has_started] == [True]
        assert hubs.is_ready
        service.unready_reason = "no endpoint answers"
        assert hubs.unready_reason == "no endpoint answers"
        with pytest.raises(LocalProtocolError, match="once"):
            async with hubs.lifespan():
                pass
    assert [service.has_started] == [False]
    assert not hubs.is_running
    with pytest.raises(LocalProtocolError, match="lifespan"):
        await hubs.handle(UpstreamRequest("POST", {}, b""))


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/upstream", 200),
        ("/api/upstream/", 200),
        ("/api/upstream/room/messages/Say?x=1", 200),
        ("/api/upstreams", 404),
        ("/api", 404),
        ("/", 404),
    ],
)
async def test_paths(path: str, status: int) -> None:
    async with (
        serving_asgi(room_hubs()) as address,
        aiohttp.ClientSession() as session,
        session.post(address + path, **call("Say", "x")) as response,
    ):
        assert response.status == status
        if status == 200:
            assert json.loads((await response.read())[:-1])["result"] == 1
            assert "content-type" not in response.headers


@pytest.mark.parametrize("upstream_path", ["/live/upstream", "/upstream"])
async def test_it_is_found_below_a_mount(upstream_path: str) -> None:
    hubs = room_hubs(options=AzureHubsOptions(upstream_path=upstream_path))
    app = Starlette(routes=[Mount("/live", hubs)], lifespan=lambda _: hubs.lifespan())
    async with (
        serving_asgi(app) as address,
        aiohttp.ClientSession() as session,
        session.post(f"{address}/live/upstream", **call("Say", "x")) as response,
    ):
        assert response.status == 200


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_a_body_that_is_too_large_is_refused(is_chunked: bool) -> None:
    async def chunks(data: bytes) -> AsyncIterator[bytes]:
        for start in range(0, len(data), 100):
            yield data[start : start + 100]

    hubs = room_hubs(options=AzureHubsOptions(maximum_request_bytes=1_000))
    async with serving_asgi(hubs) as address, aiohttp.ClientSession() as session:
        for size, status in ((900, 200), (1_000, 413), (5_000, 413)):
            request = call("Say", "x" * size)
            if is_chunked:
                request["data"] = chunks(request["data"])
            async with session.post(f"{address}/api/upstream", **request) as response:
                assert response.status == status


async def test_a_forged_request_and_one_without_the_code_are_refused() -> None:
    async with serving_asgi(room_hubs(code="secret")) as address, aiohttp.ClientSession() as session:
        for path, connection_id, status in (
            ("/api/upstream?code=secret", "one", 200),
            ("/api/upstream?code=secret", "two", 401),
            ("/api/upstream?code=wrong", "one", 401),
            ("/api/upstream", "one", 401),
        ):
            request = call("Say", "x", **{"x-asrs-connection-id": connection_id})
            async with session.post(address + path, **request) as response:
                assert response.status == status
        async with session.get(f"{address}/api/upstream?code=secret") as response:
            assert response.status == 405


async def test_the_body_of_a_stranger_is_not_read() -> None:
    sent = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield b"{"
        await sent.wait()

    async with serving_asgi(room_hubs()) as address, aiohttp.ClientSession() as session:
        request = call("Say", "x", **{"x-asrs-connection-id": "two"}) | {"data": endless()}
        async with asyncio.timeout(30), session.post(f"{address}/api/upstream", **request) as response:
            assert response.status == 401
            sent.set()


async def test_no_client_connects_here() -> None:
    async with serving_asgi(room_hubs()) as address, aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await session.ws_connect(f"{address}/api/upstream")
        assert caught.value.status == 403
