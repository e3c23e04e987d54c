"""eBay's signatures: reads the header, and checks a body against a public key. Pure; where keys come from is elsewhere.

The header is base64 of `{"alg": "ecdsa", "kid": …, "signature": …, "digest": "SHA1"}`; the signature is base64 of a DER
ECDSA signature over the body, by a key on P-256.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Collection, Iterator
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

_LONGEST_HEADER: Final = 4_096
_KEY_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,100}")
"""It becomes part of an address."""

_DIGESTS: Final[dict[str, hashes.HashAlgorithm]] = {
    "SHA1": hashes.SHA1(),  # noqa: S303 - the vendor's choice; others are taken when it changes
    "SHA256": hashes.SHA256(),
}


class SignatureHeader(msgspec.Struct, frozen=True):
    """What the header says."""

    kid: str
    signature: str
    alg: str = ""
    digest: str = "SHA1"


def read_header(text: str, digests: Collection[str]) -> SignatureHeader | None:
    """The header, if it is one that can be checked; None: whatever sent it is not eBay."""
    if not 0 < len(text) <= _LONGEST_HEADER:
        return None
    try:
        header = msgspec.json.decode(base64.b64decode(text, validate=True), type=SignatureHeader)
    except (binascii.Error, ValueError, RecursionError):
        return None
    is_usable = header.alg.lower() == "ecdsa" and header.digest in digests and _KEY_ID.fullmatch(header.kid)
    return header if is_usable else None


def read_key(pem: str) -> ec.EllipticCurvePublicKey:
    """A key as eBay's API writes it: PEM, mostly without its line breaks. Raises: ValueError for anything else."""
    found = re.fullmatch(r"\s*-----BEGIN PUBLIC KEY-----(.*)-----END PUBLIC KEY-----\s*", pem, re.DOTALL)
    if found is None:
        raise ValueError("is no public key")
    try:
        key = load_der_public_key(base64.b64decode("".join(found[1].split()), validate=True))
    except UnsupportedAlgorithm:
        raise ValueError("is a key of an unknown kind") from None
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise ValueError("is no key on P-256")


def is_signed(body: bytes, header: SignatureHeader, key: ec.EllipticCurvePublicKey) -> bool:
    """Whether the signature is this key's over the body, or over the body as eBay's own kit writes it again."""
    try:
        signature = base64.b64decode(header.signature, validate=True)
    except (binascii.Error, ValueError):
        return False
    algorithm = ec.ECDSA(_DIGESTS[header.digest])
    return any(_verifies(key, signature, text, algorithm) for text in _spellings(body))


def _spellings(body: bytes) -> Iterator[bytes]:
    """The raw body, and its compact form: the kit signs what it has parsed and written again."""
    yield body
    try:
        compact = json.dumps(json.loads(body), separators=(",", ":"), ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return
    if compact != body:
        yield compact


def _verifies(key: ec.EllipticCurvePublicKey, signature: bytes, text: bytes, algorithm: ec.ECDSA) -> bool:
    try:
        key.verify(signature, text, algorithm)
    except InvalidSignature:
        return False
    return True
