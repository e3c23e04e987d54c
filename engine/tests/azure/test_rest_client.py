"""Requests: what they carry, when they are made again, and what comes of those that fail."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import jwt
import pytest
from engine.tests.azure.fake_service import KEY, Answer, Cut, FakeService, Hang, fake_service
from engine.tests.free_ports import free_port

from hubwire.azure.connection_string import ConnectionString
from hubwire.azure.credentials import KeyAuthorization
from hubwire.azure.rest_client import RestClient
from hubwire.azure.routes import Operation
from hubwire.errors import BrokerUnavailable, ServiceRefused, ServiceUnavailable
from hubwire.options import AzureOptions
from hubwire.testing import FakeClock

SEND = (Operation.SEND_TO_ALL, ("chat",), "", b"x", "application/octet-stream")
JOIN = (Operation.ADD_CONNECTION_TO_GROUP, ("chat", "g", "c"))


@asynccontextmanager
async def client_of(
    service: FakeService,
    options: AzureOptions | None = None,
    clock: FakeClock | None = None,
    unreachable: Callable[[], None] | None = None,
) -> AsyncIterator[RestClient]:
    clock = clock or FakeClock()
    connection = service.connection
    authorization = KeyAuthorization(connection, 3600, clock)
    async with RestClient(connection, authorization, options, clock=clock, unreachable=unreachable) as client:
        yield client


class Hasty(FakeClock):
    """Lets time pass whenever somebody waits for it, and keeps how long that was."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.advance(seconds)


# What a request carries


async def test_a_request_has_a_token_for_its_address_and_says_what_makes_it() -> None:
    clock = FakeClock()
    async with fake_service() as service, client_of(service, clock=clock) as client:
        await client.call(*SEND)
        (request,) = service.requests
        assert request.raw_query == "api-version=2024-12-01"
        assert request.headers["Asrs-User-Agent"].startswith("hubwire/")
        assert "X-ASRS-Message-Tracing-Id" not in request.headers
        scheme, token = request.headers["Authorization"].split(" ")
        claims = jwt.decode(
            token,
            KEY,
            ["HS256"],
            options={"verify_exp": False, "verify_aud": False, "verify_iat": False, "verify_nbf": False},
        )
        assert scheme == "Bearer"
        # Without port, as the service's own tools: see connection_string.
        assert claims["aud"] == "http://127.0.0.1/api/hubs/chat/:send"
        assert claims["exp"] == clock.time() + 3600
        service_tokens = service.tokens()
        with pytest.raises(Exception, match="expired"):
            service_tokens.verify(token, request.path)


async def test_a_token_is_kept_for_its_address_until_shortly_before_its_end() -> None:
    clock = FakeClock()
    async with fake_service() as service, client_of(service, clock=clock) as client:
        for _ in range(2):
            await client.call(*SEND)
        clock.advance(3600 - 301)
        await client.call(*SEND)
        clock.advance(2)
        await client.call(*SEND)
        tokens = [request.headers["Authorization"] for request in service.requests]
        assert tokens[0] == tokens[1] == tokens[2] != tokens[3]


async def test_a_message_can_carry_an_id_for_tracing() -> None:
    async with fake_service() as service, client_of(service, AzureOptions(trace_messages=True)) as client:
        await client.call(*SEND)
        await client.call(*SEND)
        await client.call(*JOIN)
        ids = [request.headers.get("X-ASRS-Message-Tracing-Id") for request in service.requests]
        assert None not in ids[:2]
        assert ids[0] != ids[1]
        assert ids[2] is None


async def test_requests_go_to_the_server_endpoint_and_tokens_stay_with_the_endpoint() -> None:
    async with fake_service() as service:
        connection = ConnectionString.parse(
            f"Endpoint=https://shop.example;ServerEndpoint=http://127.0.0.1:{service.port}/inside;AccessKey={KEY}"
        )
        async with RestClient(connection, KeyAuthorization(connection, 60)) as client:
            service.answers.append(Answer())
            await client.call(*SEND)
        (request,) = service.requests
        assert request.path == "/inside/api/hubs/chat/:send"
        claims = jwt.decode(
            request.headers["Authorization"][7:], KEY, ["HS256"], audience="https://shop.example/api/hubs/chat/:send"
        )
        assert claims


# Made again, or not

RETRIES = {
    # status: (a message is sent again, another call is made again)
    400: (False, False),
    401: (False, False),
    403: (False, False),
    404: (False, False),
    408: (False, True),
    409: (False, False),
    413: (False, False),
    429: (True, True),
    500: (False, True),
    501: (True, True),
    502: (True, True),
    503: (True, True),
    504: (True, True),
}


