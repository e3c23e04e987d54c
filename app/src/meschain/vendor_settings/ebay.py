"""The settings of a store at eBay."""

from __future__ import annotations

import re
from typing import Final, Literal

from pydantic import Field, SecretStr, field_validator

from meschain.vendor_settings.base import Address, Secret, StoreSettings

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{32,80}")


class EbayAccess(StoreSettings):
    """How eBay's API is asked for this store."""

    client_id: str = Field(min_length=1)
    """The application's App ID."""
    client_secret: Secret
    """Its Cert ID."""
    refresh_token: Secret
    """The seller's consent, with the scope sell.fulfillment.readonly; eBay renews it by hand after 18 months."""
    api_url: Address = "https://api.ebay.com"
    """https://api.sandbox.ebay.com for the sandbox."""


class EbayStore(EbayAccess):
    """A store that hears by eBay's Notification API."""

    endpoint: Address
    """The address that is registered at eBay, to the letter: https://<host>/webhooks/ebay/<store>. It is part of what
    eBay checks, and behind a proxy we do not know it."""
    verification_token: SecretStr
    """The one that is registered with it: 32 to 80 letters, digits, `_` and `-`."""
    digests: tuple[Literal["SHA1", "SHA256"], ...] = ("SHA1", "SHA256")
    """Those that a signature may use. SHA1 is what eBay sends."""
    accepted_status: Literal[200, 201, 202, 204] = 204
    """What eBay is answered when its notification is stored: that of its own kit."""

    @field_validator("verification_token")
    @classmethod
    def _token(cls, value: SecretStr) -> SecretStr:
        if not _TOKEN.fullmatch(value.get_secret_value()):
            raise ValueError("has 32 to 80 letters, digits, _ and -")
        return value

    @field_validator("endpoint", mode="before")
    @classmethod
    def _to_the_letter(cls, value: object) -> object:
        if isinstance(value, str) and value.endswith("/"):
            raise ValueError("ends in a slash, which our address does not; register and write it without")
        return value


class EbaySoapStore(EbayAccess):
    """A store that hears by the platform notifications of eBay's Trading API."""

    dev_id: str = Field(min_length=1)
    """The developer's id; with `client_id` and the certificate it makes the digest that eBay sends."""
    previous_client_secret: Secret | None = None
    """The Cert ID before, still believed while eBay rotates it."""
    seller: str = Field(min_length=1)
    """The seller's name at eBay; a notification for another one is not this store's."""
    window_seconds: float = Field(default=600.0, gt=0)
    """How old or how far ahead a notification may be: ten minutes, as eBay advises."""
