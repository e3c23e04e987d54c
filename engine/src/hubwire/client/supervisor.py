"""From one start of a `HubConnection` to its end: connects, connects again if told so, and says what happens.

Knows no calls and no bytes.
"""

from __future__ import annotations

import asyncio
import functools
import logging

from hubwire.client.backlog import Backlog
from hubwire.client.dialer import TRANSPORTS, Dialer
from hubwire.client.dispatcher import Dispatcher
from hubwire.client.errors import HandshakeFailed, NotConnected
from hubwire.client.handlers import Handler, Handlers
from hubwire.client.link import Link
from hubwire.client.retry import RetryContext
from hubwire.client.session import ClientSession, Ended, SessionLimits
from hubwire.client.settings import Settings
from hubwire.client.states import ConnectionState

_log = logging.getLogger("hubwire.client")


class Callbacks:
    """What the application wants to be told."""

    __slots__ = ("closed", "reconnected", "reconnecting")

    def __init__(self) -> None:
        self.reconnecting: list[Handler] = []
        self.reconnected: list[Handler] = []
        self.closed: list[Handler] = []


class Supervisor:
    """Owns the tasks of a connection."""

    def __init__(self, settings: Settings, handlers: Handlers, callbacks: Callbacks) -> None:
        self.state = ConnectionState.CONNECTING
        self.connection_id: str | None = None
        self.link: Link | None = None
        """The connection that calls may use now."""
        self._settings = settings
        self._callbacks = callbacks
        self._backlog = Backlog(settings.receive_pause_bytes, settings.receive_limit_bytes)
        self._dispatcher = Dispatcher(handlers, self._backlog)
        self._dialer = Dialer(settings, TRANSPORTS)
        self._was_connected = False
        self._last_failure: BaseException | None = None
        self._is_stopping = False
        loop = asyncio.get_running_loop()
        self._started: asyncio.Future[None] = loop.create_future()
        self._is_over = asyncio.Event()
        self._work: asyncio.Task[BaseException | None] | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return when connected.

        Raises: ConnectFailed, NotConnected when it was stopped meanwhile, whatever the token function raises.
        """
        self._task = asyncio.get_running_loop().create_task(self._run())
        try:
            await asyncio.shield(self._started)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Return when disconnected and, unless called by a handler, when all callbacks have run."""
        if self._task is None:
            return
        if not self._is_stopping and not self._is_over.is_set():
            self._is_stopping = True
            self._dispatcher.drop_calls()
            if self.link is not None:
                self.link.stop()
            elif self._work is not None:
                self._work.cancel()
            self.state = ConnectionState.DISCONNECTING
            if not self._dispatcher.is_caller:
                self._dispatcher.interrupt()
        if self._dispatcher.is_caller:
            await self._is_over.wait()
        else:
            await asyncio.wait((self._task,))

    async def _run(self) -> None:
        dispatching = asyncio.create_task(self._dispatcher.run())
        error: BaseException | None = None
        try:
            self._work = asyncio.create_task(self._live())
            await asyncio.wait((self._work,))
            if not self._work.cancelled():
                error = self._work.exception() or self._work.result()
                if self._work.exception() is not None and self._was_connected:
                    _log.error("The connection failed", exc_info=error)
        finally:
            self.state = ConnectionState.DISCONNECTED
            self.link = self.connection_id = None
            await self._dialer.close()
            if not self._started.done():
                self._started.set_exception(error or NotConnected("The connection was stopped while it was starting."))
                self._started.exception()  # seen, even if nobody waits any more
            if self._was_connected:
                self._dispatcher.put_callback(self._callbacks.closed, argument=error)
            self._dispatcher.end()
            self._is_over.set()
            await dispatching

    async def _live(self) -> BaseException | None:
        """Return why the connection has ended for good; None: in order."""
        running: asyncio.Task[Ended] | None = await self._connect()
        self._started.set_result(None)
        while running is not None:
            ended = await running
            self.link = self.connection_id = None
            if self._is_stopping:
                return None
            if not ended.may_reconnect or self._settings.reconnect is None:
                return ended.error
            running = await self._reconnect(ended.error)
        return self._last_failure

    async def _reconnect(self, reason: BaseException | None) -> asyncio.Task[Ended] | None:
        """Return the next connection, or None when the policy gives up."""
        clock = self._settings.clock
        lost_at = clock.monotonic()
        self._last_failure = reason
        policy = self._settings.reconnect
        retries = 0
        while policy is not None:
            delay = policy(RetryContext(retries, clock.monotonic() - lost_at, self._last_failure))
            if delay is None:
                break
            if retries == 0:
                self.state = ConnectionState.RECONNECTING
                self._dispatcher.put_callback(self._callbacks.reconnecting, argument=reason)
            await clock.sleep(delay)
            try:
                return await self._connect()
            except Exception as error:  # noqa: BLE001 - also what the application's token function raises
                _log.info("Attempt %d to connect again failed: %s", retries + 1, error)
                self._last_failure = error
                retries += 1
        return None

    async def _connect(self) -> asyncio.Task[Ended]:
        """Return the running connection behind its handshake."""
        settings = self._settings
        dialed = await self._dialer.dial()
        keeps_itself_alive = dialed.transport.keeps_itself_alive
        limits = SessionLimits(
            handshake_timeout_seconds=settings.handshake_timeout_seconds,
            keep_alive_seconds=None if keeps_itself_alive else settings.keep_alive_seconds,
            server_timeout_seconds=None if keeps_itself_alive else settings.server_timeout_seconds,
            maximum_receive_message_bytes=settings.maximum_receive_message_bytes,
            replay_buffer_bytes=settings.stateful_reconnect_buffer_bytes if dialed.is_stateful else None,
        )
        now = settings.clock.monotonic()
        session = ClientSession(settings.codec, limits, now)
        opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        link = Link(
            session,
            dialed.transport,
            self._backlog,
            self._dispatcher,
            settings.clock,
            on_open=functools.partial(self._on_open, opened, dialed.connection_id),
            regain=functools.partial(self._dialer.regain, dialed),
        )
        running = asyncio.create_task(link.run())
        try:
            await asyncio.wait((running, opened), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            link.stop()
            await asyncio.wait((running,))
            raise
        if not opened.done():
            raise running.result().error or HandshakeFailed("The server ended the connection during the handshake.")
        return running

    def _on_open(self, opened: asyncio.Future[None], connection_id: str | None, link: Link) -> None:
        opened.set_result(None)
        if self._is_stopping:
            return
        self.link = link
        self.connection_id = connection_id
        self.state = ConnectionState.CONNECTED
        if self._was_connected:
            self._dispatcher.put_callback(self._callbacks.reconnected, argument=connection_id)
        self._was_connected = True
