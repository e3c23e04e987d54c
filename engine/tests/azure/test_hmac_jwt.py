"""HS256 tokens, judged by PyJWT: each reads what the other writes, and what is no such token is refused by both."""

from __future__ import annotations

import base64
import json

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwire.azure import hmac_jwt

KEY = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH"
OTHER_KEY = b"0123456789abcdefghijklmnopqrstuvwxyz01234567"
_NO_CHECKS: jwt.types.Options = {"verify_aud": False, "verify_sub": False, "verify_jti": False}

payloads = st.dictionaries(
    st.text(st.characters(codec="utf-8"), min_size=1).filter(lambda name: name not in {"exp", "nbf", "iat", "iss"}),
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8")),
        lambda inner: st.lists(inner, max_size=3),
        max_leaves=5,
    ),
    max_size=5,
)


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _with_header(header: object, payload: object = None) -> str:
    """A token with a signature of ours under any header."""
    signed = f"{_part(header)}.{_part({} if payload is None else payload)}"
    return f"{signed}.{hmac_jwt._signature(signed.encode(), KEY).decode()}"


@given(payloads)
def test_the_judge_reads_what_is_signed_and_so_do_we(payload: dict[str, object]) -> None:
    token = hmac_jwt.sign(payload, KEY)
    assert jwt.decode(token, KEY, ["HS256"], _NO_CHECKS) == payload
    assert hmac_jwt.read(token, [KEY]) == payload


@given(payloads)
def test_we_read_what_the_judge_signs(payload: dict[str, object]) -> None:
    assert hmac_jwt.read(jwt.encode(payload, KEY), [OTHER_KEY, KEY]) == payload


def test_any_of_the_keys_will_do_and_no_other() -> None:
    token = hmac_jwt.sign({"a": 1}, OTHER_KEY)
    assert hmac_jwt.read(token, [KEY, OTHER_KEY]) == {"a": 1}
    with pytest.raises(hmac_jwt.InvalidToken, match="key was not found"):
        hmac_jwt.read(token, [KEY])


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "HS512"},
        {"alg": "hmac_jwt"},
        {"alg": ["HS256"]},
        {"typ": "JWT"},
        {"alg": "HS256", "crit": ["exp"]},
        {"alg": "HS256", "b64": False},
        [],
        "HS256",
    ],
)
def test_a_header_that_asks_for_something_else_is_refused_although_it_is_signed(header: object) -> None:
    with pytest.raises(hmac_jwt.InvalidToken):
        hmac_jwt.read(_with_header(header), [KEY])


@pytest.mark.parametrize("payload", [[], "text", 7, [["deep"]]])
def test_a_payload_that_is_no_object_is_refused(payload: object) -> None:
    with pytest.raises(hmac_jwt.InvalidToken):
        hmac_jwt.read(_with_header({"alg": "HS256"}, payload), [KEY])


def test_a_signature_has_one_spelling() -> None:
    token = hmac_jwt.sign({"a": 1}, KEY)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    same_bits = alphabet[alphabet.index(token[-1]) ^ 1]  # the last character carries two bits of nothing
    for other in (token + "=", token[:-1] + same_bits, token + " ", token.replace(".", "..", 1), f" {token}"):
        with pytest.raises(hmac_jwt.InvalidToken):
            hmac_jwt.read(other, [KEY])


@given(st.text(max_size=60))
def test_whatever_comes_is_refused_by_the_one_error(token: str) -> None:
    with pytest.raises(hmac_jwt.InvalidToken):
        hmac_jwt.read(token, [KEY])


@given(payloads)
def test_we_read_hs512_too(payload: dict[str, object]) -> None:
    key = KEY + OTHER_KEY  # RFC 7518 3.2: the judge wants one as long as the hash
    assert hmac_jwt.read(jwt.encode(payload, key, algorithm="HS512"), [OTHER_KEY, key]) == payload


@pytest.mark.parametrize(("named", "signed"), [("HS512", "sha256"), ("HS256", "sha512")])
def test_a_header_that_names_another_hash_than_was_used_is_refused(named: str, signed: str) -> None:
    text = f"{_part({'alg': named})}.{_part({})}"
    token = f"{text}.{hmac_jwt._signature(text.encode(), KEY, signed).decode()}"
    with pytest.raises(hmac_jwt.InvalidToken):
        hmac_jwt.read(token, [KEY])
