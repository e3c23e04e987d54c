"""What the service's own claims in a client token say about its connection (azure-serverless 2.4). Pure.

Values are texts in the tokens of the service's tools; numbers and booleans are taken too. One that makes no sense is
ignored: the token is good all the same, and its connection is treated like others.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from hubwire.model import Steering
from hubwire.wire.negotiation import LONG_POLLING, SERVER_SENT_EVENTS, WEBSOCKETS

_HANDSHAKE_TIMEOUT = "asrs.s.cht"
_POLL_TIMEOUT = "asrs.s.ttl"
_TRANSPORTS = "asrs.s.htt"
_CLOSE_ON_EXPIRATION = "asrs.s.coae"
_CLOSES_AT = "asrs.s.aeo"
_DETAILED_ERRORS = "asrs.s.derror"
_DIAGNOSTIC = "asrs.s.dc"
_NAMES = (_HANDSHAKE_TIMEOUT, _POLL_TIMEOUT, _TRANSPORTS, _CLOSE_ON_EXPIRATION, _DETAILED_ERRORS, _DIAGNOSTIC)

_BITS = {1: WEBSOCKETS, 2: SERVER_SENT_EVENTS, 4: LONG_POLLING}
_MAXIMUM_HANDSHAKE_SECONDS = 30.0
"""The service lets no token ask for more."""


def read_steering(claims: Mapping[str, object], expires_at: float) -> Steering | None:
    """Return what the claims ask for; None: nothing in particular.

    Args:
        expires_at: of the token, in seconds since 1970: closes on expiration where the claims name no time.
    """
    if not any(name in claims for name in _NAMES):
        return None
    handshake_seconds = _seconds(claims.get(_HANDSHAKE_TIMEOUT))
    bits = _number(claims.get(_TRANSPORTS))
    closes_at = None
    if _is_true(claims.get(_CLOSE_ON_EXPIRATION)):
        given = _number(claims.get(_CLOSES_AT))
        closes_at = expires_at if given is None else given
    return Steering(
        handshake_timeout_seconds=None
        if handshake_seconds is None
        else min(handshake_seconds, _MAXIMUM_HANDSHAKE_SECONDS),
        poll_timeout_seconds=_seconds(claims.get(_POLL_TIMEOUT)),
        transports=None if bits is None else frozenset(name for bit, name in _BITS.items() if int(bits) & bit),
        closes_at=closes_at,
        detailed_errors=_is_true(claims.get(_DETAILED_ERRORS)),
        is_diagnostic=_is_true(claims.get(_DIAGNOSTIC)),
    )


def _is_true(value: object) -> bool:
    return value is True or (isinstance(value, str) and value.lower() == "true")


def _seconds(value: object) -> float | None:
    number = _number(value)
    return number if number is not None and number > 0 else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
