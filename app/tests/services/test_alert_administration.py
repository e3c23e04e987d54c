"""What administrators do with alerts and rules, and what the audit says of it."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace
from datetime import timedelta

import pytest
from app.tests.services.alert_specs import some_alert
from app.tests.services.conftest import World
from app.tests.services.fakes import START

from meschain.domain.alert_rules import RULES, RuleState
from meschain.domain.alerts import ACKNOWLEDGED, FIRING, RESOLVED
from meschain.domain.roles import Identity, Role
from meschain.services.alert_administration import AlertAdministration
from meschain.services.errors import AlertRefused, AlertStands, AlertUnknown, Refused
from meschain.services.options import AlertOptions

OPTIONS = AlertOptions()
OTHER = Identity("own:2", "Mehmet", Role.SUPER_ADMIN)


@pytest.fixture
def desk(world: World) -> AlertAdministration:
    rules = {name: RULES[name] for name in ("error_rate", "stock_low")}
    return AlertAdministration(
        book=world.alert_rows, rules=rules, alerts=world.alerts, audit=world.audit, clock=world.clock
    )


async def test_the_list_has_the_newest_alerts_and_every_rule(world: World, desk: AlertAdministration) -> None:
    for number in range(OPTIONS.page + 5):
        await world.alert_rows.add(some_alert(number))
    state = RuleState(alert_id="a", is_known=True, value=7.5)
    await world.alert_rows.remember({"error_rate": RuleState()})
    world.alert_rows.kept["error_rate"] = replace(world.alert_rows.kept["error_rate"], state=state)
    shown = await desk.list()
    assert (len(shown.alerts), shown.alerts[0].id) == (OPTIONS.page, f"alert-{OPTIONS.page + 4}")
    assert [(rule.name, rule.state, rule.value) for rule in shown.rules] == [
        ("error_rate", "firing", 7.5),
        ("stock_low", "unknown", None),
    ]
    assert [len((await desk.list(limit)).alerts) for limit in (0, 3, 10_000)] == [1, 3, OPTIONS.page + 5]


async def test_an_alert_is_acknowledged_once(world: World, desk: AlertAdministration, admin: Identity) -> None:
    await world.alert_rows.add(some_alert(1))
    row = await desk.acknowledge(admin, "alert-1")
    assert (row.state, row.acknowledged_by) == (ACKNOWLEDGED, "Ayşe")
    assert row.acknowledged_at is not None
    assert (await desk.acknowledge(OTHER, "alert-1")).acknowledged_by == "Ayşe"
    assert [(alert.state, alert.acknowledged_by) for alert in world.publisher.alerts()] == [(ACKNOWLEDGED, "Ayşe")]
    assert [(each.user_id, each.action, each.details, each.outcome) for each in world.audit.rows] == [
        ("own:1", "AcknowledgeAlert", {"alert": "alert-1"}, "ok"),
        ("own:2", "AcknowledgeAlert", {"alert": "alert-1"}, "ok"),
    ]


async def test_one_that_no_rule_watches_is_resolved_by_somebody(
    world: World, desk: AlertAdministration, admin: Identity
) -> None:
    await world.alert_rows.add(some_alert(1))
    await world.alert_rows.add(some_alert(2, rule="error_rate"))
    await world.alert_rows.add(some_alert(3, rule="taken_out"))
    assert (await desk.resolve(admin, "alert-1")).state == RESOLVED
    assert (await desk.resolve(admin, "alert-1")).state == RESOLVED
    assert (await desk.resolve(admin, "alert-3")).state == RESOLVED
    with pytest.raises(AlertStands, match="error_rate"):
        await desk.resolve(admin, "alert-2")
    with pytest.raises(AlertStands, match="over"):
        await desk.acknowledge(admin, "alert-1")
    assert [alert.state for alert in await world.alert_rows.latest(3)] == [RESOLVED, FIRING, RESOLVED]
    assert [each.outcome.partition(":")[0] for each in world.audit.rows] == ["ok", "ok", "ok", "refused", "refused"]


async def test_what_is_not_there_is_refused_and_audited(
    world: World, desk: AlertAdministration, admin: Identity
) -> None:
    acts: list[Awaitable[object]] = [
        desk.acknowledge(admin, "no"),
        desk.resolve(admin, "no"),
        desk.silence(admin, "no", 5, ""),
        desk.end_silence(admin, "no"),
    ]
    for act in acts:
        with pytest.raises(AlertUnknown):
            await act
    assert [each.outcome.partition(":")[0] for each in world.audit.rows] == ["refused"] * 4


async def test_a_rule_is_silenced_for_a_time(world: World, desk: AlertAdministration, admin: Identity) -> None:
    row = await desk.silence(admin, "stock_low", 90, " Depo sayımı\x1b ")
    assert row.silenced_until == "2025-03-10T11:00:00.000Z"
    assert (row.silenced_by, row.silence_reason) == ("Ayşe", "Depo sayımı")
    kept = (await world.alert_rows.rules())["stock_low"]
    assert kept.is_silent(START + timedelta(minutes=89))
    await world.clock.advance(91 * 60)
    assert (await desk.list()).rules[1].silenced_until is None
    await desk.silence(admin, "stock_low", 5, "")
    assert (await desk.end_silence(admin, "stock_low")).silenced_until is None
    assert world.audit.rows[0].details == {"rule": "stock_low", "minutes": 90, "reason": "Depo sayımı"}


@pytest.mark.parametrize(
    ("minutes", "reason"),
    [(0, ""), (-5, ""), (OPTIONS.longest_silence_minutes + 1, ""), (5, "x" * (OPTIONS.reason_characters + 1))],
)
async def test_a_silence_has_limits(
    world: World, desk: AlertAdministration, admin: Identity, minutes: int, reason: str
) -> None:
    with pytest.raises(AlertRefused):
        await desk.silence(admin, "stock_low", minutes, reason)
    assert world.alert_rows.kept == {}
    assert world.audit.rows[0].outcome.startswith("refused")


async def test_of_two_who_change_it_at_once_both_hear_what_came_of_it(
    world: World, desk: AlertAdministration, admin: Identity
) -> None:
    await world.alert_rows.add(some_alert(1))
    working, first = world.alert_rows.get, [True]

    async def get_before_somebody_else(alert_id: str) -> object:
        found = await working(alert_id)
        if first.pop() if first else False:
            await desk.resolve(OTHER, alert_id)
        return found

    world.alert_rows.get = get_before_somebody_else  # type: ignore[method-assign,assignment] # another at that moment
    with pytest.raises(Refused, match="over"):
        await desk.acknowledge(admin, "alert-1")
    assert world.alert_rows.rows[0].state == RESOLVED
