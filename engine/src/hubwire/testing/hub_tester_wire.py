"""Where a tester's clients and the server meet: a transport without a wire, and a look into the hub."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence

from hubwire.model import Caller
from hubwire.ports import HubHandler, Receiver
from hubwire.wire.messages import Invocation, StreamInvocation


class Wire:
    """Implements `Transport`: what the server writes is received in the same moment."""

    name = "memory"
    uses_frames = False
    allows_binary = True
    keeps_itself_alive = True  # pings would show nothing here

    def __init__(self, on_data: Callable[[bytes], None], on_gone: Callable[[], None]) -> None:
        self.is_binary = False
        self.is_gone = False
        self.server: Receiver | None = None
        """The connection, once it is made."""
        self._on_data = on_data
        self._on_gone = on_gone
        self._is_read = asyncio.Event()
        self._is_read.set()

    @property
    def direct_write(self) -> Callable[[bytes], object]:
        return self.write

    def write(self, data: bytes) -> None:
        self._on_data(data)

    def pause_reading(self) -> None:
        self._is_read.clear()

    def resume_reading(self) -> None:
        self._is_read.set()

    def close(self, code: int) -> None:
        # Later, as on a network: the connection is still busy with its own end.
        asyncio.get_running_loop().call_soon(self.abort)

    def abort(self) -> None:
        self.lose(None)

    def lose(self, error: BaseException | None) -> None:
        """End; with an error the network has failed."""
        if self.is_gone:
            return
        self.is_gone = True
        self._is_read.set()
        if self.server is not None:
            self.server.lost(error)
            self.server.gone()
        self._on_gone()

    async def until_read(self) -> None:
        """Return when the server reads."""
        await self._is_read.wait()


class Visit:
    """What the hub did for one connection, in objects that clients never see."""

    def __init__(self) -> None:
        self.has_connected = asyncio.Event()
        """`connected` is through, well or not."""
        self.has_left = asyncio.Event()
        """`disconnected` is through."""
        self.refusal: BaseException | None = None
        """Why there is no connection."""
        self.end: BaseException | None = None
        """What `disconnected` was told."""
        self.failures: dict[str, BaseException] = {}
        """What was raised, by the id of the call."""


class Watched:
    """Implements `HubHandler` around another one, and keeps what that raises."""

    def __init__(self, handler: HubHandler) -> None:
        self.visits: dict[str, Visit] = {}
        """By connection id; put here before the connection opens."""
        self._handler = handler

    async def connected(self, caller: Caller) -> None:
        visit = self.visits[caller.connection_id]
        try:
            await self._handler.connected(caller)
        except BaseException as error:
            visit.refusal = error
            raise
        finally:
            visit.has_connected.set()

    async def invoke(
        self, caller: Caller, invocation: Invocation, uploads: Sequence[AsyncIterator[object]] = ()
    ) -> object:
        try:
            return await self._handler.invoke(caller, invocation, uploads)
        except BaseException as error:
            self._keep(error, caller, invocation.invocation_id)
            raise

    async def stream(
        self, caller: Caller, invocation: StreamInvocation, uploads: Sequence[AsyncIterator[object]] = ()
    ) -> AsyncGenerator[object, None]:
        items = self._handler.stream(caller, invocation, uploads)
        try:
            async for item in items:
                yield item
        except BaseException as error:
            self._keep(error, caller, invocation.invocation_id)
            raise
        finally:
            await items.aclose()

    def is_cancellable(self, target: str) -> bool:
        return self._handler.is_cancellable(target)

    async def disconnected(self, caller: Caller, error: BaseException | None) -> None:
        visit = self.visits.pop(caller.connection_id)
        visit.end = error
        try:
            await self._handler.disconnected(caller, error)
        finally:
            visit.has_left.set()

    def _keep(self, error: BaseException, caller: Caller, invocation_id: str | None) -> None:
        visit = self.visits.get(caller.connection_id)
        if visit is not None and invocation_id is not None:
            visit.failures[invocation_id] = error
