"""A store that hears by the platform notifications of eBay's Trading API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from app.tests.marketplaces.requests import KnownOrders, delivery_of, request_of, vendor_order
from app.tests.marketplaces.specs import MarketplaceSpec
from app.tests.services.fakes import FakeClock
from pydantic import SecretStr

from meschain.marketplaces.ebay.platform_notifications import EbayPlatformNotifications, digest_of
from meschain.services.webhook_ports import Malformed, VendorUnavailable, WebhookRequest
from meschain.vendor_settings.ebay import EbaySoapStore

ORDER = "110000000001-20000001"
TIMESTAMP = "2026-01-01T09:15:00.000Z"
SETTINGS = EbaySoapStore(
    client_id="app-id-1",
    client_secret=SecretStr("cert-id-1"),
    previous_client_secret=SecretStr("cert-id-0"),
    refresh_token=SecretStr("refresh"),
    dev_id="dev-id-1",
    seller="mugs-and-more",
)


def soap(
    event: str = "FixedPriceTransaction",
    *,
    timestamp: str = TIMESTAMP,
    cert: str = "cert-id-1",
    item: str = "110000000001",
    transaction: str = "20000001",
    seller: str = "mugs-and-more",
    signature: str | None = None,
    before: str = "",
) -> WebhookRequest:
    digest = digest_of(timestamp, "dev-id-1", "app-id-1", cert) if signature is None else signature
    return request_of(
        f"""<?xml version="1.0" encoding="UTF-8"?>{before}
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/">
 <soapenv:Header><ebl:RequesterCredentials xmlns:ebl="urn:ebay:apis:eBLBaseComponents">
  <ebl:NotificationSignature>{digest}</ebl:NotificationSignature></ebl:RequesterCredentials></soapenv:Header>
 <soapenv:Body><GetItemTransactionsResponse xmlns="urn:ebay:apis:eBLBaseComponents">
  <Timestamp>{timestamp}</Timestamp><Ack>Success</Ack><NotificationEventName>{event}</NotificationEventName>
  <RecipientUserID>{seller}</RecipientUserID><Item><ItemID>{item}</ItemID></Item>
  <TransactionArray><Transaction><TransactionID>{transaction}</TransactionID></Transaction></TransactionArray>
 </GetItemTransactionsResponse></soapenv:Body></soapenv:Envelope>""".encode(),
        {"content-type": "text/xml;charset=utf-8", "soapaction": "x"},
    )


@pytest.fixture
def orders() -> KnownOrders:
    return KnownOrders(vendor_order(ORDER))


@pytest.fixture
def store(clock: FakeClock, orders: KnownOrders) -> EbayPlatformNotifications:
    return EbayPlatformNotifications(SETTINGS, orders, clock)


class TestEbayPlatformNotifications(MarketplaceSpec):
    vendor = "ebay-soap"

    @pytest.fixture
    def marketplace(self, store: EbayPlatformNotifications) -> EbayPlatformNotifications:
        return store

    @pytest.fixture
    def good(self) -> WebhookRequest:
        return soap()

    @pytest.fixture
    def other(self) -> WebhookRequest:
        return soap(transaction="20000002")

    @pytest.fixture
    def forged(self, good: WebhookRequest) -> Sequence[WebhookRequest]:
        bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
        outside = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
        return [
            soap(signature=""),
            soap(signature="AAAAAAAAAAAAAAAAAAAAAA=="),
            soap(cert="another"),
            replace(good, body=good.body.replace(b"09:15:00", b"09:15:01")),
            soap(timestamp="2026-01-01T09:04:59.000Z"),
            soap(timestamp="2026-01-01T09:25:01.000Z"),
            soap(timestamp="yesterday"),
            soap(before=bomb),
            soap(before=outside),
            replace(good, body=b"<a>" * 100),
            replace(good, body=b"<a/>" * 2),
            replace(good, body=b""),
            replace(good, path="elsewhere"),
        ]

    @pytest.fixture
    def malformed(self) -> WebhookRequest:
        return soap(event="")


async def test_the_certificate_before_is_believed_while_it_is_exchanged(store: EbayPlatformNotifications) -> None:
    assert await store.is_authentic(soap(cert="cert-id-0"))


def test_another_sellers_is_malformed(store: EbayPlatformNotifications) -> None:
    with pytest.raises(Malformed, match="another seller"):
        store.read(soap(seller="somebody-else"))


async def test_what_is_told_is_what_the_api_says(store: EbayPlatformNotifications, orders: KnownOrders) -> None:
    """The digest does not cover the content."""
    found = await store.translate(delivery_of(store, "ebay-soap", soap()))
    assert orders.asked == [ORDER]
    assert found.events[0].payload["status"] == "created"
    orders.orders[ORDER] = vendor_order(ORDER, "shipped")
    found = await store.translate(delivery_of(store, "ebay-soap", soap()))
    assert found.events[0].payload["status"] == "shipped"
    assert not found.stock


async def test_nothing_is_told_of_an_order_that_the_api_does_not_know(store: EbayPlatformNotifications) -> None:
    with pytest.raises(VendorUnavailable):
        await store.translate(delivery_of(store, "ebay-soap", soap(item="666")))


async def test_the_orders_own_id_counts_where_it_is_there(
    store: EbayPlatformNotifications, orders: KnownOrders
) -> None:
    orders.orders["12-34567-89012"] = vendor_order("12-34567-89012")
    named = soap()
    body = named.body.replace(
        b"</TransactionID>",
        b"</TransactionID><ContainingOrder><ExtendedOrderID>12-34567-89012</ExtendedOrderID></ContainingOrder>",
    )
    found = await store.translate(delivery_of(store, "ebay-soap", replace(named, body=body)))
    assert found.events[0].event_id == "ebay:order:12-34567-89012:created"


async def test_other_events_are_noted(store: EbayPlatformNotifications) -> None:
    assert "nothing" in (await store.translate(delivery_of(store, "ebay-soap", soap("BidPlaced")))).note


async def test_neither_an_order_nor_an_item_is_malformed(store: EbayPlatformNotifications) -> None:
    with pytest.raises(Malformed, match="neither"):
        await store.translate(delivery_of(store, "ebay-soap", soap(item="", transaction="")))
