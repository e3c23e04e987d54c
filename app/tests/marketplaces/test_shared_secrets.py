"""Secrets that vendors send along."""

from __future__ import annotations

from base64 import b64encode

import pytest

from meschain.marketplaces.shared_secrets import is_basic, is_one_of

NEW, OLD = "pärölä".encode(), b"the one before"


def basic(user: str, password: bytes) -> str:
    return "Basic " + b64encode(user.encode() + b":" + password).decode()


@pytest.mark.parametrize("password", [NEW, OLD])
def test_both_passwords_of_a_rotation_are_right(password: bytes) -> None:
    assert is_basic(basic("shop", password), "shop", [NEW, OLD])
    assert is_basic(basic("shop", password).replace("Basic", "bASIC"), "shop", [NEW, OLD])


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic ",
        "Basic !!!",
        basic("shop", b"wrong"),
        basic("other", NEW),
        basic("", NEW),
        basic("shop", b""),
        basic("shop", NEW).replace("Basic", "Bearer"),
        basic("shop", NEW) + "=",
        f"{basic('shop', NEW)},{basic('shop', NEW)}",
        "Basic \udcff",
    ],
)
def test_anything_else_is_wrong(header: str) -> None:
    assert not is_basic(header, "shop", [NEW, OLD])


def test_a_key_is_one_of_those_that_are_valid() -> None:
    assert is_one_of("key", [b"new", b"key"])
    for wrong in ("", "kez", "key ", "KEY", "key,key"):
        assert not is_one_of(wrong, [b"new", b"key"])
