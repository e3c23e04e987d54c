"""Whatever is asked for and when, no second has more than the limit, and what is free is given."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meschain.domain.permits import Given, give

NOW = 1_764_378_000.0
LIMIT = 7


@given(st.lists(st.tuples(st.floats(0, 0.4), st.integers(1, 9)), max_size=40))
def test_no_second_has_more_than_the_limit_and_nothing_is_kept_back(asked: list[tuple[float, int]]) -> None:
    remembered: list[Given] = []
    times: list[float] = []
    now = NOW
    for pause, wanted in asked:
        now += pause
        count, found = give(remembered, now, wanted, LIMIT, 1.0)
        remembered = list(found)
        # A tick more than a second is looked at: what is remembered is rounded up.
        if sum(now - 1.02 < time for time in times) + wanted <= LIMIT:
            assert count == wanted
        times += [now] * count
        assert sum(now - 1.0 < time for time in times) <= LIMIT
        assert len(remembered) <= 52


def test_a_clock_that_was_set_back_shuts_nobody_out() -> None:
    _, remembered = give([], NOW, LIMIT, LIMIT, 1.0)
    assert give(remembered, NOW - 0.5, 1, LIMIT, 1.0)[0] == 0
    assert give(remembered, NOW - 3600, 1, LIMIT, 1.0)[0] == 1
