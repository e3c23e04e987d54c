"""What tells a live trace: around a hub's handler, its data plane, an HTTP application and an observer.

All of them do what is asked for and change nothing. While nobody watches they look at one flag; on the ways of messages
they then hand out the call of what they stand around, so that there is no coroutine of their own to run.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextvars import ContextVar
from typing import Any

from hubwire.clock import Clock, SystemClock
from hubwire.model import Audience, AudienceKind, Caller, Connected, Features, Member, MemberKind
from hubwire.observe import Observer
from hubwire.ports import DataPlane, HubHandler
from hubwire.server.live_trace import LiveTrace, TraceCategory
from hubwire.transports.asgi import AsgiMessage, AsgiReceive, AsgiSend
from hubwire.wire.encoded import EncodedMessage
from hubwire.wire.messages import Invocation, StreamInvocation

TRACING_ID_HEADER = "x-asrs-message-tracing-id"

_NAMES_SHOWN = 3
_CHARACTERS_SHOWN = 100
_TRACING_ID_CHARACTERS = 128

_Application = Callable[[AsgiMessage, AsgiReceive, AsgiSend], Awaitable[None]]

_tracing_id: ContextVar[str | None] = ContextVar("hubwire_tracing_id", default=None)


class TracedHandler:
    """Implements `HubHandler`: tells what clients do."""

    __slots__ = ("_handler", "_trace")

    def __init__(self, handler: HubHandler, trace: LiveTrace) -> None:
        self._handler = handler
        self._trace = trace

    async def connected(self, caller: Caller) -> None:
        self._trace.opened(caller)
        try:
            await self._handler.connected(caller)
        except BaseException as error:
            has_left = isinstance(error, asyncio.CancelledError)
            why = "It ended before `connected` was done" if has_left else f"`connected` failed: {_cut(str(error))}"
            self._tell(caller, "ConnectionAborted", why, error)
            self._trace.closed(caller)
            raise
        self._tell(caller, "ConnectionStarted", "The connection is open.")

    async def disconnected(self, caller: Caller, error: BaseException | None) -> None:
        if error is None:
            self._tell(caller, "ConnectionEnded", "The connection was closed.")
        else:
            self._tell(caller, "ConnectionAborted", f"The connection was lost: {_cut(str(error))}", error)
        self._trace.closed(caller)
        await self._handler.disconnected(caller, error)

    def invoke(
        self, caller: Caller, invocation: Invocation, uploads: Sequence[AsyncIterator[object]] = ()
    ) -> Coroutine[Any, Any, object]:
        if self._trace.is_watched:
            return self._invoke(caller, invocation, uploads)
        return self._handler.invoke(caller, invocation, uploads)

    def stream(
        self, caller: Caller, invocation: StreamInvocation, uploads: Sequence[AsyncIterator[object]] = ()
    ) -> AsyncGenerator[object, None]:
        if self._trace.is_watched:
            self._tell_message(caller, "MessageReceived", f"The client streams {_cut(invocation.target)!r}.")
        return self._handler.stream(caller, invocation, uploads)

    def is_cancellable(self, target: str) -> bool:
        return self._handler.is_cancellable(target)

    async def _invoke(self, caller: Caller, invocation: Invocation, uploads: Sequence[AsyncIterator[object]]) -> object:
        target = _cut(invocation.target)
        self._tell_message(caller, "MessageReceived", f"The client calls {target!r}.")
        try:
            result = await self._handler.invoke(caller, invocation, uploads)
        except BaseException as error:
            self._tell_message(caller, "MessageFailed", f"{target!r} failed: {_cut(str(error))}", error)
            raise
        self._tell_message(caller, "MessageAnswered", f"{target!r} is done.")
        return result

    def _tell(self, caller: Caller, event: str, message: str, error: BaseException | None = None) -> None:
        if self._trace.is_watched:
            self._trace.tell_of_caller(caller, TraceCategory.CONNECTIVITY, event, message, error=error)

    def _tell_message(self, caller: Caller, event: str, message: str, error: BaseException | None = None) -> None:
        self._trace.tell_of_caller(caller, TraceCategory.MESSAGING, event, message, error=error)


class TracedDataPlane:
    """Implements `DataPlane`: tells what is sent to clients and done with them. Questions about them are not told."""

    __slots__ = ("_hub", "_plane", "_trace", "features")

    def __init__(self, plane: DataPlane, hub: str, trace: LiveTrace) -> None:
        self.features: Features = plane.features
        self._plane = plane
        self._hub = hub.lower()
        self._trace = trace

    def send(self, audience: Audience, message: EncodedMessage) -> Coroutine[Any, Any, None]:
        if self._trace.is_watched:
            self._tell_message(audience, "MessageSent", f"{_what(message)} goes to {_whom(audience)}.")
        return self._plane.send(audience, message)

    async def add_to_group(self, group: str, member: Member) -> None:
        if self._trace.is_watched:
            audience = _audience(member)
            self._tell_message(audience, "GroupJoined", f"{_whom(audience)} joins group {_cut(group)!r}.")
        await self._plane.add_to_group(group, member)

    async def remove_from_group(self, group: str, member: Member) -> None:
        if self._trace.is_watched:
            audience = _audience(member)
            self._tell_message(audience, "GroupLeft", f"{_whom(audience)} leaves group {_cut(group)!r}.")
        await self._plane.remove_from_group(group, member)

    async def remove_from_all_groups(self, member: Member) -> None:
        if self._trace.is_watched:
            audience = _audience(member)
            self._tell_message(audience, "GroupLeft", f"{_whom(audience)} leaves every group.")
        await self._plane.remove_from_all_groups(member)

    async def close(self, audience: Audience, reason: str | None = None, *, allow_reconnect: bool = False) -> None:
        if self._trace.is_watched:
            why = "" if reason is None else f": {_cut(reason)}"
            self._trace.tell_of_audience(
                self._hub,
                audience,
                TraceCategory.CONNECTIVITY,
                "CloseRequested",
                f"{_whom(audience)} is to be closed{why}",
                tracing_id=_tracing_id.get(),
            )
        await self._plane.close(audience, reason, allow_reconnect=allow_reconnect)

    async def exists(self, audience: Audience) -> bool:
        return await self._plane.exists(audience)

    async def members(self, audience: Audience, *, after: str = "", limit: int | None = None) -> list[Connected]:
        return await self._plane.members(audience, after=after, limit=limit)

    async def invoke(
        self, connection_id: str, target: str, arguments: Sequence[object], timeout_seconds: float | None = None
    ) -> object:
        if self._trace.is_watched:
            audience = Audience.connection(connection_id)
            self._tell_message(audience, "MessageSent", f"{_cut(target)!r} asks {_whom(audience)} for a result.")
        return await self._plane.invoke(connection_id, target, arguments, timeout_seconds)

    def _tell_message(self, audience: Audience, event: str, message: str) -> None:
        self._trace.tell_of_audience(
            self._hub, audience, TraceCategory.MESSAGING, event, message, tracing_id=_tracing_id.get()
        )


class TracedHttp:
    """An ASGI application that tells of HTTP requests, without their queries; put it around the REST data plane.

    What is done for a request carries its tracing id.
    """

    def __init__(
        self,
        application: _Application,
        trace: LiveTrace,
        *,
        clock: Clock | None = None,
    ) -> None:
        self._application = application
        self._trace = trace
        self._clock: Clock = clock or SystemClock()

    async def __call__(self, scope: AsgiMessage, receive: AsgiReceive, send: AsgiSend) -> None:
        if not self._trace.is_watched or scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        status: int | None = None

        async def note(message: AsgiMessage) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        tracing_id = _header(scope, TRACING_ID_HEADER)
        token = _tracing_id.set(tracing_id)
        began_at = self._clock.monotonic()
        try:
            await self._application(scope, receive, note)
        finally:
            _tracing_id.reset(token)
            client = scope.get("client")
            self._trace.tell_of_request(
                scope["method"],
                _cut(scope["path"]),
                status,
                self._clock.monotonic() - began_at,
                None if client is None else str(client[0]),
                tracing_id,
            )


class TracedObserver:
    """Implements `Observer`: tells of clients that no handler hears of, because they were refused before."""

    def __init__(self, observer: Observer, trace: LiveTrace) -> None:
        self._observer = observer
        self._trace = trace

    def connection_opened(self, hub: str, transport: str) -> None:
        self._observer.connection_opened(hub, transport)

    def connection_closed(self, hub: str, transport: str, reason: str) -> None:
        self._observer.connection_closed(hub, transport, reason)

    def invocation_finished(self, hub: str, target: str, seconds: float, failed: bool) -> None:
        self._observer.invocation_finished(hub, target, seconds, failed)

    def connect_refused(self, status: int) -> None:
        if self._trace.is_watched:
            message = f"A client was refused with {status}; the log says why."
            self._trace.tell_of_service(TraceCategory.CONNECTIVITY, "ConnectRefused", message)
        self._observer.connect_refused(status)

    def messages_throttled(self, hub: str) -> None:
        if self._trace.is_watched:
            message = "A client sends more messages than it may, and is not read for a moment."
            self._trace.tell_of_service(TraceCategory.MESSAGING, "MessagesThrottled", message, hub=hub.lower())
        self._observer.messages_throttled(hub)

    def broker_lost(self) -> None:
        if self._trace.is_watched:
            message = "The broker is away: messages between processes are refused."
            self._trace.tell_of_service(TraceCategory.MESSAGING, "BrokerLost", message)
        self._observer.broker_lost()

    def broker_restored(self, seconds: float) -> None:
        if self._trace.is_watched:
            message = f"The broker is back after {seconds:.1f} s; what came between was missed."
            self._trace.tell_of_service(TraceCategory.MESSAGING, "BrokerRestored", message)
        self._observer.broker_restored(seconds)


def _header(scope: AsgiMessage, name: str) -> str | None:
    wanted = name.encode()
    for each, value in scope["headers"]:
        if each == wanted:
            return bytes(value).decode("latin-1")[:_TRACING_ID_CHARACTERS]
    return None


def _audience(member: Member) -> Audience:
    return Audience.user(member.id) if member.kind is MemberKind.USER else Audience.connection(member.id)


def _whom(audience: Audience) -> str:
    """An audience in words, a long one shortened."""
    if audience.kind is AudienceKind.ALL:
        words = "everybody"
    else:
        shown = ", ".join(repr(_cut(name)) for name in audience.names[:_NAMES_SHOWN])
        more = len(audience.names) - _NAMES_SHOWN
        kind = audience.kind.value if len(audience.names) != 1 else audience.kind.value[:-1]
        words = f"{kind} {shown}" + (f" and {more} more" if more > 0 else "")
    return words + (f" but {len(audience.excluded)}" if audience.excluded else "")


def _what(message: EncodedMessage) -> str:
    try:
        inner = message.message
    except Exception:  # noqa: BLE001 - whoever sends it hears of it; here it is only shown
        return "A message that cannot be read"
    return repr(_cut(inner.target)) if isinstance(inner, Invocation) else type(inner).__name__


def _cut(text: str) -> str:
    return text if len(text) <= _CHARACTERS_SHOWN else text[:_CHARACTERS_SHOWN] + "…"
