"""What a load connection asks of its transport: bytes are pushed, nothing at rest. Knows no hub messages.

A `HubConnection` has some tasks for each connection, which is right for one and too much for thousands. WebSockets,
the usual case, are therefore an asyncio protocol over python-websockets' sans-IO client; the other transports are the
client's own, with one task that reads and one that sends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

WRITE_LIMIT_BYTES = 1024 * 1024
"""What may wait to be written to one connection; above it, what is due there is not sent."""

OnData = Callable[[bytes], None]
OnEnd = Callable[[BaseException | None], None]


class Wire(Protocol):
    """One way to one connection of the server: made, opened, attached; ended by `close` or `abort`."""

    @property
    def name(self) -> str:
        """As negotiate calls it."""

    @property
    def keeps_itself_alive(self) -> bool:
        """Whether its own requests show that both ends live, so that pings and silence do not count."""

    async def open(self, url: str, *, renews_token: bool = False) -> None:
        """Return when data may flow.

        Raises: TransportFailed.
        """

    def attach(self, on_data: OnData, on_end: OnEnd) -> None:
        """Push input, and once the end: None if it was in order."""

    def send(self, data: bytes, is_binary: bool) -> None:
        """Take whole hub messages; a failure shows as the end."""

    @property
    def waiting_bytes(self) -> int:
        """What is not written yet."""

    async def close(self) -> None:
        """Take leave, and return when that is done."""

    async def abort(self) -> None:
        """Break off."""
