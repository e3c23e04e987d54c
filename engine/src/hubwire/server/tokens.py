"""Connection ids and signed connection tokens (signalr-protocol 1.2). Pure but for the clock; knows no connection.

A token holds all that negotiate has promised: nothing is kept for it until it is used, and any node of a cluster can
read one that another node has signed. Layout, in URL-safe base64 without padding but for the node's id:

    | flags | expiry       | random  | signature | node's id          |
    | 1 byte| 5 bytes      | 8 bytes | 16 bytes  | text, may be empty |

Flags: 1 stateful reconnect was promised, 2 the client speaks negotiate version 0. Expiry: hundredths of a second since
1970 UTC, big-endian. One HMAC-SHA256 over the first 14 bytes, the node's id, NUL and the hub's name gives both secrets:
its first half is the signature, its second half is the public connection id, which says nothing about the first.
"""

from __future__ import annotations

import binascii
import hmac
import math
import os
import secrets
from dataclasses import dataclass, field

from hubwire.clock import Clock, Timer

KEY_BYTES = 32
"""Of keys made at random. 32: as long as the digests they are used for."""

_STATEFUL = 1
_VERSION_0 = 2
_SIGNED_BYTES = 14
_TEXT_CHARACTERS = 40
_TO_URL_SAFE = bytes.maketrans(b"+/", b"-_")
# A token has one spelling: what is used up is remembered as text.
_FROM_URL_SAFE = bytes.maketrans(b"-_+/", b"+/!!")

_MAXIMUM_NODE_ID = 64
"""Characters of a node's id. 64: it stands in each address that clients use."""


def new_id() -> str:
    """Return 128 random bits as 22 URL-safe characters: clients put tokens into URLs without encoding them."""
    return secrets.token_urlsafe(16)


def new_node_id() -> str:
    """Return a name for a process among its peers: 8 URL-safe characters."""
    return secrets.token_urlsafe(6)


def derived_key(key: bytes, purpose: str) -> bytes:
    """Return the key for one purpose, so that nothing signed for one passes for another."""
    return hmac.digest(key, purpose.encode(), "sha256")


@dataclass(slots=True)
class ConnectionToken:
    """A connection that negotiate has promised: not open yet, open, or gone.

    Not frozen: that would make it three times as dear, and one is made for each negotiate and each upgrade.
    """

    text: str = field(repr=False)
    """What clients put into `?id=`."""
    connection_id: str
    """Public. In version 0 the client knows no token and connects with the id itself."""
    node_id: str
    """Who signed it."""
    expires_at: float
    """Until when it may be opened, in seconds since 1970 UTC."""
    is_stateful: bool
    """Whether the client was promised stateful reconnect."""
    is_secret: bool
    """Whether nobody but its client can know it; a token of version 0 is known to whoever is told the connection id."""


