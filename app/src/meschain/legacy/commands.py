"""What a frame of an old client asks for, and the seam of one connection's dialect. Pure.

A conversation turns frames and events into messages, and holds what its connection has said so far. It reads nothing
and calls nobody: what it needs it asks for by a command, and the connection gives it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from meschain.domain.events import StoredEvent
from meschain.domain.payloads import Notification
from meschain.domain.roles import Identity
from meschain.legacy.figures import Figures
from meschain.legacy_settings import Dialect

Message = Mapping[str, object]
"""One JSON object, which is one text message."""


@dataclass(frozen=True, slots=True)
class Say:
    """Send these."""

    messages: Sequence[Message]


@dataclass(frozen=True, slots=True)
class Show:
    """Send what becomes of the figures that this connection may see."""

    of: Callable[[Figures], Sequence[Message]]


@dataclass(frozen=True, slots=True)
class StartSync:
    """Start a sync, if this connection may, and send what follows."""

    marketplace: str
    """A code, or `all`."""
    started: Callable[[str], Sequence[Message]]
    """Takes the id of the job."""
    refused: Callable[[str], Sequence[Message]]
    """Takes a text for people."""


@dataclass(frozen=True, slots=True)
class Identify:
    """Somebody says who it is: to be believed as far as it is proved."""

    role: str
    token: str
    """Empty: it has none."""
    name: str
    """What its client calls itself, the same at each of its connections."""
    entered: Callable[[], Sequence[Message]]
    """What to send once `who` of the conversation is set."""


Command = Say | Show | StartSync | Identify

NOTHING = Say(())


class Conversation(Protocol):
    """One connection in its dialect."""

    dialect: Dialect
    who: Identity
    """What it may see and do."""

    @property
    def unsent_behind(self) -> int | None:
        """Position before the first event of which the telling is not due yet; None: there is none."""

    def greet(self, at: datetime) -> Command:
        """What is sent before the client has said anything."""

    def receive(self, frame: str | bytes, at: datetime) -> Command: ...

    def hear(self, stored: StoredEvent, at: datetime) -> Sequence[Message]:
        """Something happened; what of it is sent at once. The rest may be due later."""

    def notify(self, notification: Notification, at: datetime) -> Sequence[Message]:
        """Something for this very user."""

    def due(self, at: datetime) -> Command:
        """What its time has come for; asked about once a second."""

    def refuse(self, text: str, at: datetime) -> Sequence[Message]:
        """Say that something is not done; nothing where the dialect has no form for it."""
