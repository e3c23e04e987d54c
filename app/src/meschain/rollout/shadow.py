"""Listens to both sides as an administrator's pages do, and says where they differ.

What is missing counts from a few seconds after all listen. A connection that is lost begins it anew. Runs in one
process at a time. Knows how clients are let in, and nothing of planes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any, Final

from hubwire.client import HubConnection
from hubwire.wire.negotiation import WEBSOCKETS
from meschain.auth.ports import ClientAccess
from meschain.domain.event_routes import EVENT_HUBS, TARGETS
from meschain.domain.events import MARKETPLACE_HUB, UPDATE_ADMIN_DASHBOARD
from meschain.domain.roles import Identity, Operation, Role
from meschain.domain.rollout import PROBE_PREFIX, Side
from meschain.rollout.comparison import PATIENCE_SECONDS, Comparison
from meschain.rollout.plans import SHADOW
from meschain.services.ports import Clock
from meschain.services.rollout_ports import ReportStore

COMPARED: Final = (*sorted(set(TARGETS.values())), UPDATE_ADMIN_DASHBOARD)
"""What is listened for: all events that are kept, and the administrators' figures."""
LOOK_SECONDS: Final = 1.0
"""Between two words on what was found."""
_TOKEN_SECONDS: Final = 60.0

_log = logging.getLogger(__name__)


class Shadow:
    """The loop behind the comparison."""

    def __init__(
        self,
        *,
        access: Mapping[Side, ClientAccess],
        reports: ReportStore,
        clock: Clock,
        is_wanted: Callable[[], bool],
    ) -> None:
        """Args: is_wanted: whether the plan asks for it."""
        self._access = access
        self._reports = reports
        self._clock = clock
        self._is_wanted = is_wanted

    async def run(self) -> None:
        """Compare for ever, while it is wanted."""
        comparison = Comparison()
        was_wanted = False
        while True:
            if self._is_wanted():
                if not was_wanted:
                    comparison = Comparison()
                try:
                    await self._compare(comparison)
                except Exception as error:  # noqa: BLE001 - whatever a client may meet; it begins anew
                    _log.warning("both sides cannot be compared now: %r", error)
            was_wanted = self._is_wanted()
            await self._clock.sleep(LOOK_SECONDS)

    async def _compare(self, comparison: Comparison) -> None:
        """Compare until it is not wanted, or a connection is lost."""
        begun = Comparison()  # what is waited for, and the order, are of these connections alone
        lost = asyncio.Event()
        async with AsyncExitStack() as stack:
            for hub in EVENT_HUBS:
                for side in Side:
                    stack.push_async_callback((await self._listen(side, hub, begun, lost)).stop)
            begun.counts_from = self._clock.monotonic() + PATIENCE_SECONDS
            while self._is_wanted() and not lost.is_set():
                await self._clock.sleep(LOOK_SECONDS)
                begun.settle(self._clock.monotonic())
                await self._say(comparison, begun)
        comparison.compared += begun.compared
        comparison.different += begun.different
        comparison.shown.extend(begun.shown)

    async def _listen(self, side: Side, hub: str, comparison: Comparison, lost: asyncio.Event) -> HubConnection:
        """Connect, and join whatever events go to."""
        identity = Identity(f"{PROBE_PREFIX}shadow.{side}", "Roll-out", Role.ADMIN)
        answer = await self._access[side].issue(hub, identity, _TOKEN_SECONDS)
        connection = HubConnection(answer.url, access_token=answer.access_token, transports=(WEBSOCKETS,))
        connection.on_closed(lambda _error: lost.set())
        for target in COMPARED:
            connection.on(target, self._handler(side, hub, target, comparison))
        await connection.start()
        try:
            if hub == MARKETPLACE_HUB:  # administrators are in their group from the start
                await connection.invoke(Operation.JOIN_MARKETPLACE_GROUP.value, "all", identity.user_id)
        except BaseException:
            await connection.stop()
            raise
        return connection

    def _handler(self, side: Side, hub: str, target: str, comparison: Comparison) -> Callable[[Any], None]:
        return lambda payload: comparison.heard(side, hub, target, payload, self._clock.monotonic())

    async def _say(self, before: Comparison, now: Comparison) -> None:
        content: dict[str, object] = {
            "compared": before.compared + now.compared,
            "different": before.different + now.different,
            "differences": [*before.shown, *now.shown][-(now.shown.maxlen or 0) :],
        }
        await self._reports.put(SHADOW, content)
