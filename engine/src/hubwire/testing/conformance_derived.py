"""What suites on bare sockets need of a hub besides `ConformanceHub`, and raw handlers for them. Knows no HTTP.

The hub derives from the other, so that inherited and overridden methods can be called too.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import hubwire
from hubwire.errors import ClientResultTimeout, ConnectionGone, Forbidden, HubError
from hubwire.hub import hub_method
from hubwire.testing.conformance_hub import ConformanceHub, CustomObject, Journal


class _BaseHub(ConformanceHub):
    """The hub that is derived from."""

    @hub_method("Inherited")
    async def inherited(self) -> str:
        return "inherited"

    @hub_method("Overridden")
    async def overridden(self) -> str:
        return "base"

    @hub_method("Withdrawn")
    async def withdrawn(self) -> str:
        return "withdrawn"

    async def undecorated(self) -> str:
        """Nobody may call it."""
        return "undecorated"

    @staticmethod
    async def static() -> str:
        """Nor this."""
        return "static"

    async def dispose(self) -> None:
        """Nor this, whose name is known from the reference implementation."""


class DerivedHub(_BaseHub):
    """The hub of most paths."""

    # Life

    async def disconnected(self, error: BaseException | None) -> None:
        """`askOnDisconnect=<target>` in the query asks the client, which has left, and notes what comes of it."""
        target = self.context.request.query_value("askOnDisconnect")
        if target is not None:
            try:
                await self.clients.client(self.context.connection_id).ask(target)
            except ConnectionGone as gone:
                await self._note(f"ask failed: {gone}")
        await super().disconnected(error)

    async def _note(self, event: str) -> None:
        await self._journal.note(self.context.connection_id, event)

    # Methods

    async def overridden(self) -> str:
        """Has the name that it has in the base."""
        return "derived"

    withdrawn = None  # type: ignore[assignment] # this is how a derived hub withdraws a method

    @hub_method("Renamed")
    async def under_another_name(self) -> str:
        return "renamed"

    @hub_method("AdminOnly")
    async def admin_only(self) -> str:
        """For the user `admin` alone."""
        if self.context.user_id != "admin":
            raise Forbidden("Only for the administrator.")
        return "admin"

    @hub_method("SumOf")
    async def sum_of(self, first: int, second: int = 2) -> int:
        return first + second

    # Messages to clients

    @hub_method("SendToGroup")
    async def send_to_group(self, group: str, target: str, value: Any) -> None:
        await self.clients.group(group).send(target, value)

    @hub_method("SendToUser")
    async def send_to_user(self, user_id: str, target: str, value: Any) -> None:
        await self.clients.user(user_id).send(target, value)

    @hub_method("SendToClient")
    async def send_to_client(self, connection_id: str, target: str, value: Any) -> None:
        await self.clients.client(connection_id).send(target, value)

    @hub_method("Burst")
    async def burst(self, connection_ids: list[str], target: str, count: int, size_bytes: int) -> int:
        """Send that many messages of that size to others, as fast as they are taken."""
        value = "x" * size_bytes
        for _ in range(count):
            await self.clients.clients(connection_ids).send(target, value)
            await asyncio.sleep(0)
        return count

    @hub_method("SendUnserialisable")
    async def send_unserialisable(self, connection_ids: list[str]) -> None:
        """Send what no protocol can write."""
        await self.clients.clients(connection_ids).send("Message", object())

    # Client results

    @hub_method("AskTwice")
    async def ask_twice(self, target: str) -> list[Any]:
        client = self.clients.client(self.context.connection_id)
        return [await client.ask(target, "first"), await client.ask(target, "second")]

    @hub_method("AskLater")
    async def ask_later(self, target: str) -> None:
        """Return at once; `answered <answer>` or what failed is noted."""
        client = self.clients.client(self.context.connection_id)

        async def ask() -> None:
            try:
                await self._note(f"answered {await client.ask(target)}")
            except (HubError, ConnectionGone, ClientResultTimeout) as error:
                await self._note(f"ask failed: {error}")

        self._journal.keep(asyncio.create_task(ask()))

    @hub_method("AskWithin")
    async def ask_within(self, target: str, seconds: float) -> Any:
        return await self.clients.client(self.context.connection_id).ask(target, timeout_seconds=seconds)

    @hub_method("StreamingAsk")
    async def streaming_ask(self, target: str, stream: AsyncIterator[str]) -> list[Any]:
        """Ask between the first item of an upload and the others."""
        first = await anext(stream)
        answer = await self.clients.client(self.context.connection_id).ask(target)
        return [first, answer, *[item async for item in stream]]

    @hub_method("StreamAsk")
    async def stream_ask(self, target: str) -> AsyncIterator[Any]:
        yield "first"
        yield await self.clients.client(self.context.connection_id).ask(target)
        yield "last"

    # Streams to the client

    @hub_method("StreamReturned")
    async def stream_returned(self) -> AsyncIterator[str]:
        """Not a generator itself: it returns one."""
        return self.stream()

    @hub_method("StreamQueue")
    async def stream_queue(self) -> AsyncIterator[str]:
        """Items that another task puts into a queue of one."""
        queue: asyncio.Queue[str | None] = asyncio.Queue(1)

        async def fill() -> None:
            for item in ("a", "b", "c", None):
                await queue.put(item)

        self._journal.keep(asyncio.create_task(fill()))
        while (item := await queue.get()) is not None:
            yield item

    @hub_method("StreamNothing")
    async def stream_nothing(self) -> AsyncIterator[str]:
        return None  # type: ignore[return-value] # what the method shows

    @hub_method("StreamHeld")
    async def stream_held(self, gate: str) -> AsyncIterator[str]:
        """One item before the gate, one behind it."""
        yield "before"
        await self._note(f"holding {gate}")
        await self._journal.hold(gate)
        yield "behind"

    @hub_method("StreamThrowsHubException")
    async def stream_throws_hub_exception(self, message: str) -> AsyncIterator[int]:
        yield 1
        raise HubError(message)

    # Streams from the client

    @hub_method("StreamingObjects")
    async def streaming_objects(self, stream: AsyncIterator[CustomObject]) -> list[str]:
        return [f"{item.Name}={item.Value}" async for item in stream]

    @hub_method("StreamingNoted")
    async def streaming_noted(self, stream: AsyncIterator[str]) -> None:
        """Note how the upload ended."""
        await self._note("uploading")
        try:
            async for _ in stream:
                pass
        except HubError as error:
            await self._note(f"upload failed: {error}")
            raise
        await self._note("upload ended")


class RawHandlers:
    """Handlers of raw connections that do what they are told."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def scripted(self, connection: hubwire.RawConnection) -> None:
        """Echo, up to `return`, which ends it behind some last words, or `raise`."""
        async for data in connection:
            if data == b"raise":
                raise RuntimeError("The raw handler was told to raise.")
            if data == b"return":
                await connection.write("last words")
                return
            await connection.write(data)

    async def held(self, connection: hubwire.RawConnection) -> None:
        """Read nothing until the gate named in the query opens, then say how much there was before `.`."""
        await self._journal.hold(connection.caller.request.query_value("gate") or "")
        size_bytes = 0
        async for data in connection:
            size_bytes += len(data)
            if data.endswith(b"."):
                await connection.write(str(size_bytes))

    async def flooding(self, connection: hubwire.RawConnection) -> None:
        """Write without end, as fast as it is taken, once something has come; note how that ended."""
        await connection.read()
        try:
            while True:
                await connection.write("x" * 10_000)
        except ConnectionResetError:
            await self._journal.note(connection.caller.connection_id, f"ended {type(connection.error).__name__}")
            raise
