"""What people do with the inbox, and that it is audited."""

from __future__ import annotations

import pytest
from app.tests.services.fakes import START
from app.tests.webhooks.example_vendor import ExampleVendor, Rig, request
from sqlalchemy import select

from meschain.services.options import InboxOptions
from meschain.services.webhook_ports import Malformed, Status
from meschain.state import tables
from meschain.state.audit import SqlAuditStore
from meschain.state.database import Database
from meschain.webhooks.administration import InboxAdministration, ReplayedDead


@pytest.fixture
def people(rig: Rig, database: Database) -> InboxAdministration:
    return InboxAdministration(
        store=rig.store, audit=SqlAuditStore(database, rig.clock), wake=rig.worker.wake, clock=rig.clock
    )


async def audited(database: Database) -> list[tuple[str, str, int, str]]:
    async with database.connect() as connection:
        rows = await connection.execute(select(tables.audit).order_by(tables.audit.c.sequence))
        return [(row.user_id, row.action, row.details["delivery"], row.outcome) for row in rows]


async def test_a_dead_letter_is_replayed(
    rig: Rig, people: InboxAdministration, vendor: ExampleVendor, database: Database
) -> None:
    vendor.failures["1"], vendor.error = 1, lambda: Malformed("odd")
    await rig.send(request())
    await rig.work()
    [dead] = await people.list(status=Status.DEAD)
    assert (await people.backlog()).dead == 1
    assert await people.replay("own:1", dead.number)
    await rig.work()
    assert rig.told() == ["etsy:1:created"]
    assert not await people.replay("own:1", 99)
    assert await audited(database) == [
        ("own:1", "ReplayWebhook", dead.number, "ok"),
        ("own:1", "ReplayWebhook", 99, "refused: it cannot be"),
    ]


async def test_a_replay_of_what_was_told_tells_nothing(rig: Rig, people: InboxAdministration) -> None:
    await rig.send(request())
    await rig.work()
    [done] = await people.list()
    assert await people.replay("own:1", done.number)
    await rig.work()
    [again] = await people.list()
    assert (again.status, again.note) == (Status.DONE, "1 known")
    assert rig.told() == ["etsy:1:created"]


async def test_all_dead_letters_are_replayed_at_once(rig: Rig, vendor: ExampleVendor, database: Database) -> None:
    people = InboxAdministration(
        store=rig.store,
        audit=SqlAuditStore(database, rig.clock),
        wake=rig.worker.wake,
        clock=rig.clock,
        options=InboxOptions(largest_page=3),
    )
    vendor.error = lambda: Malformed("odd")
    for number in range(5):
        vendor.failures[str(number)] = 1
        await rig.send(request(id=str(number), order=str(number)))
    await rig.work()
    first = await people.replay_dead("own:1")
    assert first.replayed == 3
    assert await people.replay_dead("own:1", first.before) == ReplayedDead(2, None)
    await rig.work()
    assert len(rig.told()) == 5
    assert await people.replay_dead("own:1") == ReplayedDead(0, None)


async def test_what_is_dropped_is_empty_and_not_taken_again(
    rig: Rig, people: InboxAdministration, database: Database
) -> None:
    await rig.send(request())
    [waiting] = await people.list()
    assert await people.drop("own:1", waiting.number)
    await rig.work()
    assert rig.told() == []
    assert await rig.send(request()) == [200]
    await rig.work()
    assert rig.told() == []
    assert not await people.replay("own:1", waiting.number)
    assert (await audited(database))[0] == ("own:1", "DropWebhook", waiting.number, "ok")


async def test_who_looks_at_a_body_is_audited(rig: Rig, people: InboxAdministration, database: Database) -> None:
    await rig.send(request())
    [listed] = await people.list()
    assert listed.delivery.body == b""
    found = await people.show("own:1", listed.number)
    assert found is not None
    assert found.delivery.body == request().body
    assert await people.show("own:1", 99) is None
    assert [row[1] for row in await audited(database)] == ["ShowWebhook", "ShowWebhook"]


async def test_a_page_has_an_end_and_a_status_is_one_of_ours(rig: Rig, people: InboxAdministration) -> None:
    await rig.send(*(request(id=str(number)) for number in range(3)))
    assert len(await people.list(limit=0)) == 1
    assert len(await people.list(limit=10**9)) == 3
    with pytest.raises(ValueError, match="waiting"):
        await people.list(status="odd")
    assert (await people.backlog()).oldest_waiting == START
