"""Whatever a server answers, our client reads an offer, a redirection or a handshake or raises its error, nothing else.

And every address that it makes of them is one with http or https.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from urllib.parse import urlsplit

from engine.fuzz import trees, vectors

from hubwire.client import handshake
from hubwire.client.errors import HandshakeFailed, NegotiationFailed
from hubwire.client.negotiation import Redirection, connect_url, negotiate_url, read_answer
from hubwire.wire import negotiation

TREES = trees.JSON
TOKENS = [
    *(f'"{name}":'.encode() for name in ("negotiateVersion", "connectionId", "connectionToken", "availableTransports")),
    *(f'"{name}":'.encode() for name in ("transport", "transferFormats", "url", "accessToken", "error", "type")),
    *(b'"https://[::1]:99999/x?y=1#z"', b'"//host/path"', b'"\\u0000"', b'"http://[/"', b'"useStatefulReconnect":true'),
]
_ASKED_AT = "https://example.com/hub?x=1"


def seeds() -> Iterator[bytes]:
    for version in (0, 1):
        yield negotiation.answer(version, "id", "token", list(negotiation.TRANSFER_FORMATS), is_stateful=bool(version))
    for url in (
        "https://other/hub?x=1",
        "/elsewhere",
        "//host",
        "http://[::1",
        "ftp://x",
        "",
        "http://h:99999999/",
        "?a",
    ):
        yield negotiation.redirect_answer(url, None)
        yield negotiation.redirect_answer(url, "token")
    yield negotiation.error_answer("no")
    yield b'{"ProtocolVersion":"1.5","connectionId":"a"}'
    yield b"{}"
    yield b'{"error":"no"}'
    yield b'{"type":1}'
    yield from (vectors.data_of(row) for row in vectors.read("handshake")["accepted"])


def check(data: bytes) -> None:
    with contextlib.suppress(HandshakeFailed):
        handshake.check_response(data)
    for asks_for_stateful_reconnect in (False, True):
        try:
            answer = read_answer(data, asked_at=_ASKED_AT, asked_stateful_reconnect=asks_for_stateful_reconnect)
        except NegotiationFailed:
            continue
        if isinstance(answer, Redirection):
            url = negotiate_url(answer.url, stateful_reconnect=asks_for_stateful_reconnect)
        else:
            assert answer.connection_id
            assert answer.connection_token
            assert asks_for_stateful_reconnect or not answer.stateful_reconnect
            url = connect_url(_ASKED_AT, answer.connection_token)
        assert urlsplit(url).scheme in ("http", "https")
        assert urlsplit(url).hostname
