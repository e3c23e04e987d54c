"""The hubs on sockets of our own: this process holds its clients' connections, alone or as one of several."""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp

from hubwire import HubServer, ServerOptions, make_server, server_config
from hubwire.azure.jwt import ClientTokens
from meschain.auth.keys import CLIENT_KEYS, Secrets
from meschain.bootstrap.engine_clock import EngineClock
from meschain.bootstrap.hosting import Hosting
from meschain.bootstrap.hub_place import HubPlace, holds
from meschain.bootstrap.stores import Stores
from meschain.http.negotiate import HubAccess
from meschain.http.own_names import own_hosts, own_origins
from meschain.hubs.connection_records import ConnectionRecords
from meschain.hubs.observer import HubObserver
from meschain.services.audiences import ProcessAudiences
from meschain.services.connections import ProcessConnections
from meschain.services.ports import Clock
from meschain.services.stale_nodes import StaleNodes
from meschain.services.traffic import SlidingWindow
from meschain.settings import Settings

CLIENT_PATH: Final = "/client"
"""Azure SignalR's path of the endpoint that clients are sent to."""


class FastLane:
    """`Listener` that serves hub connections beside the web application, past ASGI."""

    def __init__(self, hubs: HubServer) -> None:
        self._hubs = hubs

    def server(
        self,
        app: ASGIApp,
        *,
        internal: socket.socket | None = None,
        on_listening: Callable[[], None] | None = None,
        **settings: Any,
    ) -> uvicorn.Server:
        config = server_config(app, self._hubs, **settings)
        config.load()
        return make_server(config, self._hubs, internal=internal, on_listening=on_listening)


def on_own_sockets(
    settings: Settings,
    secrets: Secrets,
    hosting: Hosting,
    observer: HubObserver,
    window: SlidingWindow,
    stores: Stores,
    clock: Clock,
) -> HubPlace:
    """A server without hubs yet: the services that hubs call publish through it."""
    window.count_connections_by(observer.connections)
    audiences = ProcessAudiences(clock)
    hosting.numbers.add(audiences.numbers)
    tokens = ClientTokens(
        secrets.access_keys(CLIENT_KEYS),
        [settings.public_url],
        lifetime_seconds=settings.client_token_seconds,
        clock=EngineClock(clock),
    )
    options = ServerOptions(
        allowed_origins=own_origins(settings),
        allowed_hosts=own_hosts(settings),
        trusted_proxies=settings.trusted_proxies,
        trusted_networks=settings.trusted_networks,
        maximum_connections=settings.maximum_connections,
        maximum_connections_per_address=settings.connections_per_address,
        client_path=CLIENT_PATH,
    )
    hubs = HubServer(options, verifier=tokens, observer=observer, clock=EngineClock(clock), cluster=hosting.cluster)
    connections = ProcessConnections(stores.connections, stores.leases, hosting.node_id, clock)
    hears_the_others = partial(holds, lambda: hubs.unready_reason)
    return HubPlace(
        hubs=hubs,
        access=HubAccess(tokens),
        listener=FastLane(hubs),
        connections=connections,
        records=[ConnectionRecords(connections, clock, hosting.node_id)],
        audiences=audiences,
        neighbours_of_log_ins=hosting.neighbours,
        holds_connections=True,
        ready={} if hosting.cluster is None else {"redis": hears_the_others},
        exclusive={"connections of processes": StaleNodes(stores.connections, stores.leases, clock).run},
    )
