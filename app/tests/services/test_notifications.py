from __future__ import annotations

import pytest
from app.tests.services.conftest import World

from meschain.domain.payloads import Notification
from meschain.domain.roles import Identity
from meschain.services.errors import NotificationRefused
from meschain.services.options import NotificationOptions

LIMITS = NotificationOptions()


async def test_a_connected_user_is_told_at_once_and_again_at_its_next_connect(world: World, admin: Identity) -> None:
    world.presence.users.add("own:2")
    sent = await world.notifications.send(admin, "own:2", {"message": "Hello", "type": "success", "title": "Hi"})
    assert world.publisher.notifications() == [sent]
    assert (sent.user_id, sent.type, sent.title, sent.duration, sent.persistent) == (
        "own:2",
        "success",
        "Hi",
        5000,
        False,
    )
    seen: list[Notification] = []

    async def deliver(notification: Notification) -> None:
        seen.append(notification)

    assert await world.notifications.deliver_pending("own:2", deliver) == 1
    assert seen == [sent]


async def test_a_user_who_is_away_finds_it_when_it_connects_until_it_acknowledges(
    world: World, admin: Identity
) -> None:
    sent = await world.notifications.send(admin, "own:2", {"message": "Hello"})
    assert world.publisher.notifications() == []
    seen: list[Notification] = []

    async def deliver(notification: Notification) -> None:
        seen.append(notification)

    await world.notifications.deliver_pending("own:2", deliver)
    assert seen == [sent]
    assert await world.notifications.acknowledge("own:2", sent.id)
    assert not await world.notifications.acknowledge("own:2", sent.id)
    assert await world.notifications.deliver_pending("own:2", deliver) == 0


async def test_the_user_named_inside_the_notification_counts_for_nothing(world: World, admin: Identity) -> None:
    sent = await world.notifications.send(admin, "own:2", {"message": "Hello", "userId": "own:3", "id": "mine"})
    assert sent.user_id == "own:2"
    assert sent.id != "mine"


@pytest.mark.parametrize(
    ("user_id", "notification"),
    [
        ("", {"message": "x"}),
        (None, {"message": "x"}),
        (5, {"message": "x"}),
        ("u" * (LIMITS.user_id_characters + 1), {"message": "x"}),
        ("own:2", None),
        ("own:2", "x"),
        ("own:2", {}),
        ("own:2", {"message": "  "}),
        ("own:2", {"message": 7}),
        ("own:2", {"message": "x" * (LIMITS.message_characters + 1)}),
        ("own:2", {"message": "x", "title": "t" * (LIMITS.title_characters + 1)}),
        ("own:2", {"message": "x", "type": "loud"}),
        ("own:2", {"message": "x", "type": {}}),
        ("own:2", {"message": "x", "duration": -1}),
        ("own:2", {"message": "x", "duration": LIMITS.longest_duration_milliseconds + 1}),
        ("own:2", {"message": "x", "duration": True}),
        ("own:2", {"message": "x", "duration": float("nan")}),
        ("own:2", {"message": "x", "persistent": "yes"}),
    ],
)
async def test_what_is_no_notification_is_refused_and_audited(
    world: World, admin: Identity, user_id: object, notification: object
) -> None:
    with pytest.raises(NotificationRefused):
        await world.notifications.send(admin, user_id, notification)
    assert world.notification_rows.rows == {}
    assert world.audit.rows[0].outcome.startswith("refused: ")


async def test_one_too_many_for_its_user_is_refused(world: World, admin: Identity) -> None:
    for number in range(100):
        await world.notifications.send(admin, "own:2", {"message": f"{number}"})
    with pytest.raises(NotificationRefused, match="100"):
        await world.notifications.send(admin, "own:2", {"message": "one more"})
    await world.notifications.send(admin, "own:3", {"message": "another user"})


async def test_one_that_could_not_be_sent_is_sent_by_the_timer(world: World, admin: Identity) -> None:
    world.presence.users.add("own:2")
    world.publisher.failures = 1
    sent = await world.notifications.send(admin, "own:2", {"message": "Hello"})
    assert world.publisher.notifications() == []
    assert await world.notifications.deliver_unsent() == 0  # young: whoever stored it may be sending it
    await world.clock.advance(LIMITS.retry_grace_seconds + 1)
    assert await world.notifications.deliver_unsent() == 1
    assert world.publisher.notifications() == [sent]
    assert await world.notifications.deliver_unsent() == 0


async def test_the_timer_comes_to_every_user_though_it_looks_at_few_at_a_time(world: World, admin: Identity) -> None:
    for number in range(LIMITS.retry_users + 5):
        await world.notifications.send(admin, f"own:{number:04}", {"message": "away"})
    world.presence.users.add(f"own:{LIMITS.retry_users + 2:04}")
    await world.clock.advance(LIMITS.retry_grace_seconds + 1)
    assert await world.notifications.deliver_unsent() == 0
    assert await world.notifications.deliver_unsent() == 1


@pytest.mark.parametrize("notification_id", [None, "", 7, "x" * 65])
async def test_what_is_no_id_is_not_looked_for(world: World, notification_id: object) -> None:
    with pytest.raises(NotificationRefused):
        await world.notifications.acknowledge("own:1", notification_id)
