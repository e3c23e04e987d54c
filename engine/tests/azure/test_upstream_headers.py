"""Headers of upstream requests: what can stand in one, and how claims and queries are written and read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwire.azure.upstream_headers import is_header_value, read_claims, read_query, write_claims, write_query
from hubwire.testing import make_caller


@pytest.mark.parametrize("text", ["alice", "Ayşe Yılmaz", "a b", "日本", "👩‍💻", "!#$%&'()*,/:;<=>?@[]"])
def test_these_arrive_as_they_are(text: str) -> None:
    assert is_header_value(text)


@pytest.mark.parametrize(
    "text", ["", " ", " a", "a ", "a\r\nX-ASRS-User-Id: b", "a\nb", "a\0b", "a\x7f", "\ta", "\ud800"]
)
def test_these_would_not(text: str) -> None:
    assert not is_header_value(text)


@pytest.mark.parametrize(
    ("claims", "text"),
    [
        ({}, ""),
        ({"role": "admin"}, "role: admin"),
        ({"role": "admin", "name": "Ann"}, "role: admin, name: Ann"),
        ({"role": ["admin", "guest"]}, "role: admin, role: guest"),
        ({"admin": True, "level": 3, "none": None}, "admin: true, level: 3, none: null"),
        ({"place": {"x": 1}}, 'place: {"x":1}'),
        ({"name": "Smith, John"}, "name: Smith, John"),
        ({"name": "a\r\nb"}, "name: a  b"),
        ({"http://schemas.example.com/role": "x"}, "http://schemas.example.com/role: x"),
    ],
)
def test_claims_are_written_as(claims: dict[str, object], text: str) -> None:
    assert write_claims(claims) == text


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("", []),
        ("role: admin", [("role", "admin")]),
        ("role: admin, role: guest", [("role", "admin"), ("role", "guest")]),
        ("name: Smith, John, role: x", [("name", "Smith, John"), ("role", "x")]),
        ("url: http://x: y", [("url", "http://x: y")]),
        ("http://schemas.example.com/role: x", [("http://schemas.example.com/role", "x")]),
        ("nothing", []),
        ("a:b, c: d", [("c", "d")]),
        (": x", [("", "x")]),
    ],
)
def test_claims_are_read_as(text: str, claims: list[tuple[str, str]]) -> None:
    assert read_claims(text) == claims


plain = st.text(st.characters(blacklist_characters=":,\r\n", blacklist_categories=["Cc", "Cs", "Z"]), min_size=1)


@given(st.dictionaries(plain, plain, max_size=5))
def test_plain_claims_come_back(claims: dict[str, str]) -> None:
    assert dict(read_claims(write_claims(claims))) == claims


@given(st.text())
def test_any_text_reads_as_claims(text: str) -> None:
    assert all(len(claim) == 2 for claim in read_claims(text))


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.lists(st.text(), max_size=2), max_size=4))
def test_written_claims_never_end_a_header(claims: dict[str, object]) -> None:
    written = write_claims(claims)
    assert not written or is_header_value(written)


def test_the_query_comes_back_without_its_token() -> None:
    query = {"hub": ["chat"], "id": ["x y"], "Access_Token": ["secret"], "room": ["ö&=", "2"], "empty": [""]}
    written = write_query(make_caller(query=query).request)
    assert written.startswith("?hub=chat&id=x+y&room=")
    assert "secret" not in written
    assert read_query(written) == {name: values for name, values in query.items() if name != "Access_Token"}


@pytest.mark.parametrize("text", ["", "?"])
def test_no_query_is_an_empty_one(text: str) -> None:
    assert read_query(text) == {}


def test_a_token_that_a_service_sends_along_is_dropped() -> None:
    assert read_query("?hub=chat&access_token=secret") == {"hub": ["chat"]}
