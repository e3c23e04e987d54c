"""How the old servers wrote times and names, and how text is made safe for pages that put it into HTML. Pure."""

from __future__ import annotations

import html
from datetime import datetime
from typing import Final

from meschain.domain.marketplaces import MARKETPLACES

_ANGLES: Final = str.maketrans("", "", "<>")
_PANEL_NAMES: Final = {**MARKETPLACES, "n11": "N11"}
"""As the panel colours them."""


def seconds(moment: datetime | None) -> int:
    """Since the epoch, as PHP's `time()`; 0: never."""
    return 0 if moment is None else int(moment.timestamp())


def local_text(moment: datetime | None) -> str:
    """`YYYY-MM-DD HH:MM:SS` in the server's own zone; empty: never."""
    return "" if moment is None else moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def escaped(text: str) -> str:
    """For the panel, which puts strings into the page as HTML; buyers of a marketplace choose some of them."""
    return html.escape(text)


def without_angles(text: str) -> str:
    """For the role client: HTML there, and plain text in a desktop notification, where escapes would show."""
    return text.translate(_ANGLES)


def display_name(marketplace: str) -> str:
    return MARKETPLACES.get(marketplace, marketplace)


def panel_name(marketplace: str) -> str:
    return _PANEL_NAMES.get(marketplace, marketplace)
