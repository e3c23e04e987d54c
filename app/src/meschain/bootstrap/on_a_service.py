"""The hubs behind Azure SignalR Service, or a service like it: that holds the connections, and calls us by HTTP.

Any process may answer for any connection, so whatever must be known of them stands in our database.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

import uvicorn
from pydantic import SecretStr
from starlette.types import ASGIApp

from hubwire import Audience, AzureHubs, AzureHubsOptions, Observer
from hubwire.azure.connection_string import InvalidConnectionString
from hubwire.azure.data_plane import AzureDataPlane
from hubwire.azure.endpoints import ServiceEndpoint
from hubwire.errors import HubwireError
from hubwire.server.azure_signalr import AzureSignalR
from meschain.auth.claims import claims_of
from meschain.auth.ports import AccessUnavailable
from meschain.bootstrap.engine_clock import EngineClock
from meschain.bootstrap.hosting import Hosting
from meschain.bootstrap.hub_place import HubPlace, holds
from meschain.bootstrap.stores import Stores
from meschain.domain.events import HUBS
from meschain.domain.payloads import NegotiateAnswer
from meschain.domain.roles import Identity
from meschain.http.health import Check
from meschain.hubs.connection_records import ConnectionRecords
from meschain.hubs.neighbours import BrokerNeighbours
from meschain.hubs.stale_connections import StaleConnections
from meschain.hubs.unreachable import UNREACHABLE
from meschain.services.clock import SystemClock
from meschain.services.connections import ServiceConnections
from meschain.services.neighbours import NoNeighbours
from meschain.services.ports import Clock
from meschain.settings import Settings, SettingsError

_STOP_SECONDS: Final = 10
"""How long requests may take to end at a stop. 10 s: a call of the service's is answered long before."""
BLUE: Final = "azure_signalr"
GREEN: Final = "green_signalr"
"""The settings that name services."""
_NO_KEYS: Final = (
    "The setting {} names no AccessKey, by which the service signs its events; "
    "give the key of each service whose events are to count, also where Entra lets us in to some of them."
)
_BACKLOG: Final = 4096
"""Connections that wait to be accepted: the service may call for thousands of clients that connect at once."""


class ServiceAccess:
    """`ClientAccess` to the service: its address, and a token that it believes."""

    def __init__(self, hubs: AzureHubs) -> None:
        self._hubs = hubs

    async def issue(
        self, hub: str, identity: Identity, lifetime_seconds: float, session_id: str | None = None
    ) -> NegotiateAnswer:
        claims = claims_of(identity, session_id)
        try:
            access = await self._hubs.negotiate(
                hub, user_id=identity.user_id, claims=claims, lifetime_seconds=lifetime_seconds
            )
        except UNREACHABLE as error:  # where Entra lets us in, the key of tokens is the service's
            raise AccessUnavailable(str(error)) from error
        return NegotiateAnswer(url=access.url, access_token=access.access_token)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_listening: Callable[[], None] | None) -> None:
        super().__init__(config)
        self._on_listening = on_listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and self._on_listening is not None:
            self._on_listening()


class PlainListener:
    """`Listener` for an application without connections of its own."""

    def server(
        self,
        app: ASGIApp,
        *,
        internal: socket.socket | None = None,
        on_listening: Callable[[], None] | None = None,
        **settings: Any,
    ) -> uvicorn.Server:
        config = uvicorn.Config(
            app,
            http="httptools",
            ws="none",
            access_log=False,
            proxy_headers=False,  # our own code decides which of them count
            backlog=_BACKLOG,
            timeout_graceful_shutdown=_STOP_SECONDS,
            **settings,
        )
        config.load()
        return _Server(config, on_listening)


