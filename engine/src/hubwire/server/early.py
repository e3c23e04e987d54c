"""What was posted to connections before the request that opens them. Knows no HTTP and no hub."""

from __future__ import annotations

from hubwire.clock import Clock, Timer
from hubwire.server.tokens import ConnectionToken
from hubwire.transports.posted_input import PostedInput

_MAXIMUM = 1_000
"""Tokens that may have input before they are opened. 1,000: each may hold 80 KiB, so together they cost 80 MB."""


class EarlyInput:
    """What one connection has been sent already."""

    __slots__ = ("_owner", "_text", "input", "user_id", "wheel_slot")

    def __init__(self, owner: EarlyInputs, text: str, user_id: str | None, posted: PostedInput) -> None:
        self.wheel_slot = -1
        self.user_id = user_id
        """Who posted it; nobody else may open the connection then."""
        self.input = posted
        self._owner = owner
        self._text = text

    def tick(self, now: float) -> None:
        """The token has expired: tell whoever still posts."""
        self._owner.take(self._text)
        self.input.end()


class EarlyInputs:
    """All of them, by token."""

    __slots__ = ("_clock", "_inputs", "_timer")

    def __init__(self, clock: Clock, timer: Timer) -> None:
        self._clock = clock
        self._timer = timer
        self._inputs: dict[str, EarlyInput] = {}

    def __len__(self) -> int:
        """How many there are."""
        return len(self._inputs)

    def find(self, text: str) -> EarlyInput | None:
        """Return what a token has; None: nothing."""
        return self._inputs.get(text)

    def begin(self, token: ConnectionToken, user_id: str | None, posted: PostedInput) -> EarlyInput | None:
        """Let a user post before the connection is opened; None: too many do that already."""
        if len(self._inputs) >= _MAXIMUM:
            return None
        early = self._inputs[token.text] = EarlyInput(self, token.text, user_id, posted)
        life_seconds = token.expires_at - self._clock.time()
        self._timer.schedule(early, self._clock.monotonic() + life_seconds)
        return early

    def take(self, text: str) -> EarlyInput | None:
        """Return what a token has and leave it to the caller; None: nothing."""
        early = self._inputs.pop(text, None)
        if early is not None:
            self._timer.cancel(early)
        return early

    def end(self) -> None:
        """None of them will be opened: tell whoever still posts."""
        for early in self._inputs.values():
            early.input.end()
