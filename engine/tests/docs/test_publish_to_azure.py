"""The page "Publish to Azure SignalR from Python" is true, against a served REST data plane."""

from __future__ import annotations

from engine.tests.azure.rest_pair import KEY, rest_service
from engine.tests.docs.pages import HOW_TO, run_page

from hubwire import AzureSignalR
from hubwire.azure.jwt import ClientTokens
from hubwire.model import Member
from hubwire.testing import MemoryLine, make_caller

PAGE = HOW_TO / "publish-to-azure.md"


async def test_what_is_published_arrives() -> None:
    page = run_page(PAGE)
    async with rest_service() as (connection_string, plane):
        line = MemoryLine(make_caller("ann", connection_id="a"))
        plane.registry.attach(line)
        await plane.add_to_group("drinks", Member.connection("a"))
        await page["publish"](connection_string)
        assert [(call.target, list(call.arguments)) for call in line.received] == [("PriceChanged", ["tea", 4.5])] * 3


async def test_the_answer_to_negotiate_lets_a_client_in() -> None:
    page = run_page(PAGE)
    base = "https://shop.service.signalr.net"
    azure = AzureSignalR(f"Endpoint={base};AccessKey={KEY};Version=1.0;")
    answer = await page["negotiate"](azure, "ann")
    assert answer["url"] == f"{base}/client/?hub=prices"
    principal = await ClientTokens([KEY], [base]).verify(answer["accessToken"], "prices", make_caller().request)
    assert (principal.user_id, principal.claims) == ("ann", {"role": "buyer"})


async def test_two_services_get_every_message_and_the_primary_one_the_clients() -> None:
    page = run_page(PAGE)
    async with rest_service() as (west, plane), rest_service() as (east, other):
        lines = [MemoryLine(make_caller(connection_id=name)) for name in "ab"]
        plane.registry.attach(lines[0])
        other.registry.attach(lines[1])
        async with page["two_services"](west, east) as azure:
            await azure.context("prices", page["PricesClient"]).clients.all.price_changed("tea", 4.5)
            assert [len(line.received) for line in lines] == [1, 1]
            assert (await azure.negotiate("prices", region="westeurope")).url.startswith(
                west.partition(";")[0].removeprefix("Endpoint=")
            )
