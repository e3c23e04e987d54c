"""Azure's client address and the hub names that fit into it."""

from __future__ import annotations

import pytest

from hubwire.azure.client_url import checked_base_url, checked_hub_name, client_url


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("https://shop.example", "https://shop.example/client/?hub=mesh"),
        ("https://shop.example/", "https://shop.example/client/?hub=mesh"),
        ("http://localhost:8000", "http://localhost:8000/client/?hub=mesh"),
        ("https://shop.example/live", "https://shop.example/live/client/?hub=mesh"),
    ],
)
def test_the_address_ends_in_the_hub_in_lower_case(base: str, expected: str) -> None:
    assert client_url(base, "Mesh") == expected


@pytest.mark.parametrize("name", ["a", "MesChainAdminHub", "a_`,.[]9", "A" + "b" * 127])
def test_good_hub_names_pass_in_lower_case(name: str) -> None:
    assert checked_hub_name(name) == name.lower()


@pytest.mark.parametrize("name", ["", "1a", "a-b", "a b", "a\n", "é", "a&x=y", "A" + "b" * 128])
def test_bad_hub_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no hub name"):
        checked_hub_name(name)


@pytest.mark.parametrize("base", ["", "shop.example", "ws://shop.example", "https://", "https://a?b=c", "https://a#b"])
def test_bad_bases_are_refused(base: str) -> None:
    with pytest.raises(ValueError, match="is no base address"):
        checked_base_url(base)
