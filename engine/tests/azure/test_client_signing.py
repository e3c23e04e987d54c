"""What signs clients' tokens. The service lends temporary keys over real HTTP; who it lends them to is not judged."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import jwt
import pytest
from engine.tests.azure.fake_service import KEY, Answer, FakeService, fake_service
from engine.tests.azure.test_credentials import FakeCredential

from hubwire.azure.client_signing import KeySigning, TemporaryKey, TemporaryKeySigning
from hubwire.azure.connection_string import ConnectionString
from hubwire.azure.endpoint import Endpoint
from hubwire.azure.endpoints import ServiceEndpoint
from hubwire.errors import ServiceRefused, ServiceUnavailable
from hubwire.options import AzureOptions
from hubwire.testing import FakeClock, make_caller

HOUR = 3600.0


def lent(number: int) -> Answer:
    body = {"KeyId": f"key {number}", "AccessKey": f"{number}".rjust(40, "k")}
    return Answer(200, json.dumps(body).encode())


@asynccontextmanager
async def entra_endpoint(service: FakeService, clock: FakeClock) -> AsyncIterator[Endpoint]:
    connection = ConnectionString.parse(f"Endpoint=http://127.0.0.1:{service.port};AuthType=azure")
    endpoint = Endpoint(ServiceEndpoint(connection), AzureOptions(retries=0), lambda _: FakeCredential(clock), clock)
    try:
        yield endpoint
    finally:
        await endpoint.close()


async def test_an_access_key_signs_for_the_endpoint_without_its_port() -> None:
    connection = ConnectionString.parse(
        f"Endpoint=https://shop.example:8443;AccessKey={KEY};ClientEndpoint=https://gate.example/x"
    )
    clock = FakeClock()
    endpoint = Endpoint(ServiceEndpoint(connection), AzureOptions(), lambda _: FakeCredential(clock), clock)
    access = await endpoint.negotiate("Chat", user_id="ann", claims={"role": "admin"}, lifetime_seconds=60)
    assert access.url == "https://gate.example/x/client/?hub=chat"
    claims = jwt.decode(access.access_token, KEY, ["HS256"], options={"verify_signature": False})
    assert claims["aud"] == "https://shop.example/client/?hub=chat"
    assert (claims["asrs.s.uid"], claims["role"]) == ("ann", "admin")
    assert claims["exp"] == clock.time() + 60
    tokens = await KeySigning(connection, HOUR, clock).tokens()
    principal = await tokens.verify(access.access_token, "chat", make_caller().request)
    assert principal.user_id == "ann"
    await endpoint.close()


async def test_a_temporary_key_is_fetched_with_the_identitys_token_and_named_in_the_clients_token() -> None:
    clock = FakeClock()
    async with fake_service() as service, entra_endpoint(service, clock) as endpoint:
        service.answers.append(lent(1))
        first, second = await asyncio.gather(endpoint.negotiate("chat"), endpoint.negotiate("chat", user_id="ann"))
        (request,) = service.requests
        assert (request.method, request.path) == ("GET", "/api/auth/accessKey")
        assert request.headers["Authorization"] == "Bearer token 1"
        for access in (first, second):
            assert jwt.get_unverified_header(access.access_token) == {"alg": "HS256", "typ": "JWT", "kid": "key 1"}
            key = "1".rjust(40, "k")
            claims = jwt.decode(access.access_token, key, ["HS256"], options={"verify_exp": False, "verify_aud": False})
            assert claims["aud"] == "http://127.0.0.1/client/?hub=chat"


async def test_a_temporary_key_is_replaced_after_55_minutes() -> None:
    clock = FakeClock()
    async with fake_service() as service, entra_endpoint(service, clock) as endpoint:
        service.answers.extend([lent(1), lent(2)])
        keeping = asyncio.create_task(endpoint.keep())
        await clock.until_sleeping()
        clock.advance(55 * 60 - 1)
        assert _key_id((await endpoint.negotiate("chat")).access_token) == "key 1"
        clock.advance(1)
        await service.until_requests(2)
        await clock.until_sleeping()
        assert _key_id((await endpoint.negotiate("chat")).access_token) == "key 2"
        keeping.cancel()


async def test_a_key_that_cannot_be_replaced_is_asked_for_thrice_more_and_after_5_minutes_again() -> None:
    clock = FakeClock()
    async with fake_service() as service, entra_endpoint(service, clock) as endpoint:
        service.answers.extend([lent(1), *[Answer(503)] * 4, lent(2)])
        keeping = asyncio.create_task(endpoint.keep())
        await clock.until_sleeping()
        clock.advance(55 * 60)
        for attempt in range(3):
            await service.until_requests(2 + attempt)
            await clock.until_sleeping()
            clock.advance(3)
        await service.until_requests(5)
        await clock.until_sleeping()
        assert _key_id((await endpoint.negotiate("chat")).access_token) == "key 1"
        clock.advance(299)
        assert len(service.requests) == 5
        clock.advance(1)
        await service.until_requests(6)
        await clock.until_sleeping()
        assert _key_id((await endpoint.negotiate("chat")).access_token) == "key 2"
        keeping.cancel()


async def test_a_key_of_110_minutes_is_used_no_more() -> None:
    clock = FakeClock()
    async with fake_service() as service, entra_endpoint(service, clock) as endpoint:
        service.answers.extend([lent(1), Answer(503), lent(2)])
        await endpoint.negotiate("chat")
        clock.advance(110 * 60 - 1)
        assert _key_id((await endpoint.negotiate("chat")).access_token) == "key 1"
        clock.advance(1)
        with pytest.raises(ServiceUnavailable):
            await endpoint.negotiate("chat")
        assert _key_id((await endpoint.negotiate("chat")).access_token) == "key 2"


async def test_those_who_wait_for_a_key_that_does_not_come_share_the_answer() -> None:
    clock = FakeClock()
    async with fake_service() as service, entra_endpoint(service, clock) as endpoint:
        service.answers.append(Answer(403))
        answers = await asyncio.gather(*[endpoint.negotiate("chat") for _ in range(5)], return_exceptions=True)
        assert [type(answer) for answer in answers] == [ServiceRefused] * 5
        assert len(service.requests) == 1


async def test_an_answer_without_a_key_is_no_key() -> None:
    connection = ConnectionString.parse("Endpoint=https://shop.example;AuthType=azure")
    signing = TemporaryKeySigning(connection, HOUR, _nothing, FakeClock())
    with pytest.raises(ServiceUnavailable, match="holds no key"):
        await signing.tokens()


async def _nothing() -> bytes:
    return b"{}"


def test_a_temporary_key_does_not_show_itself() -> None:
    assert repr(TemporaryKey("id", "secret")) == "TemporaryKey('id')"


def _key_id(token: str) -> object:
    return jwt.get_unverified_header(token)["kid"]
