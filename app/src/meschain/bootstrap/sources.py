"""What fetches from marketplaces that send nothing to us: a work for each of their stores, by name."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

import aiohttp

from meschain.marketplaces.n11.api import N11Api
from meschain.marketplaces.n11.polling import N11Polling
from meschain.services.lease import Work
from meschain.services.ports import Clock, CursorStore
from meschain.services.webhook_ports import WebhookReceiver
from meschain.settings import Settings, SettingsError


def make_sources(
    settings: Settings, receiver: WebhookReceiver, cursors: CursorStore, http: aiohttp.ClientSession, clock: Clock
) -> Mapping[str, Work]:
    """All of them; each is to run in one process of several at a time.

    Raises: SettingsError without the extra that a store needs.
    """
    sources: dict[str, Work] = {}
    for name, n11 in settings.n11_stores.items():
        sources[f"n11 {name}"] = N11Polling(name, n11, N11Api(n11, http), receiver, cursors, clock).run
    if settings.amazon_stores:
        if find_spec("aiobotocore") is None:
            raise SettingsError(
                ["The setting amazon_stores needs aiobotocore; install it with: pip install 'meschain[amazon]'."]
            )
        # An extra: whoever has no store at Amazon does without it.
        from meschain.marketplaces.amazon.queue import AmazonQueue

        for name, amazon in settings.amazon_stores.items():
            sources[f"amazon {name}"] = AmazonQueue(name, amazon, receiver, clock).run
    return sources
