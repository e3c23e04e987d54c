from __future__ import annotations

import pytest
from app.tests.services.conftest import World

from meschain.domain.roles import Identity
from meschain.services.errors import CommandRefused


async def test_request_dashboard_update_gives_the_caller_a_dashboard_and_is_not_worth_a_line(
    world: World, admin: Identity
) -> None:
    result = await world.commands.handle(admin, "requestDashboardUpdate", {"timestamp": "now", "requestId": "r1"})
    assert result.dashboard is not None
    assert world.publisher.events == []
    assert world.audit.rows == []


async def test_trigger_sync_stores_a_job(world: World, admin: Identity) -> None:
    result = await world.commands.handle(admin, "triggerSync", {"marketplace": "trendyol"})
    assert result.job is not None
    assert world.jobs.rows[result.job.id].status == "queued"
    assert world.audit.rows[0].outcome == f"ok: sync job {result.job.id}"


async def test_broadcast_alert_raises_one(world: World, admin: Identity) -> None:
    result = await world.commands.handle(admin, "broadcastAlert", {"message": "Dikkat", "level": "critical"})
    assert world.publisher.alerts() == [result.alert]
    assert world.audit.rows[0].details == {"command": "broadcastAlert", "message": "Dikkat", "level": "critical"}
    assert len(world.audit.rows) == 1


@pytest.mark.parametrize(
    ("command", "parameters", "text"),
    [
        ("systemMaintenance", {}, "no such command"),
        ("", {}, "no such command"),
        (None, {}, "no such command"),
        (["triggerSync"], {}, "no such command"),
        ("TRIGGERSYNC", {}, "no such command"),
        ("x" * 10_000, {}, "no such command"),
        ("triggerSync", "trendyol", "are an object"),
        ("triggerSync", ["trendyol"], "are an object"),
        ("triggerSync", None, "needs a marketplace"),
        ("triggerSync", {}, "needs a marketplace"),
        ("triggerSync", {"marketplace": "gittigidiyor"}, "needs a marketplace"),
        ("triggerSync", {"marketplace": 5}, "needs a marketplace"),
        ("triggerSync", {"marketplace": "ozon"}, "sync_endpoints.ozon"),
        ("broadcastAlert", {}, "message"),
        ("broadcastAlert", {"message": "x", "level": "loud"}, "level"),
    ],
)
async def test_what_cannot_be_done_is_refused_with_a_text_and_audited(
    world: World, admin: Identity, command: object, parameters: object, text: str
) -> None:
    with pytest.raises(CommandRefused, match=text):
        await world.commands.handle(admin, command, parameters)
    (row,) = world.audit.rows
    assert row.outcome.startswith("refused: ")
    assert len(str(row.details["command"])) <= 100
    assert world.publisher.events == []


async def test_parameters_that_no_command_knows_do_not_reach_the_audit(world: World, admin: Identity) -> None:
    await world.commands.handle(admin, "triggerSync", {"marketplace": "trendyol", "password": "hunter2"})
    with pytest.raises(CommandRefused):
        await world.commands.handle(admin, "login", {"password": "hunter2"})
    assert "hunter2" not in str(world.audit.rows)


async def test_a_command_that_fails_is_audited_too(world: World, admin: Identity) -> None:
    async def broken(job: object, events: object = ()) -> object:
        raise ConnectionError("our own database is away")

    world.jobs.create = broken  # type: ignore[method-assign,assignment] # the double is broken on purpose
    with pytest.raises(ConnectionError):
        await world.commands.handle(admin, "triggerSync", {"marketplace": "trendyol"})
    assert [row.outcome for row in world.audit.rows] == ["failed: ConnectionError"]
