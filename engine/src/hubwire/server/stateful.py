"""The pump of a connection that outlives its WebSocket (signalr-protocol 6): another one may take it over.

Only what differs from `Connection`. As long as the first WebSocket lives the connection is its receiver itself; each
later one pushes into an object of its own, so that whatever an abandoned WebSocket still says reaches nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from hubwire.errors import LocalProtocolError, SlowConsumer, WriteTimeout
from hubwire.hub.failures import close_error
from hubwire.ports import Receiver, Transport
from hubwire.server.connection import NORMAL_CLOSURE, Connection
from hubwire.server.hosted import HostedHub, Opening, Served
from hubwire.session.events import Ended, EndReason, Overflowed, SessionEvent
from hubwire.session.stateful import StatefulSession
from hubwire.session.states import CLOSED
from hubwire.wire.encoded import EncodedMessage
from hubwire.wire.negotiation import WEBSOCKETS


def open_connection(
    hub: HostedHub, opening: Opening, transport: Transport, on_gone: Callable[[Served], None]
) -> Connection:
    """Make the connection that the client has negotiated."""
    steering = opening.caller.principal.steering
    if steering is not None:
        hub = hub.steered(steering)
    if opening.is_stateful and transport.name == WEBSOCKETS:
        return StatefulConnection(hub, opening, transport, on_gone)
    return Connection(hub, opening, transport, on_gone)


class StatefulConnection(Connection):
    """One client of one hub, which may lose its WebSocket and come back with another."""

    __slots__ = ("_current", "_held_bytes", "_is_aborted", "_is_forgotten", "_is_starting")

    session: StatefulSession

    def __init__(
        self, hub: HostedHub, opening: Opening, transport: Transport, on_gone: Callable[[Served], None]
    ) -> None:
        self._current: Receiver | None = self
        """Whom the present transport pushes into; None: there is no transport."""
        self._is_starting = False
        """Whether nothing was written to the present transport yet."""
        self._is_aborted = False
        self._is_forgotten = False
        self._held_bytes = 0
        """What waits for an acknowledgement, as far as it has been counted among all outboxes."""
        super().__init__(hub, opening, transport, on_gone)

    # Line

    def post(self, message: EncodedMessage) -> None:
        session = self.session
        if not session.is_stateful:  # the handshake was for less
            super().post(message)
        elif self._is_open and session.is_accepted:
            try:
                pieces = message.pieces(session.codec)
            except Exception as error:  # noqa: BLE001 - as in `Connection.post`
                session.send_failure(error, allow_reconnect=True)
            else:
                for piece in pieces:  # each is counted by itself, on both sides
                    session.send_encoded(piece)
            self.pump()

    # Served

    @property
    def is_resumable(self) -> bool:
        return self.session.is_resumable and not self._is_aborted

    def resume(self, transport: Transport) -> Receiver:
        if not self.is_resumable:
            raise LocalProtocolError("This connection cannot be resumed any more; ask is_resumable first.")
        if self._current is not None:
            self._interrupt(ConnectionResetError("Another WebSocket has taken the connection over."))
        successor = _Successor(self)
        self._current = successor
        self._transport = transport
        self._is_starting = True
        self._is_reading = True
        transport.is_binary = self.session.codec.is_binary
        asyncio.get_running_loop().call_soon(self.start, successor)
        return successor

    def abort(self) -> None:
        self._is_aborted = True
        if self._current is None:
            self.session.drop(EndReason.LOST, ConnectionAbortedError("The server has given the connection up."))
            self.pump()
        else:
            super().abort()

    # Receiver of the first transport

    def feed(self, data: bytes) -> None:
        if self._current is self:
            super().feed(data)

    def pause_writing(self) -> None:
        if self._current is self:
            super().pause_writing()

    def resume_writing(self) -> None:
        if self._current is self:
            super().resume_writing()

    def lost(self, error: BaseException | None) -> None:
        self.lose(self, error)

    def gone(self) -> None:
        if self._current is self:
            super().gone()

    # For every transport

    def is_current(self, receiver: Receiver) -> bool:
        """Whether the transport that pushes into this receiver is the present one."""
        return self._current is receiver

    def start(self, receiver: Receiver) -> None:
        """Begin to write to a new transport, unless that has happened."""
        if self._current is not receiver or not self._is_starting:
            return
        self._is_starting = self._is_gone = False
        if self._is_open:
            self.session.receive_resumption(self.hub.clock.monotonic())
            self.pump()
        else:  # the connection has ended in the turn of the loop between
            self._transport.close(NORMAL_CLOSURE)
            self.hub.wheel.schedule(self, self.hub.clock.monotonic() + self.hub.options.close_timeout_seconds)

    def lose(self, receiver: Receiver, error: BaseException | None) -> None:
        """A transport is lost; unless that was the client's will, another may follow."""
        if self._current is not receiver:
            return
        if self._is_starting:
            self._is_starting = self._is_gone = False
        if error is not None and self.is_resumable:
            self._interrupt(error)
        else:
            super().lost(error)

    # Timed

    def tick(self, now: float) -> None:
        if self._is_paused and now >= self._write_due and self.is_resumable:
            # A client that has lost its network reads nothing either. What it costs is bounded all the same.
            self._interrupt(WriteTimeout(self.caller.connection_id, self.hub.options.write_timeout_seconds))
        else:
            super().tick(now)

    # SlowReader

    @property
    def unread_bytes(self) -> int:
        return super().unread_bytes + self._held_bytes

    # Host

    def pump(self) -> None:
        super().pump()
        self._count_held()
        if self.activity is not None and self._is_writable:
            self.activity.tell_room()

    # Inside

    @property
    def _is_writable(self) -> bool:
        return not self._is_paused and not self.session.is_congested

    @property
    def _unread_messages(self) -> int:
        return super()._unread_messages + self.session.held_messages

    def _count_held(self) -> None:
        """Tell what the session holds back: it is not in the outbox, and waits for the same reader."""
        held = 0 if self.session.state is CLOSED else self.session.held_bytes
        change, self._held_bytes = held - self._held_bytes, held
        if change:
            self.hub.outboxes.change(self, change)
            if not self.unread_bytes:
                self.hub.outboxes.forget(self)

    def _begin_session(self, transport: Transport) -> StatefulSession:
        hub = self.hub
        return StatefulSession(
            hub.options,
            hub.codecs,
            hub.clock.monotonic(),
            close_error,
            allows_binary=transport.allows_binary,
            sends_pings=not transport.keeps_itself_alive,
            rates=hub.rates,
            user_id=self.caller.user_id,
            holds_acceptance=hub.is_one_of_several,
        )

    def _forget(self) -> None:
        if not self._is_forgotten:
            self._is_forgotten = True
            super()._forget()

    def _interrupt(self, error: BaseException) -> None:
        """Go on without a transport."""
        self._current = None
        self._is_starting = False
        self._is_gone = True
        self._is_paused = False
        self._direct_write = None
        self._drop_outbox()  # the session keeps what counts of it
        self.session.receive_interruption(error, self.hub.clock.monotonic())
        self._transport.abort()
        self.pump()

    def _handle(self, event: SessionEvent) -> None:
        if isinstance(event, Overflowed):
            options = self.hub.options
            error = SlowConsumer(
                self.caller.connection_id, event.messages, event.size_bytes, options.outbox_limit_bytes
            )
            self.session.drop(EndReason.SLOW, error)
        else:
            super()._handle(event)

    def _put(self, payload: bytes) -> None:
        if self.session.state is CLOSED:
            # Before the Close is written: a client opens a new WebSocket with the same token as soon as it reads that,
            # and never says a word on it (6.6).
            self._forget()
        super()._put(payload)

    def _fail_to_write(self, error: BaseException) -> None:
        if self._current is not None:
            self.lose(self._current, error)

    def _finish(self, end: Ended) -> None:
        self._forget()
        super()._finish(end)


class _Successor:
    """What a later transport pushes into: the connection, as long as no other has taken it over."""

    __slots__ = ("_connection",)

    def __init__(self, connection: StatefulConnection) -> None:
        self._connection = connection

    def feed(self, data: bytes) -> None:
        self._connection.start(self)
        if self._connection.is_current(self):
            Connection.feed(self._connection, data)

    def pause_writing(self) -> None:
        if self._connection.is_current(self):
            Connection.pause_writing(self._connection)

    def resume_writing(self) -> None:
        self._connection.start(self)
        if self._connection.is_current(self):
            Connection.resume_writing(self._connection)

    def lost(self, error: BaseException | None) -> None:
        self._connection.lose(self, error)

    def gone(self) -> None:
        if self._connection.is_current(self):
            Connection.gone(self._connection)

    def stop(self) -> None:
        self._connection.stop()
