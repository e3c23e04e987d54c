"""Which of two places of the hubs a user is sent to while one replaces the other. Pure: a plan decides, by itself.

Blue is the place that was there, green the one that is to take over.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from meschain.domain.roles import Identity

STEPS: Final = (1, 5, 25, 50, 100)
"""Percent that the dial goes through unless another number is asked for."""
PROBE_PREFIX: Final = "service:rollout."
"""User ids of what looks at both sides for us: it is nobody's connection, and counts as none."""
_BUCKETS: Final = 10_000
"""Users fall into hundredths of a percent."""


class Side(enum.StrEnum):
    """A place of the hubs."""

    BLUE = "blue"
    GREEN = "green"

    @property
    def other(self) -> Side:
        return Side.GREEN if self is Side.BLUE else Side.BLUE


class PlanState(enum.StrEnum):
    """What becomes of a plan."""

    NONE = "none"
    """There was never one: everybody is on blue."""
    RUNNING = "running"
    """Negotiate follows it, and open connections are moved to their side."""
    HELD = "held"
    """Negotiate follows it; open connections stay where they are."""
    ROLLED_BACK = "rolled_back"
    """Everybody is sent to blue, and moved there."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One version of the plan; each change is another."""

    version: int = 0
    """Counted from 1; 0: there is none."""
    state: PlanState = PlanState.NONE
    percent: int = 0
    """0 to 100: the share of users on green. One who is on it stays, as long as it is not lowered."""
    roles: tuple[str, ...] = ()
    user_ids: tuple[str, ...] = ()
    """As tokens name them, `own:7`."""
    marketplaces: tuple[str, ...] = ()
    """Whoever was granted one of these by name; administrators were granted none."""
    salt: str = ""
    """Another for each roll-out, so that not always the same users are the first."""
    shadow: bool = False
    """Whether both sides are listened to and compared."""
    changed_by: str = ""
    reason: str = ""
    changed_at: str = ""
    """ISO-8601, UTC."""

    @property
    def sends_to_green(self) -> bool:
        """Whether it sends anybody there."""
        chosen = self.percent > 0 or self.roles or self.user_ids or self.marketplaces
        return self.state in {PlanState.RUNNING, PlanState.HELD} and bool(chosen)

    def relies_on(self, side: Side) -> bool:
        """Whether it sends anybody to this side."""
        if side is Side.GREEN:
            return self.sends_to_green
        return not (self.sends_to_green and self.percent >= 100)

    def side_of(self, identity: Identity) -> Side:
        """Where this user is sent to."""
        if not self.sends_to_green:
            return Side.BLUE
        is_chosen = (
            identity.user_id in self.user_ids
            or identity.role.value in self.roles
            or any(code in self.marketplaces for code in identity.marketplaces)
        )
        return Side.GREEN if is_chosen or share_of(self.salt, identity.user_id) < self.percent else Side.BLUE


def share_of(salt: str, user_id: str) -> float:
    """Where a user stands among all, from 0 to below 100: always the same with the same salt."""
    digest = sha256(f"{salt}:{user_id}".encode()).digest()
    return int.from_bytes(digest[:8]) % _BUCKETS * 100 / _BUCKETS


def next_step(percent: int) -> int:
    """The step behind this percentage; 100 stays."""
    return next((step for step in STEPS if step > percent), STEPS[-1])
