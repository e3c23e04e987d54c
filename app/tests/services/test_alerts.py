from __future__ import annotations

import pytest
from app.tests.services.conftest import World

from meschain.domain.alerts import LEVELS
from meschain.domain.roles import Identity
from meschain.services.alert_payloads import system_alert_of
from meschain.services.errors import AlertRefused, EventRefused
from meschain.services.options import AlertOptions

LIMIT = AlertOptions().message_characters


@pytest.mark.parametrize("level", LEVELS)
async def test_an_alert_is_stored_published_and_audited(world: World, admin: Identity, level: str) -> None:
    alert = await world.alerts.broadcast(admin, "  Stok bitti 🚨  ", level)
    assert (alert.message, alert.level, alert.source) == ("Stok bitti 🚨", level, "Ayşe")
    assert alert.timestamp == "2025-03-10T09:30:00.000Z"
    assert [system_alert_of(row) for row in world.alert_rows.rows] == [alert]
    assert world.publisher.alerts() == [alert]
    assert [row.outcome for row in world.audit.rows] == [f"ok: alert {alert.id}"]
    assert [row.kind for row in world.activity_rows.rows] == ["alert"]


@pytest.mark.parametrize(
    ("message", "level"),
    [
        ("text", "fatal"),
        ("text", ""),
        ("text", None),
        ("text", ["info"]),
        ("", "info"),
        (" \n\x00 ", "info"),
        (None, "info"),
        ({"a": 1}, "info"),
        ("x" * (LIMIT + 1), "info"),
    ],
)
async def test_what_is_no_alert_is_refused_and_audited(
    world: World, admin: Identity, message: object, level: object
) -> None:
    with pytest.raises(AlertRefused):
        await world.alerts.broadcast(admin, message, level)
    assert world.alert_rows.rows == []
    assert world.publisher.events == []
    assert world.audit.rows[0].outcome.startswith("refused: ")


async def test_the_longest_message_is_taken(world: World, admin: Identity) -> None:
    assert len((await world.alerts.broadcast(admin, "x" * LIMIT, "info")).message) == LIMIT


async def test_control_characters_do_not_travel(world: World, admin: Identity) -> None:
    alert = await world.alerts.broadcast(admin, "one\x1b[31m\u202etwo\nthree", "info")
    assert alert.message == "one[31mtwo\nthree"


async def test_an_alert_that_cannot_be_sent_is_stored_all_the_same(world: World, admin: Identity) -> None:
    world.publisher.failures = 1
    alert = await world.alerts.broadcast(admin, "text", "info")
    assert [system_alert_of(row) for row in world.alert_rows.rows] == [alert]


async def test_our_own_alert_is_shortened_and_not_refused(world: World) -> None:
    alert = await world.alerts.raise_by_system("x" * (LIMIT + 50), "error")
    assert len(alert.message) == LIMIT
    assert alert.message.endswith("…")
    assert alert.source == "system"


async def test_our_own_alert_about_one_thing_is_raised_once(world: World) -> None:
    first = await world.alerts.raise_by_system("The sync failed.", "error", about="sync 1 error")
    again = await world.alerts.raise_by_system("The sync failed.", "error", about="sync 1 error")
    other = await world.alerts.raise_by_system("The sync failed.", "error", about="sync 2 error")
    assert first.id == again.id != other.id
    assert [alert.id for alert in world.publisher.alerts()] == [first.id, other.id]


async def test_what_could_not_be_told_is_told_with_the_rest(world: World) -> None:
    world.publisher.failures = 1
    first = await world.alerts.raise_by_system("one", "error")
    await world.alerts.raise_by_system("two", "error")
    await world.alerts.tell_rest(10)
    await world.alerts.tell_rest(10)
    assert [alert.message for alert in world.publisher.alerts()] == ["two", "one"]
    assert world.publisher.alerts()[1] == first


async def test_an_alert_that_can_never_be_told_is_not_tried_for_ever(world: World) -> None:
    attempts = []

    async def refuse(alert: object) -> None:
        attempts.append(alert)
        raise EventRefused("too long")

    world.publisher.system_alert = refuse  # type: ignore[method-assign] # a log that cannot take it
    await world.alerts.raise_by_system("one", "error")
    await world.alerts.tell_rest(10)
    assert len(attempts) == 1
