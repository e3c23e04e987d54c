"""When a lost connection is tried again."""

from __future__ import annotations

import pytest

from hubwire.client import AutomaticReconnect, RetryContext


def delays(policy: AutomaticReconnect) -> list[float]:
    found: list[float] = []
    while (delay := policy(RetryContext(len(found), 0.0, None))) is not None:
        found.append(delay)
    return found


def test_the_official_clients_delays_are_the_default() -> None:
    assert delays(AutomaticReconnect()) == [0, 2, 10, 30]


def test_other_delays_may_be_given_and_none_means_no_attempt() -> None:
    assert delays(AutomaticReconnect((1, 1, 5))) == [1, 1, 5]
    assert delays(AutomaticReconnect(())) == []


def test_jitter_lengthens_every_delay_by_a_part() -> None:
    parts = iter((0.0, 0.5, 1.0))
    assert delays(AutomaticReconnect((0, 2, 10), jitter_seconds=4, random=lambda: next(parts))) == [0, 4, 14]


@pytest.mark.parametrize("arguments", [{"delays_seconds": (1, -1)}, {"jitter_seconds": -1}])
def test_time_does_not_go_back(arguments: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="not negative"):
        AutomaticReconnect(**arguments)  # type: ignore[arg-type] # one of several
