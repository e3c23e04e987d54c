"""OpenCart's three generations of password hashes. Pure and slow: call it in a thread.

Whatever the stored hash is, an attempt costs the same slow checks: one per variant of the password, against the stored
hash if that is a slow one, else against a decoy. So the time of an answer tells neither whether a user exists nor how
old its hash is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from hmac import compare_digest
from typing import Final

import bcrypt
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SlowCheck = Callable[[str, str], bool]
"""password, stored hash -> whether they fit; takes as long as the hash's own parameters ask."""

MAXIMUM_CHARACTERS: Final = 1024
"""Longer passwords are wrong without a look: hashing them is work for the asking."""

_BCRYPT: Final = ("$2y$", "$2b$", "$2a$")
_ARGON2: Final = ("$argon2id$", "$argon2i$", "$argon2d$")
_DECOY_COST: Final = 10
"""PHP's own default until 8.4."""
_DECOY_TAIL: Final = "abcdefghijklmnopqrstuuV8WnnB4Q1cY8Jq3nH8f4p6y9WnJx7Zs2e"[:53]
"""Salt and digest in bcrypt's alphabet; no password is known that gives it, and none would be accepted."""
_ARGON2_HASHER: Final = PasswordHasher()


def slow_check(password: str, stored: str) -> bool:
    """Check against bcrypt or argon2. PHP cuts passwords at 72 bytes for bcrypt, so we do."""
    try:
        if stored.startswith(_ARGON2):
            return _ARGON2_HASHER.verify(stored, password)
        return bcrypt.checkpw(password.encode()[:72], stored.encode())
    except (VerificationError, InvalidHashError, ValueError):
        return False


def verify(password: str, stored: str | None, salt: str | None, decoy: str, check: SlowCheck = slow_check) -> bool:
    """Whether the password fits.

    Args:
        stored: the user's hash; None: there is no such user, and the answer is no after the same work.
        salt: of 3.x; None where the column is gone.
        decoy: a slow hash, see `decoy_like`.
    """
    usable = "" if len(password) > MAXIMUM_CHARACTERS else password
    is_slow = stored is not None and stored.startswith(_BCRYPT + _ARGON2)
    fits = False
    for variant in _variants(usable):
        matches = check(variant, stored if is_slow and stored is not None else decoy)
        fits |= matches and is_slow
        if stored is not None and not is_slow:
            fits |= _legacy(variant, stored, salt)
    return fits and usable != ""


def decoy_like(hashes: Iterable[str]) -> str:
    """A hash nobody's password fits, as slow as the slowest among these."""
    cost = 0
    for stored in hashes:
        if stored.startswith(_ARGON2):
            # The same parameters and salt with a digest of nought; it only has to take the same time.
            head, _, digest = stored.rpartition("$")
            return f"{head}${'A' * len(digest)}"
        if stored.startswith(_BCRYPT) and stored[4:6].isdigit():
            cost = max(cost, int(stored[4:6]))
    return f"$2b${cost or _DECOY_COST:02d}${_DECOY_TAIL}"


def _variants(password: str) -> list[str]:
    """The password, and as OpenCart escapes posted input: 3.x stored the digest of that."""
    escaped = password.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    return [password] if escaped == password else [password, escaped]


def _legacy(password: str, stored: str, salt: str | None) -> bool:
    raw = password.encode()
    found = stored.strip().lower().encode()
    fits = compare_digest(hashlib.md5(raw, usedforsecurity=False).hexdigest().encode(), found)
    if salt is not None:
        digest = _sha1(raw)
        for _ in range(2):
            digest = _sha1(salt.encode() + digest)
        fits |= compare_digest(digest, found)
    return fits


def _sha1(data: bytes) -> bytes:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest().encode()
