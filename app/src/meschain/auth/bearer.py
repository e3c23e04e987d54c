"""Who a bearer token speaks for at this moment: verified, not logged out, and its account still good.

Every request asks, so a disabled account or a lower role counts from the next request on, not from the next log-in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from meschain.auth.claims import SERVICE_PREFIX
from meschain.auth.external_tokens import ExternalTokens, issuer_of
from meschain.auth.issuers import OUR_ISSUER
from meschain.auth.login_tokens import MAXIMUM_TOKEN_CHARACTERS, InvalidToken, LoginTokens
from meschain.auth.ports import Clock, LoginSessionStore, PasswordCheck
from meschain.domain.roles import Identity, Role


@dataclass(frozen=True, slots=True)
class Bearer:
    """A caller that is who it says it is."""

    identity: Identity
    """As of now, which may be less than the token said."""
    session_id: str | None
    """The log-in behind the token; None: an operator or another issuer gave it."""
    good_until: datetime
    """End of the log-in, or of the token where there is no log-in."""


class Bearers:
    """Verifies bearer tokens of every kind."""

    def __init__(
        self,
        tokens: LoginTokens,
        external: ExternalTokens,
        sessions: LoginSessionStore,
        checks: Sequence[PasswordCheck],
        clock: Clock,
    ) -> None:
        self._tokens = tokens
        self._external = external
        self._sessions = sessions
        self._checks = checks
        self._clock = clock

    async def verify(self, token: str) -> Bearer:
        """Raises: InvalidToken; IssuerUnavailable; what the sources of users raise when they cannot be asked."""
        if len(token) > MAXIMUM_TOKEN_CHARACTERS:
            raise InvalidToken("the token is too long")
        if issuer_of(token) != OUR_ISSUER:
            external = await self._external.verify(token)
            return Bearer(external.identity, None, external.expires_at)
        claims = self._tokens.verify(token)
        if claims.identity.role is Role.SERVICE:
            return Bearer(claims.identity, None, claims.expires_at)
        if claims.identity.user_id.startswith(SERVICE_PREFIX):
            raise InvalidToken("the token of a service has another role")
        good_until = claims.expires_at
        if claims.session_id is not None:
            session = await self._sessions.get(claims.session_id)
            if session is None or session.revoked or session.expires_at <= self._clock.now():
                raise InvalidToken("the log-in has ended")
            if session.user_id != claims.identity.user_id:
                raise InvalidToken("the log-in is another user's")
            good_until = session.expires_at
        identity = await current_identity(self._checks, claims.identity.user_id)
        if identity is None:
            raise InvalidToken("the account is disabled or gone")
        return Bearer(identity, claims.session_id, good_until)

    def log_in_of(self, token: str) -> str | None:
        """The log-in behind a token of ours, whether or not its account is good: nobody else is asked.

        Raises: InvalidToken.
        """
        return self._tokens.verify(token).session_id


async def current_identity(checks: Sequence[PasswordCheck], user_id: str) -> Identity | None:
    """The identity as of now from the source that knows this user; None: disabled or gone."""
    for check in checks:
        identity = await check.current(user_id)
        if identity is not None:
            return identity
    return None
