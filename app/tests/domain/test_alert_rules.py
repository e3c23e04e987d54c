"""When a rule raises its alert, and when that is over."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meschain.domain.alert_rules import RULES, AlertRule, Reading, RuleState, Verdict, judge
from meschain.domain.alerts import LEVELS

START = datetime(2025, 3, 10, 9, 30, tzinfo=UTC)
RULE = AlertRule("error_rate", "Requests that failed", "%", 5.0, 2.0, 60.0, "error")
STANDING = RuleState(alert_id="a", fired_at=START)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def play(
    *looks: tuple[float, float | str | None], rule: AlertRule = RULE, state: RuleState | None = None
) -> tuple[list[str], RuleState]:
    """What each look, a second and a figure, comes to; the alerts are called a, b, … "unread" is no figure."""
    state = state or RuleState()
    seen, names = [], iter("abcdefghijklmnopqrstuvwxyz")
    for seconds, value in looks:
        reading = None if isinstance(value, str) else Reading(value)
        state, verdict = judge(rule, state, reading, at(seconds), None)
        if verdict is Verdict.FIRES:
            state = replace(state, alert_id=next(names))
        seen.append(verdict.value if verdict is not Verdict.NOTHING else state.word)
    return seen, state


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        ([(0, 4.9), (10, None)], ["ok", "ok"]),
        ([(0, 5), (30, 6), (60, 5)], ["pending", "pending", "fires"]),
        # A spike, and one that comes back before its time: the time begins anew.
        ([(0, 9), (10, 1), (50, 9), (100, 9), (110, 9)], ["pending", "ok", "pending", "pending", "fires"]),
        ([(0, 9), (10, None), (70, 9)], ["pending", "ok", "pending"]),
        # What cannot be read says nothing, and raises nothing.
        (
            [(0, "unread"), (10, 9), (40, "unread"), (70, "unread"), (80, 9)],
            ["unknown", "pending", "unknown", "unknown", "fires"],
        ),
    ],
)
def test_an_alert_is_raised_when_the_figure_stood_there_for_the_time(
    looks: list[tuple[float, float | str | None]], expected: list[str]
) -> None:
    assert play(*looks)[0] == expected


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        # Between the two limits nothing changes.
        ([(0, 6), (500, 4.9), (1000, 2.1)], ["firing", "firing", "firing"]),
        ([(0, 2), (30, 0), (60, 2)], ["firing", "firing", "resolves"]),
        ([(0, 1), (30, 3), (60, 1), (90, 1), (120, 1)], ["firing", "firing", "firing", "firing", "resolves"]),
        # Nothing to measure is nothing wrong; what cannot be read ends no alert.
        ([(0, None), (60, None)], ["firing", "resolves"]),
        ([(0, 1), (60, "unread"), (3600, "unread")], ["firing", "firing", "firing"]),
    ],
)
def test_it_is_over_when_the_figure_stood_at_the_lower_limit_for_the_time(
    looks: list[tuple[float, float | str | None]], expected: list[str]
) -> None:
    assert play(*looks, state=STANDING)[0] == expected


def test_a_rule_without_a_time_fires_at_once_and_again_only_when_it_is_let() -> None:
    rule = replace(RULE, for_seconds=0)
    assert play((0, 9), (1, 0), (2, 9), rule=rule)[0] == ["fires", "resolves", "fires"]
    state, verdict = judge(rule, RuleState(), Reading(9), at(0), held_until=at(10))
    assert (state.word, verdict) == ("pending", Verdict.NOTHING)
    state, verdict = judge(rule, state, Reading(9), at(10), held_until=at(10))
    assert (verdict, state.fired_at) == (Verdict.FIRES, at(10))


def test_a_clock_that_is_set_back_does_not_hold_it_up() -> None:
    assert play((10_000, 9), (0, 9), (60, 9))[0] == ["pending", "pending", "fires"]


@given(st.lists(st.tuples(st.floats(0, 100), st.one_of(st.none(), st.floats(0, 20), st.just("unread"))), max_size=40))
def test_whatever_figures_come_it_fires_and_resolves_in_turns(looks: list[tuple[float, float | str | None]]) -> None:
    moments, time = [], 0.0
    for pause, value in looks:
        time += pause
        moments.append((time, value))
    seen = [word for word in play(*moments)[0] if word in {"fires", "resolves"}]
    assert seen == ["fires", "resolves"] * (len(seen) // 2) + ["fires"] * (len(seen) % 2)


@pytest.mark.parametrize(
    ("rule", "reading", "words"),
    [
        ("error_rate", Reading(7.25), "Requests that failed: 7.25 %, the limit is 5"),
        (
            "sync_stale",
            Reading(30.0, "Trendyol"),
            "Time since the last successful sync (Trendyol): 30 h, the limit is 26",
        ),
        ("database_down", Reading(1.0), "The shop's database does not answer"),
    ],
)
def test_its_message_says_what_is_wrong(rule: str, reading: Reading, words: str) -> None:
    assert RULES[rule].words(reading) == words


def test_every_rule_makes_sense() -> None:
    for name, rule in RULES.items():
        assert rule.name == name
        assert 0 <= rule.clear_at < rule.threshold
        assert rule.for_seconds >= 0
        assert rule.level in LEVELS
        assert len(name) <= 32
