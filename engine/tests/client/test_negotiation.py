"""Addresses to ask and answers to read."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwire.client import NegotiationFailed
from hubwire.client.negotiation import Negotiated, Redirection, base_url, connect_url, negotiate_url, read_answer

OFFER = {"connectionId": "c", "availableTransports": [{"transport": "WebSockets", "transferFormats": ["Text"]}]}


def read(answer: object, *, stateful: bool = False) -> Negotiated | Redirection:
    return read_answer(json.dumps(answer).encode(), asked_at="https://a/hub", asked_stateful_reconnect=stateful)


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("http://a/hub", "http://a/hub/negotiate?negotiateVersion=1"),
        ("http://a/hub/", "http://a/hub/negotiate?negotiateVersion=1"),
        ("http://a", "http://a/negotiate?negotiateVersion=1"),
        ("http://a/hub?x=%20y", "http://a/hub/negotiate?x=%20y&negotiateVersion=1"),
        ("http://a/hub?negotiateVersion=0", "http://a/hub/negotiate?negotiateVersion=0"),
        ("wss://a/hub#top", "https://a/hub/negotiate?negotiateVersion=1"),
    ],
)
def test_negotiate_is_a_path_below_the_hub_and_its_query_is_kept(url: str, asked: str) -> None:
    assert negotiate_url(base_url(url), stateful_reconnect=False) == asked


def test_stateful_reconnect_is_asked_for() -> None:
    asked = negotiate_url("http://a/hub?b=c", stateful_reconnect=True)
    assert asked == "http://a/hub/negotiate?b=c&negotiateVersion=1&useStatefulReconnect=true"


@pytest.mark.parametrize("url", ["/hub", "ftp://a/hub", "http:///hub", ""])
def test_an_address_that_cannot_be_dialed_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="no address of a hub"):
        base_url(url)


def test_a_token_that_is_not_safe_in_a_query_arrives_as_it_is() -> None:
    assert connect_url("http://a/hub", "a+b/c=") == "http://a/hub?id=a%2Bb%2Fc%3D"
    assert connect_url("http://a/hub?x=1", "abc-_") == "http://a/hub?x=1&id=abc-_"


def test_version_1_has_a_token_of_its_own() -> None:
    offer = read({"negotiateVersion": 1, "connectionToken": "t", **OFFER})
    assert offer == Negotiated("c", "t", {"WebSockets": frozenset({"Text"})}, False)
    assert "'t'" not in repr(offer)


def test_in_version_0_the_id_is_the_token() -> None:
    for answer in (OFFER, {"negotiateVersion": 0, **OFFER}):
        offer = read(answer)
        assert isinstance(offer, Negotiated)
        assert offer.connection_token == "c"


def test_unknown_fields_and_transports_are_left_alone() -> None:
    offer = read({**OFFER, "tokenLifetimeSeconds": 5, "availableTransports": [{"transport": "Pigeons"}]})
    assert isinstance(offer, Negotiated)
    assert offer.transports == {"Pigeons": frozenset()}


def test_a_redirect_wins_over_what_else_is_said() -> None:
    assert read({"url": "https://b/x?y=1", "accessToken": "t", **OFFER}) == Redirection("https://b/x?y=1", "t")
    assert read({"url": "wss://b"}) == Redirection("https://b/", None)
    assert read({"url": "//b/x"}) == Redirection("https://b/x", None)
    assert read({"url": "/other"}) == Redirection("https://a/other", None)
    assert "secret" not in repr(read({"url": "https://b", "accessToken": "secret"}))


def test_stateful_reconnect_must_be_agreed_by_both() -> None:
    answer = {"negotiateVersion": 1, "connectionToken": "t", "useStatefulReconnect": True, **OFFER}
    offer = read(answer, stateful=True)
    assert isinstance(offer, Negotiated)
    assert offer.stateful_reconnect
    with pytest.raises(NegotiationFailed, match="Client didn't negotiate Stateful Reconnect but the server did"):
        read(answer)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({"error": "not today", **OFFER}, "^not today$"),
        ({"ProtocolVersion": "1.5", "url": "/signalr"}, "older ASP.NET SignalR"),
        ({}, "names no connection"),
        ({"connectionId": ""}, "names no connection"),
        ({"negotiateVersion": 1, **OFFER}, "names no connection"),
        ({"connectionId": 5}, "cannot be read"),
        ({"url": "ftp://a"}, "no address"),
        ({"url": "http://b/hub", "accessToken": "t"}, "in the clear"),
        ([], "cannot be read"),
    ],
)
def test_an_answer_of_no_use_says_why(answer: object, text: str) -> None:
    with pytest.raises(NegotiationFailed, match=text):
        read(answer)


@given(st.binary(max_size=200))
def test_whatever_comes_is_an_answer_or_a_failed_negotiation(body: bytes) -> None:
    with contextlib.suppress(NegotiationFailed):
        read_answer(body, asked_at="http://a", asked_stateful_reconnect=False)