def on_a_service(
    settings: Settings,
    hosting: Hosting,
    observer: Observer,
    stores: Stores,
    clock: Clock,
) -> HubPlace:
    """Hubs without connections of their own. Raises: SettingsError for a connection string that cannot be used."""
    hubs = hubs_of(settings, BLUE, settings.upstream_path, observer, clock)
    ready: dict[str, Check] = {"signalr": partial(holds, lambda: hubs.unready_reason)}
    connections = ServiceConnections(stores.connections, stores.connections, clock)
    neighbours = hosting.neighbours
    if isinstance(neighbours, BrokerNeighbours):
        ready["redis"] = partial(holds, lambda: None if neighbours.is_available else "the broker is away")
    return HubPlace(
        hubs=hubs,
        access=ServiceAccess(hubs),
        listener=PlainListener(),
        connections=connections,
        records=[ConnectionRecords(connections, clock)],
        audiences=stores.audiences,
        neighbours_of_log_ins=NoNeighbours(),
        events=hubs,
        stored=stores.connections,
        client_origins=client_origins(settings),
        ready=ready,
        exclusive={"connections": StaleConnections(stores.connections, hubs.plane, clock).run},
    )


def hubs_of(settings: Settings, name: str, upstream_path: str, observer: Observer, clock: Clock) -> AzureHubs:
    """The hubs behind the services of this setting. Raises: SettingsError."""
    code = settings.upstream_code
    return AzureHubs(
        reach_service(settings, clock, name),
        AzureHubsOptions(upstream_path=upstream_path),
        code=None if code is None else code.get_secret_value(),
        observer=observer,
        clock=EngineClock(clock),
    )


def reach_service(settings: Settings, clock: Clock, name: str = BLUE) -> AzureSignalR:
    """The service of this setting, not started. Raises: SettingsError."""
    try:
        service = AzureSignalR(service_endpoints(settings, name), clock=EngineClock(clock))
    except (ValueError, ImportError) as error:
        raise SettingsError([f"The setting {name} cannot be used: {error}"]) from None
    if not service.keys:
        raise SettingsError([_NO_KEYS.format(name)])
    return service


async def try_service(settings: Settings, name: str = BLUE) -> Mapping[str, HubwireError | None]:
    """Ask each service of this setting something that needs our key; None: it answered. Raises: SettingsError."""
    found: dict[str, HubwireError | None] = {}
    async with reach_service(settings, SystemClock(), name) as service:
        for endpoint in service.endpoints:
            place = endpoint.client.endpoint
            try:
                await AzureDataPlane(endpoint.client, HUBS[0]).exists(Audience.connection("nobody"))
                found[place] = None
            except HubwireError as error:
                found[place] = error
    return found


async def client_accesses(settings: Settings, name: str, hub: str, identity: Identity) -> Mapping[str, NegotiateAnswer]:
    """How somebody gets into each service of this setting. Raises: SettingsError, AccessUnavailable."""
    found = {}
    async with reach_service(settings, SystemClock(), name) as service:
        for endpoint in service.endpoints:
            try:
                access = await endpoint.negotiate(hub, user_id=identity.user_id, claims=claims_of(identity))
            except UNREACHABLE as error:
                raise AccessUnavailable(str(error)) from error
            place = endpoint.settings.connection.client_url
            found[place] = NegotiateAnswer(url=access.url, access_token=access.access_token)
    return found


def service_endpoints(settings: Settings, name: str = BLUE) -> list[ServiceEndpoint]:
    """The services of this setting. Raises: SettingsError."""
    endpoints = []
    services: Mapping[str, SecretStr] = getattr(settings, name)
    for key, value in services.items():
        try:
            endpoints.append(ServiceEndpoint.parse(key, value.get_secret_value()))
        except InvalidConnectionString as error:
            raise SettingsError([f"The setting {name}{f' ({key})' if key else ''} is wrong: {error}"]) from None
    return endpoints


def client_origins(settings: Settings, name: str = BLUE) -> list[str]:
    """Where the clients of these services go. Raises: SettingsError."""
    bases = [urlsplit(endpoint.connection.client_url) for endpoint in service_endpoints(settings, name)]
    return [f"{base.scheme}://{base.netloc}" for base in bases]
