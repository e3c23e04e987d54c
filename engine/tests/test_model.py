"""What hub code reads from the request, and keeps on a caller."""

from __future__ import annotations

import pytest

from hubwire.model import Audience, ConnectRequest
from hubwire.testing import make_caller


def _request(cookie: str | None = None) -> ConnectRequest:
    return ConnectRequest(
        "GET", "/", {"Name": ["a", "b"], "none": []}, {"cookie": cookie} if cookie else {}, "", "http"
    )


@pytest.mark.parametrize(
    ("header", "cookies"),
    [
        (None, {}),
        ("a=b", {"a": "b"}),
        ("a=b; c=d;e=f", {"a": "b", "c": "d", "e": "f"}),
        ('a="x y"; b=%20', {"a": "x y", "b": "%20"}),
        ("token=b64==; a=", {"token": "b64==", "a": ""}),
        ("a=1; =x; y; b c=2; d=3", {"a": "1", "d": "3"}),
        ("a=é; b=2", {"b": "2"}),
        ("bad,name=1; good=2", {"good": "2"}),
    ],
)
def test_cookies_are_read_one_by_one_so_that_a_bad_one_costs_itself_only(
    header: str | None, cookies: dict[str, str]
) -> None:
    assert _request(header).cookies == cookies


def test_query_keys_are_found_without_regard_to_case() -> None:
    assert _request().query_value("nAME") == "a"
    assert _request().query_value("none") is None


def test_items_belong_to_one_caller_and_stay() -> None:
    one, other = make_caller(), make_caller()
    one.items["seen"] = 1
    assert one.items == {"seen": 1}
    assert other.items == {}


def test_items_are_not_shown_with_the_caller() -> None:
    caller = make_caller()
    caller.items["secret"] = "x"
    assert "secret" not in repr(caller)


def test_an_empty_group_name_is_refused() -> None:
    with pytest.raises(ValueError, match="group name is empty"):
        Audience.groups(["a", ""])
