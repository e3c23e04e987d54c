"""The settings of a store at n11."""

from __future__ import annotations

from pydantic import Field

from meschain.vendor_settings.base import Address, Secret, StoreSettings


class N11Store(StoreSettings):
    """A seller at n11, which sends nothing by itself: it is asked."""

    app_key: Secret
    """Of the API account in n11's seller office."""
    app_secret: Secret
    api_url: Address = "https://api.n11.com"
    poll_seconds: float = Field(default=30.0, ge=5)
    """Between two looks. n11 allows a thousand requests a minute; an ordinary look is two."""
    window_days: int = Field(default=14, ge=1, le=28)
    """How far back orders are asked for; n11 lists a month. Whether it counts from their beginning or their
    last change its page does not say, so this is how old an order may be whose changes are still seen."""
    first_hours: float = Field(default=24.0, ge=0, le=24 * 30)
    """Of the first look: what changed within these hours is told, older changes are not news any more."""
