"""Etsy's signatures: HMAC-SHA256 over id, timestamp and raw body, each joined by a dot. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

_LONGEST_HEADER: Final = 4_096
_MOST_SIGNATURES: Final = 10


def signature_of(key: bytes, webhook_id: str, timestamp: str, body: bytes) -> str:
    """base64 of the HMAC."""
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def is_signed(keys: Sequence[bytes], webhook_id: str, timestamp: str, header: str, body: bytes) -> bool:
    """Whether one of the header's signatures is by one of the keys.

    The header is one signature, or several with spaces between and `v1,` before each, as this family of headers has
    it elsewhere.
    """
    if len(header) > _LONGEST_HEADER:
        return False
    given = [part.removeprefix("v1,").encode() for part in header.split()[:_MOST_SIGNATURES]]
    expected = [signature_of(key, webhook_id, timestamp, body).encode() for key in keys]
    found = False
    for each in expected:
        for one in given:
            found |= hmac.compare_digest(each, one)
    return found
