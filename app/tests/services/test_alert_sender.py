"""Messages about alerts leave in order, wait for a receiver that is away, and are given up after a day."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from app.tests.services.alert_fakes import FakeChannel, MemoryAlertOutbox
from app.tests.services.alert_specs import some_alert, some_message
from app.tests.services.conftest import Run
from app.tests.services.fakes import FakeClock, settle

from meschain.domain.alerts import ACKNOWLEDGED, FIRING, RESOLVED
from meschain.services.alert_messages import AlertMessages
from meschain.services.alert_sender import AlertSender
from meschain.services.options import AlertOutboxOptions

OPTIONS = AlertOutboxOptions()


class Rig:
    def __init__(self, clock: FakeClock, *channels: FakeChannel) -> None:
        self.clock = clock
        self.outbox = MemoryAlertOutbox()
        self.counted: Counter[tuple[str, str]] = Counter()
        self.sender = AlertSender(outbox=self.outbox, channels=channels, counted=self.count, clock=clock)

    def count(self, channel: str, outcome: str, count: int) -> None:
        self.counted[channel, outcome] += count

    def put(self, *numbers: int, channel: str = "mail") -> None:
        self.outbox.put([some_message(some_alert(number), channel) for number in numbers])
        self.sender.wake()


def names(*numbers: int, channel: str = "mail") -> list[str]:
    return [f"alert-{number}-firing-{channel}" for number in numbers]


async def test_what_waits_leaves_together_and_is_forgotten(clock: FakeClock, run: Run) -> None:
    channel = FakeChannel(most_together=3)
    rig = Rig(clock, channel)
    rig.put(1, 2, 3, 4)
    await run(rig.sender.run)
    await settle()
    assert channel.sent == [names(1, 2, 3), names(4)]
    assert rig.outbox.rows == []
    assert rig.counted == {("mail", "sent"): 4}
    rig.put(5)
    await settle()
    assert channel.sent[2:] == [names(5)]


async def test_sends_are_kept_apart_and_share_what_came_meanwhile(clock: FakeClock, run: Run) -> None:
    channel = FakeChannel(apart_seconds=60)
    rig = Rig(clock, channel)
    rig.put(1)
    await run(rig.sender.run)
    await settle()
    for number in range(2, 12):
        rig.put(number)
        await clock.advance(1)
    assert channel.sent == [names(1)]
    await clock.advance(60)
    assert channel.sent[1:] == [names(*range(2, 12))]


async def test_a_receiver_that_is_away_gets_it_later_in_order(clock: FakeClock, run: Run) -> None:
    away, well = FakeChannel("webhook:ops", 1, failures=3), FakeChannel()
    rig = Rig(clock, away, well)
    rig.put(1, 2, channel="webhook:ops")
    rig.put(1)
    await run(rig.sender.run)
    await settle()
    assert well.sent == [names(1)]
    first = OPTIONS.first_pause_seconds
    for pause in (first, 2 * first):
        assert away.sent == []
        await clock.advance(pause)
    assert away.sent == []
    await clock.advance(4 * first)
    assert away.sent == [names(1, channel="webhook:ops"), names(2, channel="webhook:ops")]
    assert rig.counted["webhook:ops", "failed"] == 3


async def test_what_nobody_takes_for_a_day_is_given_up(clock: FakeClock, run: Run) -> None:
    channel = FakeChannel(failures=1_000_000)
    rig = Rig(clock, channel)
    rig.put(1)
    await run(rig.sender.run)
    await clock.advance(OPTIONS.give_up_hours * 3600 + OPTIONS.longest_pause_seconds + 1)
    assert rig.outbox.rows == []
    assert rig.counted["mail", "given up"] == 1
    attempts = rig.counted["mail", "failed"]
    assert attempts < 24 * 3600 / OPTIONS.longest_pause_seconds + 12


async def test_a_channel_that_breaks_is_tried_again_and_a_store_too(clock: FakeClock, run: Run) -> None:
    class Broken(FakeChannel):
        async def send(self, messages: object) -> None:
            if not self.sent:
                self.sent.append([])
                raise ZeroDivisionError
            self.sent.append(["well"])

    channel = Broken()
    rig = Rig(clock, channel)
    working, calls = rig.outbox.next_attempt, []

    async def failing_once(name: str) -> object:
        calls.append(name)
        if len(calls) == 1:
            raise ConnectionError("the database is away")
        return await working(name)

    rig.outbox.next_attempt = failing_once  # type: ignore[method-assign,assignment] # a store that fails
    rig.put(1)
    await run(rig.sender.run)
    await clock.advance(60)
    assert channel.sent == [[], ["well"]]


async def test_without_channels_it_waits_for_ever(clock: FakeClock, run: Run) -> None:
    task = await run(Rig(clock).sender.run)
    await clock.advance(3600)
    assert not task.done()


@pytest.mark.parametrize(
    ("level", "state", "leave"),
    [
        ("info", FIRING, 0),
        ("warning", FIRING, 2),
        ("critical", RESOLVED, 2),
        ("critical", ACKNOWLEDGED, 0),
    ],
)
def test_messages_are_for_what_is_raised_and_over_from_a_level_on(
    clock: FakeClock, level: str, state: str, leave: int
) -> None:
    alert = replace(some_alert(1), level=level, state=state)
    messages = AlertMessages(["mail", "webhook:ops"], "warning", clock)
    made = messages.of(alert)
    assert [each.channel for each in made] == ["mail", "webhook:ops"][:leave]
    assert [each.id for each in messages.of(alert)] == [each.id for each in made]
    assert len({each.id for each in made}) == leave
