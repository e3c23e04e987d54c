"""The answer of an application's negotiate endpoint that sends a client on to a hub in Azure SignalR's way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hubwire.azure.client_url import client_url
from hubwire.azure.jwt import ClientTokens


@dataclass(frozen=True, slots=True)
class ClientAccess:
    """Where a client goes and what lets it in: `{"url": url, "accessToken": access_token}` on the wire."""

    url: str
    access_token: str = field(repr=False)


def negotiate_answer(
    tokens: ClientTokens,
    hub: str,
    *,
    user_id: str | None = None,
    claims: Mapping[str, object] | None = None,
    lifetime_seconds: float | None = None,
    base_url: str | None = None,
) -> ClientAccess:
    """Let one client into one hub, under the public address of `tokens`.

    Identity and claims must come from a verified source: hubs believe them.

    Args:
        base_url: where the client goes instead, for example to a proxy; the token stays the same.

    Raises: ValueError for a hub name or a claim that the service refuses, or a token that grows too long.
    """
    token = tokens.sign(hub, user_id=user_id, claims=claims, lifetime_seconds=lifetime_seconds)
    return ClientAccess(client_url(base_url or tokens.public_url, hub), token)
