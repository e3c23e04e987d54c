"""Compact JWTs signed with HMAC-SHA256, or read with HMAC-SHA512 (RFC 7515, 7519), and no others. Knows no claims.

By hand, because the service's tokens know these two algorithms: PyJWT takes 100 us to read one, a quarter of what
setting up a connection may take, and this takes 8. The traps of such code are that a token chooses its own algorithm,
that a signature is compared byte by byte, and that one token can be written in several ways. Here nothing is read
before the signature is verified, in constant time and as text, which admits only its one spelling; the length of the
signature says which of the two it is, and the header has to agree. PyJWT judges it in the tests.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence

import msgspec

ALGORITHM = "HS256"
"""What we sign with."""

_ALGORITHMS = {43: (ALGORITHM, "sha256"), 86: ("HS512", "sha512")}
"""Name and hash by the characters of a signature."""


_NEVER = 2**63
"""No `exp` is as far away: 300,000 million years."""


class InvalidToken(Exception):
    """The token cannot be read, none of the keys has signed it, or it has expired; the text is for the log."""


class _Header(msgspec.Struct):
    alg: str
    crit: object = msgspec.UNSET
    b64: object = msgspec.UNSET


_decode_header = msgspec.json.Decoder(_Header).decode
_decode_payload = msgspec.json.Decoder(dict[str, object]).decode


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


_HEADER = _base64url(b'{"alg":"HS256","typ":"JWT"}')
_NAMED_HEADER = {"alg": ALGORITHM, "typ": "JWT"}


def sign(payload: Mapping[str, object], key: bytes, key_id: str | None = None) -> str:
    """Return the token; `key_id` becomes its `kid`. Raises: TypeError, ValueError for what has no JSON form."""
    header = _HEADER if key_id is None else _base64url(msgspec.json.encode(_NAMED_HEADER | {"kid": key_id}))
    signed = header + b"." + _base64url(msgspec.json.encode(payload))
    return (signed + b"." + _signature(signed, key)).decode()


def read(token: str, keys: Sequence[bytes]) -> dict[str, object]:
    """Return the payload of a token that one of the keys has signed; `expiry` and audience are the caller's to check.

    Raises: InvalidToken.
    """
    try:
        signed, _, signature = token.encode("ascii").rpartition(b".")
        algorithm, digest = _ALGORITHMS.get(len(signature), _ALGORITHMS[43])
        if not any([hmac.compare_digest(_signature(signed, key, digest), signature) for key in keys]):
            raise InvalidToken("The signature key was not found.")
        header_part, _, payload_part = signed.partition(b".")
        header = _decode_header(_bytes(header_part))
        if header.alg != algorithm or header.crit is not msgspec.UNSET or header.b64 is not msgspec.UNSET:
            raise InvalidToken("The header asks for something else than plain HS256 or HS512.")
        return _decode_payload(_bytes(payload_part))
    except (binascii.Error, msgspec.DecodeError, ValueError, RecursionError) as error:
        raise InvalidToken(f"The token cannot be read: {type(error).__name__}.") from error


def expiry(payload: Mapping[str, object], now: float) -> float:
    """Return when a token expires that has not, in seconds since 1970. Raises: InvalidToken."""
    expires_at = payload.get("exp")
    # Compared before it is converted: JSON has whole numbers that are no float.
    if isinstance(expires_at, bool) or not isinstance(expires_at, int | float) or not expires_at < _NEVER:
        raise InvalidToken("The token's exp is no point in time.")
    if expires_at <= now:
        raise InvalidToken("The token has expired.")
    return float(expires_at)


def _signature(signed: bytes, key: bytes, digest: str = "sha256") -> bytes:
    return _base64url(hmac.digest(key, signed, digest))


def _bytes(part: bytes) -> bytes:
    return base64.b64decode(part + b"=" * (-len(part) % 4), altchars=b"-_", validate=True)
