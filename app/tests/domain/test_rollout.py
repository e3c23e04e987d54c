"""What a plan decides: the same for the same user, and only ever more users on green while the dial goes up."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meschain.domain.roles import Identity, Role
from meschain.domain.rollout import Plan, PlanState, Side, next_step, share_of

RUNNING = Plan(version=1, state=PlanState.RUNNING, salt="s")
USERS = [Identity(f"own:{number}", "", Role.VIEWER) for number in range(2_000)]


def on_green(plan: Plan, users: list[Identity] = USERS) -> set[str]:
    return {user.user_id for user in users if plan.side_of(user) is Side.GREEN}


@given(st.integers(0, 100), st.integers(0, 100), st.text(max_size=20))
def test_who_is_on_green_stays_there_while_the_dial_goes_up(low: int, high: int, salt: str) -> None:
    low, high = sorted((low, high))
    plan = replace(RUNNING, salt=salt)
    few = USERS[:100]
    assert on_green(replace(plan, percent=low), few) <= on_green(replace(plan, percent=high), few)


def test_the_share_is_what_the_dial_says() -> None:
    for percent in (0, 1, 25, 50, 100):
        share = len(on_green(replace(RUNNING, percent=percent))) * 100 / len(USERS)
        assert abs(share - percent) < 4  # 2,000 users: three and a half standard deviations
    assert not on_green(RUNNING)
    assert len(on_green(replace(RUNNING, percent=100))) == len(USERS)


def test_another_roll_out_begins_with_other_users() -> None:
    first, second = (on_green(replace(RUNNING, percent=5, salt=salt)) for salt in ("a", "b"))
    assert first != second
    assert 0 <= share_of("a", "own:1") < 100


@pytest.mark.parametrize(
    ("plan", "chosen"),
    [
        (replace(RUNNING, roles=("admin",)), True),
        (replace(RUNNING, user_ids=("own:1",)), True),
        (replace(RUNNING, marketplaces=("n11",)), True),
        (replace(RUNNING, roles=("viewer",), user_ids=("1",), marketplaces=("ebay",)), False),
        (replace(RUNNING, state=PlanState.HELD, roles=("admin",)), True),
        (replace(RUNNING, state=PlanState.ROLLED_BACK, roles=("admin",), percent=100), False),
        (Plan(), False),
    ],
)
def test_roles_users_and_marketplaces_choose_whatever_the_percentage(plan: Plan, chosen: bool) -> None:
    user = Identity("own:1", "Ayşe", Role.ADMIN, ("trendyol", "n11"))
    assert plan.side_of(user) is (Side.GREEN if chosen else Side.BLUE)


@pytest.mark.parametrize(
    ("plan", "relied_on"),
    [
        (Plan(), {Side.BLUE}),
        (RUNNING, {Side.BLUE}),
        (replace(RUNNING, percent=1), {Side.BLUE, Side.GREEN}),
        (replace(RUNNING, percent=100), {Side.GREEN}),
        (replace(RUNNING, percent=100, state=PlanState.ROLLED_BACK), {Side.BLUE}),
    ],
)
def test_a_side_is_relied_on_while_somebody_is_sent_there(plan: Plan, relied_on: set[Side]) -> None:
    assert {side for side in Side if plan.relies_on(side)} == relied_on


def test_the_dial_has_steps() -> None:
    assert [next_step(percent) for percent in (0, 1, 3, 50, 100)] == [1, 5, 5, 100, 100]