@pytest.mark.parametrize("is_message", [True, False])
@pytest.mark.parametrize("status", RETRIES)
async def test_a_request_is_made_again_by_its_status(status: int, is_message: bool) -> None:
    expected = RETRIES[status][0 if is_message else 1]
    clock = Hasty()
    async with fake_service() as service, client_of(service, clock=clock) as client:
        service.answers.append(Answer(status))
        call = client.call(*(SEND if is_message else JOIN))
        if expected:
            assert (await call).code is None
            assert clock.waits == [0.8]
        else:
            kind = ServiceUnavailable if status in (408, 500) else ServiceRefused
            with pytest.raises(kind, match=str(status)):
                await call
        assert len(service.requests) == (2 if expected else 1)


async def test_after_the_last_attempt_the_call_fails() -> None:
    clock = Hasty()
    async with fake_service() as service, client_of(service, AzureOptions(retries=2), clock) as client:
        service.answers.extend([Answer(503)] * 4)
        with pytest.raises(ServiceUnavailable, match=r"answered with status 503.*not known whether") as caught:
            await client.call(*SEND)
        assert isinstance(caught.value, BrokerUnavailable)
        assert (caught.value.status, caught.value.may_have_arrived, len(service.requests)) == (503, True, 3)


async def test_the_wait_that_the_service_names_is_kept() -> None:
    clock = Hasty()
    async with fake_service() as service, client_of(service, clock=clock) as client:
        service.answers.extend(
            [Answer(429, headers={"Retry-After": "4"}), Answer(503, headers={"Retry-After": "soon"})]
        )
        await client.call(*SEND)
        assert clock.waits == [4.0, 0.8]


async def test_a_wait_that_is_too_long_is_told() -> None:
    async with fake_service() as service, client_of(service) as client:
        service.answers.append(Answer(429, headers={"Retry-After": "6"}))
        with pytest.raises(ServiceUnavailable, match=r"Nothing of this call took effect; try again in 6 s") as caught:
            await client.call(*SEND)
        assert (caught.value.retry_after_seconds, caught.value.may_have_arrived) == (6, False)


async def test_an_endpoint_that_nobody_listens_on_is_tried_again_and_nothing_has_arrived() -> None:
    port = free_port()
    clock = FakeClock()
    connection = ConnectionString.parse(f"Endpoint=http://127.0.0.1:{port};AccessKey={KEY}")
    async with RestClient(connection, KeyAuthorization(connection, 60), clock=clock) as client:
        call = asyncio.create_task(client.call(*SEND))
        await clock.until_sleeping()
        async with fake_service(port) as service:
            clock.advance(0.8)
            await call
            assert len(service.requests) == 1
    hasty = Hasty()
    async with RestClient(connection, KeyAuthorization(connection, 60), clock=hasty) as client:
        with pytest.raises(ServiceUnavailable) as caught:
            await client.call(*SEND)
        assert not caught.value.may_have_arrived
        assert hasty.waits == [0.8] * 3


async def test_a_connection_that_is_cut_is_tried_again_for_what_can_do_no_harm() -> None:
    clock = Hasty()
    async with fake_service() as service, client_of(service, clock=clock) as client:
        # aiohttp itself tries a harmless one once more, at once.
        service.answers.extend([Cut()] * 4)
        with pytest.raises(ServiceUnavailable) as caught:
            await client.call(*SEND)
        assert caught.value.may_have_arrived
        assert len(service.requests) == 1
        await client.call(*JOIN)
        assert set(clock.waits) == {0.8}


async def test_a_service_that_does_not_answer_in_time_is_given_up() -> None:
    async with fake_service() as service, client_of(service, AzureOptions(request_timeout_seconds=0.05)) as client:
        service.answers.append(Hang())
        with pytest.raises(ServiceUnavailable, match="no answer came in time") as caught:
            await client.call(*SEND)
        assert caught.value.may_have_arrived


async def test_whoever_asks_is_told_at_once_of_each_request_that_was_not_served() -> None:
    told: list[None] = []
    options = AzureOptions(retries=0)
    async with fake_service() as service, client_of(service, options, None, lambda: told.append(None)) as client:
        for answer in (Answer(503), Answer(429), Answer(400), Cut()):
            service.answers.append(answer)
            with pytest.raises((ServiceUnavailable, ServiceRefused)):
                await client.call(*SEND)
        assert len(told) == 2  # 503 and the cut; being throttled is no illness


