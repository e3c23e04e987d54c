"""The negotiate answer, version by version."""

from __future__ import annotations

import json

import pytest

from hubwire.wire import negotiation

ALL = tuple(negotiation.TRANSFER_FORMATS)


@pytest.mark.parametrize(("text", "version"), [(None, 0), ("0", 0), ("1", 1), ("2", 1), ("99", 1)])
def test_the_version_is_the_highest_that_both_speak(text: str | None, version: int) -> None:
    assert negotiation.requested_version(text) == version


@pytest.mark.parametrize("text", ["", "one", "1.0", "9" * 5000])
def test_a_version_that_is_no_integer_is_refused(text: str) -> None:
    with pytest.raises(negotiation.NegotiationError, match="non-integer protocol version"):
        negotiation.requested_version(text)


@pytest.mark.parametrize(("text", "minimum", "named"), [(None, 1, 0), ("0", 1, 0), ("-1", 0, -1), ("-7", 1, -7)])
def test_a_version_below_the_minimum_is_refused_by_its_number(text: str | None, minimum: int, named: int) -> None:
    with pytest.raises(negotiation.NegotiationError) as caught:
        negotiation.requested_version(text, minimum)
    assert str(caught.value) == (
        f"The client requested version '{named}', but the server does not support this version."
    )


def test_version_1_passes_a_minimum_of_1() -> None:
    assert negotiation.requested_version("1", 1) == 1


def test_version_0_names_no_token() -> None:
    assert json.loads(negotiation.answer(0, "id", "id", [negotiation.WEBSOCKETS])) == {
        "negotiateVersion": 0,
        "connectionId": "id",
        "availableTransports": [{"transport": "WebSockets", "transferFormats": ["Text", "Binary"]}],
    }


def test_version_1_names_the_token_and_lists_transports_in_their_order() -> None:
    assert json.loads(negotiation.answer(1, "id", "secret", ["LongPolling", "WebSockets", "ServerSentEvents"])) == {
        "negotiateVersion": 1,
        "connectionId": "id",
        "connectionToken": "secret",
        "availableTransports": [
            {"transport": "WebSockets", "transferFormats": ["Text", "Binary"]},
            {"transport": "ServerSentEvents", "transferFormats": ["Text"]},
            {"transport": "LongPolling", "transferFormats": ["Text", "Binary"]},
        ],
    }


def test_an_error_stands_alone() -> None:
    assert json.loads(negotiation.error_answer("no")) == {"error": "no"}


def test_stateful_reconnect_is_named_only_where_it_is_promised() -> None:
    promised = json.loads(negotiation.answer(1, "id", "secret", [], is_stateful=True))
    assert promised["useStatefulReconnect"] is True
    assert "useStatefulReconnect" not in json.loads(negotiation.answer(1, "id", "secret", []))


def test_a_redirect_has_a_token_or_none() -> None:
    assert json.loads(negotiation.redirect_answer("https://a/hub?x=1", "jwt")) == {
        "url": "https://a/hub?x=1",
        "accessToken": "jwt",
    }
    assert json.loads(negotiation.redirect_answer("https://a/hub", None)) == {"url": "https://a/hub"}
