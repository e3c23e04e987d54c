"""The settings of a store at Etsy."""

from __future__ import annotations

import base64
import binascii

from pydantic import Field, field_validator

from meschain.vendor_settings.base import Address, Secret, StoreSettings

SECRET_PREFIX = "whsec_"  # noqa: S105 - not a secret, what each begins with


class EtsyStore(StoreSettings):
    """A shop at Etsy."""

    shop_id: int = Field(gt=0)
    """The shop's number; a webhook for another one is not this store's."""
    signing_secret: Secret
    """Of the endpoint, from the portal; begins with whsec_."""
    previous_signing_secret: Secret | None = None
    """The one before, still believed while it is exchanged."""
    tolerance_seconds: float = Field(default=300.0, gt=0)
    """How far the time in a webhook's header may be off: five minutes, as the vendor says."""
    api_key: Secret
    """The application's keystring, as the API takes it in x-api-key."""
    refresh_token: Secret
    """The seller's consent, with the scope transactions_r. Etsy gives a new one with each access token; this one is
    used again after a restart, and ends 90 days after it was made."""
    api_url: Address = "https://openapi.etsy.com"
    """Where receipts are read."""
    token_url: Address = "https://api.etsy.com/v3/public/oauth/token"  # noqa: S105 - an address
    """Where access tokens are made."""

    @field_validator("signing_secret", "previous_signing_secret")
    @classmethod
    def _decodable(cls, value: Secret | None) -> Secret | None:
        if value is not None:
            signing_key(value.get_secret_value())
        return value


def signing_key(secret: str) -> bytes:
    """The key within a secret. Raises: ValueError for one that is not base64."""
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not key:
        raise ValueError(f"is not a secret of the portal, which is {SECRET_PREFIX} and base64 behind it")
    return key
