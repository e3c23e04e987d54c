"""The settings of a store at Hepsiburada."""

from __future__ import annotations

from typing import Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator

from meschain.vendor_settings.base import Address, Secret, StoreSettings

Happening = Literal["orders", "cancel", "address", "intransit", "deliver", "undeliver"]
"""What a path may tell of: new orders, a line cancelled, an address changed, a package on its way, there, or not."""

PATHS: Final[dict[str, Happening]] = {
    "orders": "orders",
    "lineitems/*/cancel": "cancel",
    "orders/*/shippingaddress": "address",
    "packages/*/undeliver": "undeliver",
    "packages/*/intransit": "intransit",
    "packages/*/deliver": "deliver",
}
"""The vendor's paths; the last two follow the one before them, its pages do not show them."""


class HepsiburadaStore(StoreSettings):
    """A merchant at Hepsiburada."""

    merchant_id: str = Field(min_length=1)
    """The merchant's id, a GUID; a call for another one is not this store's."""
    webhook_username: str = Field(min_length=1)
    """With `webhook_password`: what was handed to Hepsiburada's integration team."""
    webhook_password: Secret
    previous_webhook_password: Secret | None = None
    """The one before, still believed until the team has taken the new one over."""
    api_username: str = ""
    """Of the order API, which is asked because Hepsiburada signs nothing. Empty: the merchant's id."""
    api_password: Secret
    """With it: the service key of the merchant portal, or the password of older accounts."""
    api_user_agent: str = Field(min_length=1)
    """The integrator's name at Hepsiburada, which its API wants in each request."""
    api_url: Address = "https://oms-external.hepsiburada.com"
    """https://oms-external-sit.hepsiburada.com for the test system."""
    paths: dict[str, Happening] = Field(default_factory=lambda: dict(PATHS))
    """Behind /webhooks/hepsiburada/<store>/: what each path tells of, `*` for one part. Give all of them to change one.
    A path that is not among them is stored and leads to nothing."""
    orders_status: Literal[200, 201, 202, 204] = 201
    """What new orders are answered: that of the vendor's pages beside it, its own does not say."""
    accepted_status: Literal[200, 201, 202, 204] = 204
    """What everything else is answered."""
    time_zone: str = "Europe/Istanbul"
    """Of times without a zone. Turkish time is what the examples look like; no page says it."""

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError("is no time zone such as Europe/Istanbul") from None
        return value
