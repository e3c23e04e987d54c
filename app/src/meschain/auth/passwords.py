"""Passwords of our own accounts: argon2id, computed in threads. Knows no account.

A user that does not exist costs the same hash as one that does, so that the time of an answer tells nothing.
"""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from meschain.auth.throttle import Throttled

MINIMUM_PASSWORD_CHARACTERS: Final = 10
"""Of new passwords. Ten: what a throttled log-in makes hopeless to guess."""
MAXIMUM_PASSWORD_CHARACTERS: Final = 1024
"""Longer ones are wrong without a look: nobody types them, and hashing them is work for the asking."""

MAXIMUM_WAITING: Final = 100
"""Log-ins that may wait for their hash at once; more are told to come back. A hundred take a few seconds."""

_BUSY_SECONDS: Final = 5.0
_PARALLEL_HASHES: Final = 4
"""Hashes computed at once; each takes 19 MiB and a core for tens of milliseconds."""


class Hasher(Protocol):
    """What `argon2.PasswordHasher` does for us."""

    def hash(self, password: str) -> str: ...

    def verify(self, password_hash: str, password: str) -> bool:
        """Raises: VerificationError or InvalidHashError when they do not fit."""

    def check_needs_rehash(self, password_hash: str) -> bool: ...


class _Argon2:
    """argon2id with parameters that OWASP names (19 MiB, two passes, one lane): some 30 ms, fit for small machines."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

    def hash(self, password: str) -> str:
        return self._hasher.hash(password)

    def verify(self, password_hash: str, password: str) -> bool:
        return self._hasher.verify(password_hash, password)

    def check_needs_rehash(self, password_hash: str) -> bool:
        return self._hasher.check_needs_rehash(password_hash)


class WeakPassword(ValueError):
    """A new password that is too short or too long; the text says so."""


class Passwords:
    """Hashes and verifies without holding up the event loop."""

    def __init__(self, hasher: Hasher | None = None) -> None:
        self._hasher: Hasher = hasher or _Argon2()
        self._slots = asyncio.Semaphore(_PARALLEL_HASHES)
        self._waiting = 0
        self._nobodys_hash: str | None = None

    async def hash(self, password: str) -> str:
        """The hash of a new password. Raises: WeakPassword."""
        if len(password) < MINIMUM_PASSWORD_CHARACTERS:
            raise WeakPassword(
                f"The password has less than {MINIMUM_PASSWORD_CHARACTERS} characters; choose a longer one."
            )
        if len(password) > MAXIMUM_PASSWORD_CHARACTERS:
            raise WeakPassword(f"The password has more than {MAXIMUM_PASSWORD_CHARACTERS} characters.")
        async with self._slots:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether the password fits. `password_hash` None (no such user) takes as long and is always False.

        Raises: Throttled while too many wait for theirs.
        """
        if len(password) > MAXIMUM_PASSWORD_CHARACTERS:
            password = ""
        if self._waiting >= MAXIMUM_WAITING:
            raise Throttled(_BUSY_SECONDS)
        self._waiting += 1
        try:
            async with self._slots:
                if self._nobodys_hash is None:
                    self._nobodys_hash = await asyncio.to_thread(self._hasher.hash, "nobody's password")
                fits = await asyncio.to_thread(self._fits, password_hash or self._nobodys_hash, password)
        finally:
            self._waiting -= 1
        return fits and password_hash is not None and password != ""

    def is_outdated(self, password_hash: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(password_hash)

    def _fits(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False
