"""Public keys of an issuer (JWKS): fetched without holding up the loop, cached, fetched again for an unknown key id.

Knows no token. Anybody can send a token that names an unknown key, so there is a floor between two fetches.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import aiohttp
import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from meschain.auth.login_tokens import InvalidToken
from meschain.auth.ports import Clock

MAXIMUM_AGE_SECONDS: Final = 3600.0
"""After that a set is fetched again. One hour: issuers announce a new key a day before they use it."""
STALE_SECONDS: Final = 24 * 3600.0
"""How long the last set is used while the issuer cannot be reached."""
FLOOR_SECONDS: Final = 30.0
"""Least time between two fetches."""
RETRY_FLOOR_SECONDS: Final = 5.0
"""The same after a fetch that failed."""
FETCH_TIMEOUT_SECONDS: Final = 5.0
MAXIMUM_SET_BYTES: Final = 256 * 1024
MINIMUM_RSA_BITS: Final = 2048

_log = logging.getLogger(__name__)

PublicKey = RSAPublicKey | EllipticCurvePublicKey
Fetch = Callable[[str], Awaitable[bytes]]


class IssuerUnavailable(Exception):
    """The keys of an issuer cannot be fetched, so nobody can tell whether its token is good."""


async def fetch_bytes(url: str) -> bytes:
    """The body at this address, without following redirects. Raises: OSError, aiohttp.ClientError, TimeoutError."""
    timeout = aiohttp.ClientTimeout(total=FETCH_TIMEOUT_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url, allow_redirects=False) as answer:
        if answer.status != 200:
            raise OSError(f"status {answer.status}")
        body = bytearray()
        async for chunk in answer.content.iter_chunked(16 * 1024):
            body += chunk
            if len(body) > MAXIMUM_SET_BYTES:
                raise OSError(f"more than {MAXIMUM_SET_BYTES} bytes")
        return bytes(body)


class KeySet:
    """The keys at one address."""

    def __init__(self, url: str, clock: Clock, fetch: Fetch = fetch_bytes) -> None:
        self._url = url
        self._clock = clock
        self._fetch = fetch
        self._keys: Mapping[tuple[str, str], PublicKey] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._failed = False
        self._lock = asyncio.Lock()

    async def key(self, key_id: str | None, algorithm: str) -> PublicKey:
        """The key of that id for that algorithm; without an id, the only one for the algorithm.

        Raises: InvalidToken; IssuerUnavailable.
        """
        if self._age() > MAXIMUM_AGE_SECONDS:
            await self._refresh()
        key = self._find(key_id, algorithm)
        if key is None:
            await self._refresh()
            key = self._find(key_id, algorithm)
        if key is None:
            raise InvalidToken("the issuer has no such key")
        return key

    def _age(self) -> float:
        return float("inf") if self._fetched_at is None else self._clock.monotonic() - self._fetched_at

    def _find(self, key_id: str | None, algorithm: str) -> PublicKey | None:
        if key_id is not None:
            return self._keys.get((key_id, algorithm))
        fitting = [key for (_, of), key in self._keys.items() if of == algorithm]
        return fitting[0] if len(fitting) == 1 else None

    async def _refresh(self) -> None:
        """Fetch, unless that was done just now; those who wait for the lock find it done."""
        async with self._lock:
            floor = RETRY_FLOOR_SECONDS if self._failed else FLOOR_SECONDS
            if self._tried_at is None or self._clock.monotonic() - self._tried_at >= floor:
                self._tried_at = self._clock.monotonic()
                self._failed = True
                try:
                    self._keys = parse_key_set(await self._fetch(self._url))
                except (OSError, ValueError, aiohttp.ClientError, TimeoutError) as error:
                    _log.warning("the keys at %s cannot be fetched: %s", self._url, str(error) or type(error).__name__)
                else:
                    self._failed = False
                    self._fetched_at = self._clock.monotonic()
            if self._age() > STALE_SECONDS:
                raise IssuerUnavailable(f"the keys at {self._url} cannot be fetched")


def parse_key_set(body: bytes) -> dict[tuple[str, str], PublicKey]:
    """The usable keys of a JWKS by id and algorithm; what is for other uses or too short is left out.

    Raises: ValueError when it is no JWKS.
    """
    content = json.loads(body)
    entries = content.get("keys") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise ValueError("the answer is no JWKS")  # noqa: TRY004 - what arrived is wrong, not how we were called
    keys: dict[tuple[str, str], PublicKey] = {}
    for entry in entries:
        if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
            continue
        algorithm = {"RSA": "RS256", "EC": "ES256"}.get(str(entry.get("kty")))
        if algorithm is None or entry.get("alg", algorithm) != algorithm:
            continue
        try:
            key = jwt.PyJWK(entry, algorithm).key
        except (jwt.PyJWTError, ValueError):
            continue
        is_good_rsa = isinstance(key, RSAPublicKey) and key.key_size >= MINIMUM_RSA_BITS
        is_good_curve = isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1)
        if is_good_rsa or is_good_curve:
            keys[(str(entry.get("kid", "")), algorithm)] = key
    return keys
