"""`AzureSignalR`: what an application does with Azure SignalR Service, or several, or one like it.

Puts together what `azure` and `plane` do not know of each other. Holds no connection of a client; `AzureHubs` adds the
hubs to it, and a process that only publishes does without them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from random import Random, SystemRandom
from types import TracebackType
from typing import Self

from hubwire.azure.connection_string import ConnectionString
from hubwire.azure.credentials import Credential, entra_credential
from hubwire.azure.data_plane import AzureDataPlane
from hubwire.azure.endpoint import Endpoint
from hubwire.azure.endpoints import ServiceEndpoint, choose
from hubwire.azure.negotiate import ClientAccess
from hubwire.clock import Clock, SystemClock
from hubwire.errors import BrokerUnavailable, ServiceRefused
from hubwire.hub.context import HubContext
from hubwire.hub.contracts import ContractT
from hubwire.options import AzureOptions, HubOptions
from hubwire.plane.fan_out import FanOutDataPlane
from hubwire.ports import DataPlane
from hubwire.server.tasks import Tasks

_log = logging.getLogger("hubwire.azure")


class AzureSignalR:
    """One service, or several that act as one. Use it as a context, or `start` and `stop` it."""

    def __init__(
        self,
        service: str | Sequence[ServiceEndpoint],
        options: AzureOptions | None = None,
        *,
        make_credential: Callable[[ConnectionString], Credential] = entra_credential,
        clock: Clock | None = None,
        random: Random | None = None,
    ) -> None:
        """Args:
            service: a connection string, or several endpoints, which get every message.
            make_credential: makes what asks Entra for tokens, for endpoints without an access key. That of
                azure-identity unless the application has its own.

        Raises:
            InvalidConnectionString: the connection string cannot be used.
            ValueError: there is no endpoint, or an access key has less than 32 bytes.
            ImportError: Entra is asked for, and the extra `hubwire[azure]` is not installed.
        """
        settings = [ServiceEndpoint(ConnectionString.parse(service))] if isinstance(service, str) else list(service)
        if not settings:
            raise ValueError("There is no endpoint; give at least one.")
        self._clock: Clock = clock or SystemClock()
        self._random = random or SystemRandom()
        self.options = options or AzureOptions()
        self.endpoints = tuple(Endpoint(each, self.options, make_credential, self._clock) for each in settings)
        """What runs for each, in the order given."""
        self._tasks = Tasks()
        self._is_running = False

    @property
    def keys(self) -> Sequence[str]:
        """The access keys of all endpoints, by which their upstream requests are signed.

        Those that Entra lets us into have none that we know.
        """
        keys = (each.settings.connection.access_key for each in self.endpoints)
        return tuple(dict.fromkeys(key for key in keys if key is not None))

    @property
    def unready_reason(self) -> str | None:
        """Why new clients should not be sent there; None: at least one endpoint is well."""
        if not self._is_running:
            return "the connection to Azure SignalR Service has not been started"
        if any(endpoint.is_healthy for endpoint in self.endpoints):
            return None
        return "no endpoint of Azure SignalR Service answers"

    def plane(self, hub: str, options: HubOptions | None = None) -> DataPlane:
        """Return the way out for one hub.

        Args:
            options: of these count `protocols`, `property_names` and `client_result_timeout_seconds`.

        Raises: ValueError for a hub name that the service refuses.
        """
        planes = [AzureDataPlane(endpoint.client, hub, options) for endpoint in self.endpoints]
        if len(planes) == 1:
            return planes[0]
        return FanOutDataPlane(planes, lambda place: self.endpoints[place].is_healthy)

    def context(self, hub: str, contract: type[ContractT], options: HubOptions | None = None) -> HubContext[ContractT]:
        """Return the way to a hub's clients and groups, for a process that only publishes. Raises: as `plane`."""
        options = options or HubOptions()
        return HubContext(self.plane(hub, options), contract, options.property_names)

    async def negotiate(
        self,
        hub: str,
        *,
        user_id: str | None = None,
        claims: Mapping[str, object] | None = None,
        lifetime_seconds: float | None = None,
        region: str | None = None,
    ) -> ClientAccess:
        """Let one client in, at the endpoint that `choose` chooses; where Entra gives none a key, at another one.

        Identity and claims must come from a verified source: hubs believe them.

        Args:
            lifetime_seconds: None: that of the options.
            region: where the client is, in the words of the endpoints.

        Raises: ValueError for names and claims that the service refuses; BrokerUnavailable, ServiceRefused when no
            endpoint without an access key lends one.
        """
        candidates = list(self.endpoints)
        while True:
            endpoint = choose(candidates, region, self._random)
            try:
                return await endpoint.negotiate(hub, user_id=user_id, claims=claims, lifetime_seconds=lifetime_seconds)
            except (BrokerUnavailable, ServiceRefused) as error:
                candidates.remove(endpoint)
                if not candidates:
                    raise
                _log.warning("A client is sent elsewhere: %s", error)

    async def start(self) -> None:
        """Begin to watch the endpoints; needs a running loop. Starting twice is starting once."""
        if not self._is_running:
            self._is_running = True
            for endpoint in self.endpoints:
                self._tasks.start(endpoint.watch())
                self._tasks.start(endpoint.keep())

    async def stop(self) -> None:
        """Break off what is under way and close all connections."""
        self._is_running = False
        await self._tasks.cancel()
        await asyncio.gather(*(endpoint.close() for endpoint in self.endpoints))

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()
