"""Nothing missed and nothing double between what is replayed and what is live, whatever happens meanwhile.

The hubs, the groups, the publisher's loop and the sends are real, on planes in memory. `Page` follows the same few
rules as our browser client (`web/client/src/catch-up.ts`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from app.tests.hubs.harness import Hubs, caller, events
from app.tests.services.conftest import running
from app.tests.services.fakes import START, settle, some_event
from app.tests.services.store_specs import pruned

from hubwire import Audience, BrokerUnavailable, ClientContract, HubContext
from hubwire.plane import LocalDataPlane
from hubwire.testing.hub_tester import HubTesterClient
from hubwire.wire.encoded import EncodedMessage
from meschain.domain.event_routes import group_of
from meschain.domain.events import ADMIN_HUB, EVENT_KINDS, MARKETPLACE_HUB, NewEvent, StoredEvent
from meschain.domain.roles import Identity, Role
from meschain.hubs.publisher import HubPublisher
from meschain.services.event_log import TellingEventLog
from meschain.services.event_publisher import EventPublisher
from meschain.services.options import EventOptions
from meschain.services.ports import ClientsUnreachable, Told


class Page:
    """A browser's page: keeps what its handlers saw, over any number of connections."""

    def __init__(self, hubs: Hubs, hub: str, identity: Identity) -> None:
        self._hubs = hubs
        self._hub = hub
        self._identity = identity
        self._read = 0
        self._held: list[dict[str, Any]] = []
        self._known: set[str] = set()
        self._is_resuming = False
        self.client: HubTesterClient | None = None
        self.position: int | None = None
        self.handled: list[tuple[int, str]] = []
        self.doubles = 0
        self.was_incomplete = False

    async def connect(self) -> None:
        self.client = await self._hubs.connect(self._hub, self._identity)
        self._read, self._held, self._is_resuming = 0, [], True

    async def resume(self) -> None:
        """Call `ResumeEvents` until there is no more; a connection that ends in the middle ends it."""
        assert self.client is not None
        position, has_more = self.position, True
        while has_more:
            answer = await self.client.invoke("ResumeEvents", position)
            self.take()
            position, has_more = answer["position"], answer["more"]
            self.was_incomplete |= not answer["complete"]
            self.position = position
        self._is_resuming = False
        for message in self._held:
            if message["position"] > position:
                self._handle(message)

    def take(self) -> None:
        """Read what has arrived."""
        assert self.client is not None
        arrived = self.client.received[self._read :]
        self._read = len(self.client.received)
        for _, (message,) in arrived:
            if "position" not in message:
                continue
            if self._is_resuming and "replayed" not in message:
                self._held.append(message)
            else:
                self._handle(message)

    def _handle(self, message: dict[str, Any]) -> None:
        if message["eventId"] in self._known:
            self.doubles += 1
            return
        self._known.add(message["eventId"])
        self.handled.append((message["position"], message["eventId"]))
        self.position = max(self.position or 0, message["position"])

    async def leave(self) -> None:
        assert self.client is not None
        await self.client.disconnect()
        self.take()
        self.client = None


@pytest.fixture
def log(hubs: Hubs) -> TellingEventLog:
    return TellingEventLog(hubs.events, lambda: None)


@pytest.fixture
async def live(hubs: Hubs) -> AsyncIterator[TellingEventLog]:
    """A log whose events are told, without windows."""
    options = EventOptions(window_seconds=0, mark_seconds=0, batch=3)
    telling = EventPublisher(events=hubs.events, publisher=hubs.publisher, clock=hubs.clock, options=options)
    async with running(telling.run):
        yield TellingEventLog(hubs.events, telling.wake)


async def watching(hubs: Hubs, role: Role = Role.MARKETPLACE_MANAGER) -> Page:
    """A page in the groups of Trendyol and n11."""
    me = caller(role)
    client = await hubs.connect(MARKETPLACE_HUB, me)
    await client.invoke("JoinMarketplaceGroup", "all", me.user_id)
    await client.disconnect()
    page = Page(hubs, MARKETPLACE_HUB, me)
    await page.connect()
    return page


