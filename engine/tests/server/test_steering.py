"""What the service's own claims in a token do to its connection: transports, times, what it is told of errors."""

from __future__ import annotations

import asyncio

import jwt
import pytest

from hubwire import ServerOptions
from hubwire.azure.jwt import ClientTokens
from hubwire.testing import FakeClock

from .conftest import TIMEOUT_SECONDS, Running, Serve

KEY = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH"
OPTIONS = ServerOptions(client_path="/client/")
TOKENS = ClientTokens([KEY], ["http://service.example"], clock=FakeClock())
NOW = FakeClock().time()


def token(algorithm: str = "HS256", **claims: object) -> str:
    """One that an application signs, with steering claims by their short names."""
    steering = {f"asrs.s.{name}": value for name, value in claims.items()}
    payload = {"aud": "http://service.example/client/?hub=sample", "exp": NOW + 600.0, **steering}
    return jwt.encode(payload, KEY, algorithm=algorithm)


def target(text: str) -> str:
    return f"/client/?hub=sample&access_token={text}"


async def transports(running: Running, text: str) -> list[str]:
    answer = await running.negotiate("/client/negotiate?hub=sample&negotiateVersion=1", Authorization=f"Bearer {text}")
    return [each["transport"] for each in answer["availableTransports"]]


async def test_only_the_transports_that_it_allows(serve: Serve) -> None:
    async with serve(OPTIONS, verifier=TOKENS) as running:
        assert await transports(running, token()) == ["WebSockets", "ServerSentEvents", "LongPolling"]
        assert await transports(running, token(htt="5")) == ["WebSockets", "LongPolling"]
        reply = await running.upgrade(target(token(htt="6")))
        assert (reply.status, b"WebSockets transport not supported" in reply.body) == (404, True)
        text = token(htt="1")
        answer = await running.negotiate(
            "/client/negotiate?hub=sample&negotiateVersion=1", Authorization=f"Bearer {text}"
        )
        poll = f"/client/?hub=sample&id={answer['connectionToken']}"
        assert (await running.request("GET", poll, Authorization=f"Bearer {text}")).status == 404


async def test_it_ends_when_the_token_says_so(serve: Serve) -> None:
    async with serve(OPTIONS, verifier=TOKENS) as running:
        text = token(coae="true", aeo=str(int(NOW + 60)))
        async with running.connected(target(text)) as client, running.connected(target(token())) as other:
            running.clock.advance(61.0)
            assert await client.receive() == {"type": 7, "allowReconnect": True}
            running.clock.advance(600.0)
            assert (await other.receive())["type"] == 6  # a ping: it outlives its token


async def test_it_has_the_time_for_its_handshake_that_the_token_gives(serve: Serve) -> None:
    async with serve(OPTIONS, verifier=TOKENS) as running:
        async with running.connected(target(token(cht="2")), handshake=None) as client:
            running.clock.advance(2.5)
            assert "error" in await client.receive()
        async with running.connected(target(token(cht="25")), handshake=None) as client:
            running.clock.advance(20.0)
            await client.socket.send('{"protocol":"json","version":1}\x1e')
            assert await client.receive() == {}


@pytest.mark.parametrize("claims", [{}, {"derror": "True"}])
async def test_it_is_told_more_of_errors_where_the_token_says_so(serve: Serve, claims: dict[str, str]) -> None:
    async with serve(OPTIONS, verifier=TOKENS) as running, running.connected(target(token(**claims))) as client:
        error = (await client.invoke("Crash"))["error"]
        assert ("ZeroDivisionError" in error) is bool(claims)


async def test_its_polls_are_as_long_as_the_token_says(serve: Serve) -> None:
    async with serve(OPTIONS, verifier=TOKENS) as running:
        text = token(ttl="3")
        answer = await running.negotiate(
            "/client/negotiate?hub=sample&negotiateVersion=1", Authorization=f"Bearer {text}"
        )
        poll = f"/client/?hub=sample&id={answer['connectionToken']}"
        headers = {"Authorization": f"Bearer {text}"}
        assert (await running.request("GET", poll, **headers)).status == 200  # the first is answered at once
        waiting = asyncio.create_task(running.request("GET", poll, **headers))
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not waiting.done():
                await asyncio.wait((waiting,), timeout=0.02)
                running.clock.advance(1.0)
                assert running.clock.monotonic() < FakeClock().monotonic() + 60.0
        assert (waiting.result().status, waiting.result().body) == (200, b"")


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")  # the service's keys are what they are
async def test_hs512_is_read_too(serve: Serve) -> None:
    async with serve(OPTIONS, verifier=TOKENS) as running, running.connected(target(token("HS512"))) as client:
        assert (await client.invoke("Echo", 1))["result"] == 1
