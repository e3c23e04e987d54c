"""The soak of webhooks, small: 2,000 requests, the application killed twice."""

from __future__ import annotations

from datetime import UTC, datetime

from soak_webhooks import soak
from webhook_traffic import DUPLICATE, FORGED, GOOD, MALFORMED, Keys, Shares, make_traffic

COUNT = 2_000


async def test_generated_webhooks_lead_to_what_the_oracle_says() -> None:
    outcome = await soak(COUNT, rate=300.0, kills=2, seed=7, progress=False)
    assert outcome.problems == []
    assert sum(outcome.answers.values()) >= COUNT


def test_the_traffic_is_as_mixed_as_it_says() -> None:
    traffic = make_traffic(7, COUNT, Keys(), datetime(2026, 1, 1, tzinfo=UTC))
    kinds = [sent.kind for sent in traffic.requests]
    originals = kinds.count(GOOD)
    shares = Shares()
    for kind, share in ((DUPLICATE, shares.duplicates), (FORGED, shares.forged), (MALFORMED, shares.malformed)):
        assert 0.5 * share < kinds.count(kind) / originals < 1.5 * share
    assert kinds.count(FORGED) == traffic.oracle.forged
    assert kinds.count(MALFORMED) == traffic.oracle.dead
    assert originals + traffic.oracle.dead == traffic.oracle.deliveries
    assert traffic.faults


def test_the_same_seed_makes_the_same_orders() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    first, second = (make_traffic(3, 200, Keys(), moment) for _ in range(2))
    assert [sent.kind for sent in first.requests] == [sent.kind for sent in second.requests]
    assert first.oracle.newest == second.oracle.newest
