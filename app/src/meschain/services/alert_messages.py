"""Which messages leave for what happens to an alert: one for each channel when it is raised, one when it is over. Pure
but for the clock."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import NAMESPACE_OID, uuid5

from meschain.domain.alerts import ACKNOWLEDGED, Alert, is_at_least
from meschain.services.alert_payloads import row_of
from meschain.services.alert_ports import AlertMessage
from meschain.services.ports import Clock


class AlertMessages:
    """Makes them.

    Args:
        channels: names of the ways out; empty: nothing leaves.
        least: the lowest level of which something leaves.
    """

    def __init__(self, channels: Sequence[str], least: str, clock: Clock) -> None:
        self._channels = tuple(channels)
        self._least = least
        self._clock = clock

    def of(self, alert: Alert) -> Sequence[AlertMessage]:
        """Those for the state that it has come to; that somebody takes care of it is for the pages alone."""
        if alert.state == ACKNOWLEDGED or not is_at_least(alert.level, self._least):
            return ()
        now = self._clock.now()
        return [
            AlertMessage(
                id=uuid5(NAMESPACE_OID, f"{alert.id} {alert.state} {channel}").hex,
                channel=channel,
                content=row_of(alert),
                created_at=now,
            )
            for channel in self._channels
        ]
