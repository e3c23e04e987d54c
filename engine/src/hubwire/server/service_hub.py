"""What takes the events of every hub of a service: memberships of its users first, then the application, by HTTP.

Knows neither sockets nor how the application is reached.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence

from hubwire.azure.memberships import Memberships
from hubwire.model import Caller
from hubwire.ports import HubHandler
from hubwire.wire.messages import Invocation, StreamInvocation


class ServiceHub:
    """Implements `HubHandler`, one for all hubs."""

    __slots__ = ("_memberships", "_upstream")

    def __init__(self, memberships: Memberships, upstream: HubHandler) -> None:
        self._memberships = memberships
        self._upstream = upstream

    async def connected(self, caller: Caller) -> None:
        # First: what the application sends to a group when it hears of the connection has to arrive.
        await self._memberships.connected(caller)
        await self._upstream.connected(caller)

    async def invoke(
        self, caller: Caller, invocation: Invocation, uploads: Sequence[AsyncIterator[object]] = ()
    ) -> object:
        return await self._upstream.invoke(caller, invocation, uploads)

    def stream(
        self, caller: Caller, invocation: StreamInvocation, uploads: Sequence[AsyncIterator[object]] = ()
    ) -> AsyncGenerator[object, None]:
        return self._upstream.stream(caller, invocation, uploads)

    def is_cancellable(self, target: str) -> bool:
        return self._upstream.is_cancellable(target)

    async def disconnected(self, caller: Caller, error: BaseException | None) -> None:
        await self._upstream.disconnected(caller, error)
