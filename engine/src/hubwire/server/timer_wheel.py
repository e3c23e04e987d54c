"""One coroutine that looks after the time of every connection. Knows nothing about what they do with it."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Collection

from hubwire.clock import Clock, Timed

TICK_SECONDS = 0.25
"""Resolution: a timer fires at most this late. Connections that are due in the same tick are served together."""

_SLICE = 500
"""Timers between two yields: pings to 10,000 connections must not hold up replies."""

_JUMP = 8
"""After a jump over more slots than these, only those with members are visited: most are empty."""

_log = logging.getLogger("hubwire.server")


class TimerWheel:
    """Implements `Timer`: slots of a quarter second, each a set of members in the order in which they asked.

    A member that moves or cancels leaves no entry behind: an entry would keep the memory of a connection that is long
    gone until its slot comes, and connections come and go by the thousand in a second.
    """

    __slots__ = ("_clock", "_on_round", "_slot", "_slots", "_turn_time")

    def __init__(
        self,
        clock: Clock,
        on_round: Callable[[float], None] = lambda seconds: None,
        turn_time: Callable[[], float] = time.monotonic,
    ) -> None:
        """Args:
        on_round: told after each round how many seconds a turn of the loop takes, which is how late the loop is.
        turn_time: by which that is measured. Real time even where the clock is a test's, which may jump or stand still
            while the loop turns.
        """
        self._clock = clock
        self._on_round = on_round
        self._turn_time = turn_time
        self._slots: dict[int, dict[Timed, None]] = {}
        self._slot = math.floor(clock.monotonic() / TICK_SECONDS)

    def schedule(self, member: Timed, due: float) -> None:
        """Call `tick` once at that time or up to a tick later, instead of any time asked for before."""
        slot = max(math.ceil(due / TICK_SECONDS), self._slot + 1)
        if member.wheel_slot != slot:
            self.cancel(member)
            member.wheel_slot = slot
            self._slots.setdefault(slot, {})[member] = None

    def advance(self, member: Timed, due: float) -> None:
        """Like `schedule`, but a time asked for before stays if it is earlier."""
        slot = member.wheel_slot
        if slot < 0 or due < (slot - 1) * TICK_SECONDS:
            self.schedule(member, due)

    def cancel(self, member: Timed) -> None:
        """Forget what was asked for."""
        members = self._slots.get(member.wheel_slot)
        member.wheel_slot = -1
        if members is not None:
            members.pop(member, None)

    async def run(self) -> None:
        """Serve for ever."""
        while True:
            await self._clock.sleep(TICK_SECONDS)
            await self._serve(self._clock.monotonic())
            # One turn of the loop, and not how late the sleep was: that may also come from a machine that slept.
            asyncio.get_running_loop().call_soon(self._end_round, self._turn_time())

    def _end_round(self, begun: float) -> None:
        self._on_round(self._turn_time() - begun)

    async def _serve(self, now: float) -> None:
        # At once, not slot by slot: whoever asks now for a time that has passed must not get a slot that is not visited
        # any more. It would stand there for ever, and never be moved to another, which would be later.
        first, self._slot = self._slot + 1, math.floor(now / TICK_SECONDS)
        due: Collection[int] = range(first, self._slot + 1)
        if len(due) > _JUMP:
            due = sorted(slot for slot in self._slots if slot <= self._slot)
        for slot in due:
            members = self._slots.pop(slot, ())
            for number, member in enumerate(members):
                if member.wheel_slot != slot:  # it moved since, by the tick of another
                    continue
                member.wheel_slot = -1
                try:
                    member.tick(now)
                except Exception:  # noqa: BLE001 - one member must not stop the time of all others
                    _log.exception("A timer failed; the others go on")
                if number % _SLICE == _SLICE - 1:
                    await asyncio.sleep(0)
