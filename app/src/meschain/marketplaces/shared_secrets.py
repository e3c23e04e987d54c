"""Compares the secrets that vendors send along, where that is all the proof they give. In constant time. Pure."""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Sequence


def is_one_of(given: str, secrets: Sequence[bytes]) -> bool:
    """Whether a text is one of these secrets; how long it takes says nothing of which, or of how much was right."""
    encoded = given.encode("utf-8", "surrogatepass")
    is_right = False
    for secret in secrets:
        is_right |= hmac.compare_digest(secret, encoded)
    return is_right


def is_basic(authorization: str, username: str, passwords: Sequence[bytes]) -> bool:
    """Whether an `Authorization` header (RFC 7617) names this user and one of these passwords."""
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() != "basic":
        return False
    pairs = [b64encode(username.encode() + b":" + password) for password in passwords]
    return is_one_of(given.strip(), pairs)
