"""What signs the tokens of clients: the access key, or a temporary key that the service lends to an Entra identity.

Knows no HTTP: the request for a temporary key is made by whoever is given.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from hubwire.azure.connection_string import ConnectionString
from hubwire.azure.jwt import ClientTokens
from hubwire.clock import Clock, SystemClock
from hubwire.errors import HubwireError, ServiceRefused, ServiceUnavailable

_log = logging.getLogger("hubwire.azure")

_REFRESH_SECONDS = 55 * 60.0
"""Age at which a temporary key is replaced: as the service's own tools. It lives for 90 minutes."""
_GIVE_UP_SECONDS = 110 * 60.0
"""Age at which it is used no more: as the service's own tools, which leave it to the service to refuse the token."""
_ATTEMPTS = 4
_RETRY_SECONDS = 3.0
_PAUSE_SECONDS = 5 * 60.0
"""Wait after so many attempts without a key: as the service's own tools."""


class ClientSigning(Protocol):
    """Gives what signs the tokens of clients."""

    async def tokens(self) -> ClientTokens:
        """What signs now. Raises: ServiceUnavailable, ServiceRefused."""

    async def keep(self) -> None:
        """Run while it is in use; ends when there is nothing to do."""


class KeySigning:
    """Implements `ClientSigning` with the access key of a connection string."""

    def __init__(self, connection: ConnectionString, lifetime_seconds: float, clock: Clock | None = None) -> None:
        """Raises: ValueError for a connection string without access key, or with a short one."""
        self._tokens = ClientTokens(
            [connection.access_key or ""],
            [connection.audience_url],
            lifetime_seconds=lifetime_seconds,
            clock=clock,
        )

    async def tokens(self) -> ClientTokens:
        return self._tokens

    async def keep(self) -> None:
        return


class TemporaryKey(msgspec.Struct, frozen=True):
    """What the service answers. Has no secret in `repr`."""

    KeyId: str
    AccessKey: str

    def __repr__(self) -> str:
        return f"TemporaryKey({self.KeyId!r})"


class TemporaryKeySigning:
    """Implements `ClientSigning` with temporary keys, each replaced before its end."""

    def __init__(
        self,
        connection: ConnectionString,
        lifetime_seconds: float,
        fetch: Callable[[], Awaitable[bytes]],
        clock: Clock | None = None,
    ) -> None:
        """Args:
        fetch: asks the service for a key and returns the body of its answer; raises as `RestClient.call` does.
        """
        self._connection = connection
        self._lifetime_seconds = lifetime_seconds
        self._fetch = fetch
        self._clock: Clock = clock or SystemClock()
        self._fetching = asyncio.Lock()
        self._tokens: ClientTokens | None = None
        self._since = 0.0
        self._failure: HubwireError | None = None
        self._failures = 0

    async def tokens(self) -> ClientTokens:
        if self._tokens is not None and self._age < _GIVE_UP_SECONDS:
            return self._tokens
        failures = self._failures
        async with self._fetching:
            if self._failure is not None and self._failures != failures:
                raise self._failure.with_traceback(None)  # found out while this caller waited
            if self._tokens is not None and self._age < _GIVE_UP_SECONDS:
                return self._tokens
            return await self._replace()

    async def keep(self) -> None:
        while True:
            async with self._fetching:
                is_fresh = self._tokens is not None and self._age < _REFRESH_SECONDS
            if is_fresh or await self._refreshed():
                await self._clock.sleep(max(_REFRESH_SECONDS - self._age, 0.0))
            else:
                await self._clock.sleep(_PAUSE_SECONDS)

    @property
    def _age(self) -> float:
        return self._clock.monotonic() - self._since

    async def _refreshed(self) -> bool:
        for attempt in range(_ATTEMPTS):
            if attempt:
                await self._clock.sleep(_RETRY_SECONDS)
            try:
                async with self._fetching:
                    await self._replace()
            except (ServiceUnavailable, ServiceRefused) as error:
                _log.warning("No temporary key for the tokens of clients: %s", error)
            else:
                return True
        return False

    async def _replace(self) -> ClientTokens:
        try:
            body = await self._fetch()
            try:
                key = msgspec.json.decode(body, type=TemporaryKey)
            except msgspec.DecodeError as error:
                raise ServiceUnavailable(
                    self._connection.endpoint, "its answer holds no key", may_have_arrived=False
                ) from error
            tokens = ClientTokens(
                [key.AccessKey],
                [self._connection.audience_url],
                lifetime_seconds=self._lifetime_seconds,
                key_id=key.KeyId,
                clock=self._clock,
            )
        except HubwireError as error:
            self._failure = error
            self._failures += 1
            raise
        self._tokens, self._since, self._failure = tokens, self._clock.monotonic(), None
        return tokens
