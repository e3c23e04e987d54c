"""Where the hubs live: what `build` is told of it, whoever holds the clients' connections; `build` chooses."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from hubwire import DataPlane, HubContext, HubFilter
from hubwire.azure.upstream_endpoint import UpstreamAnswer, UpstreamRequest
from hubwire.hub.dispatcher import HubFactory
from hubwire.plane.nodes import NodeInfo
from meschain.auth.ports import ClientAccess
from meschain.http.health import Check
from meschain.services.lease import Work
from meschain.services.ports import AudienceStore, ConnectionBooks, Neighbours, StoredConnections


class Hubs(Protocol):
    """What holds hubs: the engine's `HubServer`, or its `AzureHubs` where a service holds the connections."""

    @property
    def nodes(self) -> list[NodeInfo]:
        """The processes that share the connections; empty where none does."""

    def add(self, hub: HubFactory, *, name: str | None = None, filters: Sequence[HubFilter] = ()) -> None:
        """Register a hub; before the lifespan is entered."""

    def plane(self, name: str) -> DataPlane: ...

    def context(self, hub: str) -> HubContext[Any]: ...

    def handles(self, path: str) -> bool:
        """Whether requests to this path are for it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...

    def lifespan(self) -> AbstractAsyncContextManager[None]:
        """To be entered before the first request."""


class CheckedEvents(Protocol):
    """Takes a service's events from a host that has checked who sent them."""

    async def handle_checked(self, request: UpstreamRequest) -> UpstreamAnswer: ...


class Listener(Protocol):
    """Makes the server that listens for the whole application."""

    def server(
        self,
        app: ASGIApp,
        *,
        internal: socket.socket | None = None,
        on_listening: Callable[[], None] | None = None,
        **settings: Any,
    ) -> uvicorn.Server:
        """A server that was not started.

        Args:
            internal: bound already, for the other processes of the service. None: there are none.
            on_listening: called once it serves.
            settings: uvicorn's own.

        Raises: OSError for a certificate that cannot be used; TooFewDescriptors.
        """


@dataclass(frozen=True, slots=True)
class HubPlace:
    """Where the hubs live, and what follows from it for all around them."""

    hubs: Hubs
    access: ClientAccess
    listener: Listener
    connections: ConnectionBooks
    records: Sequence[HubFilter]
    """What writes into them, behind all other filters."""
    audiences: AudienceStore
    neighbours_of_log_ins: Neighbours
    """Processes with connections that this one cannot close."""
    event_ways: Mapping[str, Callable[[str], HubContext[Any]]] = field(default_factory=dict)
    """Ways to the clients of a hub that events take, each at its own pace and under its own name; empty: the one of
    `hubs`."""
    holds_connections: bool = False
    """Whether this process may hold connections itself."""
    events: CheckedEvents | None = None
    """None: no service sends events, as we hold the connections."""
    stored: StoredConnections | None = None
    """Knows the connections of all processes; None: each knows its own."""
    client_origins: Sequence[str] = ()
    """Where clients are sent to, beside the public address."""
    ready: Mapping[str, Check] = field(default_factory=dict)
    """What readiness looks at besides."""
    everywhere: Mapping[str, Work] = field(default_factory=dict)
    """What each process has to do besides."""
    exclusive: Mapping[str, Work] = field(default_factory=dict)
    """What one process of several has to do besides."""


async def holds(reason: Callable[[], str | None]) -> None:
    """A check of readiness. Raises: RuntimeError with the reason, where there is one."""
    why = reason()
    if why is not None:
        raise RuntimeError(why)
