"""Signs and verifies the tokens of Azure SignalR Service's client endpoint (HS256). Knows no sockets and no sessions.

As in the service, the signing key is the UTF-8 text of the access key and never base64-decoded, the `kid` header means
nothing and every active key is tried, `exp` is required, and `nbf` and `iat` are written but not checked.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

import jwt

from hubwire.azure.client_url import checked_base_url, client_url
from hubwire.clock import Clock, SystemClock
from hubwire.errors import Unauthorized
from hubwire.model import ConnectRequest, Principal

MAXIMUM_TOKEN_CHARACTERS = 4096
"""Longest token signed or read: the service's own tools refuse longer ones, which would not fit into headers."""

_MINIMUM_KEY_BYTES = 32  # RFC 7518 3.2: an HS256 key is at least as long as the hash
_ALGORITHM = "HS256"
_USER_ID_CLAIMS = ("asrs.s.uid", "nameid", "sub")  # the first present decides
_SYSTEM_PREFIX = "asrs.s."
_CUSTOMER_PREFIX = "asrs.u."
_SYSTEM_NAMES = frozenset(("aud", "exp", "iat", "nbf", "iss", "actort", "acr", "azp", "c_hash", "jti", "nonce"))
_DEFAULT_PORTS = {"http": 80, "https": 443}


class ClientTokens:
    """Signs client tokens with the first key and implements `TokenVerifier` with all of them. Has no secrets in `repr`.

    The first base is the public address that tokens are made for; the others are accepted besides (an internal host, a
    custom domain).
    """

    __slots__ = ("_clock", "_keys", "_lifetime_seconds", "_places", "public_url")

    def __init__(
        self,
        keys: Sequence[str],
        base_urls: Sequence[str],
        *,
        lifetime_seconds: float = 3600.0,
        clock: Clock | None = None,
    ) -> None:
        """Args:
            keys: access keys, the active one first; put the one that it replaces behind it while its tokens live.
            base_urls: `https://host[:port]` each.
            lifetime_seconds: of a token that is not given its own. 1 h: that of the service's tools.

        Raises: ValueError for no key, a short key or a malformed base.
        """
        if isinstance(keys, str) or isinstance(base_urls, str):
            raise TypeError("Keys and base addresses come as lists; put the single one into a list.")
        if not keys or not base_urls:
            raise ValueError("Tokens need at least one key and one base address.")
        encoded = tuple(key.encode() for key in keys)
        if any(len(key) < _MINIMUM_KEY_BYTES for key in encoded):
            raise ValueError(f"A signing key has less than {_MINIMUM_KEY_BYTES} bytes; make a longer one at random.")
        self._keys = encoded
        bases = [checked_base_url(base) for base in base_urls]
        self.public_url = bases[0]
        """The base address that tokens are made for."""
        self._places = tuple(urlsplit(base) for base in bases)
        self._lifetime_seconds = lifetime_seconds
        self._clock: Clock = clock or SystemClock()

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
        token = jwt.encode(payload, self._keys[0], algorithm=_ALGORITHM)
        if len(token) > MAXIMUM_TOKEN_CHARACTERS:
            raise ValueError(
                f"The token has {len(token)} characters, the limit is {MAXIMUM_TOKEN_CHARACTERS}; put less into claims."
            )
        return token

    async def verify(self, token: str | None, hub: str, request: ConnectRequest) -> Principal:
        if token is None:
            raise Unauthorized("The request carries no token.")
        if len(token) > MAXIMUM_TOKEN_CHARACTERS:
            raise Unauthorized(f"The token is longer than {MAXIMUM_TOKEN_CHARACTERS} characters.")
        payload = self._decode(token)
        expires_at = payload.get("exp")
        if isinstance(expires_at, bool) or not isinstance(expires_at, int | float) or not math.isfinite(expires_at):
            raise Unauthorized("The token's exp is no point in time.")
        if expires_at <= self._clock.time():
            raise Unauthorized("The token has expired.")
        audience = payload.get("aud")
        if not any(self._is_for(each, hub) for each in (audience if isinstance(audience, list) else [audience])):
            raise Unauthorized(f"The token is not for hub {hub!r}.")
        return Principal(_user_id(payload), _customer_claims(payload), float(expires_at))

    def _decode(self, token: str) -> dict[str, object]:
        options: jwt.types.Options = {
            "require": ["exp", "aud"],
            # Checked here instead, by our clock and the service's rules.
            "verify_exp": False,
            "verify_aud": False,
            "verify_nbf": False,
            "verify_iat": False,
            "verify_sub": False,
            "verify_jti": False,
        }
        for key in self._keys:
            try:
                return jwt.decode(token, key, algorithms=[_ALGORITHM], options=options)
            except jwt.InvalidSignatureError:
                continue
            except (jwt.PyJWTError, ValueError, RecursionError) as error:
                raise Unauthorized(f"The token cannot be read: {type(error).__name__}.") from error
        raise Unauthorized("The signature key was not found.")

    def _is_for(self, audience: object, hub: str) -> bool:
        """Whether an audience names this hub under one of our bases (azure-serverless 2.4).

        Scheme and host are compared without regard to case; the port may be missing; so may the slash before `?`.
        """
        if not isinstance(audience, str):
            return False
        try:
            actual = urlsplit(audience)
            port = actual.port
        except ValueError:
            return False
        if actual.query.lower() != f"hub={hub.lower()}" or actual.fragment or actual.username is not None:
            return False
        return any(
            actual.scheme == base.scheme  # urlsplit has put scheme and hostname into lower case
            and actual.hostname == base.hostname
            and port in (None, base.port or _DEFAULT_PORTS[base.scheme])
            and actual.path in (f"{base.path}/client/", f"{base.path}/client")
            for base in self._places
        )


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
        return user_id
    return None


def _customer_claims(payload: Mapping[str, object]) -> dict[str, object]:
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
