"""Queries of REST calls are read as everybody reads them."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwire.azure.rest_calls import Query
from hubwire.azure.rest_errors import RestError


@given(
    st.text(alphabet="abA=&%+2cé;#")
    | st.lists(st.sampled_from(["a", "=", "&", "%20", "%C3%A9", "+", "%ff"])).map("".join)
)
def test_a_query_is_read_as_by_the_standard_library(text: str) -> None:
    try:
        expected = parse_qsl(text, keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        with pytest.raises(RestError):
            Query(text)
        return
    query = Query(text)
    names = {name.lower() for name, _ in expected}
    for name in names:
        assert query.all(name) == [value for each, value in expected if each.lower() == name]
    assert not query.all("absent")


@pytest.mark.parametrize(
    ("text", "value"), [("", False), ("x=true", True), ("X=TRUE", True), ("x=false", False), ("x=", False)]
)
def test_booleans(text: str, value: bool) -> None:
    assert Query(text).boolean("x") is value


@pytest.mark.parametrize("text", ["x=1", "x=yes", "x=true&x=true"])
def test_what_is_no_boolean(text: str) -> None:
    with pytest.raises(RestError):
        Query(text).boolean("x")


def test_integers_have_bounds() -> None:
    assert Query("n=0005").integer("n", 1, 5) == 5
    assert Query("").integer("n", 1, 5) is None
    for text in ("n=0", "n=6", "n=+1", "n=1.0", "n=", "n=²"):
        with pytest.raises(RestError, match="from 1 to 5"):
            Query(text).integer("n", 1, 5)
