"""Keys that name a message or an event: short enough for their columns, whatever their parts are. Pure."""

from __future__ import annotations

import hashlib
from typing import Final

from meschain.domain.events import LONGEST_EVENT_ID

LONGEST_KIND: Final = 64
"""Characters of the name of what happened, which people read in a list."""
_SHOWN: Final = 120
"""Characters of a long key that stay readable before its digest."""


def key_of(*parts: object) -> str:
    """The parts joined by colons; one that is too long ends in a digest of the whole.

    `key_of("ebay", "order", "12-345", "created")` is `ebay:order:12-345:created`.
    """
    joined = ":".join("" if part is None else str(part) for part in parts)
    key = storable(joined)
    if len(key) <= LONGEST_EVENT_ID:
        return key
    return f"{key[:_SHOWN]}~{hashlib.sha256(key.encode()).hexdigest()}"


def kind_of(text: str) -> str:
    """A vendor's own name of what happened, as its column takes it."""
    return storable(text)[:LONGEST_KIND] or "unknown"


def storable(text: str) -> str:
    """The text with `_` for all that is not printable, and for spaces."""
    # Databases differ in what they take in a key: PostgreSQL no NUL, MySQL compares trailing spaces in its own way.
    return "".join(c if c.isprintable() and c != " " else "_" for c in text)
