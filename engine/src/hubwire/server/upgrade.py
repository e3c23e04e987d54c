"""The head of a WebSocket upgrade, read once: what it asks for, and the answer that accepts it. Knows no hub.

A head as clients send it is read by httptools, which also reads every other request of the port, and checked here; it
takes 15 us. Whatever is unusual about one is left to python-websockets, which takes 100, knows all of RFC 6455 4.2 and
words the refusals.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus

from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.utils import accept_key

from hubwire.server.request_head import read_head
from hubwire.transports.websocket import library_log

_ACCEPTANCE = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %b\r\n\r\n"
)


@dataclass(frozen=True, slots=True)
class Upgrade:
    """A proper upgrade."""

    target: str
    """Path and query as they came."""
    fields: Iterable[tuple[str, str]]
    answer: bytes
    """Accepts it."""


def read_upgrade(head: bytes) -> Upgrade | bytes:
    """Return what a complete request head asks for, or the answer that refuses it, behind which the socket ends."""
    return _read_usual(head) or _read_by_library(head)


def refusal(status: int, body: str, fields: Iterable[tuple[str, str]] = ()) -> bytes:
    """Return an answer that refuses an upgrade."""
    response = ServerProtocol(logger=library_log).reject(HTTPStatus(status), body)
    for name, value in fields:
        response.headers[name] = value
    return response.serialize()


def _read_usual(head: bytes) -> Upgrade | None:
    read = read_head(head)
    values = None if read is None else read.values()  # None: a field came twice, which may or may not be right
    if read is None or values is None:
        return None
    key = values.get("sec-websocket-key", "")
    if (
        read.method != b"GET"
        or read.version != "1.1"
        or values.get("upgrade", "").lower() != "websocket"
        or "upgrade" not in values.get("connection", "").lower().replace(" ", "").split(",")
        or values.get("sec-websocket-version") != "13"
        or not _is_key(key)
    ):
        return None
    return Upgrade(read.target, read.fields, _ACCEPTANCE % accept_key(key).encode())


def _is_key(key: str) -> bool:
    try:
        return len(binascii.a2b_base64(key, strict_mode=True)) == 16
    except ValueError:  # binascii.Error is one, and so is what a letter beyond ASCII raises
        return False


def _read_by_library(head: bytes) -> Upgrade | bytes:
    library = ServerProtocol(logger=library_log)
    library.receive_data(head)
    for event in library.events_received():
        if isinstance(event, Request):
            response = library.accept(event)
            if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
                return Upgrade(event.path, list(event.headers.raw_items()), response.serialize())
            return response.serialize()
    return refusal(HTTPStatus.BAD_REQUEST, "The head of the request is malformed.")  # the library says nothing then
