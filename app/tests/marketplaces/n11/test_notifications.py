"""A package of n11's."""

from __future__ import annotations

import pytest
from app.tests.marketplaces.n11.packages import NOW_MILLISECONDS, package
from app.tests.marketplaces.requests import NOW, delivery_of, request_of
from app.tests.marketplaces.specs import FetchedMarketplaceSpec

from meschain.marketplaces.n11.notifications import N11Notifications
from meschain.services.webhook_ports import Malformed, Outcome, WebhookRequest


@pytest.fixture
def seller() -> N11Notifications:
    return N11Notifications()


class TestN11Notifications(FetchedMarketplaceSpec):
    vendor = "n11"

    @pytest.fixture
    def marketplace(self, seller: N11Notifications) -> N11Notifications:
        return seller

    @pytest.fixture
    def good(self) -> WebhookRequest:
        return request_of(package())

    @pytest.fixture
    def again(self) -> WebhookRequest:
        return request_of(package(totalAmount=1))

    @pytest.fixture
    def other(self) -> WebhookRequest:
        return request_of(package(status="Picking"))

    @pytest.fixture
    def malformed(self) -> WebhookRequest:
        return request_of({"id": 1})


@pytest.mark.parametrize(
    ("sent", "told", "stock"),
    [
        ("Created", "created", ["order", "order"]),
        ("Picking", "picking", []),
        ("Shipped", "shipped", []),
        ("Delivered", "delivered", []),
        ("UnDelivered", "undelivered", []),
        ("Cancelled", "cancelled", ["cancel", "cancel"]),
        ("UnSupplied", "unsupplied", ["cancel", "cancel"]),
        ("UnPacked", "split", []),
    ],
)
async def test_statuses_are_told_in_our_words(seller: N11Notifications, sent: str, told: str, stock: list[str]) -> None:
    translation = await seller.translate(delivery_of(seller, "n11", request_of(package(status=sent))))
    [event] = translation.events
    assert (event.payload["status"], event.payload["shopStatus"], event.payload["orderNumber"]) == (told, sent, "20001")
    assert (event.payload["total"], event.payload["currency"], event.payload["itemCount"]) == (310.0, "TRY", 3)
    assert event.occurred_at == NOW
    assert [hint.reason for hint in translation.stock] == stock
    assert "Ayşe" not in str(event.payload)


async def test_without_amounts_of_lines_the_packages_own_counts(seller: N11Notifications) -> None:
    request = request_of(package(lines=[{"quantity": 1}]))
    [event] = (await seller.translate(delivery_of(seller, "n11", request))).events
    assert event.payload["total"] == 305


async def test_a_status_without_a_word_leads_to_a_note(seller: N11Notifications) -> None:
    translation = await seller.translate(delivery_of(seller, "n11", request_of(package(status="Novel"))))
    assert not translation.events
    assert "no word" in translation.note


@pytest.mark.parametrize(
    "changes",
    [{"id": None}, {"lastModifiedDate": "soon"}, {"lastModifiedDate": 10**18}, {"orderNumber": ""}, {"lines": 7}],
)
def test_what_is_not_in_the_documented_form_is_malformed(seller: N11Notifications, changes: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        seller.read(request_of(package() | changes))


def test_over_http_everything_is_refused(seller: N11Notifications) -> None:
    assert seller.answer(Outcome.FORGED, request_of(package())).status == 403
    assert str(NOW_MILLISECONDS) in seller.read(request_of(package())).key
