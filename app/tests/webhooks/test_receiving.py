"""What comes in is checked, stored and only then answered."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
from app.tests.services.fakes import START
from app.tests.webhooks.example_vendor import RIGHT, ExampleVendor, Rig, request

from meschain.services.options import InboxOptions
from meschain.services.webhook_ports import Arrival, InboxUnavailable, Status
from meschain.state.database import Database
from meschain.webhooks.receiving import Inbox


async def test_what_is_the_vendors_is_stored_before_the_answer(rig: Rig) -> None:
    assert await rig.send(request(path="secret/part")) == [200]
    [stored] = await rig.store.due(["etsy"], START, 9)
    delivery = stored.delivery
    assert (delivery.vendor, delivery.store, delivery.key, delivery.kind) == ("etsy", "main", "etsy:1", "created")
    assert (delivery.path, dict(delivery.headers)) == ("kept", {"x-kept": "kept"})
    assert delivery.body == request().body
    assert (rig.woken, rig.counted) == (1, [("etsy", "stored")])


async def test_a_repeat_is_answered_as_well_and_stored_once(rig: Rig) -> None:
    assert await rig.send(request(), request()) == [200, 200]
    assert len(await rig.store.list(None, None, None, 9)) == 1
    assert rig.woken == 1


async def test_what_is_forged_is_refused_and_not_stored(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        assert await rig.send(request("a-wrong-secret", id="forged-id")) == [401]
    assert await rig.store.list(None, None, None, 9) == []
    assert rig.counted == [("etsy", "forged")]
    assert "a-wrong-secret" not in caplog.text
    assert "forged-id" not in caplog.text


async def test_one_stores_secret_does_not_open_another(rig: Rig) -> None:
    assert await rig.send(request(), store="other") == [404]
    assert await rig.send(request(), vendor="ozon") == [404]
    assert await rig.store.list(None, None, None, 9) == []


async def test_what_cannot_be_read_is_kept_on_the_dead_letter_list(rig: Rig) -> None:
    odd = replace(request(), body=b"{", headers={"x-secret": "right"})
    assert await rig.send(odd, odd) == [400, 400]
    [dead] = await rig.store.list(Status.DEAD, None, None, 9)
    assert (dead.note, dead.delivery.kind) == ("the body is not JSON", "malformed")
    assert rig.woken == 0


async def test_what_is_nested_too_deeply_is_malformed(rig: Rig) -> None:
    deep = replace(request(), body=b"[" * 100_000)
    assert await rig.send(deep) == [400]


async def test_a_greeting_is_answered_and_not_stored(rig: Rig) -> None:
    answer = await rig.inbox.receive("etsy", "main", request(method="GET"))
    assert answer is not None
    assert (answer.status, answer.body) == (200, b'"hello"')
    assert await rig.send(request(method="GET", path="odd")) == [400]
    assert await rig.store.list(None, None, None, 9) == []


async def test_what_cannot_be_checked_is_to_come_again(rig: Rig, vendor: ExampleVendor) -> None:
    vendor.cannot_tell = True
    assert await rig.send(request()) == [503]
    vendor.cannot_tell = False
    assert await rig.send(request()) == [200]


async def test_without_storage_the_vendor_is_told_to_come_again(rig: Rig, database: Database) -> None:
    async with database.begin() as connection:
        await connection.exec_driver_sql("ALTER TABLE mc_inbox RENAME TO mc_inbox_away")
    assert await rig.send(request()) == [503]
    with pytest.raises(InboxUnavailable):
        await rig.inbox.keep("etsy", "main", request())
    async with database.begin() as connection:
        await connection.exec_driver_sql("ALTER TABLE mc_inbox_away RENAME TO mc_inbox")
    assert await rig.send(request()) == [200]


async def test_more_than_a_stores_limit_is_to_come_again(rig: Rig) -> None:
    limited = Inbox(
        vendors=rig.vendors,
        store=rig.store,
        wake=lambda: None,
        counted=lambda _vendor, _outcome: None,
        clock=rig.clock,
        options=InboxOptions(store_hits=2, store_window_seconds=10.0),
    )

    async def send(number: int, secret: str = RIGHT) -> int:
        answer = await limited.receive("etsy", "main", request(secret, id=str(number)))
        assert answer is not None
        return answer.status

    # Forged ones do not count: whoever sends them must not be able to keep the vendor out.
    assert [await send(number, "wrong") for number in range(5)] == [401] * 5
    assert [await send(number) for number in range(3)] == [200, 200, 503]
    await rig.clock.advance(11)
    assert await send(2) == 200


async def test_a_queues_message_is_kept_without_a_check_of_its_sender(rig: Rig) -> None:
    await rig.inbox.keep("etsy", "main", request("no secret at all"))
    assert len(await rig.store.due(["etsy"], START, 9)) == 1
    with pytest.raises(KeyError):
        await rig.inbox.keep("etsy", "other", request())


async def test_what_is_stored_outside_is_found(rig: Rig) -> None:
    """Another process stores; ours works."""
    await rig.send(request())
    [stored] = await rig.store.due(["etsy"], START, 9)
    assert await rig.store.add([Arrival(stored.delivery)]) == [False]
