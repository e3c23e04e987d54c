"""When a guard holds, when it rolls back, and when it is not sure."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meschain.rollout.guards import Action, Guard, SideHealth, Trigger, Verdict
from meschain.services.options import GuardOptions

WELL = SideHealth(connects_failed=0.0, errors=0.0, latency_ms=20.0)
LOOKS = GuardOptions().looks


def judged(green: SideHealth, blue: SideHealth = WELL, looks: int = LOOKS) -> list[Action | None]:
    guard = Guard()
    return [guard.judge(blue, green).action for _ in range(looks)]


@pytest.mark.parametrize(
    ("green", "action"),
    [
        (WELL, None),
        (SideHealth(), None),
        (replace(WELL, connects_failed=9.0), None),
        (replace(WELL, connects_failed=12.0), Action.HOLD),
        (replace(WELL, connects_failed=50.0), Action.ROLL_BACK),
        (replace(WELL, errors=6.0), Action.HOLD),
        (replace(WELL, errors=30.0), Action.ROLL_BACK),
        (replace(WELL, latency_ms=900.0), None),
        (replace(WELL, latency_ms=1_100.0), Action.HOLD),
        (replace(WELL, latency_ms=2_600.0), Action.ROLL_BACK),
        (replace(WELL, errors=6.0, connects_failed=50.0), Action.ROLL_BACK),
    ],
)
def test_it_acts_at_the_second_look_that_shows_it(green: SideHealth, action: Action | None) -> None:
    assert judged(green) == [*[None] * (LOOKS - 1), action]


def test_what_is_wrong_with_both_sides_is_not_greens_fault() -> None:
    bad = SideHealth(connects_failed=60.0, errors=40.0, latency_ms=3_000.0)
    assert judged(bad, bad) == [None] * LOOKS


def test_a_side_that_is_not_reached_from_here_measures_nothing() -> None:
    assert judged(replace(WELL, connects_failed=50.0), replace(WELL, connects_failed=100.0))[-1] is Action.ROLL_BACK


def test_errors_are_compared_also_where_everything_fails_on_both_sides() -> None:
    bad = replace(WELL, errors=100.0)
    assert judged(bad, bad) == [None] * LOOKS
    assert judged(replace(WELL, errors=30.0), bad) == [None] * LOOKS


def test_a_look_that_shows_nothing_begins_the_row_anew() -> None:
    guard, bad = Guard(), replace(WELL, connects_failed=50.0)
    assert guard.judge(WELL, bad).action is None
    assert guard.judge(WELL, replace(WELL, connects_failed=None)) == Verdict()
    assert [guard.judge(WELL, bad).action for _ in range(LOOKS)] == [*[None] * (LOOKS - 1), Action.ROLL_BACK]


def test_a_fault_between_hiccups_is_not_forgotten_and_one_that_is_over_is() -> None:
    guard, bad = Guard(), replace(WELL, connects_failed=40.0)
    wavering = replace(WELL, connects_failed=15.0)
    assert guard.judge(WELL, bad).action is None
    suspicion = guard.judge(WELL, wavering)  # the first look for a hold, and none for a rollback
    assert (suspicion.action, "connects" in suspicion.reason) == (Action.HOLD, True)
    assert guard.judge(WELL, bad).action is Action.ROLL_BACK
    calm = Guard()
    assert calm.judge(WELL, bad).action is None
    assert calm.judge(WELL, WELL).reason == ""
    assert calm.judge(WELL, bad).action is None


def test_a_trigger_forgets_at_half_its_level_and_when_nothing_is_seen() -> None:
    trigger = Trigger(10.0, 2)
    assert [trigger.look(value) for value in (10.0, 6.0, 10.0)] == [False, False, True]
    assert [trigger.look(value) for value in (5.0, 10.0, None, 10.0, 10.0)] == [False, False, False, False, True]


def test_the_reason_names_both_sides() -> None:
    guard = Guard()
    guard.judge(WELL, replace(WELL, connects_failed=50.0))
    verdict = guard.judge(WELL, replace(WELL, connects_failed=50.0))
    assert verdict.reason == "connects that failed: 50 % on green, 0 % on blue"
