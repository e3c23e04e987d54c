"""Finds what a path of Hepsiburada's tells of. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from meschain.vendor_settings.hepsiburada import Happening


def happening_of(path: str, paths: Mapping[str, Happening]) -> tuple[Happening, str] | None:
    """What it tells of, and the part of it that a `*` stands for, empty without one; None: it is not among them."""
    parts = path.strip("/").split("/")
    for pattern, happening in paths.items():
        wanted = pattern.strip("/").split("/")
        if len(wanted) == len(parts) and all(
            want == "*" or want.casefold() == part.casefold() for want, part in zip(wanted, parts, strict=True)
        ):
            return happening, next((part for want, part in zip(wanted, parts, strict=True) if want == "*"), "")
    return None
