from __future__ import annotations

from app.tests.services.conftest import World


async def test_activity_is_stored_then_shown(world: World) -> None:
    activity = await world.activity.record("login", "Ayşe", "Ayşe logged in.", {"address": "::1"})
    assert world.activity_rows.rows == [activity]
    assert world.publisher.activities() == [activity]
    assert activity.occurred_at == "2025-03-10T09:30:00.000Z"


async def test_activity_that_cannot_be_shown_is_stored(world: World) -> None:
    world.publisher.failures = 1
    activity = await world.activity.record("login", "Ayşe", "Ayşe logged in.")
    assert world.activity_rows.rows == [activity]


async def test_the_same_event_is_one_row(world: World) -> None:
    for _ in range(2):
        await world.activity.record("order", "Ayşe", "Order 1.", about="order " + "x" * 500)
    assert len(world.activity_rows.rows) == 1
    assert len(world.activity_rows.rows[0].event_id) <= 64


async def test_long_texts_and_many_details_are_cut(world: World) -> None:
    activity = await world.activity.record("login", "u" * 500, "t" * 500, {f"key{n}": "v" * 500 for n in range(50)})
    assert (len(activity.user), len(activity.text), len(activity.details)) == (200, 300, 20)
    assert {len(value) for value in activity.details.values()} == {200}
