"""Trendyol's statuses of packages. Subscriptions write AT_COLLECTION_POINT, orders AtCollectionPoint. Pure."""

from __future__ import annotations

from typing import Final


def folded(status: str) -> str:
    """The same for both spellings."""
    return status.replace("_", "").casefold()


def word_of(status: str) -> str:
    """The product's word; empty: it has none."""
    return _WORDS.get(folded(status), "")


_WORDS: Final = {
    "created": "created",
    # Payment is not settled: the vendor allows stock to be held for it and nothing else.
    "awaiting": "awaiting",
    "picking": "picking",
    "invoiced": "invoiced",
    "shipped": "shipped",
    "atcollectionpoint": "at_collection_point",
    "delivered": "delivered",
    "undelivered": "undelivered",
    "returned": "returned",
    "cancelled": "cancelled",
    "unsupplied": "unsupplied",
    # The package is void; its successors have numbers of their own.
    "unpacked": "split",
}
"""VERIFIED is missing: what it means is nowhere said."""
