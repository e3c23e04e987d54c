"""Checking and shortening text that people or programs sent. Pure."""

from __future__ import annotations


def clip(text: str, limit: int) -> str:
    """At most `limit` characters; what was cut is shown by an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def cleaned(text: str) -> str:
    """Without control characters but line ends and tabs, and without surrounding white space."""
    return "".join(c for c in text if c in "\n\t" or c.isprintable()).strip()
