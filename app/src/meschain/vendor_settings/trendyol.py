"""The settings of a store at Trendyol."""

from __future__ import annotations

from pydantic import Field, model_validator

from meschain.vendor_settings.base import Address, Secret, StoreSettings


class TrendyolStore(StoreSettings):
    """A seller at Trendyol."""

    seller_id: int = Field(gt=0)
    """The seller's number; a webhook for another one is not this store's."""
    webhook_username: str = ""
    """With `webhook_password`: what was registered for BASIC_AUTHENTICATION."""
    webhook_password: Secret | None = None
    previous_webhook_password: Secret | None = None
    """The one before, still believed while the registration is changed."""
    webhook_api_key: Secret | None = None
    """What was registered for API_KEY. Give this, or name and password; both while one takes the other's place."""
    previous_webhook_api_key: Secret | None = None
    api_key: Secret
    """The seller's own, of the integration page: orders are read again by it, because Trendyol signs nothing."""
    api_secret: Secret
    api_url: Address = "https://apigw.trendyol.com"
    """https://stageapigw.trendyol.com for the stage."""

    @model_validator(mode="after")
    def _has_a_proof(self) -> TrendyolStore:
        if bool(self.webhook_username) != (self.webhook_password is not None):
            raise ValueError("webhook_username and webhook_password go together: give both or none")
        if self.webhook_password is None and self.webhook_api_key is None:
            raise ValueError("give what was registered: webhook_username and webhook_password, or webhook_api_key")
        return self
