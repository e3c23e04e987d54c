"""The old dialects as one part of the application: listeners, what happened for their connections, and what is due.

What happened is read from the log of events, by each process for the connections that it holds, and from nowhere else:
so it needs no broker and no word from the hubs, and works in every hosting. With no listener nothing runs.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Final

from meschain.auth.ports import LoginSessionStore
from meschain.domain.payloads import LegacyReport, Notification
from meschain.legacy.connection import Desk, LegacyConnection, SocketClosed
from meschain.legacy.dialects import candidates
from meschain.legacy.proof import LINK_PREFIX
from meschain.legacy.recalls import Recalls
from meschain.legacy.sockets import Gate, Visitor, WebSocket
from meschain.legacy_settings import Dialect
from meschain.services.legacy_recall import RecallStore
from meschain.services.legacy_use import LegacyUser
from meschain.services.notifications import NotificationService
from meschain.services.ports import KeptEvents

_log = logging.getLogger(__name__)

_BATCH: Final = 500
"""Events read at once."""
_LOG_IN_SECONDS: Final = 5.0
"""Between two looks whether the log-ins of people who are here still hold."""
_NOTIFY_SECONDS: Final = 3.0
"""Between two looks for notifications of people who are here."""


class LegacyService:
    """Serves old pages from `serving` to its end, or to `drain`."""

    def __init__(
        self,
        gates: Sequence[Gate],
        desk: Desk,
        events: KeptEvents,
        notifications: NotificationService,
        log_ins: LoginSessionStore,
        recalls: RecallStore,
    ) -> None:
        self._gates = gates
        self._desk = desk
        self._events = events
        self._notifications = notifications
        self._log_ins = log_ins
        self._numbers = itertools.count(1)
        self._connections: dict[LegacyConnection, None] = {}
        self._recalls = Recalls(recalls, lambda: self._connections, desk.clock, desk.options)
        self._position: int | None = None
        """Up to which events were heard; None: nobody is here to hear any."""
        self._came = asyncio.Event()

    @property
    def ports(self) -> Mapping[str, int]:
        """Of the listeners that are open, by name."""
        return self._desk.usage.ports

    def count(self) -> int:
        """Open connections."""
        return len(self._connections)

    async def report(self) -> LegacyReport:
        return await self._desk.usage.report()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Listen while the block is open. Raises: CannotListen."""
        try:
            for gate in self._gates:
                self._desk.usage.ports[gate.name] = await gate.open(partial(self._handle, gate))
            yield
        finally:
            for gate in self._gates:
                await gate.close()
            for last in (self._desk.absences.save, self._desk.usage.save):
                with suppress(Exception):  # what was written down last is no reason to fail a stop
                    await last()

    async def drain(self) -> None:
        """Take nobody in any more, and tell everybody to come again."""
        for gate in self._gates:
            gate.shut()
        leaving = [asyncio.create_task(connection.leave()) for connection in self._connections]
        if leaving:
            await asyncio.wait(leaving, timeout=self._desk.options.drain_seconds)

    async def _handle(self, gate: Gate, socket: WebSocket, visitor: Visitor) -> None:
        port = self._desk.usage.ports.get(gate.name, gate.listener.port)

        def user(dialect: Dialect) -> LegacyUser:
            return LegacyUser(gate.name, dialect, visitor.origin, visitor.address, visitor.user_agent)

        connection = LegacyConnection(
            socket,
            next(self._numbers),
            self._desk,
            gate.listener,
            gate.name,
            visitor.guest,
            candidates(port, visitor.path, gate.listener.dialect),
            user,
            heard=await self._begin_to_hear(),
        )
        self._connections[connection] = None
        self._came.set()
        try:
            await connection.run()
        finally:
            del self._connections[connection]

    async def _begin_to_hear(self) -> int:
        """The first one who comes hears what happens from now on. Returns: the position up to which it does not."""
        if self._connections and self._position is not None:
            return self._position
        newest = await self._events.newest()
        if self._position is None:
            self._position = newest
        # `_follow` may not have noticed yet that the last one left, whose events are not for this one.
        return newest

    async def run(self) -> None:
        """What goes on beside the connections, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow())
            group.create_task(self._tick())
            group.create_task(self._look_for_notifications())
            group.create_task(self._look_for_ended_log_ins())
            group.create_task(self._save())
            group.create_task(self._recalls.run())

    async def _follow(self) -> None:
        while True:
            if not self._connections:
                self._position = None
                self._came.clear()
                await self._came.wait()
            batch = await self._events.behind(self._position or 0, _BATCH)
            for stored in batch:
                for connection in list(self._connections):
                    connection.hear(stored)
                self._position = stored.position
                await asyncio.sleep(0)  # a turn for everybody else
            if len(batch) < _BATCH:
                await self._desk.clock.sleep(self._desk.options.poll_seconds)

    async def _tick(self) -> None:
        while True:
            await self._desk.clock.sleep(self._desk.options.tick_seconds)
            for connection in list(self._connections):
                try:
                    await connection.tick()
                except SocketClosed:
                    continue  # its own task sees to it
                except Exception:  # noqa: BLE001 - boundary between connections
                    _log.exception("what was due for an old page could not be sent")
            with suppress(Exception):  # kept, and tried again in a moment
                await self._desk.absences.save()

    async def _look_for_notifications(self) -> None:
        while True:
            await self._desk.clock.sleep(_NOTIFY_SECONDS)
            for user_id in {each.user_id for each in self._connections if each.user_id}:
                if not user_id.startswith(LINK_PREFIX):  # which names a page and nobody who could be notified
                    await self._notifications.deliver_unsent_to(user_id, partial(self._notify, user_id))

    def _notify(self, user_id: str, notification: Notification) -> None:
        for connection in self._connections:
            if connection.user_id == user_id:
                connection.notify(notification)

    async def _look_for_ended_log_ins(self) -> None:
        while True:
            await self._desk.clock.sleep(_LOG_IN_SECONDS)
            log_ins = {each.log_in for each in self._connections if each.log_in}
            if log_ins:
                ended = set(await self._log_ins.ended(sorted(log_ins), self._desk.clock.now()))
                for connection in [each for each in self._connections if each.log_in in ended]:
                    connection.end_proof()

    async def _save(self) -> None:
        while True:
            await self._desk.clock.sleep(self._desk.options.usage_seconds)
            for connection in self._connections:
                connection.still_there()
            await self._desk.usage.save()
            await self._desk.absences.forget()
