"""An inbox for the tests of what fetches: remembers what it is handed, and is away when a test says so."""

from __future__ import annotations

import asyncio

from meschain.services.webhook_ports import InboxUnavailable, WebhookAnswer, WebhookRequest


class RememberingReceiver:
    """`WebhookReceiver`; it takes everything for new."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, str, WebhookRequest]] = []
        self.takes: int | None = None
        """How many more it stores before it is away; None: any number."""
        self._changed = asyncio.Condition()

    async def receive(self, vendor: str, store: str, request: WebhookRequest) -> WebhookAnswer | None:
        raise NotImplementedError

    async def keep(self, vendor: str, store: str, request: WebhookRequest) -> None:
        if self.takes == 0:
            raise InboxUnavailable("the database is away")
        if self.takes is not None:
            self.takes -= 1
        async with self._changed:
            self.kept.append((vendor, store, request))
            self._changed.notify_all()

    @property
    def bodies(self) -> list[bytes]:
        return [request.body for _, _, request in self.kept]

    async def has(self, count: int) -> None:
        """Return once it was handed that many."""
        async with asyncio.timeout(30), self._changed:
            await self._changed.wait_for(lambda: len(self.kept) >= count)
