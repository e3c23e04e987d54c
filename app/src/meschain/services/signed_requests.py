"""The signature of requests that we send to other programs, so that they can tell them from forged ones. Pure.

`X-MesChain-Signature: sha256=<hex HMAC-SHA256 of "<X-MesChain-Timestamp>.<body>">`, the timestamp in Unix seconds.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

SIGNATURE_HEADER: Final = "X-MesChain-Signature"
TIMESTAMP_HEADER: Final = "X-MesChain-Timestamp"


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """What the signature header says for this body at this time."""
    digest = hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"sha256={digest}"
