"""What stands in a request's address. Knows no route."""

from __future__ import annotations

from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request

_DIGITS: Final = 18
"""Of a number; the columns hold nineteen."""


def whole_number(request: Request, name: str) -> int | None:
    """The query's `before` or `limit`; None: there is none. Raises: HTTPException 400."""
    text = request.query_params.get(name)
    if not text:
        return None
    number = parsed(text)
    if number is None:
        raise HTTPException(400, "before and limit are whole numbers.")
    return number


def parsed(text: str) -> int | None:
    """None: it is no whole number, or a longer one than any of ours."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _DIGITS else None
