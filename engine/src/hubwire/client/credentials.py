"""Who the client says it is: a token, or what makes one. Knows no HTTP.

A token is asked for when a connection is made, and again when the server refuses one, for it may have expired.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable

AccessToken = str | Callable[[], str | Awaitable[str | None] | None] | None
"""A bearer token, a function or coroutine function that returns one, or None for a server that wants none."""


class Credentials:
    """The tokens of one `HubConnection`."""

    __slots__ = ("_current", "_given", "_redirected")

    def __init__(self, access_token: AccessToken) -> None:
        self._given = access_token
        self._current: str | None = None
        self._redirected: str | None = None

    def forget(self) -> None:
        """A new connection begins: from the application's own token, however the last one was redirected."""
        self._current = self._redirected = None

    def redirect(self, token: str | None) -> None:
        """The server has sent a token for everything that follows; None: the one in use stays."""
        if token is not None:
            self._redirected = token

    @property
    def can_renew(self) -> bool:
        """Whether asking again may give another token."""
        return self._redirected is None and callable(self._given)

    async def current(self) -> str | None:
        """Return the token in use."""
        return self._redirected or self._current or await self.renewed()

    async def renewed(self) -> str | None:
        """Return a token that was asked for just now, where that is possible."""
        if self._redirected is not None:
            return self._redirected
        given = self._given() if callable(self._given) else self._given
        self._current = (await given if inspect.isawaitable(given) else given) or None
        return self._current
