"""What lets an application into the REST data plane: an access key, or an identity of Entra. Knows no HTTP.

azure-identity is imported only when a connection string asks for Entra; it is the extra `azure`.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from hubwire.azure.connection_string import AuthType, ConnectionString
from hubwire.azure.rest_tokens import RestTokens
from hubwire.clock import Clock, SystemClock
from hubwire.errors import ServiceUnavailable

_log = logging.getLogger("hubwire.azure")

SCOPE = "https://signalr.azure.com/.default"
"""What a token of Entra is asked for."""

_RENEW_SECONDS = 300.0
"""How long before its end a token is renewed: 5 minutes, what clocks of two machines may differ by."""
_REMEMBERED = 10_000
"""Tokens that are kept: as many addresses, some 300 bytes each. Making one takes 10 us."""


class Credential(Protocol):
    """Whatever gives tokens of Entra: those of `azure.identity.aio`, or one of the application's own."""

    async def get_token(self, *scopes: str) -> EntraToken:
        """Raises: any exception; whoever implements it has errors of its own."""

    async def close(self) -> None:
        """Let go of what it holds."""


class EntraToken(Protocol):
    """What such a credential gives."""

    @property
    def token(self) -> str:
        """The bearer token."""

    @property
    def expires_on(self) -> int:
        """In seconds since 1970."""


class RestAuthorization(Protocol):
    """Lets requests in at one service."""

    async def token(self, path: str) -> str:
        """The bearer token for requests to this path, still escaped and without query.

        Raises: ServiceUnavailable when there is none to be had.
        """

    async def close(self) -> None:
        """Let go of what it holds."""


class KeyAuthorization:
    """Implements `RestAuthorization` by signing with an access key. Has no secrets in `repr`."""

    def __init__(self, connection: ConnectionString, lifetime_seconds: float, clock: Clock | None = None) -> None:
        """Raises: ValueError for a connection string without access key."""
        if connection.access_key is None:
            raise ValueError("This connection string has no AccessKey; use EntraAuthorization.")
        self._clock: Clock = clock or SystemClock()
        self._margin_seconds = min(_RENEW_SECONDS, lifetime_seconds / 2)
        self._tokens = RestTokens(
            [connection.access_key], [connection.audience_url], lifetime_seconds=lifetime_seconds, clock=self._clock
        )
        self._signed: dict[str, tuple[str, float]] = {}

    async def token(self, path: str) -> str:
        signed = self._signed.get(path)
        if signed is not None and self._clock.time() < signed[1]:
            return signed[0]
        token, expires_at = self._tokens.sign(path)
        if signed is None and len(self._signed) >= _REMEMBERED:
            del self._signed[next(iter(self._signed))]  # the oldest
        self._signed[path] = token, expires_at - self._margin_seconds
        return token

    async def close(self) -> None:
        return


class EntraAuthorization:
    """Implements `RestAuthorization` with the token of an identity, which is good for every path."""

    def __init__(self, connection: ConnectionString, credential: Credential, clock: Clock | None = None) -> None:
        self._endpoint = connection.endpoint
        self._credential = credential
        self._clock: Clock = clock or SystemClock()
        self._renewing = asyncio.Lock()
        self._token = ""
        self._expires_at = 0.0

    async def token(self, path: str) -> str:
        if self._clock.time() < self._expires_at - _RENEW_SECONDS:
            return self._token
        async with self._renewing:
            if self._clock.time() >= self._expires_at - _RENEW_SECONDS:
                await self._renew()
        return self._token

    async def close(self) -> None:
        await self._credential.close()

    async def _renew(self) -> None:
        try:
            token = await self._credential.get_token(SCOPE)
        except Exception as error:  # whatever azure-identity raises: errors of several libraries
            if self._clock.time() < self._expires_at:
                _log.warning("Entra gave no new token; the old one is used while it lives: %s", error)
                return
            reason = f"Entra gave no token ({type(error).__name__}): {error}"
            raise ServiceUnavailable(self._endpoint, reason, may_have_arrived=False) from error
        self._token, self._expires_at = token.token, float(token.expires_on)


def entra_credential(connection: ConnectionString) -> Credential:
    """The credential of azure-identity that a connection string asks for. Opens nothing yet.

    Raises: ImportError without azure-identity; ValueError for a connection string with an access key, or a certificate
    that cannot be read.
    """
    try:
        from azure.identity import aio
    except ImportError as error:
        raise ImportError(
            "AuthType=azure… needs azure-identity; install it with: pip install 'hubwire[azure]'"
        ) from error
    client_id, tenant_id = connection.client_id or "", connection.tenant_id or ""
    match connection.auth_type:
        case AuthType.DEFAULT:
            return aio.DefaultAzureCredential()
        case AuthType.MANAGED_IDENTITY:
            return aio.ManagedIdentityCredential(client_id=connection.client_id)
        case AuthType.APPLICATION if connection.client_secret:
            return aio.ClientSecretCredential(tenant_id, client_id, connection.client_secret)
        case AuthType.APPLICATION:
            return aio.CertificateCredential(tenant_id, client_id, connection.client_certificate_path)
        case _:
            raise ValueError("This connection string has an AccessKey and asks for no identity.")
