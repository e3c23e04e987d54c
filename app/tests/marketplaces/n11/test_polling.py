"""Polling n11, whose API a real HTTP server plays; the inbox is a receiver that remembers."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from app.tests.marketplaces.n11.packages import (
    MINUTE,
    NOW_MILLISECONDS,
    PACKAGES,
    THREE_PAGES,
    listing,
    many,
    package,
    settings,
)
from app.tests.marketplaces.receiver import RememberingReceiver
from app.tests.marketplaces.requests import NOW
from app.tests.marketplaces.told_clock import ToldClock
from app.tests.marketplaces.vendor_server import VendorServer
from app.tests.services.fakes import FakeClock, MemoryCursors

from meschain.marketplaces.n11.api import N11Api
from meschain.marketplaces.n11.polling import N11Polling
from meschain.services.webhook_ports import InboxUnavailable, VendorUnavailable


@pytest.fixture
def receiver() -> RememberingReceiver:
    return RememberingReceiver()


@pytest.fixture
def cursors() -> MemoryCursors:
    return MemoryCursors()


@pytest.fixture
def polling(
    vendor_server: VendorServer,
    http: aiohttp.ClientSession,
    receiver: RememberingReceiver,
    cursors: MemoryCursors,
    clock: FakeClock,
) -> N11Polling:
    store = settings(vendor_server.url)
    return N11Polling("main", store, N11Api(store, http), receiver, cursors, clock)


def numbers(receiver: RememberingReceiver) -> list[int]:
    return [json.loads(body)["id"] for body in receiver.bodies]


async def test_a_look_hands_over_each_package_as_n11_wrote_it(
    vendor_server: VendorServer, polling: N11Polling, receiver: RememberingReceiver
) -> None:
    written = b'{"id": 1,  "lastModifiedDate": %d, "weight": 1.50}' % NOW_MILLISECONDS
    vendor_server.answers[PACKAGES] = b'{"totalPages": 1, "content": [' + written + b"]}"
    await polling.look()
    [(vendor, store, request)] = receiver.kept
    assert (vendor, store, request.body, request.received_at) == ("n11", "main", written, NOW)
    _, headers, _ = vendor_server.asked[0]
    assert (headers["appkey"], headers["appsecret"]) == ("the-key", "the-secret")
    begin = datetime.fromtimestamp(int(vendor_server.queries[0]["startDate"]) / 1000, UTC)
    assert NOW - begin == timedelta(days=14)
    assert "endDate" not in vendor_server.queries[0]


async def test_the_first_look_tells_of_the_last_day_only(
    vendor_server: VendorServer, polling: N11Polling, receiver: RememberingReceiver
) -> None:
    day = 24 * 60 * MINUTE
    packages = [
        package(1),
        package(2, changed=NOW_MILLISECONDS - day + 1),
        package(3, changed=NOW_MILLISECONDS - day - 1),
    ]
    vendor_server.answers[PACKAGES] = listing(vendor_server, packages)
    await polling.look()
    assert numbers(receiver) == [1, 2]


async def test_later_looks_end_where_nothing_is_new(
    vendor_server: VendorServer, polling: N11Polling, receiver: RememberingReceiver, clock: FakeClock
) -> None:
    old = many(THREE_PAGES, NOW_MILLISECONDS - 10 * MINUTE)
    vendor_server.answers[PACKAGES] = listing(vendor_server, old)
    await polling.look()
    assert len(receiver.kept) == THREE_PAGES
    assert len(vendor_server.asked) == 3
    await clock.advance(300)
    receiver.kept.clear()
    vendor_server.answers[PACKAGES] = listing(vendor_server, [package(999, changed=NOW_MILLISECONDS + MINUTE), *old])
    await polling.look()
    # Those of the minute before are looked at again, and the inbox knows them.
    assert numbers(receiver)[0] == 999
    receiver.kept.clear()
    vendor_server.asked.clear()
    await clock.advance(30)
    await polling.look()
    assert numbers(receiver) == [999]
    assert len(vendor_server.asked) == 2


async def test_where_it_stands_survives_a_restart(
    vendor_server: VendorServer,
    polling: N11Polling,
    http: aiohttp.ClientSession,
    receiver: RememberingReceiver,
    cursors: MemoryCursors,
    clock: FakeClock,
) -> None:
    vendor_server.answers[PACKAGES] = listing(vendor_server, [package(1, changed=NOW_MILLISECONDS - 10 * MINUTE)])
    await polling.look()
    await clock.advance(48 * 3600)
    packages = [package(2, changed=NOW_MILLISECONDS + 30 * MINUTE), package(1, changed=NOW_MILLISECONDS - 12 * MINUTE)]
    vendor_server.answers[PACKAGES] = listing(vendor_server, packages)
    store = settings(vendor_server.url)
    await N11Polling("main", store, N11Api(store, http), receiver, cursors, clock).look()
    assert numbers(receiver) == [1, 2]


async def test_what_could_not_be_stored_is_fetched_again(
    vendor_server: VendorServer, polling: N11Polling, receiver: RememberingReceiver, cursors: MemoryCursors
) -> None:
    vendor_server.answers[PACKAGES] = listing(vendor_server, [package(1), package(2)])
    receiver.takes = 1
    with pytest.raises(InboxUnavailable):
        await polling.look()
    assert not cursors.rows
    receiver.takes = None
    await polling.look()
    assert numbers(receiver) == [1, 1, 2]


async def test_what_cannot_be_read_is_handed_over_and_ends_no_look(
    vendor_server: VendorServer, polling: N11Polling, receiver: RememberingReceiver
) -> None:
    vendor_server.answers[PACKAGES] = listing(vendor_server, [{"novel": True}, package(2)])
    await polling.look()
    assert receiver.bodies[0] == b'{"novel": true}'
    assert len(receiver.bodies) == 2


async def test_a_change_of_the_future_does_not_hide_those_before_it(
    vendor_server: VendorServer, polling: N11Polling, receiver: RememberingReceiver, clock: FakeClock
) -> None:
    vendor_server.answers[PACKAGES] = listing(vendor_server, [package(1, changed=NOW_MILLISECONDS + 600 * MINUTE)])
    await polling.look()
    await clock.advance(60)
    packages = [package(1, changed=NOW_MILLISECONDS + 600 * MINUTE), package(2, changed=NOW_MILLISECONDS + 1000)]
    vendor_server.answers[PACKAGES] = listing(vendor_server, packages)
    await polling.look()
    assert 2 in numbers(receiver)


@pytest.mark.parametrize("answer", [401, 403, 404, 429, 500, b"<html>", {"content": 7}])
async def test_wrong_credentials_and_broken_answers_are_said_so(
    vendor_server: VendorServer, polling: N11Polling, cursors: MemoryCursors, answer: object
) -> None:
    vendor_server.answers[PACKAGES] = answer
    with pytest.raises(VendorUnavailable) as raised:
        await polling.look()
    assert "the-secret" not in str(raised.value)
    assert not cursors.rows


async def test_it_looks_at_an_interval_and_less_often_while_that_fails(
    vendor_server: VendorServer, http: aiohttp.ClientSession, receiver: RememberingReceiver
) -> None:
    vendor_server.answers[PACKAGES] = 500
    clock = ToldClock()
    store = settings(vendor_server.url)
    running = asyncio.create_task(
        N11Polling("main", store, N11Api(store, http), receiver, MemoryCursors(), clock).run()
    )
    await clock.has_paused(1)
    await clock.advance(clock.pauses[0])
    await clock.has_paused(2)
    receiver.takes = 0
    vendor_server.answers[PACKAGES] = listing(vendor_server, [package(1)])
    await clock.advance(clock.pauses[1])
    await clock.has_paused(3)
    receiver.takes = None
    await clock.advance(clock.pauses[2])
    await receiver.has(1)
    await clock.has_paused(4)
    running.cancel()
    await asyncio.wait({running})
    assert running.cancelled()
    assert clock.pauses == [60, 120, 240, 30]
