"""One client of a load test: a session over a wire, with the calls that wait. Knows neither schedules nor counters."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Protocol

from hubwire.cli.bench.pulled_wire import PulledWire
from hubwire.cli.bench.websocket_wire import WebSocketWire
from hubwire.cli.bench.wire import WRITE_LIMIT_BYTES, Wire
from hubwire.client.dialer import TRANSPORTS, Dialer
from hubwire.client.errors import ConnectFailed, HandshakeFailed, InvocationError
from hubwire.client.http import HttpClient
from hubwire.client.phases import Phase
from hubwire.client.session import ClientSession, Ended, MessageReceived, Opened, SessionLimits
from hubwire.client.settings import Settings
from hubwire.client.transport import Transport
from hubwire.clock import Clock
from hubwire.wire.messages import Completion, Invocation, StreamInvocation, StreamItem
from hubwire.wire.negotiation import WEBSOCKETS

MAXIMUM_UNANSWERED = 1000
"""Calls of one connection that wait for their completion; above it, what is due there is not sent."""

NO_RESULT = "Client didn't provide a result."
_NS = 1e-9


def _pulled(make: Callable[[HttpClient, int | None], Transport], http: HttpClient, limit_bytes: int | None) -> Wire:
    return PulledWire(make(http, limit_bytes), http.clock)


WIRES: Mapping[str, Callable[[HttpClient, int | None], Wire]] = {
    name: WebSocketWire if name == WEBSOCKETS else partial(_pulled, make) for name, make in TRANSPORTS.items()
}
"""How the wire of each transport is made."""


class Owner(Protocol):
    """Who counts what happens to a connection. Times are in nanoseconds of the monotonic clock."""

    def called(self, connection: LoadConnection, call: Invocation, now_ns: int) -> None:
        """The server has called."""

    def answered(self, due_ns: int, is_item: bool, error: str | None, now_ns: int) -> None:
        """A call of ours that was due then has got an item of its stream, or its completion."""

    def lost(self, connection: LoadConnection, error: BaseException | None, unanswered: int) -> None:
        """The connection has ended, and not because we wanted it to."""


class LoadConnection:
    """One client. Not used again once it has ended."""

    __slots__ = (
        "_calls",
        "_clock",
        "_dialer",
        "_is_leaving",
        "_joining",
        "_opened",
        "_owner",
        "_session",
        "_wire",
        "index",
    )

    def __init__(self, index: int, owner: Owner, clock: Clock) -> None:
        self.index = index
        """Its number in the whole load test."""
        self._owner = owner
        self._clock = clock
        self._dialer: Dialer[Wire] | None = None
        self._session: ClientSession | None = None
        self._wire: Wire | None = None
        self._opened: asyncio.Future[None] | None = None
        self._joining: tuple[str, asyncio.Future[None]] | None = None
        self._calls: dict[str, int] = {}
        """When the calls that wait were due, by their ids."""
        self._is_leaving = False

    async def open(self, settings: Settings) -> None:
        """Return when the server has accepted the handshake.

        Raises: ConnectFailed.
        """
        dialer = self._dialer = Dialer(settings, WIRES)
        dialed = await dialer.dial()
        wire = self._wire = dialed.transport
        if wire.name == WEBSOCKETS:
            await dialer.close()  # the negotiation's socket is of no use any more
        is_silent = wire.keeps_itself_alive
        limits = SessionLimits(
            handshake_timeout_seconds=settings.handshake_timeout_seconds,
            keep_alive_seconds=None if is_silent else settings.keep_alive_seconds,
            server_timeout_seconds=None if is_silent else settings.server_timeout_seconds,
            maximum_receive_message_bytes=settings.maximum_receive_message_bytes,
        )
        session = self._session = ClientSession(settings.codec, limits, self._clock.monotonic())
        opened = self._opened = asyncio.get_running_loop().create_future()
        wire.attach(self._receive, self._receive_end)
        self._flush(session)
        try:
            await opened
        finally:
            self._opened = None

    @property
    def is_open(self) -> bool:
        """Whether calls may be made."""
        return self._session is not None and self._session.phase is Phase.OPEN

    async def invoke(self, method: str, arguments: Sequence[object]) -> None:
        """Call a method and return when it is answered; one at a time.

        Raises: InvocationError; ConnectFailed when the connection ends before.
        """
        session = self._running()
        call_id = session.next_id()
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._joining = (call_id, future)
        try:
            session.send(Invocation(method, arguments, call_id), self._clock.monotonic())
            self._flush(session)
            await future
        finally:
            self._joining = None

    def call(self, method: str, arguments: Sequence[object], due_ns: int, *, is_stream: bool) -> str | None:
        """Call a method without waiting; returns why that is not possible, None if it is done."""
        session, wire = self._session, self._wire
        if session is None or wire is None or session.phase is not Phase.OPEN:
            return "the connection is away"
        if wire.waiting_bytes > WRITE_LIMIT_BYTES:
            return f"more than {WRITE_LIMIT_BYTES} bytes wait to be written: the server does not read"
        if len(self._calls) >= MAXIMUM_UNANSWERED:
            return f"{MAXIMUM_UNANSWERED} calls of one connection wait for their answer: the server is behind"
        call_id = session.next_id()
        self._calls[call_id] = due_ns
        message = StreamInvocation(call_id, method, arguments) if is_stream else Invocation(method, arguments, call_id)
        session.send(message, self._clock.monotonic())
        self._flush(session)
        return None

    def keep_time(self, now: float) -> None:
        """Ping, or notice the server's silence, if that is due; called about once a second."""
        session = self._session
        if session is not None and (deadline := session.deadline) is not None and now >= deadline:
            session.receive_time(now)
            self._handle(session, int(now / _NS))

    async def leave(self) -> None:
        """Say good-bye and let go of everything."""
        self._is_leaving = True
        session, wire = self._session, self._wire
        if session is not None and session.phase is not Phase.CLOSED:
            session.send_close(self._clock.monotonic())
            self._flush(session)
            session.events()
            if wire is not None:
                await wire.close()
        elif wire is not None:
            await wire.abort()
        await self._let_go()

    # Inside

    def _running(self) -> ClientSession:
        if self._session is None or self._session.phase is not Phase.OPEN:
            raise HandshakeFailed("The connection has ended.")
        return self._session

    def _receive(self, data: bytes) -> None:
        session = self._session
        if session is not None:
            now = self._clock.monotonic()
            session.receive_data(data, now)
            self._handle(session, int(now / _NS))

    def _receive_end(self, error: BaseException | None) -> None:
        if self._session is not None:
            self._session.receive_end(error)
            self._handle(self._session, int(self._clock.monotonic() / _NS))

    def _handle(self, session: ClientSession, now_ns: int) -> None:
        for event in session.events():
            if type(event) is MessageReceived:
                message = event.message
                if type(message) is Invocation:
                    self._owner.called(self, message, now_ns)
                    if message.invocation_id is not None:
                        session.send(Completion(message.invocation_id, error=NO_RESULT), now_ns * _NS)
                elif type(message) is Completion:
                    self._complete(message, now_ns)
                elif type(message) is StreamItem and (due_ns := self._calls.get(message.invocation_id)) is not None:
                    self._owner.answered(due_ns, True, None, now_ns)
            elif type(event) is Opened:
                if self._opened is not None and not self._opened.done():
                    self._opened.set_result(None)
            elif type(event) is Ended:
                self._end(event.error)
        if session.has_data_to_send:
            self._flush(session)

    def _complete(self, message: Completion, now_ns: int) -> None:
        due_ns = self._calls.pop(message.invocation_id, None)
        if due_ns is not None:
            self._owner.answered(due_ns, False, message.error, now_ns)
        elif self._joining is not None and self._joining[0] == message.invocation_id:
            future = self._joining[1]
            if future.done():
                return
            if message.error is None:
                future.set_result(None)
            else:
                future.set_exception(InvocationError("join", message.error))

    def _end(self, error: BaseException | None) -> None:
        unanswered = len(self._calls)
        self._calls.clear()
        reason = error if isinstance(error, ConnectFailed) else HandshakeFailed(f"The connection was lost: {error}")
        waiting = [self._opened, None if self._joining is None else self._joining[1]]
        is_starting = False
        for future in waiting:
            if future is not None and not future.done():
                is_starting = True
                future.set_exception(reason)
        if not is_starting and not self._is_leaving:
            self._owner.lost(self, error, unanswered)

    def _flush(self, session: ClientSession) -> None:
        if self._wire is not None:
            is_binary = session.is_binary
            self._wire.send(session.data_to_send(), is_binary)

    async def _let_go(self) -> None:
        dialer, self._dialer = self._dialer, None
        self._session = self._wire = None
        if dialer is not None:
            await dialer.close()
