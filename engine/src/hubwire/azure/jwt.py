"""Signs and verifies client tokens of Azure SignalR Service (HS256; reads HS512 too). Knows no sockets and no sessions.

As in the service, the signing key is the UTF-8 text of the access key and never base64-decoded, the `kid` header means
nothing and every active key is tried, `exp` is required, and `nbf` and `iat` are written but not checked.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType

from hubwire.azure import hmac_jwt
from hubwire.azure.client_url import client_url
from hubwire.azure.steering import read_steering
from hubwire.azure.verified_tokens import VerifiedTokens
from hubwire.clock import Clock, SystemClock
from hubwire.errors import TokenTooLong, Unauthorized
from hubwire.model import ConnectRequest, Principal

MAXIMUM_TOKEN_CHARACTERS = 4096
"""Longest token signed or read: the service's own tools refuse longer ones, which would not fit into headers."""

_USER_ID_CLAIMS = ("asrs.s.uid", "nameid", "sub")  # the first present decides
_SYSTEM_PREFIX = "asrs.s."
_CUSTOMER_PREFIX = "asrs.u."
_SYSTEM_NAMES = frozenset(("aud", "exp", "iat", "nbf", "iss", "actort", "acr", "azp", "c_hash", "jti", "nonce"))


class ClientTokens:
    """Signs client tokens with the first key and implements `TokenVerifier` with all of them. Has no secrets in `repr`.

    The first base is the public address that tokens are made for; the others are accepted besides (an internal host, a
    custom domain).
    """

    __slots__ = ("_clock", "_key_id", "_lifetime_seconds", "_verified", "public_url")

    def __init__(
        self,
        keys: Sequence[str],
        base_urls: Sequence[str],
        *,
        lifetime_seconds: float = 3600.0,
        key_id: str | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Args:
            keys: access keys, the active one first; put the one that it replaces behind it while its tokens live.
                `AccessKeys` may change later.
            base_urls: `https://host[:port]` each.
            lifetime_seconds: of a token that is not given its own. 1 h: that of the service's tools.
            key_id: names the signing key in each token, for keys that the service has lent. None: it has no name.

        Raises: ValueError for no key, a short key or a malformed base.
        """
        self._clock: Clock = clock or SystemClock()
        self._verified: VerifiedTokens[Principal] = VerifiedTokens(keys, base_urls, self._clock)
        self.public_url = self._verified.base_url
        """The base address that tokens are made for."""
        self._lifetime_seconds = lifetime_seconds
        self._key_id = key_id

    def sign(
        self,
        hub: str,
        *,
        user_id: str | None = None,
        claims: Mapping[str, object] | None = None,
        lifetime_seconds: float | None = None,
    ) -> str:
        """A token for one hub. Claims named like the service's own are carried under `asrs.u.`, and come back renamed.

        Raises: ValueError for a hub name or a claim that the service refuses, or a token that grows too long.
        """
        now = int(self._clock.time())
        lifetime = self._lifetime_seconds if lifetime_seconds is None else lifetime_seconds
        payload: dict[str, object] = {_carried_name(name): value for name, value in (claims or {}).items()}
        if user_id is not None:
            payload[_USER_ID_CLAIMS[0]] = user_id
        payload |= {
            "nbf": now,
            "exp": int(self._clock.time() + lifetime),
            "iat": now,
            "jti": secrets.token_urlsafe(12),
            "aud": client_url(self.public_url, hub),
        }
        token = hmac_jwt.sign(payload, self._verified.keys.encoded[0], self._key_id)
        if len(token) > MAXIMUM_TOKEN_CHARACTERS:
            raise ValueError(
                f"The token has {len(token)} characters, the limit is {MAXIMUM_TOKEN_CHARACTERS}; put less into claims."
            )
        return token

    async def verify(self, token: str | None, hub: str, request: ConnectRequest) -> Principal:
        if token is None:
            raise Unauthorized("The request carries no token.")
        if len(token) > MAXIMUM_TOKEN_CHARACTERS:
            raise TokenTooLong(len(token), MAXIMUM_TOKEN_CHARACTERS)
        known = self._verified.recall(token, hub)
        if known is not None:
            return known
        name = hub.lower()
        read = self._verified.read(token, f"{self.public_url}/client/?hub={name}", partial(_leads_to_hub, name))
        if read is None:
            raise Unauthorized(f"The token is not for hub {hub!r}.")
        payload, expires_at = read
        claims = MappingProxyType(customer_claims(payload))  # connections of one token share it
        principal = Principal(_user_id(payload), claims, expires_at, read_steering(payload, expires_at))
        self._verified.remember(token, hub, expires_at, principal)
        return principal


def _leads_to_hub(name: str, path: str, query: str) -> bool:
    """The slash before the query may be missing."""
    return path in ("/client/", "/client") and query.lower() == f"hub={name}"


def _carried_name(name: str) -> str:
    if name.startswith(_SYSTEM_PREFIX):
        raise ValueError(f"The claim {name!r} is reserved; names that begin with {_SYSTEM_PREFIX} steer the service.")
    # A name with the prefix gets a second one, of which reading strips one.
    return f"{_CUSTOMER_PREFIX}{name}" if name in _SYSTEM_NAMES or name.startswith(_CUSTOMER_PREFIX) else name


def _user_id(payload: Mapping[str, object]) -> str | None:
    for name in _USER_ID_CLAIMS:
        user_id = payload.get(name)
        if isinstance(user_id, list):
            user_id = user_id[0] if user_id else None  # a repeated claim: the first one stays
        if user_id is None:
            continue
        if not isinstance(user_id, str):
            raise Unauthorized(f"The token's {name} is no text.")
        return user_id or None  # no address of the service names an empty one, and no header carries it: nobody
    return None


def customer_claims(payload: Mapping[str, object]) -> dict[str, object]:
    """The claims that hubs see: the service's own dropped, renamed ones under their names again."""
    claims = {
        name: value
        for name, value in payload.items()
        if name not in _SYSTEM_NAMES and not name.startswith((_SYSTEM_PREFIX, _CUSTOMER_PREFIX))
    }
    for name, value in payload.items():
        own_name = name.removeprefix(_CUSTOMER_PREFIX)
        if own_name != name and not own_name.startswith(_SYSTEM_PREFIX):
            # A claim under its own name was there first, as the further `sub` of a token with two.
            claims.setdefault(own_name, value)
    return claims
