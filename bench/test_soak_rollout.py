"""The soak of changing sides, small: some clients of each kind, there and back, none loses or doubles an event."""

from __future__ import annotations

from soak_rollout import soak


async def test_old_and_new_clients_change_sides_and_come_back() -> None:
    outcome = await soak(new=20, old=20, rate=10, steady=0.5)
    assert outcome.problems == []
    assert outcome.events > 0
    assert (outcome.opened, outcome.misplaced, outcome.negotiated) == (60, 0, 20)
    assert set(outcome.moved) == {"half", "all", "back"}
