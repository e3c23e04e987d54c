"""The promises of `Marketplace`, as a suite that each vendor's tests inherit; and those of the vendors' clients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from app.tests.marketplaces.requests import delivery_of

from meschain.domain.marketplaces import MARKETPLACES
from meschain.services.webhook_ports import Malformed, Marketplace, Outcome, VendorApi, WebhookRequest

_SECRET_HEADERS = {"authorization", "x-api-key", "cookie", "proxy-authorization"}


class NoticeSpec:
    """What `Marketplace` promises of notices, however they came. Implementations give the fixtures below.

    `marketplace`: a store whose vendor's API knows what the requests are about. `good`: a notice as the vendor sends
    it. `again`: the same notice, sent a second time. `other`: a different notice of the same kind. `malformed`: one
    that is the vendor's and cannot be read. `vendor`: its word in addresses.
    """

    vendor: str

    @pytest.fixture
    def marketplace(self) -> Marketplace:
        raise NotImplementedError

    @pytest.fixture
    def good(self) -> WebhookRequest:
        raise NotImplementedError

    @pytest.fixture
    def again(self, good: WebhookRequest) -> WebhookRequest:
        return good

    @pytest.fixture
    def other(self) -> WebhookRequest:
        raise NotImplementedError

    @pytest.fixture
    def malformed(self) -> WebhookRequest:
        raise NotImplementedError

    async def test_it_belongs_to_a_marketplace_of_the_product(self, marketplace: Marketplace) -> None:
        assert marketplace.code in MARKETPLACES

    async def test_no_secret_is_kept(self, marketplace: Marketplace) -> None:
        assert not marketplace.kept_headers & _SECRET_HEADERS
        assert all(name == name.lower() for name in marketplace.kept_headers)

    async def test_a_repeat_has_the_same_key_and_another_notice_has_not(
        self, marketplace: Marketplace, good: WebhookRequest, again: WebhookRequest, other: WebhookRequest
    ) -> None:
        key = marketplace.read(good).key
        assert 0 < len(key) <= 190
        assert marketplace.read(again).key == key
        assert marketplace.read(other).key != key

    async def test_what_is_read_has_a_kind_for_people(self, marketplace: Marketplace, good: WebhookRequest) -> None:
        assert 0 < len(marketplace.read(good).kind) <= 64

    async def test_what_cannot_be_read_is_malformed(self, marketplace: Marketplace, malformed: WebhookRequest) -> None:
        with pytest.raises(Malformed) as raised:
            marketplace.read(malformed)
        assert str(raised.value)

    async def test_every_outcome_has_an_answer(self, marketplace: Marketplace, good: WebhookRequest) -> None:
        assert 200 <= marketplace.answer(Outcome.STORED, good).status < 300
        assert 400 <= marketplace.answer(Outcome.FORGED, good).status < 500
        assert marketplace.answer(Outcome.UNAVAILABLE, good).status == 503
        malformed = marketplace.answer(Outcome.MALFORMED, good).status
        assert malformed == 400 or 200 <= malformed < 300

    async def test_it_means_the_same_each_time(self, marketplace: Marketplace, good: WebhookRequest) -> None:
        delivery = delivery_of(marketplace, self.vendor, good)
        first, second = await marketplace.translate(delivery), await marketplace.translate(delivery)
        assert first == second
        assert first.events or first.stock
        for event in first.events:
            assert event.marketplace == marketplace.code


class MarketplaceSpec(NoticeSpec):
    """`Marketplace` of a vendor that sends to us.

    `forged`: requests that are not the vendor's.
    """

    @pytest.fixture
    def forged(self, good: WebhookRequest) -> Sequence[WebhookRequest]:
        raise NotImplementedError

    async def test_the_vendors_own_is_believed(
        self, marketplace: Marketplace, good: WebhookRequest, other: WebhookRequest, malformed: WebhookRequest
    ) -> None:
        for request in (good, other, malformed):
            assert await marketplace.is_authentic(request)
        assert marketplace.greeting(good) is None

    async def test_nothing_forged_is_believed(self, marketplace: Marketplace, forged: Sequence[WebhookRequest]) -> None:
        assert forged
        for number, request in enumerate(forged):
            assert not await marketplace.is_authentic(request), f"forged request {number}"

    async def test_no_method_but_the_vendors_is_believed(self, marketplace: Marketplace, good: WebhookRequest) -> None:
        assert not await marketplace.is_authentic(replace(good, method="DELETE"))


class FetchedMarketplaceSpec(NoticeSpec):
    """`Marketplace` of a vendor that sends nothing to us: what it tells is fetched."""

    async def test_nothing_that_arrives_by_itself_is_believed(
        self, marketplace: Marketplace, good: WebhookRequest, malformed: WebhookRequest
    ) -> None:
        for request in (good, malformed):
            assert not await marketplace.is_authentic(request)


class VendorApiSpec:
    """`VendorApi`. Implementations give `api`, a client of a fake of the vendor that knows the order `known`."""

    known: str
    unknown: str

    @pytest.fixture
    async def api(self) -> VendorApi:
        raise NotImplementedError

    async def test_an_order_comes_with_amount_and_articles(self, api: VendorApi) -> None:
        order = await api.order(self.known)
        assert order is not None
        assert order.total > 0
        assert len(order.currency) == 3
        assert order.lines
        assert all(line.quantity > 0 for line in order.lines)

    async def test_an_order_that_there_is_not_is_none(self, api: VendorApi) -> None:
        assert await api.order(self.unknown) is None
