"""Log-in, refresh and log-out. Knows no HTTP and no SQL; the sources of users are given in the order of asking."""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from meschain.auth.bearer import current_identity
from meschain.auth.login_tokens import LoginTokens
from meschain.auth.ports import (
    Clock,
    LoginJournal,
    LoginSession,
    LoginSessionStore,
    PasswordCheck,
    SecondFactorRequired,
)
from meschain.auth.throttle import LoginThrottle
from meschain.domain.roles import Identity

_log = logging.getLogger(__name__)

MAXIMUM_USERNAME_CHARACTERS: Final = 96
"""OpenCart's are at most 20, e-mail addresses rarely longer than this."""


OnEnd = Callable[[str], Awaitable[None]]
"""Takes the id of a log-in that has ended."""


class WrongCredentials(Exception):
    """User name or password is wrong, or the account is disabled; nobody is told which."""


class LoginEnded(Exception):
    """There is no log-in to refresh: expired, logged out, or the account is disabled."""


@dataclass(frozen=True, slots=True)
class LogIn:
    """A log-in that holds."""

    identity: Identity
    access_token: str = field(repr=False)
    expires_in: int
    """Seconds of the access token's life."""
    refresh_token: str = field(repr=False)
    session_expires_at: datetime


class LoginService:
    """Tries each source of users in turn and keeps log-ins."""

    def __init__(
        self,
        checks: Sequence[PasswordCheck],
        sessions: LoginSessionStore,
        tokens: LoginTokens,
        throttle: LoginThrottle,
        clock: Clock,
        *,
        token_seconds: int,
        session_seconds: int,
        journal: LoginJournal | None = None,
        on_end: OnEnd | None = None,
    ) -> None:
        """Args:
        on_end: Is told of each log-in that ends here, by log-out or because its account is gone.
        """
        self._checks = checks
        self._sessions = sessions
        self._tokens = tokens
        self._throttle = throttle
        self._clock = clock
        self._token_seconds = token_seconds
        self._session_seconds = session_seconds
        self._journal = journal
        self._on_end = on_end

    async def login(self, username: str, password: str, address: str) -> LogIn:
        """Check the password and open a log-in.

        Raises: WrongCredentials; SecondFactorRequired; Throttled; what the sources raise when they cannot be asked.
        """
        if len(username) > MAXIMUM_USERNAME_CHARACTERS:
            username = ""  # nobody's, and the throttle remembers no long texts
        self._throttle.attempt(username, address)
        try:
            identity = await self._authenticate(username, password)
        except SecondFactorRequired:
            await self._tell_of_refusal(username, address, "a second factor is asked for")
            raise
        except Exception:
            self._throttle.undecided(username)
            raise
        if identity is None:
            await self._tell_of_refusal(username, address, "user name or password is wrong")
            raise WrongCredentials
        self._throttle.succeeded(username, address)
        return await self.open(identity, address)

    async def open(self, identity: Identity, address: str = "") -> LogIn:
        """A log-in for an identity that was checked, perhaps otherwise than by its password.

        Args:
            address: where it comes from; empty: not known.
        """
        now = self._clock.now()
        await self._sessions.remove_expired(now)
        refresh_token = secrets.token_urlsafe(32)
        session = LoginSession(
            id=uuid4().hex,
            user_id=identity.user_id,
            token_hash=_hash(refresh_token),
            created_at=now,
            expires_at=now + timedelta(seconds=self._session_seconds),
            revoked=False,
        )
        await self._sessions.add(session)
        if self._journal is not None:
            await self._journal.logged_in(identity, address)
        return self._log_in(identity, session, refresh_token)

    async def refresh(self, refresh_token: str) -> LogIn:
        """A new access token for the same log-in, with the role that the account has now.

        The refresh token stays the same: pages that are open in several tabs share it, and would race for a new one.

        Raises: LoginEnded; what the sources raise when they cannot be asked.
        """
        session = await self._sessions.by_token_hash(_hash(refresh_token))
        if session is None or session.revoked or session.expires_at <= self._clock.now():
            raise LoginEnded
        identity = await current_identity(self._checks, session.user_id)
        if identity is None:
            await self._end(session.id)
            raise LoginEnded
        return self._log_in(identity, session, refresh_token)

    async def logout(self, refresh_token: str | None = None, session_id: str | None = None) -> None:
        """End the log-in of this refresh token, and the one of a verified access token. Unknown ones do nothing."""
        ending = [await self._sessions.by_token_hash(_hash(refresh_token)) if refresh_token else None]
        ending.append(await self._sessions.get(session_id) if session_id else None)
        for session in {session.id: session for session in ending if session is not None}.values():
            if session.revoked:
                continue
            await self._end(session.id)
            await self._tell_of_logout(session.user_id)

    async def _end(self, session_id: str) -> None:
        await self._sessions.revoke(session_id)
        if self._on_end is not None:
            await self._on_end(session_id)

    async def _tell_of_refusal(self, username: str, address: str, reason: str) -> None:
        if self._journal is None:
            return
        try:
            # All are asked, whoever knows it, so that how long it takes says nothing.
            is_known = any([await check.knows(username) for check in self._checks])
        except Exception:  # noqa: BLE001 - boundary: the refusal stands, and is told without a name
            _log.warning("whose log-in was refused cannot be found out", exc_info=True)
            is_known = False
        await self._journal.refused(username if is_known else "", address, reason)

    async def _tell_of_logout(self, user_id: str) -> None:
        if self._journal is None:
            return
        try:
            identity = await current_identity(self._checks, user_id)
        except Exception:  # noqa: BLE001 - boundary: the log-in has ended, whether or not the shop can tell a name
            _log.warning("the name of %s cannot be found out", user_id, exc_info=True)
            return
        if identity is not None:
            await self._journal.logged_out(identity)

    async def _authenticate(self, username: str, password: str) -> Identity | None:
        # Each source takes as long for a user that it does not know, so the sum tells nothing about who has an account.
        for check in self._checks:
            identity = await check.authenticate(username, password)
            if identity is not None:
                return identity
        return None

    def _log_in(self, identity: Identity, session: LoginSession, refresh_token: str) -> LogIn:
        left = int((session.expires_at - self._clock.now()).total_seconds())
        seconds = min(self._token_seconds, left)
        token = self._tokens.issue(identity, seconds, session.id)
        return LogIn(identity, token, seconds, refresh_token, session.expires_at)


def _hash(refresh_token: str) -> str:
    """Plain SHA-256 does for a token of 256 random bits: there is nothing to guess."""
    return hashlib.sha256(refresh_token.encode()).hexdigest()
