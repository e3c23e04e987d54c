"""All claims of an application as the value of one, which nothing can break out of: base64url of their JSON. Pure.

The service passes claims on without escaping. A value of `x, role: admin` would arrive as two claims; and numbers,
booleans and lists as texts. What is carried here arrives as it was.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

import msgspec

CARRIED_CLAIM = "hubwire.claims"
"""The claim's name."""

_PREFIX = "hubwire."
_decode = msgspec.json.Decoder(dict[str, object]).decode


class InvalidClaims(Exception):
    """The claim is not what `carried_claims` makes; the text is for the log."""


def carried_claims(claims: Mapping[str, object]) -> dict[str, str]:
    """Return the one claim that carries these, also when there are none: only so is a second one a forgery.

    Raises: ValueError, TypeError for a name that begins with `hubwire.`, or a value without JSON form.
    """
    for name in claims:
        if name.lower().startswith(_PREFIX):
            raise ValueError(f"The claim {name!r} is reserved: names that begin with {_PREFIX} are ours; rename it.")
    return {CARRIED_CLAIM: base64.urlsafe_b64encode(msgspec.json.encode(claims)).rstrip(b"=").decode()}


def read_carried_claims(value: str) -> dict[str, object]:
    """Return what such a claim carries. Raises: InvalidClaims."""
    try:
        data = value.encode("ascii")
        return _decode(base64.b64decode(data + b"=" * (-len(data) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, msgspec.DecodeError, ValueError, RecursionError) as error:
        raise InvalidClaims(f"The claim {CARRIED_CLAIM} cannot be read: {type(error).__name__}.") from error
