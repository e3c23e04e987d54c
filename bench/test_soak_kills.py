"""The soak of kills, small: each kind of kill once, without a browser."""

from __future__ import annotations

from soak_kills import KINDS, soak


async def test_what_every_client_handled_is_what_the_shop_says() -> None:
    outcome = await soak("binlog", len(KINDS), seed=3, with_page=False, progress=False)
    assert outcome.problems == []
    assert set(outcome.kills) == set(KINDS)
    assert min(outcome.handled.values()) > 0
