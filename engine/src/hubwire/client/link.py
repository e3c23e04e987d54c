"""One connection from its handshake to its end: a session, the transport below it and the calls that wait for it.

Its tasks read, keep time and write what the session has to say by itself. Knows neither how a connection is made nor
that another may follow.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from hubwire.client.backlog import Backlog
from hubwire.client.calls import Calls
from hubwire.client.dispatcher import Dispatcher
from hubwire.client.errors import ConnectionClosed, ReceiveBufferFull, TransportFailed
from hubwire.client.phases import Phase
from hubwire.client.session import Adrift, ClientSession, Ended, MessageReceived, Opened
from hubwire.client.timing import within
from hubwire.client.transport import Transport
from hubwire.clock import Clock
from hubwire.wire.messages import CancelInvocation, Completion, Invocation, Message, StreamItem

_log = logging.getLogger("hubwire.client")

_FAREWELL_SECONDS = 5.0
"""How long our last words may take to be written."""
_LAST_WORDS_SECONDS = 5.0
"""How long the server's may take to be read once nothing can be sent to it."""


class Link:
    """A connection of which the transport is open."""

    def __init__(
        self,
        session: ClientSession,
        transport: Transport,
        backlog: Backlog,
        dispatcher: Dispatcher,
        clock: Clock,
        *,
        on_open: Callable[[Link], None],
        regain: Callable[[], Awaitable[Transport]],
    ) -> None:
        """Args:
        on_open: called when the handshake has succeeded, before any message is handed on.
        regain: opens another socket for the same connection; raises ConnectFailed.
        """
        self.backlog = backlog
        self.calls = Calls(backlog)
        self._session = session
        self._transport = transport
        self._dispatcher = dispatcher
        self._clock = clock
        self._on_open = on_open
        self._regain = regain
        self._ended: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        self._room: list[asyncio.Future[None]] = []
        """Those who wait until more is acknowledged."""
        self._timing: asyncio.Task[None] | None = None
        self._acknowledging: asyncio.Task[None] | None = None
        self._loss: BaseException | None = None
        """Why the last socket was lost."""
        self._tasks: asyncio.TaskGroup | None = None

    # For the owner

    async def run(self) -> Ended:
        """Return how the connection ended, once it has; its transport is closed then and its calls have failed."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                reading = tasks.create_task(self._read())
                self._timing = tasks.create_task(self._keep_time())
                self._push()
                try:
                    ended = await asyncio.shield(self._ended)
                finally:
                    self._tasks = None
                    await self._take_leave()
                    for task in (reading, self._timing, self._acknowledging):
                        if task is not None:
                            task.cancel()
                    # A cancelled task keeps its frame, which keeps us; nothing here should need a collector.
                    self._timing = self._acknowledging = None
            return ended
        finally:
            self.calls.fail(self._ended.result().error if self._ended.done() else None)

    def stop(self) -> None:
        """Say good-bye; `run` returns soon."""
        self._session.send_close(self._clock.monotonic())
        self._deliver()

    # For calls

    def next_id(self) -> str:
        """Return a new id for a call or for an upload."""
        return self._session.next_id()

    async def send(self, message: Message) -> None:
        """Return when the message is written. With stateful reconnect, wait while too much is not acknowledged.

        Raises: ConnectionClosed; TypeError, ValueError for a payload that cannot be written.
        """
        with self.backlog.awaiting():
            while not self._session.has_room:
                room: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._room.append(room)
                await room
            if self._ended.done():
                raise ConnectionClosed(self._ended.result().error)
            self._session.send(message, self._clock.monotonic())
            await self._flush()

    def cancel(self, call_id: str) -> None:
        """Tell the server that nobody waits for this call any more, if it can still be told."""
        self.calls.forget(call_id)
        if self._tasks is not None and self._session.phase is not Phase.CLOSED:
            self._session.send(CancelInvocation(call_id), self._clock.monotonic())
            self._push()

    # Tasks

    async def _read(self) -> None:
        while self._session.phase is not Phase.CLOSED:
            data, error = None, None
            try:
                data = await self._transport.receive()
            except TransportFailed as failure:
                error = failure
            if data is not None:
                self._session.receive_data(data, self._clock.monotonic())
                self._deliver()
            else:
                self._lose(error)
            if self._session.phase is Phase.ADRIFT:
                await self._resume()
            self._push()
            if not self.backlog.may_read:
                self._session.pause()
                await self.backlog.until_readable()
                self._session.unpause(self._clock.monotonic())

    async def _keep_time(self) -> None:
        while (deadline := self._session.deadline) is not None:
            await self._clock.sleep(deadline - self._clock.monotonic())
            transport = self._transport
            self._session.receive_time(self._clock.monotonic())
            self._deliver()
            self._push()
            if self._session.phase is Phase.ADRIFT:
                await transport.abort()  # so that the reader notices

    async def _acknowledge(self) -> None:
        """A timer of its own, because it begins with a message: the other one need not be woken for each."""
        while (due := self._session.ack_due) is not None:
            await self._clock.sleep(due - self._clock.monotonic())
            self._session.receive_time(self._clock.monotonic())
            self._deliver()
            self._push()
        self._acknowledging = None

    async def _resume(self) -> None:
        """Take the one chance to go on where the lost socket left off."""
        await self._transport.abort()
        try:
            transport = await self._regain()
        except Exception as failure:  # noqa: BLE001 - also what the application's token function raises
            _log.debug("The connection could not be resumed: %s", failure)
            self._session.receive_end(self._loss or failure)
        else:
            if self._session.phase is not Phase.ADRIFT:  # ended meanwhile
                await transport.abort()
                return
            self._transport = transport
            self._session.resume(self._clock.monotonic())
            if self._tasks is not None and self._timing is not None:
                self._timing.cancel()  # the time it waits for is of before
                self._timing = self._tasks.create_task(self._keep_time())
        self._deliver()

    # Inside

    def _deliver(self) -> None:
        while events := self._session.events():
            for event in events:
                match event:
                    case Opened():
                        self._on_open(self)
                    case MessageReceived(Invocation() as call, size_bytes):
                        self._dispatcher.put_call(call, size_bytes, self.send)
                    case MessageReceived(StreamItem() | Completion() as message, size_bytes):
                        self.calls.receive(message, size_bytes)
                    case Adrift(error):
                        self._loss = error
                    case Ended():
                        self._ended.set_result(event)

                if self.backlog.is_full:
                    self._make_room()
        if self._room and self._session.has_room:
            waiting, self._room = self._room, []
            for room in waiting:
                if not room.done():
                    room.set_result(None)

    def _make_room(self) -> None:
        call_id = self.calls.fail_largest_stream()
        if self._session.phase is Phase.CLOSED:
            return
        if call_id is None:
            self._session.send_failure(ReceiveBufferFull(self.backlog.limit_bytes, "the handlers"))
        else:
            self._session.send(CancelInvocation(call_id), self._clock.monotonic())

    def _lose(self, error: BaseException | None) -> None:
        """The transport is gone, noticed by whoever noticed first."""
        if self._session.phase is not Phase.ADRIFT:
            self._session.receive_end(error)
            self._deliver()

    def _push(self) -> None:
        """Write what the session has to say without waiting for it: whoever reads or keeps time must not be held up."""
        if self._tasks is None:
            return
        if self._session.has_data_to_send:
            self._tasks.create_task(self._flush_quietly())
        if self._acknowledging is None and self._session.ack_due is not None:
            self._acknowledging = self._tasks.create_task(self._acknowledge())

    async def _flush_quietly(self) -> None:
        with contextlib.suppress(ConnectionClosed):  # the reader finds out
            await self._flush()

    async def _flush(self) -> None:
        """Write everything there is. What others had to say is written too, so the order is always the session's."""
        while self._session.has_data_to_send:
            transport = self._transport  # another one each time that it was lost
            is_binary = self._session.is_binary
            try:
                await transport.send(self._session.data_to_send(), is_binary)
            except TransportFailed as error:
                await self._fail_to_send(transport, error)

    async def _fail_to_send(self, transport: Transport, error: TransportFailed) -> None:
        """Find out what has happened. The server's own good-bye may be there already and only has to be read."""
        if self._tasks is not None:
            self._tasks.create_task(self._give_up(transport, error))
        if not self._session.is_stateful:  # which keeps what it sends, and sends it again
            ended = await asyncio.shield(self._ended)
            raise ConnectionClosed(ended.error)

    async def _give_up(self, transport: Transport, error: TransportFailed) -> None:
        waiting = asyncio.ensure_future(self._clock.sleep(_LAST_WORDS_SECONDS))
        try:
            await asyncio.wait((waiting, self._ended), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if transport is self._transport and self._session.phase is not Phase.CLOSED:
            self._lose(error)
            await transport.abort()  # so that the reader notices

    async def _take_leave(self) -> None:
        if self._ended.done() and not self._ended.result().is_lost:
            with contextlib.suppress(TimeoutError, ConnectionClosed):
                await within(self._clock, _FAREWELL_SECONDS, self._flush())
            await self._transport.close()
        else:
            await self._transport.abort()
