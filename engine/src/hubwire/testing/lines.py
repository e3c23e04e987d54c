"""A line without a socket: keeps what was posted to it, for tests of data planes and hubs."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Mapping, Sequence

from hubwire.model import Caller, ConnectRequest, Principal
from hubwire.wire.encoded import EncodedMessage
from hubwire.wire.messages import Close, Invocation

_numbers = itertools.count(1)


def make_caller(
    user_id: str | None = None,
    *,
    claims: Mapping[str, object] | None = None,
    connection_id: str | None = None,
    hub: str = "hub",
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, Sequence[str]] | None = None,
    expires_at: float | None = None,
) -> Caller:
    """A caller as a server would make it, with an id of its own unless one is given."""
    request = ConnectRequest("GET", "/", query or {}, headers or {}, "127.0.0.1", "http")
    principal = Principal(user_id, claims or {}, expires_at)
    return Caller(connection_id or f"connection-{next(_numbers)}", hub, principal, request, "memory")


class MemoryLine:
    """Implements `Line`. What arrives stands in `received`, in order."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.posted: list[EncodedMessage] = []
        """The shared messages themselves."""
        self.closed: Close | None = None
        """How the connection was ended."""
        self._changed = asyncio.Event()

    @property
    def received(self) -> list[Invocation]:
        """The calls of client methods among what was posted."""
        return [each.message for each in self.posted if isinstance(each.message, Invocation)]

    def post(self, message: EncodedMessage) -> None:
        if self.closed is None:
            self.posted.append(message)
            self._changed.set()

    def close(self, reason: str | None, allow_reconnect: bool) -> None:
        if self.closed is None:
            self.closed = Close(reason, allow_reconnect)
            self._changed.set()

    def ask(self, target: str, arguments: Sequence[object], timeout_seconds: float | None) -> Awaitable[object]:
        raise NotImplementedError

    async def until(self, target: str, count: int = 1) -> list[Invocation]:
        """Wait until `target` was called that often and return these calls. Raises: ConnectionError when closed."""
        while True:
            found = [each for each in self.received if each.target == target]
            if len(found) >= count:
                return found
            if self.closed is not None:
                raise ConnectionError(f"The connection ended before {target!r} was called: {self.closed}.")
            self._changed.clear()
            await self._changed.wait()

    async def until_closed(self) -> Close:
        """Wait for the end of the connection."""
        while self.closed is None:
            self._changed.clear()
            await self._changed.wait()
        return self.closed
