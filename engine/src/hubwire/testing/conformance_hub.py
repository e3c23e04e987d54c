"""The hubs of the conformance server: one method for each thing that a client can be made to show. Knows no HTTP.

Names, texts and values are those of the reference implementation's functional-test hub where that has the same method,
so that what its suites expect holds here too; the others serve suites that look from outside.
"""

from __future__ import annotations

import asyncio
import datetime
import uuid
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hubwire.errors import HubError
from hubwire.hub import Hub, hub_method

_REMEMBERED_CONNECTIONS = 10_000


class InvalidOperationException(Exception):
    """Named as in the reference implementation, because detailed errors show the name."""


@dataclass(frozen=True, slots=True)
class CustomObject:
    """A small object whose field names must come back in the same case."""

    Name: str
    Value: int


@dataclass(frozen=True, slots=True)
class ComplexObject:
    """One field for each type that the two protocols write differently."""

    ByteArray: bytes
    DateTime: datetime.datetime
    Guid: uuid.UUID
    IntArray: list[int]
    String: str


class Journal:
    """What happened to each connection, gates at which hub methods wait until told to go on, and the tasks they leave.

    Shared by all hub objects of a server. The oldest connections are forgotten.
    """

    __slots__ = ("_events", "_gates", "_news", "_tasks")

    def __init__(self) -> None:
        self._events: OrderedDict[str, list[str]] = OrderedDict()
        self._gates: dict[str, asyncio.Event] = {}
        self._news = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    async def note(self, connection_id: str, event: str) -> None:
        self._events.setdefault(connection_id, []).append(event)
        while len(self._events) > _REMEMBERED_CONNECTIONS:
            self._events.popitem(last=False)
        async with self._news:
            self._news.notify_all()

    async def until(self, connection_id: str, event: str) -> list[str]:
        """Wait for an event that begins with these words; returns all of the connection's."""
        async with self._news:
            await self._news.wait_for(lambda: any(each.startswith(event) for each in self.of(connection_id)))
        return self.of(connection_id)

    def of(self, connection_id: str) -> list[str]:
        """The events of a connection so far, oldest first."""
        return list(self._events.get(connection_id, ()))

    async def hold(self, gate: str) -> None:
        """Wait until somebody opens the gate."""
        await self._gates.setdefault(gate, asyncio.Event()).wait()

    def release(self, gate: str) -> bool:
        """Open a gate for all who wait at it; whether anybody did."""
        event = self._gates.pop(gate, None)
        if event is None:
            return False
        event.set()
        return True

    def keep(self, task: asyncio.Task[None]) -> None:
        """Hold on to a task until it ends."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class ConformanceCalls(Hub):
    """What works in every hosting, also where there are no streams."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    # Life

    async def connected(self) -> None:
        """The query steers it: `throwOnConnect=<text>` raises, `hubErrorOnConnect=<text>` raises a `HubError`,
        `askOnConnect=<target>` asks the client, which is forbidden here, and `greet=<text>` sends `Greeting`.
        """
        await self._journal.note(self.context.connection_id, "connected")
        request = self.context.request
        if (text := request.query_value("throwOnConnect")) is not None:
            raise InvalidOperationException(text)
        if (text := request.query_value("hubErrorOnConnect")) is not None:
            raise HubError(text)
        if (target := request.query_value("askOnConnect")) is not None:
            await self.clients.client(self.context.connection_id).ask(target)
        if (text := request.query_value("greet")) is not None:
            await self.clients.caller.send("Greeting", text)

    async def disconnected(self, error: BaseException | None) -> None:
        text = "disconnected" if error is None else f"disconnected {type(error).__name__}: {error}"
        await self._journal.note(self.context.connection_id, text)

    @hub_method("Abort")
    async def abort(self) -> None:
        await self.context.abort()

    @hub_method("Hold")
    async def hold(self, gate: str) -> str:
        """Run until `Release` of the same name, and return the name."""
        await self._journal.note(self.context.connection_id, f"holding {gate}")
        await self._journal.hold(gate)
        return gate

    @hub_method("HoldCancellable", cancellable=True)
    async def hold_cancellable(self, gate: str) -> str:
        """As `Hold`, but the caller may cancel it, and is told `InvocationCanceled` then."""
        await self._journal.note(self.context.connection_id, f"holding {gate}")
        try:
            await self._journal.hold(gate)
        except asyncio.CancelledError:
            await self._journal.note(self.context.connection_id, f"canceled {gate}")
            await self.clients.caller.send("InvocationCanceled")
            raise
        return gate

    @hub_method("Release")
    async def release(self, gate: str) -> bool:
        return self._journal.release(gate)

    # Values

    @hub_method("Echo")
    async def echo(self, value: Any) -> Any:
        return value

    @hub_method("EchoComplexObject")
    async def echo_complex_object(self, value: ComplexObject) -> ComplexObject:
        return value

    @hub_method("SendComplexObject")
    async def send_complex_object(self) -> ComplexObject:
        return ComplexObject(
            ByteArray=bytes((1, 2, 3)),
            DateTime=datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC),
            Guid=uuid.UUID("00010203-0405-0607-0706-050403020100"),
            IntArray=[1, 2, 3],
            String="hello world",
        )

    @hub_method("Add")
    async def add(self, first: int, second: int) -> int:
        return first + second

    @hub_method("VoidMethod")
    async def void_method(self) -> None: ...

    @hub_method("Unserialisable")
    async def unserialisable(self) -> object:
        """Return what no protocol can write."""
        return object()

    @hub_method("Large")
    async def large(self, size_bytes: int) -> str:
        """Return that many letters."""
        return "x" * size_bytes

    # Failures

    @hub_method("ThrowException")
    async def throw_exception(self, message: str) -> None:
        raise InvalidOperationException(message)

    @hub_method("ThrowHubException")
    async def throw_hub_exception(self, message: str) -> None:
        raise HubError(message)

    # Who calls

    @hub_method("GetCallerConnectionId")
    async def get_caller_connection_id(self) -> str:
        return self.context.connection_id

    @hub_method("GetUserId")
    async def get_user_id(self) -> str | None:
        return self.context.user_id

    @hub_method("GetClaims")
    async def get_claims(self) -> Mapping[str, object]:
        return self.context.claims

    @hub_method("GetActiveTransportName")
    async def get_active_transport_name(self) -> str:
        return self.context.transport

    @hub_method("GetHeader")
    async def get_header(self, name: str) -> str | None:
        return self.context.request.headers.get(name.lower())

    @hub_method("GetContentTypeHeader")
    async def get_content_type_header(self) -> str | None:
        return self.context.request.headers.get("content-type")

    @hub_method("GetQuery")
    async def get_query(self, name: str) -> str | None:
        return self.context.request.query_value(name)

    @hub_method("GetNumRedirects")
    async def get_num_redirects(self) -> int:
        return int(self.context.request.query_value("numRedirects") or 0)

    @hub_method("GetCookie")
    async def get_cookie(self, name: str) -> str | None:
        return self.context.request.cookies.get(name)

    # Messages to clients

    @hub_method("InvokeWithString")
    async def invoke_with_string(self, message: str) -> None:
        await self.clients.client(self.context.connection_id).send("Message", message)

    @hub_method("SendCustomObject")
    async def send_custom_object(self, value: CustomObject) -> None:
        await self.clients.client(self.context.connection_id).send("CustomObject", value)

    @hub_method("SendToAll")
    async def send_to_all(self, target: str, value: Any) -> None:
        await self.clients.all.send(target, value)

    @hub_method("SendToAllExcept")
    async def send_to_all_except(self, connection_ids: list[str], target: str, value: Any) -> None:
        await self.clients.all_except(connection_ids).send(target, value)

    @hub_method("SendToCaller")
    async def send_to_caller(self, target: str, value: Any) -> None:
        await self.clients.caller.send(target, value)

    @hub_method("SendToOthers")
    async def send_to_others(self, target: str, value: Any) -> None:
        await self.clients.others.send(target, value)

    @hub_method("SendToClients")
    async def send_to_clients(self, connection_ids: list[str], target: str, value: Any) -> None:
        await self.clients.clients(connection_ids).send(target, value)

    @hub_method("SendToUsers")
    async def send_to_users(self, user_ids: list[str], target: str, value: Any) -> None:
        await self.clients.users(user_ids).send(target, value)

    @hub_method("AddToGroup")
    async def add_to_group(self, group: str) -> None:
        await self.groups.add(self.context.connection_id, group)

    @hub_method("RemoveFromGroup")
    async def remove_from_group(self, group: str) -> None:
        await self.groups.remove(self.context.connection_id, group)

    @hub_method("SendToGroups")
    async def send_to_groups(self, groups: list[str], target: str, value: Any) -> None:
        await self.clients.groups(groups).send(target, value)

    @hub_method("SendToGroupExcept")
    async def send_to_group_except(self, group: str, connection_ids: list[str], target: str, value: Any) -> None:
        await self.clients.group_except(group, connection_ids).send(target, value)

    @hub_method("SendToOthersInGroup")
    async def send_to_others_in_group(self, group: str, target: str, value: Any) -> None:
        await self.clients.others_in_group(group).send(target, value)

    # Client results

    @hub_method("AskCaller")
    async def ask_caller(self, target: str, arguments: Sequence[Any] = ()) -> Any:
        return await self.clients.client(self.context.connection_id).ask(target, *arguments)

    @hub_method("AskClient")
    async def ask_client(self, connection_id: str, target: str, arguments: Sequence[Any] = ()) -> Any:
        return await self.clients.client(connection_id).ask(target, *arguments)


