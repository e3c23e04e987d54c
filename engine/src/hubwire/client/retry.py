"""When to try again after a connection was lost: a pure function of what happened so far. Knows no connection."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class RetryContext:
    """What a policy decides from."""

    previous_retries: int
    """Attempts that failed since the connection was lost; 0 before the first."""
    elapsed_seconds: float
    """Time since the connection was lost."""
    reason: BaseException | None
    """Why the last attempt failed; before the first, why the connection was lost."""


class RetryPolicy(Protocol):
    """Any function of that shape will do."""

    def __call__(self, context: RetryContext, /) -> float | None:
        """Return the seconds to wait before the next attempt; None: give up."""


class AutomaticReconnect:
    """The official clients' policy: after 0, 2, 10 and 30 seconds, then no more.

    With many clients, `jitter` keeps them from coming back all at once after a restart of the server, also for the
    first attempt: each delay is lengthened by a random part of up to that many seconds.
    """

    __slots__ = ("_delays_seconds", "_jitter_seconds", "_random")

    def __init__(
        self,
        delays_seconds: Sequence[float] = (0, 2, 10, 30),
        *,
        jitter_seconds: float = 0.0,
        random: Callable[[], float] = random.random,
    ) -> None:
        """Args: `random`: gives the part, from 0 to 1."""
        if jitter_seconds < 0 or any(delay < 0 for delay in delays_seconds):
            raise ValueError("Delays and jitter are not negative; an empty row of delays means no attempt.")
        self._delays_seconds = tuple(delays_seconds)
        self._jitter_seconds = jitter_seconds
        self._random = random

    def __call__(self, context: RetryContext, /) -> float | None:
        if context.previous_retries >= len(self._delays_seconds):
            return None
        return self._delays_seconds[context.previous_retries] + self._jitter_seconds * self._random()
