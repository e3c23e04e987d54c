"""Names and values of the headers of upstream requests (azure-serverless 4.3). Pure strings; knows no HTTP client.

Values are not escaped, so what cannot stand in a header unchanged has to be found out before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs, urlencode

import msgspec

from hubwire.model import ConnectRequest

CONNECTION_ID = "x-asrs-connection-id"
HUB = "x-asrs-hub"
CATEGORY = "x-asrs-category"
EVENT = "x-asrs-event"
SIGNATURE = "x-asrs-signature"
USER_ID = "x-asrs-user-id"
USER_CLAIMS = "x-asrs-user-claims"
CLIENT_QUERY = "x-asrs-client-query"

CONNECTIONS = "connections"
"""The category of the events `connected` and `disconnected`."""
MESSAGES = "messages"
"""The category of clients' calls; the event is their target."""
CONNECTED = "connected"
DISCONNECTED = "disconnected"

_CONTROLS = {code: " " for code in (*range(32), 127)}
"""What would end a header, and its like, by character code."""

_TOKEN = "access_token"  # noqa: S105 - a name


def is_header_value(text: str) -> bool:
    """Whether a text arrives as it is: no control characters, no space at its ends, not empty."""
    try:
        text.encode()
    except UnicodeEncodeError:  # half a character
        return False
    return bool(text) and text == text.strip() and not any(ord(each) in _CONTROLS for each in text)


def write_claims(claims: Mapping[str, object]) -> str:
    """Return `type: value` items with `, ` between; each value of a list is an item of its own.

    There is no escaping, as in the service: a value with `, ` and `: ` in it reads as two claims.
    """
    items = [
        f"{name}: {_claim_text(value)}"
        for name, values in claims.items()
        for value in (values if isinstance(values, list | tuple) else [values])
    ]
    # Line ends and their like cannot be sent, and would be a way to write headers.
    return ", ".join(items).encode(errors="replace").decode().translate(_CONTROLS).strip()


def read_claims(text: str) -> list[tuple[str, str]]:
    """Read such items, robustly: one without `: ` belongs to the value before it. Repeated names are legal.

    Whoever could choose a value could have written any of the claims behind it.
    """
    claims: list[tuple[str, str]] = []
    for item in text.split(", "):
        name, separator, value = item.partition(": ")
        if separator:
            claims.append((name, value))
        elif claims:
            name, value = claims[-1]
            claims[-1] = name, f"{value}, {item}"
    return claims


def write_query(request: ConnectRequest) -> str:
    """Return the query that the client connected with, behind `?`, without its token."""
    pairs = [(name, value) for name, values in request.query.items() if name.lower() != _TOKEN for value in values]
    return f"?{urlencode(pairs)}"


def read_query(text: str) -> Mapping[str, Sequence[str]]:
    """Read such a query; the question mark may be missing. A token in it is dropped."""
    query = parse_qs(text.removeprefix("?"), keep_blank_values=True, errors="replace")
    return {name: values for name, values in query.items() if name.lower() != _TOKEN}


def _claim_text(value: object) -> str:
    if isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()
