"""The secret, and the keys derived from it: one per purpose, so that a token of one kind never passes as another.

Pure. Two secrets may be valid at a time: the first signs, both verify; that is how keys rotate.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from typing import Final

MINIMUM_SECRET_CHARACTERS: Final = 32
"""Of a random secret: 32 characters of base64 are 192 bits; HS256 wants 256, which the derivation spreads them to."""

_PLACEHOLDERS: Final = (
    "changeme",
    "changeit",
    "changethis",
    "replaceme",
    "replacethis",
    "yoursecret",
    "yourjwt",
    "yourkey",
    "jwtsecret",
    "secretkey",
    "mysecret",
    "supersecret",
    "defaultsecret",
    "meschainsecret",
    "meschainsync",
    "password",
    "example",
    "placeholder",
    "insecure",
    "abcdefghij",
    "0123456789",
    "1234567890",
    "qwerty",
)
"""Parts, letters and digits only, that give away a secret copied from a guide, a template or a source file."""

_FEW_DISTINCT: Final = 10


def secret_weakness(secret: str) -> str | None:
    """Why this secret must not be used, in a few words for people that never repeat it; None: it looks random."""
    plain = re.sub(r"[^a-z0-9]", "", secret.lower())
    if plain in {"", "secret", "default", "test", "demo", "none", "null", "admin", "meschain"}:
        return "is empty or a default"
    if len(secret) < MINIMUM_SECRET_CHARACTERS:
        return f"is shorter than {MINIMUM_SECRET_CHARACTERS} characters"
    if any(part in plain for part in _PLACEHOLDERS):
        return "looks like a default or a text copied from a guide"
    if len(set(secret)) < _FEW_DISTINCT:
        return "repeats a few characters"
    return None


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key for one purpose. `id` is what tokens carry as `kid`; it tells nothing about the key."""

    id: str
    value: bytes = field(repr=False)


LOGIN_KEYS: Final = "login"
"""Purpose: log-in tokens for `/api`."""
CLIENT_KEYS: Final = "client"
"""Purpose: hub tokens for `/client/`."""
CLUSTER_KEYS: Final = "cluster"
"""Purpose: what the processes of one service sign for each other."""


def derive_key(secret: str, purpose: str) -> SigningKey:
    """The key of this purpose: HMAC-SHA256(secret, purpose); its id is a hash of the key's own, cut to 16 digits."""
    value = hmac.new(secret.encode(), purpose.encode(), hashlib.sha256).digest()
    return SigningKey(hashlib.sha256(b"kid:" + value).hexdigest()[:16], value)


@dataclass(frozen=True, slots=True)
class Secrets:
    """The secret in use and the one before it, which is still believed."""

    current: str = field(repr=False)
    previous: str | None = field(default=None, repr=False)

    def keys(self, purpose: str) -> tuple[SigningKey, ...]:
        """The keys of this purpose, the one to sign with first."""
        secrets = (self.current,) if self.previous is None else (self.current, self.previous)
        return tuple(derive_key(secret, purpose) for secret in secrets)

    def access_keys(self, purpose: str) -> tuple[str, ...]:
        """The same as text, for those who take an access key as Azure SignalR writes it."""
        return tuple(key.value.hex() for key in self.keys(purpose))
