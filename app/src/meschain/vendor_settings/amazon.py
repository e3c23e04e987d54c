"""The settings of a store at Amazon."""

from __future__ import annotations

from pydantic import Field, model_validator

from meschain.vendor_settings.base import Address, Secret, StoreSettings


class AmazonStore(StoreSettings):
    """A seller at Amazon, whose notifications come through a queue of yours (SQS)."""

    seller_id: str = Field(min_length=1)
    """The merchant token; a notification for another one is not this store's."""
    application_id: str = ""
    """The application that the subscriptions belong to, amzn1.sellerapps.app.…; empty: not looked at."""
    subscription_ids: tuple[str, ...] = ()
    """Subscriptions whose notifications are this store's; none: all are."""
    queue_url: Address
    """The queue, https://sqs.<region>.amazonaws.com/<account>/<name>. Only Amazon's account may be allowed to send to
    it and only we to receive: nothing in a notification proves where it comes from."""
    queue_region: str = Field(min_length=1)
    """The queue's region, such as eu-west-1."""
    access_key_id: str = ""
    """With `secret_access_key`: of a user of AWS that may receive from the queue and delete. Empty: what AWS gives the
    machine or the container, its role."""
    secret_access_key: Secret | None = None
    visibility_seconds: int = Field(default=120, ge=30, le=43_200)
    """So long a message that was received is hidden from others; above the time that storing ten of them takes."""
    client_id: str = Field(min_length=1)
    """Of the application at Login with Amazon."""
    client_secret: Secret
    refresh_token: Secret
    """The seller's consent. Orders are read by it, because a notification has no amount."""
    api_url: Address = "https://sellingpartnerapi-eu.amazon.com"
    """Europe and Turkey; https://sellingpartnerapi-na.amazon.com and -fe for America and the Far East."""
    token_url: Address = "https://api.amazon.com/auth/o2/token"  # noqa: S105 - an address
    """Where access tokens are made."""

    @model_validator(mode="after")
    def _key_pair(self) -> AmazonStore:
        if bool(self.access_key_id) != (self.secret_access_key is not None):
            raise ValueError("access_key_id and secret_access_key go together: give both or none")
        return self
