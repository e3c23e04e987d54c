"""Tokens of the REST data plane (azure-serverless 3.2)."""

from __future__ import annotations

import json

import jwt
import pytest

from hubwire.azure.rest_tokens import RestTokens
from hubwire.errors import Unauthorized
from hubwire.testing import FakeClock

KEY = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH"
OLD_KEY = "0123456789abcdefghijklmnopqrstuvwxyz01234567"
PATH = "/api/hubs/chat/users/a%20b/:send"


def _tokens(*keys: str, base_url: str = "https://shop.example:8443") -> RestTokens:
    return RestTokens(keys or (KEY,), [base_url], clock=FakeClock())


def test_what_is_signed_is_verified_until_it_expires() -> None:
    clock = FakeClock()
    tokens = RestTokens([KEY], ["https://shop.example"], lifetime_seconds=60, clock=clock)
    token, expires_at = tokens.sign(PATH)
    assert expires_at == int(clock.time() + 60)
    assert tokens.verify(token, PATH) == expires_at
    clock.advance(60)
    with pytest.raises(Unauthorized, match="expired"):
        tokens.verify(token, PATH)


def test_a_verified_token_is_looked_at_once_and_not_for_other_addresses() -> None:
    tokens = _tokens()
    token, expires_at = tokens.sign(PATH)
    for _ in range(2):
        assert tokens.verify(token, PATH) == expires_at
        with pytest.raises(Unauthorized, match="another address"):
            tokens.verify(token, f"{PATH}2")


def test_so_many_verified_tokens_are_remembered_and_no_more() -> None:
    tokens = _tokens()
    for number in range(10_001):
        token, _ = tokens.sign(f"/{number}")
        tokens.verify(token, f"/{number}")
    assert len(tokens._verified) == 10_000


@pytest.mark.parametrize(
    "audience",
    [
        f"https://shop.example:8443{PATH}",
        f"https://shop.example{PATH}",
        f"HTTPS://Shop.Example{PATH}/",
        f"https://shop.example{PATH}?api-version=2022-06-01",
        f"https://shop.example{PATH}?application=a&api-version=2022-06-01",
        "https://shop.example/api/hubs/chat/users/a b/:send",
        ["https://other.example", f"https://shop.example{PATH}"],
    ],
)
def test_audiences_as_tools_and_documentation_write_them(audience: object) -> None:
    tokens = _tokens()
    _, expires_at = tokens.sign(PATH)
    token = jwt.encode({"exp": expires_at, "aud": audience}, KEY)
    assert tokens.verify(token, PATH) == expires_at


@pytest.mark.parametrize(
    "audience",
    [
        None,
        7,
        "",
        "https://shop.example",
        "https://shop.example:1/api/hubs/chat/users/a%20b/:send",
        "http://shop.example/api/hubs/chat/users/a%20b/:send",
        "https://shop.example/api/hubs/chat/:send",
        "https://shop.example/api/hubs/chat/users/a%20b%2F:send",
        f"https://evil@shop.example{PATH}",
        f"https://shop.example:x{PATH}",
    ],
)
def test_other_audiences_are_refused(audience: object) -> None:
    tokens = _tokens()
    token = jwt.encode({"exp": tokens.sign(PATH)[1], "aud": audience}, KEY)
    with pytest.raises(Unauthorized, match="another address"):
        tokens.verify(token, PATH)


def test_each_key_counts_and_no_other() -> None:
    token, _ = _tokens(OLD_KEY).sign(PATH)
    assert _tokens(KEY, OLD_KEY).verify(token, PATH)
    with pytest.raises(Unauthorized):
        _tokens(KEY).verify(token, PATH)


@pytest.mark.parametrize("token", [None, "", "a.b.c", "x" * 5000])
def test_what_is_no_token_is_refused(token: str | None) -> None:
    with pytest.raises(Unauthorized):
        _tokens().verify(token, PATH)


@pytest.mark.parametrize("expiry", [None, "soon", True, float("inf"), 10**400])
def test_an_expiry_is_required(expiry: object) -> None:
    payload = json.dumps({"aud": f"https://shop.example{PATH}", "exp": expiry}).encode()
    token = jwt.api_jws.encode(payload, KEY)
    with pytest.raises(Unauthorized):
        _tokens().verify(token, PATH)


def test_secrets_have_no_repr() -> None:
    assert KEY not in repr(_tokens())


def test_a_token_that_is_too_long_is_not_read() -> None:
    tokens = _tokens()
    _, expires_at = tokens.sign(PATH)
    payload = {"exp": expires_at, "aud": f"https://shop.example{PATH}"}
    assert tokens.verify(jwt.encode(payload, KEY), PATH) == expires_at
    with pytest.raises(Unauthorized, match="longer than 4096 characters"):
        tokens.verify(jwt.encode({**payload, "filler": "x" * 4096}, KEY), PATH)
