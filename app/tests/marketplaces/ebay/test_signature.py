"""eBay's signatures and challenge against vectors of openssl, and what must not pass."""

from __future__ import annotations

import base64
import json

import pytest
from app.tests.marketplaces.ebay.signing import KEY_ID, Signer, header_of
from app.tests.marketplaces.vector_files import vector, vector_bytes
from cryptography.hazmat.primitives.asymmetric import ec

from meschain.marketplaces.ebay.challenge import challenge_response
from meschain.marketplaces.ebay.platform_notifications import digest_of
from meschain.marketplaces.ebay.signature import is_signed, read_header, read_key

DIGESTS = ("SHA1", "SHA256")


@pytest.mark.parametrize("digest", DIGESTS)
def test_openssls_signature_is_right(digest: str) -> None:
    key = read_key(vector("ebay_public_key.pem"))
    signature = base64.b64decode(vector(f"ebay_{digest.lower()}.txt"))
    header = read_header(header_of(signature, digest=digest), DIGESTS)
    assert header is not None
    body = vector_bytes("ebay_body.json")
    assert is_signed(body, header, key)
    assert not is_signed(body.replace(b"89012", b"89013"), header, key)


def test_a_body_that_a_proxy_wrote_anew_is_still_signed() -> None:
    body = vector_bytes("ebay_body.json")
    header = read_header(header_of(base64.b64decode(vector("ebay_sha1.txt"))), DIGESTS)
    assert header is not None
    spaced = json.dumps(json.loads(body), indent=2).encode()
    assert is_signed(spaced, header, read_key(vector("ebay_public_key.pem")))


def test_a_key_has_line_breaks_or_not() -> None:
    pem = vector("ebay_public_key.pem")
    assert read_key(pem).public_numbers() == read_key(pem.replace("\n", "")).public_numbers()


def test_openssls_challenge_response_is_ours() -> None:
    response = challenge_response(
        vector("ebay_challenge_code.txt"), vector("ebay_verification_token.txt"), vector("ebay_endpoint.txt")
    )
    assert response == vector("ebay_challenge_response.txt")


def test_openssls_digest_of_a_platform_notification_is_ours() -> None:
    assert digest_of("2026-01-01T09:15:00.000Z", "dev-id-1", "app-id-1", "cert-id-1") == vector("ebay_soap_digest.txt")


def test_another_keys_signature_is_wrong() -> None:
    header = read_header(Signer().header(b"{}"), DIGESTS)
    assert header is not None
    assert not is_signed(b"{}", header, read_key(Signer().public_key))


def _header(**changes: object) -> str:
    content: dict[str, object] = {"alg": "ecdsa", "kid": KEY_ID, "signature": "AA==", "digest": "SHA1", **changes}
    return base64.b64encode(json.dumps(content).encode()).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no base64 ",
        base64.b64encode(b"no json").decode(),
        base64.b64encode(b"[" * 2000).decode(),
        base64.b64encode(b"\xff\xfe").decode(),
        _header(digest="MD5"),
        _header(alg="none"),
        _header(kid="../../token"),
        _header(kid=""),
        _header(signature=5),
        "A" * 5_000,
    ],
)
def test_headers_that_are_none_are_not_read(text: str) -> None:
    assert read_header(text, DIGESTS) is None


def test_a_digest_that_the_settings_leave_out_is_not_read() -> None:
    assert read_header(Signer().header(b"", digest="SHA256"), ("SHA1",)) is None


@pytest.mark.parametrize(
    "signature", ["", "AA==", "no base64", base64.b64encode(b"\x30\x06\x02\x01\x00\x02\x01\x00").decode()]
)
def test_signatures_that_are_none_are_wrong(signature: str) -> None:
    header = read_header(_header(signature=signature), DIGESTS)
    assert header is not None
    assert not is_signed(b"{}", header, read_key(Signer().public_key))


@pytest.mark.parametrize(
    "pem",
    ["", "-----BEGIN PUBLIC KEY-----AAAA-----END PUBLIC KEY-----", Signer(ec.SECP384R1()).public_key, "x" * 10_000],
)
def test_keys_that_are_none_are_refused(pem: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_key(pem)
