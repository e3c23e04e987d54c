"""Negotiate answers that send clients to another address, with a token for it or not (signalr-protocol 1.4)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from hubwire.model import ConnectRequest, Principal
from hubwire.ports import TokenVerifier


@dataclass(frozen=True, slots=True)
class Redirect:
    """Where a client negotiates instead."""

    url: str
    """The hub's address there; it may have a query, which clients keep."""
    access_token: str | None = field(default=None, repr=False)
    """Replaces the client's own token from there on. None: that one stays. Both Python clients need one to follow."""


ChooseRedirect = Callable[[ConnectRequest, Principal], Awaitable[Redirect]]
"""Decides for one client. Its `Unauthorized` and `Forbidden` become 401 and 403."""


@dataclass(frozen=True, slots=True, eq=False)
class Redirection:
    """A path whose negotiate redirects."""

    name: str
    """Told to the verifier as the hub."""
    verifier: TokenVerifier | None
    choose: ChooseRedirect
