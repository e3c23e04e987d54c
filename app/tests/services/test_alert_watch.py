"""Rules over figures: what is stored, told and sent, over restarts and failures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from app.tests.services.alert_fakes import MemoryAlertBook
from app.tests.services.conftest import Run, World
from app.tests.services.fakes import START

from meschain.domain.alert_rules import RULES, AlertRule, Reading
from meschain.domain.alerts import FIRING, RESOLVED
from meschain.services.alert_messages import AlertMessages
from meschain.services.alert_ports import Silence
from meschain.services.alert_watch import AlertWatch
from meschain.services.alerts import AlertService
from meschain.services.health import HealthMonitor
from meschain.services.options import AlertWatchOptions, HealthOptions

NAME = "error_rate"
RULE = replace(RULES[NAME], for_seconds=20)
OPTIONS = AlertWatchOptions()


@dataclass
class Rig:
    """A watch over one figure; `restart` makes another on what is stored."""

    world: World
    rules: Mapping[str, AlertRule] = field(default_factory=lambda: {NAME: RULE})
    value: float | None = 0.0
    is_readable: bool = True

    def __post_init__(self) -> None:
        self.restart()

    @property
    def book(self) -> MemoryAlertBook:
        return self.world.alert_rows

    def restart(self) -> None:
        world = self.world
        messages = AlertMessages(["mail"], "warning", world.clock)
        alerts = AlertService(
            book=self.book,
            audit=world.audit,
            activity=world.activity,
            publisher=world.publisher,
            messages=messages,
            wake=lambda: None,
            clock=world.clock,
        )
        self.watch = AlertWatch(
            rules=self.rules,
            figures=dict.fromkeys(self.rules, self.read),
            book=self.book,
            alerts=alerts,
            messages=messages,
            clock=world.clock,
            options=OPTIONS,
        )

    async def read(self) -> Reading:
        if not self.is_readable:
            raise ConnectionError("away")
        return Reading(self.value)

    async def look(self, value: float | None, seconds: float = 10) -> None:
        """Let time pass, and look when the figure is this."""
        await self.world.clock.advance(seconds)
        self.value = value
        await self.watch.look()

    def told(self) -> list[tuple[str, str]]:
        return [(alert.id, alert.state) for alert in self.world.publisher.alerts()]

    def sent(self) -> Sequence[str]:
        return [message.content.state for message, _ in self.book.outbox.rows]


@pytest.fixture
def rig(world: World) -> Rig:
    return Rig(world)


async def test_a_rule_fires_once_and_resolves_once_over_restarts(rig: Rig) -> None:
    for value in (9, 9, 9, 9, 9, 1, 1, 1, 1):
        await rig.look(value)
        rig.restart()
    (alert,) = rig.book.rows
    assert (alert.rule, alert.origin, alert.raised_by, alert.level) == (NAME, "rule", "system", "error")
    assert (alert.value, alert.threshold, alert.unit) == (9, 5, "%")
    assert (alert.raised_at, alert.resolved_at) == (START + timedelta(seconds=30), START + timedelta(seconds=80))
    assert rig.told() == [(alert.id, FIRING), (alert.id, RESOLVED)]
    assert rig.sent() == [FIRING, RESOLVED]
    assert await rig.book.untold(10) == []


@pytest.mark.parametrize("period", [10, 40, 100])
async def test_one_that_comes_and_goes_fifty_times_is_no_flood(rig: Rig, period: float) -> None:
    for _ in range(50):
        await rig.look(9, period / 2)
        await rig.look(0, period / 2)
    most = 1 + 50 * period // OPTIONS.again_seconds
    assert len(rig.book.rows) <= most
    assert len(rig.sent()) <= 2 * most


async def test_a_probe_that_flaps_fifty_times_is_no_flood(world: World, run: Run) -> None:
    class Flapping:
        name = "shop-api"
        answers = 0

        async def check(self) -> str:
            self.answers += 1
            return "error" if self.answers % 2 else "healthy"

    probe = Flapping()
    health = HealthMonitor([probe], world.clock, HealthOptions(interval_seconds=10))
    rig = Rig(world, {"probe_down": replace(RULES["probe_down"], for_seconds=0)})

    async def failing() -> Reading:
        names = health.failing()
        assert names is not None
        return Reading(float(len(names)), ", ".join(names))

    await health.check()
    rig.read = failing  # type: ignore[method-assign] # the figure of this test
    rig.restart()
    await run(health.run)
    await run(rig.watch.run)
    await world.clock.advance(100 * 10)
    assert probe.answers > 100
    assert 1 <= len(rig.book.rows) <= 1 + 1000 // OPTIONS.again_seconds
    assert "shop-api" in rig.book.rows[0].message
    assert len(rig.sent()) <= 2 * len(rig.book.rows)


async def test_what_still_is_wrong_after_the_pause_is_told_then(rig: Rig) -> None:
    for value in (9, 9, 9, 1, 1, 1, 9, 9, 9):
        await rig.look(value)
    assert len(rig.book.rows) == 1
    await rig.look(9, OPTIONS.again_seconds)
    assert len(rig.book.rows) == 2


async def test_an_alert_that_was_not_told_is_told_at_the_next_look(rig: Rig) -> None:
    rig.world.publisher.failures = 2
    for value in (9, 9, 9):
        await rig.look(value)
    assert rig.told() == []
    await rig.look(9)
    assert rig.told() == []
    rig.restart()
    await rig.look(9)
    await rig.look(9)
    assert rig.told() == [(rig.book.rows[0].id, FIRING)]


async def test_a_figure_that_cannot_be_read_keeps_its_alert_and_the_others_watched(world: World) -> None:
    rig = Rig(world, {NAME: RULE, "response_time": replace(RULES["response_time"], for_seconds=0)})
    for value in (9, 9, 9):
        await rig.look(value)
    rig.is_readable = False
    await rig.look(0, 3600)
    assert (await rig.book.rules())[NAME].state.word == "firing"
    rig.is_readable = True
    await rig.look(5000)
    assert [alert.rule for alert in rig.book.rows] == [NAME, "response_time"]


async def test_a_figure_that_hangs_is_cut_off(rig: Rig, run: Run) -> None:
    async def hang() -> Reading:
        await rig.world.clock.sleep(1e9)
        return Reading(0)

    rig.read = hang  # type: ignore[method-assign] # a figure that never comes
    rig.restart()
    await run(rig.watch.run)
    await rig.world.clock.advance(OPTIONS.figure_timeout_seconds)
    assert (await rig.book.rules())[NAME].state.word == "unknown"


async def test_a_silent_rule_raises_nothing_until_its_time_is_over(rig: Rig) -> None:
    await rig.book.silence(NAME, Silence(START + timedelta(seconds=100), "Ayşe", "Depo sayımı"))
    for _ in range(9):
        await rig.look(9)
    assert rig.book.rows == []
    assert (await rig.book.rules())[NAME].state.word == "pending"
    await rig.look(9)
    assert len(rig.book.rows) == 1


async def test_of_a_silent_rule_the_end_is_told_and_does_not_leave(rig: Rig) -> None:
    for value in (9, 9, 9):
        await rig.look(value)
    await rig.book.silence(NAME, Silence(START + timedelta(hours=1), "Ayşe", ""))
    for value in (0, 0, 0):
        await rig.look(value)
    assert [state for _, state in rig.told()] == [FIRING, RESOLVED]
    assert rig.sent() == [FIRING]


async def test_a_rule_that_was_taken_out_ends_its_alert(rig: Rig) -> None:
    for value in (9, 9, 9):
        await rig.look(value)
    rig.rules = {}
    rig.restart()
    await rig.look(9)
    await rig.look(9)
    assert [alert.state for alert in rig.book.rows] == [RESOLVED]
    assert [state for _, state in rig.told()] == [FIRING, RESOLVED]


async def test_a_process_that_does_not_know_yet_changes_nothing(rig: Rig) -> None:
    """Two that overlap for a moment: the second read what was stored before the first raised its alert."""
    for value in (9, 9):
        await rig.look(value)
    before = await rig.book.rules()
    await rig.look(9)

    async def old() -> Mapping[str, object]:
        return before

    now_stored = rig.book.rules
    rig.book.rules = old  # type: ignore[method-assign,assignment] # what a process read that stood still since
    rig.restart()
    await rig.watch.look()
    rig.book.rules = now_stored  # type: ignore[method-assign]
    assert len(rig.book.rows) == 1
    assert (await rig.book.rules())[NAME].state.alert_id == rig.book.rows[0].id


async def test_it_goes_on_after_our_own_database_failed(rig: Rig, run: Run) -> None:
    working = rig.book.rules

    async def broken() -> Mapping[str, object]:
        raise ConnectionError("the database is away")

    rig.book.rules = broken  # type: ignore[method-assign,assignment] # a store that fails
    rig.value = 9
    await run(rig.watch.run)
    await rig.world.clock.advance(50)
    assert rig.book.rows == []
    rig.book.rules = working  # type: ignore[method-assign]
    await rig.world.clock.advance(50)
    assert len(rig.book.rows) == 1
