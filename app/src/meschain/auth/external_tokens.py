"""Tokens that others issue for us: the shop by a shared secret, or an identity provider by public keys.

What such a token may say is decided by the settings of its issuer, never by its header. Knows no log-in of ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import jwt

from meschain.auth.claims import marketplaces_of
from meschain.auth.issuers import TokenIssuer
from meschain.auth.key_sets import Fetch, KeySet, PublicKey, fetch_bytes
from meschain.auth.login_tokens import (
    HEADER,
    MAXIMUM_TOKEN_CHARACTERS,
    PAYLOAD,
    InvalidToken,
    moment,
    unverified_part,
)
from meschain.auth.ports import Clock
from meschain.domain.roles import Identity, Role, parse_role

EXTERNAL_PREFIX: Final = "external:"
_MAXIMUM_SUBJECT_CHARACTERS: Final = 128
_MAXIMUM_NAME_CHARACTERS: Final = 128
_REQUIRED: Final = ["iss", "aud", "sub", "exp"]


@dataclass(frozen=True, slots=True)
class ExternalClaims:
    """What a verified token of another issuer says."""

    identity: Identity
    expires_at: datetime


class ExternalTokens:
    """Verifies the tokens of the configured issuers."""

    def __init__(self, issuers: Sequence[TokenIssuer], clock: Clock, fetch: Fetch = fetch_bytes) -> None:
        self._issuers = {issuer.issuer: issuer for issuer in issuers}
        self._key_sets = {
            issuer.issuer: KeySet(issuer.jwks_url, clock, fetch) for issuer in issuers if issuer.jwks_url is not None
        }
        self._clock = clock

    async def verify(self, token: str) -> ExternalClaims:
        """Raises: InvalidToken; IssuerUnavailable."""
        if len(token) > MAXIMUM_TOKEN_CHARACTERS:
            raise InvalidToken("the token is too long")
        issuer = self._issuers.get(issuer_of(token) or "")
        if issuer is None:
            raise InvalidToken("nobody whom we believe has issued the token")
        header = unverified_part(token, HEADER)
        algorithm = header.get("alg")
        if not isinstance(algorithm, str) or algorithm not in issuer.algorithms:
            raise InvalidToken("the algorithm is not one of the issuer's")
        key = await self._key(issuer, header.get("kid"), algorithm)
        try:
            payload = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                issuer=issuer.issuer,
                audience=issuer.audience,
                # The times are compared below, with the clock that we were given.
                options={"require": _REQUIRED, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
        except (jwt.PyJWTError, ValueError) as error:
            raise InvalidToken(f"the token does not verify ({type(error).__name__})") from None
        return ExternalClaims(_identity(issuer, payload), self._checked_times(issuer, payload))

    async def _key(self, issuer: TokenIssuer, key_id: object, algorithm: str) -> PublicKey | bytes:
        if issuer.secret is not None:
            return issuer.secret.get_secret_value().encode()
        return await self._key_sets[issuer.issuer].key(key_id if isinstance(key_id, str) else None, algorithm)

    def _checked_times(self, issuer: TokenIssuer, payload: Mapping[str, object]) -> datetime:
        now, leeway = self._clock.now(), timedelta(seconds=issuer.leeway_seconds)
        expires_at = moment(payload["exp"])
        if expires_at + leeway <= now:
            raise InvalidToken("the token has expired")
        for claim in ("nbf", "iat"):
            if claim in payload and moment(payload[claim]) - leeway > now:
                raise InvalidToken(f"the token is not valid yet ({claim})")
        return expires_at


def issuer_of(token: str) -> str | None:
    """What the token says of its issuer, NOT verified: only to choose who verifies it. Raises: InvalidToken."""
    issuer = unverified_part(token, PAYLOAD).get("iss")
    return issuer if isinstance(issuer, str) else None


def _identity(issuer: TokenIssuer, payload: Mapping[str, object]) -> Identity:
    subject = payload["sub"]
    if not isinstance(subject, str) or not subject.isprintable() or not 0 < len(subject) <= _MAXIMUM_SUBJECT_CHARACTERS:
        raise InvalidToken("the subject is empty, too long or no text")
    name = _claim(payload, issuer.name_claim)
    return Identity(
        user_id=f"{EXTERNAL_PREFIX}{issuer.name}/{subject}" if issuer.name else f"{EXTERNAL_PREFIX}{subject}",
        name=name[:_MAXIMUM_NAME_CHARACTERS] if isinstance(name, str) and name else subject,
        role=_role(issuer, _claim(payload, issuer.role_claim)),
        marketplaces=marketplaces_of(_claim(payload, issuer.marketplaces_claim)),
    )


def _role(issuer: TokenIssuer, value: object) -> Role:
    """The highest of the roles that the claim names. `service` cannot come from here."""
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list):
        return Role.USER
    named = [word for word in words if isinstance(word, str)]
    if issuer.roles:
        found = [issuer.roles[word] for word in named if word in issuer.roles]
    else:
        found = [parse_role(word) for word in named]
    return max(found, key=lambda role: role.level, default=Role.USER)


def _claim(payload: Mapping[str, object], name: str) -> object:
    """A claim by name; where there is none of that name, dots walk into objects (`realm_access.roles`)."""
    if name in payload:
        return payload[name]
    value: object = payload
    for part in name.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(part)
    return value
