"""Tokens of the conformance server: JSON Web Tokens (HS256) that it hands out to everybody who asks. Test use only.

Written out here so that the server needs nothing but the engine's own dependencies.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Any

import msgspec

from hubwire.clock import Clock, SystemClock
from hubwire.errors import Unauthorized
from hubwire.model import ConnectRequest, Principal

_HEADER = {"alg": "HS256", "typ": "JWT"}
_MAXIMUM_CHARACTERS = 4096


class ConformanceTokens:
    """Signs with a key of its own making, or a given one, and verifies; implements `TokenVerifier`."""

    __slots__ = ("_clock", "_is_required", "_key")

    def __init__(self, *, clock: Clock | None = None, key: bytes | None = None) -> None:
        self._key = key or secrets.token_bytes(32)
        self._clock: Clock = clock or SystemClock()
        self._is_required = True

    @property
    def optional(self) -> ConformanceTokens:
        """A verifier with the same key that lets in, as nobody, who brings no token."""
        other = ConformanceTokens(clock=self._clock, key=self._key)
        other._is_required = False
        return other

    def sign(
        self,
        user_id: str,
        lifetime_seconds: float = 60.0,
        *,
        hub: str | None = None,
        claims: Mapping[str, object] | None = None,
    ) -> str:
        """A token for a user, for one hub or for all."""
        claims = {**(claims or {}), "sub": user_id, "exp": self._clock.time() + lifetime_seconds}
        if hub is not None:
            claims["aud"] = hub
        signed = b".".join(_to_text(msgspec.json.encode(part)) for part in (_HEADER, claims))
        return (signed + b"." + _to_text(self._signature(signed))).decode()

    async def verify(self, token: str | None, hub: str, request: ConnectRequest) -> Principal:
        if token is None:
            if self._is_required:
                raise Unauthorized("The request carries no token.")
            return Principal()
        claims = self._claims(token)
        user_id, expires_at = claims.get("sub"), claims.get("exp")
        if not isinstance(user_id, str) or not isinstance(expires_at, float) or expires_at <= self._clock.time():
            raise Unauthorized("The token names nobody, or has expired.")
        if str(claims.get("aud", hub)).lower() != hub.lower():
            raise Unauthorized("The token is for another hub.")
        return Principal(user_id, claims, expires_at)

    def _claims(self, token: str) -> dict[str, Any]:
        signed, _, signature = token.encode()[:_MAXIMUM_CHARACTERS].rpartition(b".")
        try:
            # The key is ours alone and the header is signed, so what it says needs no look.
            if not hmac.compare_digest(_from_text(signature), self._signature(signed)):
                raise Unauthorized("The signature is wrong.")
            return msgspec.json.decode(_from_text(signed.partition(b".")[2]), type=dict[str, Any])
        except (binascii.Error, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Unauthorized("The token cannot be read.") from error

    def _signature(self, signed: bytes) -> bytes:
        return hmac.new(self._key, signed, hashlib.sha256).digest()


def _to_text(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _from_text(text: bytes) -> bytes:
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
