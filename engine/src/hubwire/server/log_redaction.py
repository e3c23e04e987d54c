"""Keeps tokens out of uvicorn's log. Browsers must put them into the query of an upgrade, and uvicorn logs queries.

Where another server runs this package, its own log must be told not to write queries.
"""

from __future__ import annotations

import logging

_LOGGERS = ("uvicorn.error", "uvicorn.access")
_PARAMETER = "access_token="
_SECRET_HEADERS = ("authorization", "cookie")
_REDACTED = "[redacted]"


class _QueryTokens(logging.Filter):
    """Takes the token out of every argument that is a target with a query. Drops no record."""

    def filter(self, record: logging.LogRecord) -> bool:
        arguments = record.args
        if isinstance(arguments, tuple):
            record.args = tuple(redact(each) if isinstance(each, str) else each for each in arguments)
            if len(arguments) == 2 and str(arguments[0]).lower() in _SECRET_HEADERS:  # uvicorn at DEBUG
                record.args = (arguments[0], _REDACTED)
        return True


_filter = _QueryTokens()


def redact(text: str) -> str:
    """Return the text with the value of each `access_token` replaced."""
    lower = text.lower()
    start = lower.find(_PARAMETER)
    if start < 0:
        return text
    end = text.find("&", start)
    rest = "" if end < 0 else redact(text[end:])
    return text[: start + len(_PARAMETER)] + _REDACTED + rest


def protect_logs() -> None:
    """Install the filter; once is enough, and again does no harm."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_filter)
