"""The bearer tokens that we issue for `/api`: HS256, by the current key, believed by every key that is still valid.

Knows no store: whether the log-in behind a token still holds is for `auth.bearer`.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import jwt

from meschain.auth.claims import claims_of, identity_of, session_of
from meschain.auth.issuers import OUR_ISSUER
from meschain.auth.keys import SigningKey
from meschain.auth.ports import Clock
from meschain.domain.roles import Identity

AUDIENCE: Final = "meschain-api"
MAXIMUM_TOKEN_CHARACTERS: Final = 8192
"""Longer ones are refused unread; servers in front of us refuse such headers anyway."""

_PARTS: Final = 3
_REMEMBERED_TOKENS: Final = 2_000
"""Verified ones that are not verified again: some megabytes at most."""
_ALGORITHM: Final = "HS256"
_REQUIRED: Final = ["iss", "aud", "sub", "exp", "iat"]


class InvalidToken(Exception):
    """A token that is not believed. The text is for the log, never for the client, and holds no part of the token."""


@dataclass(frozen=True, slots=True)
class LoginClaims:
    """What a token of ours says. `session_id` None: issued by the command line, no log-in behind it."""

    identity: Identity
    session_id: str | None
    expires_at: datetime


class LoginTokens:
    """Issues and verifies."""

    def __init__(self, keys: Sequence[SigningKey], clock: Clock) -> None:
        """The first key signs. Raises: ValueError for no key."""
        if not keys:
            raise ValueError("Log-in tokens need at least one key.")
        self._signing = keys[0]
        self._keys = {key.id: key.value for key in keys}
        self._clock = clock
        # A signature that held once holds for ever; a page brings the same token with each of its requests.
        self._verified: OrderedDict[str, LoginClaims] = OrderedDict()

    def issue(self, identity: Identity, lifetime_seconds: float, session_id: str | None = None) -> str:
        """A token for this identity. Checks no right."""
        now = self._clock.now()
        payload: dict[str, object] = {
            "iss": OUR_ISSUER,
            "aud": AUDIENCE,
            "sub": identity.user_id,
            "iat": int(now.timestamp()),
            "exp": int((now + timedelta(seconds=lifetime_seconds)).timestamp()),
            "jti": secrets.token_urlsafe(12),
            **claims_of(identity, session_id),
        }
        return jwt.encode(payload, self._signing.value, algorithm=_ALGORITHM, headers={"kid": self._signing.id})

    def verify(self, token: str) -> LoginClaims:
        """Raises: InvalidToken."""
        claims = self._verified.get(token)
        if claims is None:
            claims = self._verify(token)
            self._verified[token] = claims
            if len(self._verified) > _REMEMBERED_TOKENS:
                self._verified.popitem(last=False)
        if claims.expires_at <= self._clock.now():
            raise InvalidToken("the token has expired")
        return claims

    def _verify(self, token: str) -> LoginClaims:
        if len(token) > MAXIMUM_TOKEN_CHARACTERS:
            raise InvalidToken("the token is too long")
        key = self._keys.get(str(unverified_part(token, HEADER).get("kid")))
        if key is None:
            raise InvalidToken("the token names no key that is valid")
        try:
            payload = jwt.decode(
                token,
                key,
                algorithms=[_ALGORITHM],
                issuer=OUR_ISSUER,
                audience=AUDIENCE,
                # The times are compared by the caller, with the clock that we were given.
                options={"require": _REQUIRED, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
        except jwt.PyJWTError as error:
            raise InvalidToken(f"the token does not verify ({type(error).__name__})") from None
        return LoginClaims(identity_of(payload["sub"], payload), session_of(payload), moment(payload["exp"]))


HEADER: Final = 0
PAYLOAD: Final = 1


def unverified_part(token: str, part: int) -> Mapping[str, object]:
    """What a part of a token says, NOT verified: only to choose who verifies it, and by which key.

    By hand: the library takes all three parts apart each time, and three such looks at a token cost far more than one
    (bench/results/sign_on.json).

    Raises: InvalidToken.
    """
    parts = token.split(".")
    if len(parts) != _PARTS:
        raise InvalidToken("this is no token")
    text = parts[part]
    try:
        found = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, RecursionError) as error:
        raise InvalidToken(f"this is no token ({type(error).__name__})") from None
    if not isinstance(found, dict):
        raise InvalidToken("a part of the token is no object")
    return found


def moment(value: object) -> datetime:
    """A NumericDate. Raises: InvalidToken."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidToken("a time in the token is no number")
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, ValueError, OSError):
        raise InvalidToken("a time in the token is out of range") from None
