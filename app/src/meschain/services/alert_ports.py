"""The seams of alerts: the book with its rules, the outbox, and the channels by which messages leave.

Adapters: `state.alerts`, `state.alert_outbox`, `notifications`; figures are read by `services.alert_figures`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from meschain.domain.alert_rules import Reading, RuleState
from meschain.domain.alerts import Alert
from meschain.domain.payloads import AlertRow

Figure = Callable[[], Awaitable[Reading]]
"""Reads the figure of a rule; whatever it raises, the figure cannot be read now."""


@dataclass(frozen=True, slots=True)
class Silence:
    """Until then a rule raises nothing and sends nothing; somebody said so."""

    until: datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class KeptRule:
    """A rule as it is stored."""

    state: RuleState = field(default_factory=RuleState)
    silence: Silence | None = None
    """None: nobody ever silenced it, or somebody ended that. One that is over may still stand there."""

    def is_silent(self, now: datetime) -> bool:
        return self.silence is not None and now < self.silence.until


@dataclass(frozen=True, slots=True)
class AlertMessage:
    """One thing that happened to an alert, on its way out by one channel."""

    id: str
    """The same whenever it is sent: who gets it twice may drop the second."""
    channel: str
    content: AlertRow
    """The alert as it was then; its `state` says what happened."""
    created_at: datetime
    attempts: int = 0


class AlertBook(Protocol):
    """All alerts, and what the rules remember. Suite: `AlertBookSpec`.

    What is stored together with messages is stored whole or not at all. Raises: any error of the database.
    """

    async def add(self, alert: Alert, messages: Sequence[AlertMessage] = ()) -> bool:
        """Store it; False: its id is known, and nothing is changed."""

    async def change(self, alert: Alert, was: str, messages: Sequence[AlertMessage] = ()) -> bool:
        """Store what became of it; False: its state is not `was` any more, and nothing is changed."""

    async def get(self, alert_id: str) -> Alert | None: ...

    async def latest(self, limit: int) -> Sequence[Alert]:
        """The newest first."""

    async def untold(self, limit: int) -> Sequence[Alert]:
        """Those whose present state nobody was told of, in the order in which they were raised."""

    async def mark_told(self, alert_id: str, state: str) -> None:
        """It was told; does nothing when its state is another one by now."""

    async def rules(self) -> Mapping[str, KeptRule]:
        """What is remembered, by name."""

    async def remember(self, states: Mapping[str, RuleState]) -> None:
        """Store states in which the same alerts stand as before; silences stay."""

    async def fires(self, rule: str, state: RuleState, alert: Alert, messages: Sequence[AlertMessage]) -> bool:
        """Store that the rule raised this alert; False: one of its alerts stands, and nothing is changed."""

    async def resolves(
        self,
        rule: str,
        state: RuleState,
        alert_id: str,
        now: datetime,
        messages: Callable[[Alert], Sequence[AlertMessage]],
    ) -> Alert | None:
        """Store that the rule's alert is over, and return it; None: another one stands, and nothing is changed.

        Args:
            messages: those for the alert as it is afterwards.
        """

    async def silence(self, rule: str, silence: Silence | None) -> None:
        """None: it speaks again."""


class AlertOutbox(Protocol):
    """Messages that wait to leave, put there by the book. Suite: `AlertOutboxSpec`."""

    async def waiting(self, channel: str, limit: int) -> Sequence[AlertMessage]:
        """The oldest of this channel, in their order."""

    async def next_attempt(self, channel: str) -> datetime | None:
        """When the oldest of this channel is to be tried; None: none waits."""

    async def sent(self, ids: Sequence[str]) -> None:
        """They are out, or given up: forget them."""

    async def failed(self, ids: Sequence[str], next_attempt_at: datetime) -> None:
        """They were tried once more."""

    async def count(self) -> int:
        """Of all channels."""


class AlertChannel(Protocol):
    """A way out. Suite: `AlertChannelSpec`."""

    name: str
    most_together: int
    """Messages taken by one `send`."""
    apart_seconds: float
    """Between two sends that went well; what comes meanwhile shares the next one."""

    async def send(self, messages: Sequence[AlertMessage]) -> None:
        """Return once the other side has taken them; it may get them again. Raises: ChannelUnavailable."""


class ChannelUnavailable(Exception):
    """The other side cannot be reached, or refuses; the text says which and holds no secret."""


class SyncMoments(Protocol):
    """When marketplaces were synced."""

    async def last_successes(self) -> Mapping[str, datetime]:
        """The end of the newest sync that went well, by marketplace; missing: none is known."""