async def test_an_event_comes_with_its_id_and_its_position(hubs: Hubs, live: TellingEventLog) -> None:
    page = await watching(hubs)
    assert page.client is not None
    admin = await hubs.connect(ADMIN_HUB, caller(Role.ADMIN))
    await live.append([some_event(1), some_event(2, "alert", "")])
    await settle()
    first = {"number": 1, "eventId": "event-1", "position": 1}
    assert events(page.client, "orderNotification") == [first]
    assert events(admin, "orderNotification") == [first]
    assert events(admin, "systemAlert") == [{"number": 2, "eventId": "event-2", "position": 2}]


async def test_that_clients_cannot_be_reached_is_told_apart_from_an_event_that_cannot_be_told(hubs: Hubs) -> None:
    class Away(LocalDataPlane):
        async def send(self, audience: Audience, message: EncodedMessage) -> None:
            raise BrokerUnavailable("it restarts", may_have_arrived=False)

    away = HubPublisher(lambda _: HubContext(Away(), ClientContract))
    with pytest.raises(ClientsUnreachable, match="it restarts"):
        await away.tell([StoredEvent(1, some_event(1))])


async def test_a_telling_that_failed_goes_on_where_it_stopped() -> None:
    class Breaking(LocalDataPlane):
        """Fails at its third send, and at its fifth."""

        def __init__(self) -> None:
            super().__init__()
            self.sends = 0
            self.groups: list[str] = []

        async def send(self, audience: Audience, message: EncodedMessage) -> None:
            self.sends += 1
            if self.sends in {3, 5}:
                raise BrokerUnavailable("it restarts", may_have_arrived=False)
            self.groups += audience.names

    plane = Breaking()
    publisher = HubPublisher(lambda _: HubContext(plane, ClientContract))
    batch = [StoredEvent(n, some_event(n, marketplace=code)) for n, code in enumerate(("n11", "ozon", "etsy"), 1)]
    told: Told = set()
    for _ in range(2):
        with pytest.raises(ClientsUnreachable):
            await publisher.tell(batch, told)
    await publisher.tell(batch, told)
    assert plane.groups == ["marketplace:n11", "marketplace:ozon", "marketplace:etsy", "admins"]
    await publisher.tell(batch[1:], told)
    assert len(plane.groups) == 4


@pytest.mark.parametrize("kind", EVENT_KINDS)
async def test_every_kind_reaches_administrators_and_of_a_marketplace_its_watchers(
    hubs: Hubs, live: TellingEventLog, kind: str
) -> None:
    page, admin = await watching(hubs), await hubs.connect(ADMIN_HUB, caller(Role.ADMIN))
    await live.append([some_event(1, kind), some_event(2, kind, "amazon"), some_event(3, kind, "shop")])
    await settle()
    page.take()
    assert page.client is not None
    seen = [arguments[0]["position"] for _, arguments in page.client.received]
    assert seen == ([1] if kind in {"order", "inventory", "sync"} else [])
    assert [arguments[0]["position"] for _, arguments in admin.received] == [1, 2, 3]


async def test_what_was_missed_is_replayed_marked_and_in_order(hubs: Hubs) -> None:
    page = await watching(hubs)
    await hubs.events.append([some_event(1), some_event(2, "sync", "amazon"), some_event(3, "inventory", "n11")])
    page.position = 0
    await page.resume()
    assert page.client is not None
    assert page.client.received == [
        ("orderNotification", [{"number": 1, "eventId": "event-1", "position": 1, "replayed": True}]),
        ("inventoryUpdate", [{"number": 3, "eventId": "event-3", "position": 3, "replayed": True}]),
    ]
    assert page.position == 3


async def test_a_grant_that_is_gone_is_not_replayed(hubs: Hubs) -> None:
    page = await watching(hubs)
    await page.leave()
    await hubs.events.append([some_event(1), some_event(2, "order", "n11")])
    poorer = Page(hubs, MARKETPLACE_HUB, caller(Role.MARKETPLACE_MANAGER, ("n11",)))
    await poorer.connect()
    poorer.position = 0
    await poorer.resume()
    assert poorer.handled == [(2, "event-2")]


