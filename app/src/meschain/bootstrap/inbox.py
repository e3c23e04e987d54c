"""The inbox of what marketplaces send, on its ports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import SystemRandom

import aiohttp
from prometheus_client import CollectorRegistry, Counter

from meschain.bootstrap.hosting import Neighbours
from meschain.bootstrap.shop import ShopParts
from meschain.bootstrap.sources import make_sources
from meschain.bootstrap.stores import Stores
from meschain.bootstrap.vendors import make_vendors
from meschain.services.alerts import AlertService
from meschain.services.event_log import TellingEventLog
from meschain.services.lease import Work
from meschain.services.options import InboxOptions
from meschain.services.ports import Clock, Topic
from meschain.settings import Settings
from meschain.webhooks.administration import InboxAdministration
from meschain.webhooks.receiving import Inbox
from meschain.webhooks.watchdog import SilenceWatch
from meschain.webhooks.worker import InboxWorker


@dataclass(frozen=True, slots=True)
class InboxParts:
    """The inbox, as routes and background work need it."""

    receiver: Inbox
    administration: InboxAdministration
    exclusive: Mapping[str, Work]
    """What runs in one process of several at a time."""
    options: InboxOptions


def make_inbox(
    settings: Settings,
    stores: Stores,
    parts: ShopParts,
    events: TellingEventLog,
    alerts: AlertService,
    http: aiohttp.ClientSession,
    neighbours: Neighbours,
    registry: CollectorRegistry,
    clock: Clock,
) -> InboxParts:
    """The inbox with every store of the settings. Raises: SettingsError without the extra that a store needs."""
    options = InboxOptions(silence_hours=settings.webhook_silence_hours)
    vendors = make_vendors(settings, http, clock)
    requests = Counter(
        "meschain_webhook_requests",
        "Requests of marketplaces, by what became of them.",
        ("vendor", "outcome"),
        registry=registry,
    )
    worker = InboxWorker(
        vendors=vendors,
        store=stores.inbox,
        told=events.wake,
        stock=parts.shop,
        alert=alerts.raise_by_system,
        clock=clock,
        random=SystemRandom(),
        options=options,
    )

    def wake() -> None:
        worker.wake()
        neighbours.tell(Topic.WEBHOOK_STORED, "")

    neighbours.hear(Topic.WEBHOOK_STORED, lambda _: worker.wake())
    watch = SilenceWatch(
        vendors=vendors,
        store=stores.inbox,
        shop=parts.shop,
        alert=alerts.raise_by_system,
        clock=clock,
        options=options,
    )
    receiver = Inbox(
        vendors=vendors,
        store=stores.inbox,
        wake=wake,
        counted=lambda vendor, outcome: requests.labels(vendor, outcome).inc(),
        clock=clock,
        options=options,
    )
    return InboxParts(
        receiver=receiver,
        administration=InboxAdministration(
            store=stores.inbox,
            audit=stores.audit,
            wake=wake,
            clock=clock,
            vendors=sorted({vendor for vendor, _ in vendors}),
            options=options,
        ),
        exclusive={
            "webhooks": worker.run,
            "silent marketplaces": watch.run,
            **make_sources(settings, receiver, stores.cursors, http, clock),
        },
        options=options,
    )
