"""Whose address counts, with and without trusted proxies."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from meschain.http.client_address import ClientAddress


def request(peer: str | None, *forwarded: str) -> Request:
    return Request(
        {
            "type": "http",
            "client": None if peer is None else (peer, 1234),
            "headers": [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded],
        }
    )


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.1", (), "203.0.113.1"),
        ("203.0.113.1", ("198.51.100.9",), "203.0.113.1"),
        ("10.0.0.1", (), "10.0.0.1"),
        ("10.0.0.1", ("198.51.100.9",), "198.51.100.9"),
        ("10.0.0.1", ("1.2.3.4, 198.51.100.9",), "198.51.100.9"),
        ("10.0.0.1", ("1.2.3.4", "198.51.100.9, 10.0.0.2"), "198.51.100.9"),
        ("10.0.0.1", ("10.0.0.3, 10.0.0.2",), "10.0.0.3"),
        ("10.0.0.1", ("198.51.100.9:4711",), "198.51.100.9"),
        ("10.0.0.1", ("[2001:db8::1]:4711",), "2001:db8::1"),
        ("10.0.0.1", ("2001:db8::1",), "2001:db8::1"),
        ("10.0.0.1", ("198.51.100.9, nonsense",), "10.0.0.1"),
        ("10.0.0.1", ("nonsense, 10.0.0.2",), "10.0.0.2"),
        ("10.0.0.1", ("",), "10.0.0.1"),
        ("::ffff:10.0.0.1", ("198.51.100.9",), "198.51.100.9"),
        ("::ffff:203.0.113.1", (), "203.0.113.1"),
        ("10.0.0.1", (f"[2001:db8::1]:{'0' * 200}",), "10.0.0.1"),
        ("fd00::1", ("198.51.100.9",), "198.51.100.9"),
        (None, ("198.51.100.9",), "unknown"),
    ],
)
def test_the_nearest_that_is_no_proxy_of_ours(peer: str | None, forwarded: tuple[str, ...], address: str) -> None:
    assert ClientAddress(("10.0.0.0/8", "fd00::/8")).of(request(peer, *forwarded)) == address


def test_without_trusted_proxies_headers_count_for_nothing() -> None:
    assert ClientAddress().of(request("10.0.0.1", "198.51.100.9")) == "10.0.0.1"


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(ValueError, match="does not appear"):
        ClientAddress(("proxy.example.com",))
