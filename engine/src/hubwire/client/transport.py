"""What the client asks of a transport: bytes both ways. The adapters are `websocket`, `sse` and `long_polling`."""

from __future__ import annotations

from typing import Protocol


class Transport(Protocol):
    """One way to one connection of the server. `open` comes first, `close` or `abort` last; nothing is used again."""

    name: str
    """As negotiate calls it."""
    keeps_itself_alive: bool
    """Whether its own requests show that both ends live, so that neither keep-alives nor silence count."""

    async def open(self, url: str, *, renews_token: bool = False) -> None:
        """Return when data may flow. The address has the connection's token, if there is one.

        Raises: TransportFailed.
        """

    async def receive(self) -> bytes | None:
        """Return the next input, cut anywhere; None: it was closed properly, by either side. One caller at a time.

        Raises: TransportFailed.
        """

    async def send(self, data: bytes, is_binary: bool) -> None:
        """Take whole hub messages at once, in the order of calls, and return when they are written.

        Raises: TransportFailed.
        """

    async def close(self) -> None:
        """Take leave; a waiting `receive` returns. Raises nothing that the network can cause."""

    async def abort(self) -> None:
        """Break off without a word; a waiting `receive` returns or raises."""