class ConformanceHub(ConformanceCalls):
    """The hub behind most paths of the conformance server."""

    # Streams to the client

    @hub_method("Stream")
    async def stream(self) -> AsyncIterator[str]:
        for item in ("a", "b", "c"):
            yield item

    @hub_method("EmptyStream")
    async def empty_stream(self) -> AsyncIterator[int]:
        items: tuple[int, ...] = ()
        for item in items:
            yield item

    @hub_method("Counter")
    async def counter(self, count: int) -> AsyncIterator[int]:
        for item in range(count):
            yield item

    @hub_method("Flood")
    async def flood(self, size_bytes: int) -> AsyncIterator[str]:
        """Endless items of a size, as fast as they are taken."""
        item = "x" * size_bytes
        while True:
            yield item

    @hub_method("InfiniteStream")
    async def infinite_stream(self) -> AsyncIterator[str]:
        """Never yield; once cancelled, tell the caller `StreamCanceled`."""
        await self._journal.note(self.context.connection_id, "streaming")
        try:
            await asyncio.Event().wait()
            yield ""
        finally:
            await self._journal.note(self.context.connection_id, "stream ended")
            await self.clients.caller.send("StreamCanceled")

    @hub_method("StreamThrowException")
    async def stream_throw_exception(self, message: str) -> AsyncIterator[str]:
        """Raise at the call, before there is a stream."""
        raise InvalidOperationException(message)

    @hub_method("StreamThrowsLater")
    async def stream_throws_later(self, message: str) -> AsyncIterator[int]:
        yield 1
        raise InvalidOperationException(message)

    @hub_method("StreamEcho")
    async def stream_echo(self, stream: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for item in stream:
            yield item

    # Streams from the client

    @hub_method("StreamingConcat")
    async def streaming_concat(self, stream: AsyncIterator[str]) -> str:
        return "".join([item async for item in stream])

    @hub_method("StreamingSum")
    async def streaming_sum(self, stream: AsyncIterator[int]) -> int:
        return sum([item async for item in stream])

    @hub_method("StreamingJoin")
    async def streaming_join(self, first: AsyncIterator[str], separator: str, second: AsyncIterator[str]) -> str:
        return "".join([item async for item in first]) + separator + "".join([item async for item in second])

    @hub_method("StreamingHeld")
    async def streaming_held(self, gate: str, stream: AsyncIterator[Any]) -> list[Any]:
        """Begin to read when the gate opens."""
        await self._journal.note(self.context.connection_id, f"holding {gate}")
        await self._journal.hold(gate)
        return [item async for item in stream]

    @hub_method("StreamingIgnored")
    async def streaming_ignored(self, stream: AsyncIterator[Any]) -> str:
        """Return without a look at the stream."""
        return "ignored"

    @hub_method("StreamingTold")
    async def streaming_told(self, stream: AsyncIterator[Any]) -> None:
        """Send each item back at once, as `Item`."""
        async for item in stream:
            await self.clients.caller.send("Item", item)


class AuthorizedHub(ConformanceHub):
    """The same, behind a verifier that insists on a token."""


class UncreatableHub(Hub):
    """A hub that cannot be made."""

    def __init__(self) -> None:
        raise InvalidOperationException("This hub cannot be made.")
