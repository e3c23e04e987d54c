"""The service's own claims of client tokens, as read (azure-serverless 2.4)."""

from __future__ import annotations

import pytest

from hubwire.azure.steering import read_steering
from hubwire.model import Principal, Steering

END = 1000.0


@pytest.mark.parametrize(
    ("claims", "steering"),
    [
        ({}, None),
        ({"asrs.s.uid": "a", "asrs.s.nt": "name", "asrs.s.secn": "2", "role": "x"}, None),
        ({"asrs.s.cht": "20"}, Steering(handshake_timeout_seconds=20.0)),
        ({"asrs.s.cht": 2}, Steering(handshake_timeout_seconds=2.0)),
        ({"asrs.s.cht": "31"}, Steering(handshake_timeout_seconds=30.0)),
        ({"asrs.s.cht": "0"}, Steering()),
        ({"asrs.s.cht": "-1"}, Steering()),
        ({"asrs.s.cht": "soon"}, Steering()),
        ({"asrs.s.cht": "inf"}, Steering()),
        ({"asrs.s.cht": True}, Steering()),
        ({"asrs.s.cht": ["1"]}, Steering()),
        ({"asrs.s.ttl": "5"}, Steering(poll_timeout_seconds=5.0)),
        ({"asrs.s.htt": "1"}, Steering(transports=frozenset({"WebSockets"}))),
        ({"asrs.s.htt": "6"}, Steering(transports=frozenset({"ServerSentEvents", "LongPolling"}))),
        ({"asrs.s.htt": 7}, Steering(transports=frozenset({"WebSockets", "ServerSentEvents", "LongPolling"}))),
        ({"asrs.s.htt": "all"}, Steering()),
        ({"asrs.s.coae": "true"}, Steering(closes_at=END)),
        ({"asrs.s.coae": "true", "asrs.s.aeo": "900"}, Steering(closes_at=900.0)),
        ({"asrs.s.coae": True, "asrs.s.aeo": "never"}, Steering(closes_at=END)),
        ({"asrs.s.coae": "false", "asrs.s.aeo": "900"}, Steering()),
        ({"asrs.s.aeo": "900"}, None),
        ({"asrs.s.derror": "True"}, Steering(detailed_errors=True)),
        ({"asrs.s.derror": "1"}, Steering()),
        ({"asrs.s.dc": "true"}, Steering(is_diagnostic=True)),
    ],
)
def test_what_claims_ask_for(claims: dict[str, object], steering: Steering | None) -> None:
    assert read_steering(claims, END) == steering


def test_the_end_that_is_asked_for_comes_before_the_tokens() -> None:
    assert Principal(expires_at=END).closes_at == END
    assert Principal(expires_at=END, steering=Steering(is_diagnostic=True)).closes_at == END
    assert Principal(expires_at=END, steering=Steering(closes_at=900.0)).closes_at == 900.0