class ConnectionTokens:
    """Signs the tokens of one node and reads those of all nodes that have the same key."""

    __slots__ = ("_clock", "_key", "_life_seconds", "_signed_node_id", "node_id")

    def __init__(self, key: bytes, node_id: str, clock: Clock, life_seconds: float) -> None:
        """Raises: ValueError for a node id that cannot stand in an address."""
        if len(node_id) > _MAXIMUM_NODE_ID or not _is_url_safe(node_id):
            raise ValueError(
                f"The node id {node_id!r} cannot stand in an address: use up to {_MAXIMUM_NODE_ID} letters, digits, "
                "hyphens and underscores."
            )
        self.node_id = node_id
        """Ours."""
        self._key = derived_key(key, "hubwire connection token")
        self._signed_node_id = node_id.encode() + b"\0"
        self._clock = clock
        self._life_seconds = life_seconds

    def issue(self, hub: str, version: int, *, is_stateful: bool = False) -> ConnectionToken:
        """Promise a connection."""
        ticks = math.ceil((self._clock.time() + self._life_seconds) * 100)
        flags = (_STATEFUL if is_stateful else 0) | (0 if version else _VERSION_0)
        signed = (flags << 40 | ticks).to_bytes(6, "big") + os.urandom(8)
        digest = self._digest(signed, self._signed_node_id, hub)
        text = _encoded(signed + digest[:16]) + self.node_id
        return _token(text, self.node_id, signed, digest)

    def read(self, hub: str, text: str) -> ConnectionToken | None:
        """Return what a token says; None: it is none of ours, or another hub's. It may have expired or been used."""
        node_id = text[_TEXT_CHARACTERS:]
        if len(node_id) > _MAXIMUM_NODE_ID:
            return None
        try:
            data = binascii.a2b_base64(
                text[:_TEXT_CHARACTERS].encode("ascii").translate(_FROM_URL_SAFE), strict_mode=True
            )
            signed_node_id = node_id.encode("ascii") + b"\0"
        except (UnicodeEncodeError, binascii.Error):
            return None
        signed, signature = data[:_SIGNED_BYTES], data[_SIGNED_BYTES:]
        digest = self._digest(signed, signed_node_id, hub)
        if not hmac.compare_digest(signature, digest[:16]):
            return None
        return _token(text, node_id, signed, digest)

    def names_us(self, text: str) -> bool:
        """Whether a token says that this node has signed it; `read` finds out whether that is true."""
        return text[_TEXT_CHARACTERS:] == self.node_id

    def is_fresh(self, token: ConnectionToken) -> bool:
        """Whether it may still be opened, as far as it says itself."""
        return token.expires_at > self._clock.time()

    def _digest(self, signed: bytes, signed_node_id: bytes, hub: str) -> bytes:
        return hmac.digest(self._key, signed + signed_node_id + hub.encode(), "sha256")


class UsedTokens:
    """Tokens that opened a connection here, for as long as they could open another. Each does so once.

    Two sets: the older one is dropped as a whole when all its members have expired. So a token is remembered for no
    longer than twice its life, and there are as many as connections were opened in that time.
    """

    __slots__ = ("_clock", "_newer", "_newer_expires_at", "_older", "_older_expires_at", "_timer", "wheel_slot")

    def __init__(self, clock: Clock, timer: Timer) -> None:
        self.wheel_slot = -1
        self._clock = clock
        self._timer = timer
        self._older: set[str] = set()
        self._older_expires_at = 0.0
        self._newer: set[str] = set()
        self._newer_expires_at = 0.0

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._older) + len(self._newer)

    def __contains__(self, text: str) -> bool:
        return text in self._newer or text in self._older

    def add(self, token: ConnectionToken) -> None:
        """Remember one that is being used."""
        now = self._clock.time()
        self._forget(now)
        self._newer.add(token.text)
        self._newer_expires_at = max(self._newer_expires_at, token.expires_at)
        if self.wheel_slot < 0:
            self._schedule(now)

    def tick(self, now: float) -> None:
        """Some may have expired."""
        wall = self._clock.time()
        self._forget(wall)
        if len(self):
            self._schedule(wall)

    def _forget(self, now: float) -> None:
        if now >= self._older_expires_at:
            self._older, self._older_expires_at = self._newer, self._newer_expires_at
            self._newer, self._newer_expires_at = set(), 0.0

    def _schedule(self, now: float) -> None:
        ends = [each for each in (self._older_expires_at, self._newer_expires_at) if each]
        self._timer.schedule(self, self._clock.monotonic() + max(min(ends) - now, 0.0))


def _token(text: str, node_id: str, signed: bytes, digest: bytes) -> ConnectionToken:
    flags = signed[0]
    return ConnectionToken(
        text,
        text if flags & _VERSION_0 else _encoded(digest[16:])[:22],
        node_id,
        int.from_bytes(signed[1:6], "big") / 100,
        bool(flags & _STATEFUL),
        not flags & _VERSION_0,
    )


def _encoded(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).translate(_TO_URL_SAFE).decode("ascii")


def _is_url_safe(text: str) -> bool:
    return not text or (text.isascii() and text.replace("-", "").replace("_", "").isalnum())