async def test_who_joined_nothing_is_replayed_nothing(hubs: Hubs) -> None:
    await hubs.events.append([some_event(1)])
    page = Page(hubs, MARKETPLACE_HUB, caller(Role.DROPSHIPPER))
    await page.connect()
    page.position = 0
    await page.resume()
    assert (page.handled, page.position) == ([], 1)


async def test_an_administrator_that_was_away_too_long_gets_a_dashboard(hubs: Hubs) -> None:
    await hubs.events.append([some_event(n) for n in range(1, 5)])
    await hubs.events.mark_published(4)
    await pruned(hubs.events, START + timedelta(days=1))
    page = Page(hubs, ADMIN_HUB, caller(Role.ADMIN))
    await page.connect()
    page.position = 2
    await page.resume()
    assert page.client is not None
    assert [target for target, _ in page.client.received] == ["updateAdminDashboard"]
    assert (page.was_incomplete, page.position) == (True, 4)


async def test_what_comes_live_during_the_replay_is_seen_once_and_behind_it(hubs: Hubs, live: TellingEventLog) -> None:
    page = await watching(hubs)
    await page.resume()
    await page.leave()
    await live.append([some_event(n) for n in range(1, 6)])
    await page.connect()
    await live.append([some_event(6)])
    await settle()  # it is live before the page asks for what it missed
    await page.resume()
    await live.append([some_event(7)])
    await settle()
    page.take()
    assert [position for position, _ in page.handled] == [1, 2, 3, 4, 5, 6, 7]
    assert page.doubles == 0  # the sixth was held, and known by its position


async def test_an_event_that_is_told_again_is_dropped(hubs: Hubs, live: TellingEventLog) -> None:
    page = await watching(hubs)
    await page.resume()
    await live.append([some_event(1), some_event(2)])
    await settle()
    await hubs.publisher.tell(await hubs.events.behind(0, 9))  # as after a crash before the mark
    page.take()
    assert ([position for position, _ in page.handled], page.doubles) == ([1, 2], 2)


@pytest.mark.parametrize("seed", range(40))
async def test_no_schedule_makes_a_gap_or_a_double(hubs: Hubs, live: TellingEventLog, seed: int) -> None:
    random = Random(seed)  # noqa: S311 - a schedule, no secret
    pages = [await watching(hubs, role) for role in (Role.MARKETPLACE_MANAGER, Role.DROPSHIPPER)]
    administrator = Page(hubs, ADMIN_HUB, caller(Role.ADMIN))
    await administrator.connect()
    pages.append(administrator)
    for page in pages:
        await page.resume()
    numbers = iter(range(1, 10_000))
    stored: list[NewEvent] = []

    async def wait() -> None:
        for _ in range(random.randrange(12)):
            await asyncio.sleep(0)

    async def produce() -> None:
        for _ in range(30):
            batch = [
                some_event(next(numbers), random.choice(EVENT_KINDS), random.choice(("trendyol", "n11", "amazon")))
                for _ in range(random.randrange(1, 4))
            ]
            stored.extend(batch)
            await live.append(batch)
            await wait()

    async def browse(page: Page) -> None:
        for _ in range(8):
            await wait()
            await page.leave()
            await wait()
            await page.connect()
            await wait()
            resuming = asyncio.create_task(page.resume())
            if random.random() < 0.5:  # the connection is lost in the middle
                await wait()
                resuming.cancel()
                await asyncio.gather(resuming, return_exceptions=True)
                continue
            await resuming
            await wait()
            page.take()
        await page.leave()
        await page.connect()
        await page.resume()

    async def die_now_and_then() -> None:
        for _ in range(5):
            await wait()
            told = await hubs.events.published()
            await hubs.publisher.tell(await hubs.events.behind(max(0, told - 3), 3))  # told, died, told again

    await asyncio.gather(produce(), produce(), die_now_and_then(), *(browse(page) for page in pages))
    await settle()
    kept = await hubs.events.behind(0, 10_000)
    assert len(kept) == len(stored)
    for page in pages:
        page.take()
        groups = {"marketplace:trendyol", "marketplace:n11", "admins"}
        hub = ADMIN_HUB if page is administrator else MARKETPLACE_HUB
        expected = [(row.position, row.event.event_id) for row in kept if group_of(row.event, hub) in groups]
        assert page.handled == expected
        assert not page.was_incomplete
