"""Answers eBay's question whether an endpoint is ours. Pure."""

from __future__ import annotations

import hashlib


def challenge_response(challenge_code: str, verification_token: str, endpoint: str) -> str:
    """Lower-case hex SHA-256 of the three in this order (vendor's guide, "Destination verification")."""
    return hashlib.sha256(f"{challenge_code}{verification_token}{endpoint}".encode()).hexdigest()
