"""The words of ASGI, and one HTTP request of it with its way back. Knows no hub and no transport."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

AsgiMessage = MutableMapping[str, Any]
AsgiReceive = Callable[[], Awaitable[AsgiMessage]]
AsgiSend = Callable[[AsgiMessage], Awaitable[None]]

Fields = Iterable[tuple[str, str]]

ABORT_STATE = "hubwire.abort"
"""Where the lifespan state of a request holds the way to abort its socket, which ASGI has none for."""


class Exchange:
    """One HTTP request, and the answer to it."""

    __slots__ = ("_abort", "_send", "headers", "receive", "scope")

    def __init__(
        self,
        receive: AsgiReceive,
        send: AsgiSend,
        abort: Callable[[], object] | None = None,
        scope: AsgiMessage | None = None,
    ) -> None:
        self.receive = receive
        self.scope = scope
        """The request as the server tells it, for whoever passes it on."""
        self.headers: tuple[tuple[str, str], ...] = ()
        """Go with any answer."""
        self._send = send
        self._abort = abort

    async def start(self, status: int, fields: Fields) -> None:
        """Send the head of the answer."""
        encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in (*fields, *self.headers)]
        await self._send({"type": "http.response.start", "status": status, "headers": encoded})

    async def send(self, body: bytes, *, more: bool = False) -> None:
        """Send a part of the body."""
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    async def answer(
        self, status: int, body: bytes = b"", content_type: str = "text/plain", fields: Fields = ()
    ) -> None:
        """Send a whole answer. A 204 has no body and so neither type nor length."""
        if status != 204:
            fields = (*fields, ("content-type", content_type), ("content-length", str(len(body))))
        await self.start(status, fields)
        await self.send(body)

    async def until_gone(self) -> None:
        """Return when the client has left. Reads what is left of the request's body."""
        while (await self.receive())["type"] != "http.disconnect":
            pass

    def abort(self) -> bool:
        """Cut the socket off where the server lets us; elsewhere it is the server's to close once the call returns.

        Returns: whether it lets us.
        """
        if self._abort is None:
            return False
        self._abort()
        return True
