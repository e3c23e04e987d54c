"""One service that an application uses: its requests, its clients' tokens, and whether it is well."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from hubwire.azure.client_signing import ClientSigning, KeySigning, TemporaryKeySigning
from hubwire.azure.connection_string import AuthType, ConnectionString
from hubwire.azure.credentials import Credential, EntraAuthorization, KeyAuthorization, RestAuthorization
from hubwire.azure.endpoints import ServiceEndpoint
from hubwire.azure.negotiate import ClientAccess, negotiate_answer
from hubwire.azure.rest_client import RestClient
from hubwire.azure.routes import Operation
from hubwire.clock import Clock
from hubwire.options import AzureOptions

_log = logging.getLogger("hubwire.azure")

_ATTEMPTS = 3
"""Questions about health in a row that have to fail, unless a request has failed already."""


class Endpoint:
    """What runs for one `ServiceEndpoint`."""

    def __init__(
        self,
        settings: ServiceEndpoint,
        options: AzureOptions,
        make_credential: Callable[[ConnectionString], Credential],
        clock: Clock,
    ) -> None:
        """Raises: ValueError for an access key that is too short; what `make_credential` raises."""
        self.settings = settings
        self._options = options
        self._clock = clock
        self._doubt = asyncio.Event()
        self._is_well = asyncio.Event()
        self._is_well.set()
        self._is_unwell = asyncio.Event()
        connection = settings.connection
        authorization: RestAuthorization
        self._signing: ClientSigning
        if connection.auth_type is AuthType.ACCESS_KEY:
            authorization = KeyAuthorization(connection, options.token_lifetime_seconds, clock)
            self._signing = KeySigning(connection, options.token_lifetime_seconds, clock)
        else:
            authorization = EntraAuthorization(connection, make_credential(connection), clock)
            self._signing = TemporaryKeySigning(connection, options.token_lifetime_seconds, self._temporary_key, clock)
        self.client = RestClient(connection, authorization, options, clock=clock, unreachable=self._doubt.set)
        """Makes its requests."""

    @property
    def is_healthy(self) -> bool:
        """Whether it answers; until the first question it does."""
        return self._is_well.is_set()

    async def until(self, *, is_healthy: bool) -> None:
        """Return when it is known to be well, or not to be."""
        await (self._is_well if is_healthy else self._is_unwell).wait()

    async def negotiate(
        self,
        hub: str,
        *,
        user_id: str | None = None,
        claims: Mapping[str, object] | None = None,
        lifetime_seconds: float | None = None,
    ) -> ClientAccess:
        """Let a client in. Raises: as `negotiate_answer`; ServiceUnavailable, ServiceRefused where Entra is asked."""
        return negotiate_answer(
            await self._signing.tokens(),
            hub,
            user_id=user_id,
            claims=claims,
            lifetime_seconds=lifetime_seconds,
            base_url=self.settings.connection.client_url,
        )

    async def keep(self) -> None:
        """Replace what signs clients' tokens before its end. Run it while the endpoint is in use."""
        await self._signing.keep()

    async def watch(self) -> None:
        """Find out again and again whether the service is well, at once when a request has failed. Never ends."""
        while True:
            await self._examine()
            options = self._options
            await self._pause(options.health_check_seconds if self.is_healthy else options.health_retry_seconds)

    async def close(self) -> None:
        """Close its connections."""
        await self.client.close()

    async def _examine(self) -> None:
        # A request that has failed is the first of those that have to fail, and the question now the last.
        attempts = 1 if self._doubt.is_set() or not self.is_healthy else _ATTEMPTS
        self._doubt.clear()
        for attempt in range(attempts):
            if attempt:
                await self._clock.sleep(self._options.health_retry_seconds)
            if await self.client.health():
                if not self.is_healthy:
                    _log.info("The service at %s is well again", self.client.endpoint)
                    self._is_unwell.clear()
                    self._is_well.set()
                return
        if self.is_healthy:
            _log.warning("The service at %s does not answer; new clients are sent elsewhere", self.client.endpoint)
            self._is_well.clear()
            self._is_unwell.set()

    async def _pause(self, seconds: float) -> None:
        """Wait that long, or until a request has failed; but where it is known to be unwell, that says nothing new."""
        sleeping = asyncio.ensure_future(self._clock.sleep(seconds))
        doubting = asyncio.ensure_future(self._doubt.wait())
        waiting = {sleeping, doubting} if self.is_healthy else {sleeping}
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            doubting.cancel()

    async def _temporary_key(self) -> bytes:
        return (await self.client.call(Operation.GET_ACCESS_KEY, ())).body
