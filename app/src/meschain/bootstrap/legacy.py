"""The old dialects, where the settings name a listener for them."""

from __future__ import annotations

import ssl
from collections.abc import Sequence

from prometheus_client import CollectorRegistry
from starlette.requests import Request

from meschain.auth.bearer import Bearers
from meschain.auth.external_tokens import ExternalTokens
from meschain.auth.keys import LOGIN_KEYS, Secrets
from meschain.auth.login_tokens import LoginTokens
from meschain.auth.own_accounts import OwnAccounts
from meschain.auth.passwords import Passwords
from meschain.bootstrap.services import Services
from meschain.bootstrap.shop import ShopParts
from meschain.bootstrap.stores import Stores
from meschain.http.client_address import ClientAddress
from meschain.http.own_names import own_origins
from meschain.legacy.absences import Absences
from meschain.legacy.admission import Admission
from meschain.legacy.connection import Desk
from meschain.legacy.options import LegacyOptions
from meschain.legacy.proof import LINK_KEYS, Proofs
from meschain.legacy.reading import FigureReading
from meschain.legacy.service import LegacyService
from meschain.legacy.sockets import Gate
from meschain.legacy.usage import LegacyMetrics, LegacyUsage
from meschain.legacy_settings import LegacyListener
from meschain.services.ports import Clock
from meschain.settings import Settings, SettingsError


def make_legacy(
    settings: Settings,
    secrets: Secrets,
    stores: Stores,
    parts: ShopParts,
    services: Services,
    registry: CollectorRegistry,
    clock: Clock,
) -> LegacyService:
    """Not listening yet; with no listener in the settings it never does. Raises: SettingsError."""
    options = LegacyOptions(low_stock_threshold=settings.low_stock_threshold)
    bearers = Bearers(
        LoginTokens(secrets.keys(LOGIN_KEYS), clock),
        ExternalTokens(settings.token_issuers, clock),
        stores.sessions,
        [OwnAccounts(stores.accounts, Passwords()), parts.accounts],
        clock,
    )

    proofs = Proofs(LoginTokens(secrets.keys(LINK_KEYS), clock), bearers.verify)
    usage = LegacyUsage(stores.legacy_use, settings.legacy_listeners, clock, options)
    metrics = LegacyMetrics(registry)
    client_address = ClientAddress(settings.trusted_proxies)

    def address_of(peer: str, headers: Sequence[tuple[str, str]]) -> str:
        raw = [(name.lower().encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers]
        return client_address.of(Request({"type": "http", "client": (peer, 0), "headers": raw}))

    def refused(reason: str) -> None:
        metrics.refused.labels(reason).inc()

    origins = own_origins(settings)
    gates = [
        Gate(
            name,
            listener,
            Admission(listener, origins, options),
            proofs,
            address_of,
            client_address.is_trusted,
            _tls(settings, listener),
            refused,
            options,
            shares_port=settings.redis_url is not None,
        )
        for name, listener in settings.legacy_listeners.items()
    ]
    reading = FigureReading(
        shop=parts.shop,
        totals=parts.shop.order_totals,
        dashboard=services.dashboard,
        jobs=stores.jobs,
        clock=clock,
        connections=lambda: legacy.count(),
        options=options,
    )
    desk = Desk(
        reading=reading,
        commands=services.commands,
        proofs=proofs,
        usage=usage,
        absences=Absences(stores.legacy_absences, stores.events, clock, options),
        metrics=metrics,
        clock=clock,
        options=options,
    )
    legacy = LegacyService(gates, desk, stores.events, services.notifications, stores.sessions, stores.legacy_recalls)
    return legacy


def _tls(settings: Settings, listener: LegacyListener) -> ssl.SSLContext | None:
    if not listener.tls or settings.tls_certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(settings.tls_certificate, settings.tls_key)
    except OSError as error:  # ssl.SSLError is one
        raise SettingsError([f"tls_certificate and tls_key cannot be used: {error}."]) from None
    return context
