"""Alerts on their ports: the rules with their figures, and the ways by which messages leave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import aiohttp
from prometheus_client import CollectorRegistry, Counter

from hubwire.server.descriptors import check_descriptors
from meschain.bootstrap.hub_place import HubPlace
from meschain.bootstrap.services import Services
from meschain.bootstrap.shop import ShopParts
from meschain.bootstrap.state_metrics import StateMetrics
from meschain.bootstrap.stores import Stores
from meschain.notifications.mail import MailChannel
from meschain.notifications.webhook import WebhookChannel
from meschain.services import sync_failures
from meschain.services.alert_administration import AlertAdministration
from meschain.services.alert_figures import AlertFigures, FigureSources
from meschain.services.alert_ports import AlertChannel
from meschain.services.alert_sender import AlertSender
from meschain.services.alert_watch import AlertWatch
from meschain.services.lease import Work
from meschain.services.options import AlertWatchOptions
from meschain.services.ports import Clock, TrafficMeter
from meschain.settings import Settings
from meschain.smtp_url import mail_server


@dataclass(frozen=True, slots=True)
class Alerting:
    """What routes and background work need."""

    administration: AlertAdministration
    state_metrics: StateMetrics
    exclusive: Mapping[str, Work]
    """What runs in one process of several at a time."""


def make_alert_sender(
    settings: Settings, stores: Stores, http: aiohttp.ClientSession, registry: CollectorRegistry, clock: Clock
) -> AlertSender:
    """With every channel of the settings."""
    messages = Counter(
        "meschain_alert_messages",
        "Messages about alerts, by the way out and what became of them.",
        ("channel", "outcome"),
        registry=registry,
    )
    return AlertSender(
        outbox=stores.alert_outbox,
        channels=_channels(settings, http, clock),
        counted=lambda channel, outcome, count: messages.labels(channel, outcome).inc(count),
        clock=clock,
    )


def make_alerting(
    settings: Settings,
    stores: Stores,
    parts: ShopParts,
    services: Services,
    traffic: TrafficMeter,
    place: HubPlace,
    sender: AlertSender,
    registry: CollectorRegistry,
    clock: Clock,
) -> Alerting:
    rules = settings.watched_rules
    options = AlertWatchOptions(
        interval_seconds=settings.alert_interval_seconds, again_seconds=settings.alert_again_seconds
    )
    room = _room(settings) if place.holds_connections else None

    def connections_that_fit() -> int | None:
        return None if room is None else room * max(1, len(place.hubs.nodes))

    sources = FigureSources(
        traffic=traffic,
        shop=parts.shop,
        health=services.health,
        backlog=stores.inbox.backlog,
        syncs=stores.sync_moments,
        synced=services.synced,
        connections_that_fit=connections_that_fit,
    )
    watch = AlertWatch(
        rules=rules,
        figures=AlertFigures(sources, clock, options).by_rule(),
        book=stores.alerts,
        alerts=services.alerts,
        messages=services.alert_messages,
        clock=clock,
        options=options,
    )

    return Alerting(
        administration=AlertAdministration(
            book=stores.alerts, rules=rules, alerts=services.alerts, audit=stores.audit, clock=clock
        ),
        state_metrics=StateMetrics(
            registry,
            rules=rules,
            book=stores.alerts,
            outbox=stores.alert_outbox,
            backlog=stores.inbox.backlog,
            syncs=stores.sync_moments,
            synced=services.synced,
            shop=parts.shop,
            room=room,
            clock=clock,
        ),
        exclusive={
            "alert rules": watch.run,
            "alert messages": sender.run,
            "alerts of syncs": partial(sync_failures.watch, services.alerts, stores.jobs, clock),
        },
    )


def _channels(settings: Settings, http: aiohttp.ClientSession, clock: Clock) -> list[AlertChannel]:
    channels: list[AlertChannel] = []
    if settings.smtp_url is not None:
        server = mail_server(settings.smtp_url.get_secret_value())
        channels.append(
            MailChannel(
                server,
                sender=settings.alert_mail_from,
                recipients=settings.alert_mail_to,
                page=f"{settings.public_url}/admin.html",
                clock=clock,
            )
        )
    for name, webhook in settings.alert_webhooks.items():
        secret = webhook.secret.get_secret_value().encode()
        channels.append(WebhookChannel(name, webhook.url, secret, http, clock))
    return channels


def _room(settings: Settings) -> int | None:
    """Hub connections that one process can hold; None: nothing limits them."""
    return settings.maximum_connections or check_descriptors(None)
