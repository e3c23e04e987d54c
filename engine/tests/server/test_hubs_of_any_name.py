"""Hubs that are made when a verified token names them: who makes one, how many there may be, when one is forgotten."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

import pytest

from hubwire import Audience, Caller, ConnectRequest, Principal, ServerOptions, Unauthorized
from hubwire.errors import TooManyHubs
from hubwire.ports import DataPlane
from hubwire.server.app import HubServer
from hubwire.wire.encoded import EncodedMessage
from hubwire.wire.messages import Invocation, StreamInvocation

from .conftest import Running, Serve, until

OPTIONS = ServerOptions(client_path="/client/")


class Tokens:
    """Implements `TokenVerifier`: a token is the name of a hub, and the user's behind a colon."""

    async def verify(self, token: str | None, hub: str, request: ConnectRequest) -> Principal:
        named, _, user = (token or "").partition(":")
        if named != hub:
            raise Unauthorized("for the log")
        return Principal(user or None)


class Echo:
    """Implements `HubHandler`: answers with the hub's name and the arguments."""

    def __init__(self, hub: str, plane: DataPlane) -> None:
        self.hub = hub
        self.plane = plane

    async def connected(self, caller: Caller) -> None:
        assert caller.hub == self.hub

    async def invoke(
        self, caller: Caller, invocation: Invocation, uploads: Sequence[AsyncIterator[object]] = ()
    ) -> object:
        return [self.hub, *invocation.arguments]

    async def stream(
        self, caller: Caller, invocation: StreamInvocation, uploads: Sequence[AsyncIterator[object]] = ()
    ) -> AsyncGenerator[object, None]:
        yield self.hub

    def is_cancellable(self, target: str) -> bool:
        return False

    async def disconnected(self, caller: Caller, error: BaseException | None) -> None:
        return


def any_hub(hubs: HubServer, maximum: int = 3) -> HubServer:
    hubs.add_any(Echo, maximum_hubs=maximum)
    return hubs


def made(running: Running) -> set[str]:
    any_name = running.hubs.endpoint.admission.any_name
    assert any_name is not None
    return set(any_name.names)


async def test_a_hub_is_made_for_whoever_has_a_token_for_it(serve: Serve) -> None:
    async with serve(OPTIONS, app=any_hub, verifier=Tokens()) as running:
        answer = await running.negotiate("/client/negotiate?hub=Chat&negotiateVersion=1", Authorization="Bearer chat:a")
        target = f"/client/?hub=CHAT&id={answer['connectionToken']}&access_token=chat:a"
        async with running.connected(target) as client:
            assert (await client.invoke("Any", 1, "two"))["result"] == ["chat", 1, "two"]
            await running.hubs.plane("cHat").send(Audience.user("a"), EncodedMessage(Invocation("hello", [])))
            assert (await client.receive())["target"] == "hello"
        assert made(running) == {"chat"}


async def test_a_hub_that_was_added_keeps_its_name(serve: Serve) -> None:
    async with serve(OPTIONS, app=any_hub, verifier=Tokens()) as running:
        async with running.connected("/client/?hub=sample&access_token=Sample") as client:
            assert (await client.invoke("Echo", 1))["result"] == 1
        assert made(running) == set()


async def test_strangers_make_no_hubs(serve: Serve) -> None:
    async with serve(OPTIONS, app=any_hub, verifier=Tokens()) as running:
        for token in ("", "Bearer other"):
            reply = await running.request("POST", "/client/negotiate?hub=chat", Authorization=token)
            assert reply.status == 401
            assert (await running.upgrade("/client/?hub=chat", Authorization=token)).status == 401
            assert (await running.request("GET", "/client/?hub=chat&id=a", Authorization=token)).status == 401
        assert made(running) == set()


@pytest.mark.parametrize("query", ["", "hub=", "hub=a&hub=a", "hub=my-chat", "hub=1st", "hub=" + "a" * 129])
async def test_a_malformed_name_is_refused(serve: Serve, query: str) -> None:
    async with serve(OPTIONS, app=any_hub, verifier=Tokens()) as running:
        assert (await running.request("POST", f"/client/negotiate?{query}")).status == 400
        assert (await running.upgrade(f"/client/?{query}")).status == 400


async def test_one_too_many_takes_the_place_of_those_that_nobody_uses(serve: Serve) -> None:
    async with (
        serve(OPTIONS, app=lambda hubs: any_hub(hubs, 2), verifier=Tokens()) as running,
        running.connected("/client/?hub=used&access_token=used") as client,
    ):
        running.hubs.plane("idle")
        assert made(running) == {"used", "idle"}
        async with running.connected("/client/?hub=late&access_token=late") as another:
            assert made(running) == {"used", "late"}
            reply = await running.upgrade("/client/?hub=more&access_token=more")
            assert (reply.status, reply.body) == (429, b"Too many hubs")
            with pytest.raises(TooManyHubs, match="maximum_hubs"):
                running.hubs.plane("more")
            assert (await another.invoke("Any"))["result"] == ["late"]
        assert (await client.invoke("Any"))["result"] == ["used"]
        await until(lambda: running.hubs.connection_count == 1)
        running.clock.advance(1.0)  # a search that found nothing counts for that long
        running.hubs.plane("more")
        assert made(running) == {"used", "more"}


@pytest.mark.parametrize("lane", ["fast"], indirect=True)
async def test_a_connection_in_its_handshake_keeps_its_hub(serve: Serve) -> None:
    async with (
        serve(OPTIONS, app=lambda hubs: any_hub(hubs, 1), verifier=Tokens()) as running,
        running.connected("/client/?hub=slow&access_token=slow", handshake=None) as client,
    ):
        with pytest.raises(TooManyHubs):
            running.hubs.plane("other")
        await client.socket.send(json.dumps({"protocol": "json", "version": 1}) + "\x1e")
        assert await client.receive() == {}
        assert (await client.invoke("Any"))["result"] == ["slow"]


def test_hubs_of_any_name_need_a_verifier_and_a_place() -> None:
    for server in (HubServer(OPTIONS), HubServer(verifier=Tokens())):
        with pytest.raises(ValueError, match="verifier"):
            server.add_any(Echo)
    with pytest.raises(ValueError, match="once"):
        any_hub(any_hub(HubServer(OPTIONS, verifier=Tokens())))
