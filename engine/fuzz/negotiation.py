"""Whatever arrives as a query, negotiate answers with a version that we have or raises NegotiationError, nothing else.

And both answers are JSON. The query is taken apart as the server does it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from hubwire.server.requests import TrustedProxies, bearer_token, make_request, query_values
from hubwire.wire import negotiation

TREES = None
TOKENS = [b"negotiateVersion=", b"useStatefulReconnect=true", b"access_token=", b"&", b"%00", b"%FF", b"1", b"-", b"_"]
_NO_PROXIES = TrustedProxies(())


def seeds() -> Iterator[bytes]:
    for query in (
        "",
        "negotiateVersion=1",
        "negotiateVersion=0&useStatefulReconnect=true",
        "NegotiateVersion=2&hub=chat&access_token=a.b.c",
        "negotiateVersion=one",
        "negotiateVersion=",
        "negotiateVersion=-1",
        "negotiateVersion=1&negotiateVersion=2",
        "negotiateVersion=%D9%A1",
        "negotiateVersion=1_0",
        "negotiateVersion=" + "9" * 5000,
        "negotiateVersion=-" + "9" * 4299,
        "%ff%fe=%00&&==&a;b=c&+=%2",
    ):
        yield b"\x00" + query.encode()
        yield b"\x01" + query.encode()


def check(data: bytes) -> None:
    minimum = data[0] & 1 if data else 0
    query = data[1:].decode("latin-1")
    request = make_request("POST", "/hub/negotiate", query, [("Host", "x")], "192.0.2.1", "http", _NO_PROXIES)
    token = bearer_token(request)
    assert token is None or token
    for version_text in (*query_values(request, "negotiateversion"), query, None):
        try:
            version = negotiation.requested_version(version_text, minimum)
        except negotiation.NegotiationError as error:
            assert json.loads(negotiation.error_answer(str(error))) == {"error": str(error)}
            continue
        assert minimum <= version <= negotiation.MAXIMUM_VERSION
        answer = json.loads(negotiation.answer(version, "id", "token", [negotiation.WEBSOCKETS]))
        assert answer["negotiateVersion"] == version
        assert ("connectionToken" in answer) == (version > 0)
