"""Sends what waits in the outbox of alerts: one loop for each channel, in order, until the other side has taken it.

Runs in one process at a time. A message is forgotten after it was taken, so after a crash in between it is sent again;
one that cannot be delivered for a day is given up. Knows no channel.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import timedelta

from meschain.services.alert_ports import AlertChannel, AlertMessage, AlertOutbox, ChannelUnavailable
from meschain.services.options import AlertOutboxOptions
from meschain.services.ports import Clock
from meschain.services.waiting import Wakeup

_log = logging.getLogger(__name__)


class AlertSender:
    """The loops behind mail and webhooks.

    Args:
        counted: told the channel, what became of messages (`sent`, `failed`, `given up`), and how many.
    """

    def __init__(
        self,
        *,
        outbox: AlertOutbox,
        channels: Sequence[AlertChannel],
        counted: Callable[[str, str, int], None],
        clock: Clock,
        options: AlertOutboxOptions | None = None,
    ) -> None:
        self._outbox = outbox
        self._channels = tuple(channels)
        self._counted = counted
        self._clock = clock
        self._options = options or AlertOutboxOptions()
        self._wakeups = {channel.name: Wakeup(clock) for channel in self._channels}
        self._not_before: dict[str, float] = {}
        """When each channel may send next, by the monotonic clock."""

    @property
    def channel_names(self) -> Sequence[str]:
        return [channel.name for channel in self._channels]

    def wake(self) -> None:
        """Something may wait: look now."""
        for wakeup in self._wakeups.values():
            wakeup.set()

    async def run(self) -> None:
        """Send for ever."""
        async with asyncio.TaskGroup() as group:
            for channel in self._channels:
                group.create_task(self._serve(channel))
            # Without any channel there is nothing to do, and a work that ends would be begun again and again.
            await asyncio.Event().wait()

    async def _serve(self, channel: AlertChannel) -> None:
        while True:
            try:
                seconds = await self.round(channel)
            except Exception:  # noqa: BLE001 - boundary to our own database: the messages wait there
                _log.exception("messages about alerts for %s could not be looked at; they wait", channel.name)
                seconds = self._options.poll_seconds
            if seconds > 0:
                await self._wakeups[channel.name].wait(seconds)

    async def round(self, channel: AlertChannel) -> float:
        """Send what is due by this channel, once; returns after how many seconds to look again.

        Raises: any error of our own database.
        """
        apart = self._not_before.get(channel.name, 0.0) - self._clock.monotonic()
        if apart > 0:
            return apart
        due = await self._outbox.next_attempt(channel.name)
        if due is None:
            return self._options.poll_seconds
        left = (due - self._clock.now()).total_seconds()
        if left > 0:
            return min(left, self._options.poll_seconds)
        messages = await self._outbox.waiting(channel.name, channel.most_together)
        too_old = self._clock.now() - timedelta(hours=self._options.give_up_hours)
        if old := [each for each in messages if each.created_at < too_old]:
            _log.error("%d messages about alerts could not be sent by %s and are given up", len(old), channel.name)
            await self._done(channel, old, "given up")
            return 0.0
        return await self._send(channel, messages)

    async def _send(self, channel: AlertChannel, messages: Sequence[AlertMessage]) -> float:
        try:
            await channel.send(messages)
        except Exception as error:  # noqa: BLE001 - boundary to the channel: the messages wait and are tried again
            pause = min(
                self._options.longest_pause_seconds,
                self._options.first_pause_seconds * 2.0 ** min(messages[0].attempts, 30),
            )
            why = str(error) if isinstance(error, ChannelUnavailable) else type(error).__name__
            _log.warning("alerts could not be sent by %s, again in %g s: %s", channel.name, pause, why)
            await self._outbox.failed([each.id for each in messages], self._clock.now() + timedelta(seconds=pause))
            self._counted(channel.name, "failed", len(messages))
            return pause
        self._not_before[channel.name] = self._clock.monotonic() + channel.apart_seconds
        await self._done(channel, messages, "sent")
        return 0.0

    async def _done(self, channel: AlertChannel, messages: Sequence[AlertMessage], outcome: str) -> None:
        await self._outbox.sent([each.id for each in messages])
        self._counted(channel.name, outcome, len(messages))
