"""The marketplaces that the product knows. Pure."""

from __future__ import annotations

from typing import Final

MARKETPLACES: Final[dict[str, str]] = {
    "amazon": "Amazon",
    "ebay": "eBay",
    "trendyol": "Trendyol",
    "hepsiburada": "Hepsiburada",
    "n11": "n11",
    "ozon": "Ozon",
    "etsy": "Etsy",
}
"""Code -> name as the vendor writes it, in the order of the pages."""


def is_marketplace(code: str) -> bool:
    return code in MARKETPLACES
