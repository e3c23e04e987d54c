"""An application and its services, one of which goes away."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from engine.tests.azure.fake_service import KEY, Answer, FakeService, fake_service
from engine.tests.free_ports import free_port

import hubwire
from hubwire.azure.connection_string import ConnectionString
from hubwire.azure.credentials import EntraToken
from hubwire.azure.endpoints import EndpointType, ServiceEndpoint
from hubwire.errors import FanOutFailed, ServiceRefused, ServiceUnavailable
from hubwire.model import Audience
from hubwire.options import AzureOptions
from hubwire.server.azure_signalr import AzureSignalR
from hubwire.testing import FakeClock
from hubwire.wire.encoded import EncodedMessage

SAID = EncodedMessage.invocation("said", [])


class Board(hubwire.ClientContract):
    @hubwire.client_method("priceChanged")
    async def price_changed(self, price: int) -> None: ...


def endpoint(service: FakeService, name: str, kind: EndpointType = EndpointType.PRIMARY) -> ServiceEndpoint:
    return ServiceEndpoint(service.connection, name, kind)


@asynccontextmanager
async def two_services(
    clock: FakeClock, kinds: Sequence[EndpointType] = (EndpointType.PRIMARY, EndpointType.SECONDARY)
) -> AsyncIterator[tuple[AzureSignalR, FakeService, FakeService, AsyncExitStack]]:
    """Leaving the stack ends the first service."""
    async with AsyncExitStack() as first_life, fake_service() as second:
        # Not of those that outgoing connections get: a test ends it and has another one begin there.
        first = await first_life.enter_async_context(fake_service(free_port()))
        services = [endpoint(first, "a", kinds[0]), endpoint(second, "b", kinds[1])]
        async with AzureSignalR(services, AzureOptions(retries=0), clock=clock) as azure:
            await first.until_requests(1)  # about its health
            await second.until_requests(1)
            await clock.until_sleeping(2)
            yield azure, first, second, first_life


def sends(service: FakeService) -> int:
    return sum(request.path.endswith("/:send") for request in service.requests)


async def test_one_service_is_used_by_its_connection_string() -> None:
    async with fake_service() as service:
        text = f"Endpoint=http://127.0.0.1;Port={service.port};AccessKey={KEY};Version=1.0;"
        azure = AzureSignalR(text, clock=FakeClock())
        assert azure.keys == (KEY,)
        assert KEY not in repr(azure.endpoints[0].settings)
        unready_reason = azure.unready_reason
        assert unready_reason == "the connection to Azure SignalR Service has not been started"
        async with azure:
            await azure.start()
            assert azure.unready_reason is None
            await azure.context("prices", Board).clients.user("ann").price_changed(5)
            access = await azure.negotiate("Prices", user_id="ann")
            assert access.url == f"http://127.0.0.1:{service.port}/client/?hub=prices"
        assert [request.path for request in service.requests if request.method == "POST"] == [
            "/api/hubs/prices/users/ann/:send"
        ]


def test_no_endpoint_is_refused() -> None:
    with pytest.raises(ValueError, match="give at least one"):
        AzureSignalR([])


async def test_messages_go_to_all_endpoints_and_clients_to_the_primary_one() -> None:
    async with two_services(FakeClock()) as (azure, first, second, _):
        await azure.plane("chat").send(Audience.all(), SAID)
        assert (sends(first), sends(second)) == (1, 1)
        assert f":{first.port}/" in (await azure.negotiate("chat")).url


async def test_an_endpoint_that_goes_away_is_told_once_and_passed_over_until_it_is_back() -> None:
    clock = FakeClock()
    async with two_services(clock) as (azure, first, second, first_life):
        plane = azure.plane("chat")
        port = first.port
        await first_life.aclose()
        with pytest.raises(FanOutFailed, match="1 of 2 calls failed"):
            await plane.send(Audience.all(), SAID)
        await azure.endpoints[0].until(is_healthy=False)
        await plane.send(Audience.all(), SAID)
        assert sends(second) == 2
        assert f":{second.port}/" in (await azure.negotiate("chat")).url
        assert azure.unready_reason is None
        async with fake_service(port) as again:
            await clock.until_sleeping(2)
            clock.advance(3)
            await azure.endpoints[0].until(is_healthy=True)
            await plane.send(Audience.all(), SAID)
            assert (sends(again), sends(second)) == (1, 3)
            assert f":{port}/" in (await azure.negotiate("chat")).url


async def test_an_endpoint_that_fails_a_request_but_says_that_it_is_well_stays() -> None:
    async with two_services(FakeClock()) as (azure, first, _, _life):
        first.answers.append(Answer(503))
        with pytest.raises(FanOutFailed):
            await azure.plane("chat").send(Audience.all(), SAID)
        await first.until_requests(3)  # its health at the start, the send, its health again
        await azure.plane("chat").send(Audience.all(), SAID)
        assert azure.endpoints[0].is_healthy


async def test_a_silent_failure_is_found_by_asking_thrice() -> None:
    clock = FakeClock()
    async with two_services(clock) as (azure, first, _, _life):
        first.answers.extend([Answer(500)] * 3)
        clock.advance(120)
        for number in range(2):
            await first.until_requests(2 + number)
            await clock.until_sleeping(2)
            assert azure.endpoints[0].is_healthy
            clock.advance(3)
        await azure.endpoints[0].until(is_healthy=False)
        assert len(first.requests) == 4


async def test_a_client_is_sent_elsewhere_when_no_key_is_lent() -> None:
    clock = FakeClock()
    async with fake_service() as lender, fake_service() as second:
        identity = ConnectionString.parse(f"Endpoint=http://127.0.0.1:{lender.port};AuthType=azure")
        services = [ServiceEndpoint(identity, "a"), endpoint(second, "b", EndpointType.SECONDARY)]
        azure = AzureSignalR(services, AzureOptions(retries=0), clock=clock, make_credential=lambda _: NoIdentity())
        async with azure:
            assert azure.keys == (KEY,)
            assert f":{second.port}/" in (await azure.negotiate("chat")).url
        alone = AzureSignalR(
            [ServiceEndpoint(identity)], AzureOptions(retries=0), make_credential=lambda _: NoIdentity()
        )
        async with alone:
            with pytest.raises((ServiceUnavailable, ServiceRefused), match="Entra gave no token"):
                await alone.negotiate("chat")


class NoIdentity:
    """Stands for a credential of azure-identity on a machine that has none."""

    async def get_token(self, *scopes: str) -> EntraToken:
        raise RuntimeError("this machine has no identity")

    async def close(self) -> None:
        return
