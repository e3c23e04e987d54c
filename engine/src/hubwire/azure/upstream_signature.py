"""The signature of upstream requests: that they come from a service which knows one of our keys. Pure; knows no HTTP.

It signs the connection id alone, neither the event nor the body nor the time. Whoever has seen one request can make
others for that connection: only TLS, and a secret in the upstream's address, keep them from being seen or guessed.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence

_PREFIX = "sha256="
_MAXIMUM_ITEMS = 16  # a service has two keys; each item is compared with each of ours


class UpstreamSignatures:
    """Signs with every key and accepts any of them. Has no secrets in `repr`."""

    __slots__ = ("_keys",)

    def __init__(self, keys: Sequence[str]) -> None:
        """Args:
            keys: access keys, of all services whose requests count. Used as they are written, never base64-decoded.
                Looked at each time: what changes in the sequence counts from then on.

        Raises: ValueError for no key or an empty one, with which anybody could sign; TypeError for one text.
        """
        if isinstance(keys, str):
            raise TypeError("Keys come as a list; put the single one into a list.")
        if not keys or not all(keys):
            raise ValueError("Upstream signatures need at least one access key, and none empty; give the service's.")
        self._keys = keys

    def sign(self, connection_id: str) -> str:
        """Return the header's value: `sha256=<hex>` for each key, with commas between."""
        return ",".join(_item(key, connection_id.encode()) for key in self._keys)

    def verify(self, signature: str, connection_id: str) -> bool:
        """Whether any item of the header was made with any of the keys; case and spaces make no difference."""
        items = [item.strip().lower().encode(errors="replace") for item in signature.split(",", _MAXIMUM_ITEMS)]
        message = connection_id.encode(errors="replace")
        is_genuine = False
        for key in self._keys:  # all of them: how long it takes tells nothing about which it was
            expected = _item(key, message).encode()
            for item in items[:_MAXIMUM_ITEMS]:
                is_genuine |= hmac.compare_digest(item, expected)
        return is_genuine


def _item(key: str, message: bytes) -> str:
    return _PREFIX + hmac.digest(key.encode(), message, "sha256").hex()
