"""The settings of a store at Ozon."""

from __future__ import annotations

from pydantic import Field, SecretStr, field_validator

from meschain.vendor_settings.base import Address, Secret, StoreSettings

_SHORTEST = 32


class OzonStore(StoreSettings):
    """A seller's account at Ozon."""

    seller_id: int = Field(gt=0)
    """The account's number, which is also the Client-Id of the API; a push for another one is not this store's."""
    path_secret: SecretStr
    """The last part of the address that is entered at Ozon: random, 32 characters or more. Ozon signs nothing, so an
    address that nobody can guess is what there is."""
    previous_path_secret: SecretStr | None = None
    """The one before, still taken while the address is exchanged."""
    api_key: Secret
    """Of the Seller API, with a role that may read postings and products."""
    api_url: Address = "https://api-seller.ozon.ru"

    @field_validator("path_secret", "previous_path_secret")
    @classmethod
    def _long(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and (len(value.get_secret_value()) < _SHORTEST or "/" in value.get_secret_value()):
            raise ValueError(f"has {_SHORTEST} characters or more, and no slash")
        return value
