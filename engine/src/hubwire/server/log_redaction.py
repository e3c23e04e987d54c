"""Keeps tokens out of uvicorn's log: clients must put them into queries, and uvicorn logs queries.

Two kinds: what says who the client is (`access_token`), and what says which connection it means (`id`), which is as
good as the former where anybody may connect.

Where another server runs this package, its own log must be told not to write queries.
"""

from __future__ import annotations

import logging
import re
from urllib.parse import unquote

_LOGGERS = ("uvicorn.error", "uvicorn.access", "uvicorn.asgi")
_PARAMETER = re.compile(r"(?<![^?&\s])([^?&=\s]+)=([^&\s]*)")
_CONNECTION_TOKEN = re.compile(r"[\w-]{40,}")
"""What `tokens.ConnectionTokens` makes. Other programs on the port have ids of their own, which their logs may show."""
_SECRET_HEADERS = ("authorization", "cookie")
_REDACTED = "[redacted]"


class _QueryTokens(logging.Filter):
    """Takes tokens out of every argument that is a target with a query, or a scope with one. Drops no record."""

    def filter(self, record: logging.LogRecord) -> bool:
        arguments = record.args
        if isinstance(arguments, tuple):
            record.args = tuple(_redacted(each) for each in arguments)
            if len(arguments) == 2 and str(arguments[0]).lower() in _SECRET_HEADERS:  # uvicorn at DEBUG
                record.args = (arguments[0], _REDACTED)
        return True


_filter = _QueryTokens()


def redact(text: str) -> str:
    """Return the text with the value of each token in its query replaced."""
    return _PARAMETER.sub(_without_value, text) if "=" in text else text


def _without_value(parameter: re.Match[str]) -> str:
    name = unquote(parameter[1]).lower()
    if name == "access_token" or (name == "id" and _CONNECTION_TOKEN.fullmatch(parameter[2])):
        return f"{parameter[1]}={_REDACTED}"
    return parameter[0]


def _redacted(argument: object) -> object:
    if isinstance(argument, str):
        return redact(argument)
    if isinstance(argument, dict) and isinstance(argument.get("query_string"), bytes):  # a scope, at TRACE
        return {**argument, "query_string": redact(argument["query_string"].decode("latin-1"))}
    return argument


def protect_logs() -> None:
    """Install the filter; once is enough, and again does no harm."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_filter)