REMEDIES = {
    400: "Correct what was given",
    401: "Check the access key",
    403: "REST API Owner",
    404: "Check Endpoint",
    413: "Send less",
    418: "See the description",
}


@pytest.mark.parametrize("status", REMEDIES)
async def test_what_the_service_refuses_is_told_with_its_words_and_a_remedy(status: int) -> None:
    async with fake_service() as service, client_of(service) as client:
        headers = {"x-ms-error-code": "Error.X"}
        service.answers.append(Answer(status, b'{"code":"Error.X","message":"It is so."}', headers))
        with pytest.raises(ServiceRefused, match=REMEDIES[status]) as caught:
            await client.call(*SEND)
        error = caught.value
        assert (error.status, error.error_code, error.detail) == (status, "Error.X", "It is so.")
        assert f"refused SignalR_Broadcast: status {status}, Error.X, It is so. " in str(error)


async def test_redirects_are_not_followed() -> None:
    async with fake_service() as service, client_of(service) as client:
        service.answers.append(Answer(307, headers={"Location": "http://127.0.0.1:1/"}))
        with pytest.raises(ServiceRefused, match="status 307"):
            await client.call(*SEND)


# Bounds


async def test_no_more_requests_are_under_way_than_there_are_connections() -> None:
    async with fake_service() as service, client_of(service, AzureOptions(maximum_connections=3)) as client:
        service.gate.clear()
        calls = [asyncio.create_task(client.call(*SEND)) for _ in range(10)]
        await service.until_requests(3)
        service.gate.set()
        await asyncio.gather(*calls)
        assert (len(service.requests), service.most_at_once) == (10, 3)


async def test_requests_that_would_wait_behind_too_many_are_refused_and_not_sent() -> None:
    options = AzureOptions(maximum_connections=1, maximum_waiting_requests=2)
    async with fake_service() as service, client_of(service, options) as client:
        service.gate.clear()
        calls = [asyncio.create_task(client.call(*SEND)) for _ in range(3)]
        await service.until_requests(1)
        with pytest.raises(ServiceUnavailable, match=r"AzureOptions\.maximum_waiting_requests") as caught:
            await client.call(*SEND)
        assert not caught.value.may_have_arrived
        service.gate.set()
        await asyncio.gather(*calls)
        assert len(service.requests) == 3


async def test_a_cancelled_call_gives_its_place_to_the_next() -> None:
    async with fake_service() as service, client_of(service, AzureOptions(maximum_connections=1)) as client:
        service.answers.append(Hang())
        call = asyncio.create_task(client.call(*SEND))
        await service.until_requests(1)
        call.cancel()
        await asyncio.wait((call,))
        await client.call(*SEND)


async def test_an_answer_without_end_is_not_read_to_its_end() -> None:
    async with fake_service() as service, client_of(service, AzureOptions(retries=0)) as client:
        service.answers.append(Answer(200, b"x" * (16 * 1024 * 1024 + 1)))
        with pytest.raises(ServiceUnavailable, match="its answer is too long"):
            await client.call(*SEND)


@pytest.mark.parametrize(("status", "is_well"), [(200, True), (204, False), (404, False), (500, False)])
async def test_health_is_what_the_answer_says(status: int, is_well: bool) -> None:
    async with fake_service() as service, client_of(service) as client:
        service.answers.append(Answer(status))
        assert await client.health() is is_well
        assert (service.requests[0].method, service.requests[0].path) == ("HEAD", "/api/health")


async def test_a_service_that_is_silent_about_its_health_is_not_well() -> None:
    async with fake_service() as service, client_of(service, AzureOptions(health_timeout_seconds=0.05)) as client:
        service.answers.append(Hang())
        assert not await client.health()


@pytest.mark.parametrize(
    ("missing", "text", "advice"),
    [
        ("aiohttp", f"AccessKey={KEY}", "need aiohttp; install it with: pip install 'hubwire[azure]'"),
        ("azure.identity", "AuthType=azure", "needs azure-identity; install it with: pip install 'hubwire[azure]'"),
    ],
)
def test_without_the_extra_it_is_said_what_to_install(missing: str, text: str, advice: str) -> None:
    program = (
        f"import sys; sys.modules[{missing!r}] = None; import hubwire; "
        f"hubwire.AzureSignalR('Endpoint=https://shop.example;{text}')"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith("ImportError: ")
    assert advice in ended.stderr.splitlines()[-1]
