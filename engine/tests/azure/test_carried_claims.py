"""Claims that travel as the value of one: with their types, and none breaks out."""

from __future__ import annotations

import contextlib

import pytest
from engine.tests.wire.payloads import json_values
from hypothesis import given
from hypothesis import strategies as st

from hubwire.azure.carried_claims import CARRIED_CLAIM, InvalidClaims, carried_claims, read_carried_claims
from hubwire.azure.upstream_headers import is_header_value, read_claims, write_claims

names = st.text().filter(lambda name: not name.lower().startswith("hubwire."))


@given(st.dictionaries(names, json_values, max_size=4))
def test_claims_come_back_with_their_types(claims: dict[str, object]) -> None:
    header = write_claims(carried_claims(claims))
    assert is_header_value(header)
    ((name, value),) = read_claims(header)
    assert name == CARRIED_CLAIM
    assert read_carried_claims(value) == claims


@pytest.mark.parametrize("name", ["x, role: admin", "x, hubwire.claims: e30", "\r\nX-ASRS-User-Id: root", "a: b, c: d"])
def test_hostile_values_stay_values(name: str) -> None:
    ((_, value),) = read_claims(write_claims(carried_claims({"name": name, "role": "guest"})))
    assert read_carried_claims(value) == {"name": name, "role": "guest"}


@pytest.mark.parametrize("name", ["hubwire.claims", "hubwire.", "HUBWIRE.Claims", "hubwire.x"])
def test_our_own_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="reserved"):
        carried_claims({name: "x"})


@pytest.mark.parametrize("value", ["", "e30 ", "***", "W10", "bnVsbA", "e", "ü", "eyJhIjo", "eyJhIjogMX0, b"])
def test_what_we_did_not_write_is_refused(value: str) -> None:
    with pytest.raises(InvalidClaims):
        read_carried_claims(value)


@given(st.text())
def test_any_text_reads_or_is_refused(text: str) -> None:
    with contextlib.suppress(InvalidClaims):
        assert isinstance(read_carried_claims(text), dict)
