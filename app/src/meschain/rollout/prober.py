"""Connects to each side as a client does, has something sent to itself, and says how long it took, or that it failed.

Knows how clients are let in and sent to, and nothing of plans. What it measures includes everything between a
publisher here and a client that is as near as this process.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from secrets import token_hex
from typing import Final

from hubwire import Audience, DataPlane
from hubwire.client import HubConnection
from hubwire.wire.encoded import EncodedMessage
from hubwire.wire.negotiation import WEBSOCKETS
from meschain.auth.ports import ClientAccess
from meschain.domain.events import DASHBOARD_HUB
from meschain.domain.roles import Identity, Role
from meschain.domain.rollout import PROBE_PREFIX, Side
from meschain.services.options import GuardOptions
from meschain.services.ports import Clock

_TARGET: Final = "rolloutProbe"
_TOKEN_SECONDS: Final = 60.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Probe:
    """One attempt."""

    at: float
    """When it ended, by the monotonic clock."""
    latency_ms: float | None
    """From sending to arrival; None: it failed."""


class Prober:
    """Attempts of both sides, those of the window."""

    def __init__(
        self,
        access: Mapping[Side, ClientAccess],
        plane_of: Callable[[Side, str], DataPlane],
        clock: Clock,
        options: GuardOptions | None = None,
    ) -> None:
        """Args: plane_of: gives the plane of one side alone, by the hub's name."""
        self._access = access
        self._plane_of = plane_of
        self._clock = clock
        self._options = options or GuardOptions()
        self._probes: Mapping[Side, deque[Probe]] = {side: deque(maxlen=self._options.most_probes) for side in Side}
        self._under_way = dict.fromkeys(Side, 0)

    def recent(self, side: Side) -> list[Probe]:
        """Those of the window."""
        since = self._clock.monotonic() - self._options.window_seconds
        return [probe for probe in self._probes[side] if probe.at >= since]

    async def run(self, is_wanted: Callable[[], bool]) -> None:
        """Probe both sides for ever, while it is wanted."""
        async with asyncio.TaskGroup() as group:
            while True:
                if is_wanted():
                    for side in Side:
                        if self._under_way[side] < self._options.parallel_probes:
                            self._under_way[side] += 1
                            group.create_task(self._probe_once(side))
                await self._clock.sleep(self._options.probe_seconds)

    async def _probe_once(self, side: Side) -> None:
        try:
            await self.probe(side)
        finally:
            self._under_way[side] -= 1

    async def probe(self, side: Side) -> Probe:
        """Try once, and remember it."""
        latency_ms: float | None = None
        try:
            async with asyncio.timeout(self._options.probe_timeout_seconds):
                latency_ms = await self._attempt(side)
        except Exception as error:  # noqa: BLE001 - whatever a client may meet is what is to be found out
            _log.info("the %s side let a probe down: %s", side, repr(error))
        probe = Probe(self._clock.monotonic(), latency_ms)
        self._probes[side].append(probe)
        return probe

    async def _attempt(self, side: Side) -> float:
        user_id = f"{PROBE_PREFIX}{side}.{token_hex(8)}"
        identity = Identity(user_id, "Roll-out", Role.SERVICE)
        answer = await self._access[side].issue(DASHBOARD_HUB, identity, _TOKEN_SECONDS)
        connection = HubConnection(answer.url, access_token=answer.access_token, transports=(WEBSOCKETS,))
        arrived = asyncio.Event()
        connection.on(_TARGET, arrived.set)
        try:
            await connection.start()
            sent_at = self._clock.monotonic()
            message = EncodedMessage.invocation(_TARGET, [])
            await self._plane_of(side, DASHBOARD_HUB).send(Audience.user(user_id), message)
            await arrived.wait()
            return (self._clock.monotonic() - sent_at) * 1000
        finally:
            await connection.stop()
