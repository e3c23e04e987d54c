"""Forwarder and endpoint are inverses: over HTTP, a hub answers as it does in the process that holds the connection."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
from engine.tests.azure.upstream_pair import MemoryService, connected_pair

from hubwire import AzureHubs, UpstreamOptions
from hubwire.errors import BindingError, Forbidden, HubError, MethodNotFound, UpstreamFailed
from hubwire.model import Caller
from hubwire.ports import HubHandler
from hubwire.testing.specs import HubHandlerSpec, SpecHub
from hubwire.wire.messages import Invocation, StreamInvocation

STRICT = UpstreamOptions(closes_refused=True)


class AsAClientSees:
    """Implements `HubHandler` around a forwarder: what it raises, told from the text as a client has to.

    The suite is about which failure it was; over the wire that is in the words of the reference server.
    """

    def __init__(self, forwarder: HubHandler) -> None:
        self.forwarder = forwarder

    async def connected(self, caller: Caller) -> None:
        await self.forwarder.connected(caller)

    async def invoke(
        self, caller: Caller, invocation: Invocation, uploads: Sequence[AsyncIterator[object]] = ()
    ) -> object:
        try:
            return await self.forwarder.invoke(caller, invocation, uploads)
        except UpstreamFailed as error:
            raise told_from(str(error), invocation.target) from error

    def stream(
        self, caller: Caller, invocation: StreamInvocation, uploads: Sequence[AsyncIterator[object]] = ()
    ) -> AsyncGenerator[object, None]:
        return self.forwarder.stream(caller, invocation, uploads)

    def is_cancellable(self, target: str) -> bool:
        return self.forwarder.is_cancellable(target)

    async def disconnected(self, caller: Caller, error: BaseException | None) -> None:
        await self.forwarder.disconnected(caller, error)


def told_from(text: str, target: str) -> Exception:
    if text == f"Failed to invoke '{target}' because user is unauthorized":
        return Forbidden(text)
    if text == f"Failed to invoke '{target}' due to an error on the server.":
        return BindingError(text)
    if text.endswith("HubException: Method does not exist."):
        return MethodNotFound(target)
    own = re.fullmatch(r"An unexpected error occurred invoking '.*' on the server\. HubException: (.*)", text)
    return UpstreamFailed(text) if own is None else HubError(own[1])


class TestUpstreamPair(HubHandlerSpec):
    @asynccontextmanager
    async def create(self, factory: Callable[[], SpecHub]) -> AsyncIterator[HubHandler]:
        hubs = AzureHubs(MemoryService())
        hubs.add(factory, name="hub")
        async with connected_pair(hubs, STRICT) as forwarder:
            yield AsAClientSees(forwarder)

    async def test_a_failure_of_the_hub_tells_no_detail(self) -> None:
        with pytest.raises(UpstreamFailed, match=r"invoking 'Fail' on the server\.$"):
            await self.call("Fail")
