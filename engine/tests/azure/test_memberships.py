"""Users in groups: the times of the service's description, and what concurrent calls may not break."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from engine.tests.plane.clusters import cluster

from hubwire.azure.memberships import KEPT_WITHOUT_TTL, LONGEST_SECONDS, LONGEST_TTL_SECONDS, Memberships
from hubwire.brokers.memory import MemoryBroker, MemoryExchange
from hubwire.errors import BrokerUnavailable
from hubwire.model import Audience, Member
from hubwire.plane import LocalDataPlane
from hubwire.ports import DataPlane, LineRegistry, MembershipStore
from hubwire.stores.sqlite import SqliteMembershipStore
from hubwire.testing import FakeClock, MemoryLine, make_caller

HUB, USER, GROUP = "chat", "ann", "g"
YEAR = LONGEST_SECONDS


class Steps:
    """A store that does something just before or behind one of its calls: what another process may do in between.

    Delegates to a real one.
    """

    def __init__(self, store: MembershipStore) -> None:
        self._store = store
        self.pause: Callable[[], Awaitable[None]] | None = None
        """Done around each call."""
        self._before: dict[str, list[Callable[[], Awaitable[None]]]] = {}
        self._behind: dict[str, list[Callable[[], Awaitable[None]]]] = {}

    def before(self, call: str, work: Callable[[], Awaitable[None]]) -> None:
        """Once; given again for a second call, it is for that one."""
        self._before.setdefault(call, []).append(work)

    def behind(self, call: str, work: Callable[[], Awaitable[None]]) -> None:
        self._behind.setdefault(call, []).append(work)

    async def start(self) -> None:
        return

    async def stop(self) -> None:
        return

    async def put(
        self, hub: str, user_id: str, group: str, *, now: float, expires_at: float, kept: int | None = None
    ) -> None:
        await self._do(self._before, "put")
        await self._store.put(hub, user_id, group, now=now, expires_at=expires_at, kept=kept)
        await self._do(self._behind, "put")

    async def remove(self, hub: str, user_id: str, group: str) -> None:
        await self._do(self._before, "remove")
        await self._store.remove(hub, user_id, group)
        await self._do(self._behind, "remove")

    async def remove_all(self, hub: str, user_id: str) -> None:
        await self._do(self._before, "remove_all")
        await self._store.remove_all(hub, user_id)
        await self._do(self._behind, "remove_all")

    async def find(self, hub: str, user_id: str, group: str) -> float | None:
        await self._do(self._before, "find")
        found = await self._store.find(hub, user_id, group)
        await self._do(self._behind, "find")
        return found

    async def of_user(self, hub: str, user_id: str) -> dict[str, float]:
        await self._do(self._before, "of_user")
        found = await self._store.of_user(hub, user_id)
        await self._do(self._behind, "of_user")
        return found

    async def _do(self, steps: dict[str, list[Callable[[], Awaitable[None]]]], call: str) -> None:
        if self.pause is not None:
            await self.pause()
        if steps.get(call):
            await steps[call].pop(0)()


async def passes(clock: FakeClock, seconds: float) -> None:
    """Time, as a step."""
    clock.advance(seconds)


class Service:
    """One process of a service, without its sockets."""

    def __init__(self, store: MembershipStore, plane: DataPlane, registry: LineRegistry, clock: FakeClock) -> None:
        self.steps = Steps(store)
        self.plane = plane
        self._registry = registry
        self.memberships = Memberships(self.steps, lambda hub: plane, clock=clock)

    async def connect(self, connection_id: str, user_id: str | None = USER, hub: str = HUB) -> None:
        """As a server does: attach the line, and begin once everybody reaches it."""
        line = MemoryLine(make_caller(user_id, connection_id=connection_id, hub=hub))
        reachable = self._registry.attach(line)
        if reachable is not None:
            await reachable
        await self.memberships.connected(line.caller)

    async def in_group(self, group: str = GROUP) -> str:
        return "".join(each.connection_id for each in await self.plane.members(Audience.group(group)))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def store() -> AsyncIterator[MembershipStore]:
    store = SqliteMembershipStore()
    await store.start()
    yield store
    await store.stop()


@pytest.fixture
def service(store: MembershipStore, clock: FakeClock) -> Service:
    plane = LocalDataPlane()
    return Service(store, plane, plane.registry, clock)


@pytest.fixture
def memberships(service: Service) -> Memberships:
    return service.memberships


# What the description says


async def test_adding_a_user_lets_its_present_and_later_connections_join(
    service: Service, memberships: Memberships
) -> None:
    await service.connect("a")
    await service.connect("x", "bob")
    await memberships.add(HUB, USER, GROUP, 60)
    await service.connect("b")
    await service.connect("y", "bob")
    await service.connect("z", None)
    assert await service.in_group() == "ab"


async def test_a_user_need_not_be_connected_when_it_is_added(service: Service, memberships: Memberships) -> None:
    await memberships.add(HUB, USER, GROUP)
    await service.connect("a")
    assert await service.in_group() == "a"


async def test_expiry_ends_the_joining_and_takes_nobody_out(
    service: Service, memberships: Memberships, clock: FakeClock
) -> None:
    await memberships.add(HUB, USER, GROUP, 60)
    clock.advance(59.5)
    await service.connect("a")
    assert await memberships.is_member(HUB, USER, GROUP)
    clock.advance(0.5)
    await service.connect("b")
    assert not await memberships.is_member(HUB, USER, GROUP)
    assert await service.in_group() == "a"


async def test_a_ttl_of_0_is_for_the_connections_of_now_only(service: Service, memberships: Memberships) -> None:
    await service.connect("a")
    await memberships.add(HUB, USER, GROUP, 0)
    await service.connect("b")
    assert await service.in_group() == "a"
    assert not await memberships.is_member(HUB, USER, GROUP)


@pytest.mark.parametrize(("first", "then", "seconds"), [(60, 600, 599), (600, 60, 59), (60, None, YEAR - 1)])
async def test_adding_again_overwrites_the_expiry_either_way(
    service: Service, memberships: Memberships, clock: FakeClock, first: float, then: float | None, seconds: float
) -> None:
    await memberships.add(HUB, USER, GROUP, first)
    await memberships.add(HUB, USER, GROUP, then)
    clock.advance(seconds)
    assert await memberships.is_member(HUB, USER, GROUP)
    clock.advance(1)
    assert not await memberships.is_member(HUB, USER, GROUP)
    await service.connect("a")
    assert await service.in_group() == ""


async def test_adding_again_with_a_ttl_of_0_ends_the_joining(service: Service, memberships: Memberships) -> None:
    await memberships.add(HUB, USER, GROUP, 60)
    await memberships.add(HUB, USER, GROUP, 0)
    await service.connect("a")
    assert await service.in_group() == ""


async def test_without_a_ttl_a_membership_lasts_a_year(memberships: Memberships, clock: FakeClock) -> None:
    await memberships.add(HUB, USER, GROUP)
    clock.advance(YEAR - 1)
    assert await memberships.is_member(HUB, USER, GROUP)
    clock.advance(1)
    assert not await memberships.is_member(HUB, USER, GROUP)


async def test_a_user_has_the_last_hundred_memberships_without_a_ttl(
    service: Service, memberships: Memberships, clock: FakeClock
) -> None:
    await service.connect("a")
    await memberships.add(HUB, USER, "with a ttl", 60)
    for number in range(KEPT_WITHOUT_TTL):
        await memberships.add(HUB, USER, f"{number}")
    await memberships.add(HUB, USER, "0")
    await memberships.add(HUB, USER, "one more")
    await memberships.add(HUB, "bob", "1")
    assert not await memberships.is_member(HUB, USER, "1")
    for group in ("0", "2", "99", "one more", "with a ttl"):
        assert await memberships.is_member(HUB, USER, group), group
    await service.connect("b")
    assert await service.in_group("2") == "ab"
    assert await service.in_group("1") == "a"  # who is in stays in


async def test_removing_a_user_takes_its_connections_out_and_lets_none_join(
    service: Service, memberships: Memberships
) -> None:
    await memberships.add(HUB, USER, GROUP, 60)
    await service.connect("a")
    await service.connect("x", "bob")
    await service.plane.add_to_group(GROUP, Member.connection("x"))
    await memberships.remove(HUB, USER, GROUP)
    await service.connect("b")
    assert not await memberships.is_member(HUB, USER, GROUP)
    assert await service.in_group() == "x"


async def test_removing_from_all_groups_also_ends_what_connections_joined_by_themselves(
    service: Service, memberships: Memberships
) -> None:
    await service.connect("a")
    await memberships.add(HUB, USER, "g")
    await memberships.add(HUB, USER, "h", 60)
    await service.plane.add_to_group("by itself", Member.connection("a"))
    await memberships.remove_from_all(HUB, USER)
    await service.connect("b")
    assert [await service.in_group(group) for group in ("g", "h", "by itself")] == ["", "", ""]


async def test_the_record_counts_and_no_connection(service: Service, memberships: Memberships) -> None:
    await service.connect("a")
    await service.plane.add_to_group(GROUP, Member.connection("a"))
    assert not await memberships.is_member(HUB, USER, GROUP)
    await memberships.add(HUB, "nobody ever", GROUP, 60)
    assert await memberships.is_member(HUB, "nobody ever", GROUP)


async def test_hubs_are_compared_without_regard_to_case_and_the_rest_with(
    service: Service, memberships: Memberships
) -> None:
    await memberships.add("Chat", "Ann", "G", 60)
    assert await memberships.is_member("cHAT", "Ann", "G")
    assert not await memberships.is_member("chat", "ann", "G")
    assert not await memberships.is_member("chat", "Ann", "g")
    await service.connect("a", "Ann", hub="CHAT")
    assert await service.in_group("G") == "a"


async def test_hubs_have_memberships_of_their_own(service: Service, memberships: Memberships) -> None:
    await memberships.add("other", USER, GROUP, 60)
    await service.connect("a")
    assert await service.in_group() == ""


@pytest.mark.parametrize("ttl", [-1, -0.001, LONGEST_TTL_SECONDS + 1, float("nan"), float("inf"), 10**400])
async def test_a_ttl_that_makes_no_sense_is_refused(memberships: Memberships, ttl: float) -> None:
    with pytest.raises(ValueError, match="give 0 to"):
        await memberships.add(HUB, USER, GROUP, ttl)
    assert not await memberships.is_member(HUB, USER, GROUP)


# What happens at the same time


async def test_a_user_added_before_a_new_connection_reads_the_records_is_not_lost(
    service: Service, memberships: Memberships
) -> None:
    service.steps.before("of_user", lambda: memberships.add(HUB, USER, GROUP, 60))
    await service.connect("a")
    assert await service.in_group() == "a"


async def test_a_user_added_behind_that_is_not_lost_either(service: Service, memberships: Memberships) -> None:
    service.steps.behind("of_user", lambda: memberships.add(HUB, USER, GROUP, 60))
    await service.connect("a")
    assert await service.in_group() == "a"


@pytest.mark.parametrize("ttl", [0, 60])
async def test_one_that_connects_between_record_and_plane_is_not_lost(
    service: Service, memberships: Memberships, ttl: float
) -> None:
    service.steps.behind("put", lambda: service.connect("a"))
    await memberships.add(HUB, USER, GROUP, ttl)
    assert await service.in_group() == "a"


@pytest.mark.parametrize("everything", [False, True])
async def test_a_user_removed_behind_that_is_not_kept(
    service: Service, memberships: Memberships, everything: bool
) -> None:
    await memberships.add(HUB, USER, GROUP, 60)
    if everything:
        service.steps.behind("of_user", lambda: memberships.remove_from_all(HUB, USER))
    else:
        service.steps.behind("of_user", lambda: memberships.remove(HUB, USER, GROUP))
    await service.connect("a")
    assert await service.in_group() == ""


async def test_a_user_removed_and_added_again_behind_that_is_in(service: Service, memberships: Memberships) -> None:
    await memberships.add(HUB, USER, GROUP, 60)
    service.steps.behind("of_user", lambda: memberships.remove(HUB, USER, GROUP))
    service.steps.behind("of_user", lambda: memberships.add(HUB, USER, GROUP, 60))
    await service.connect("a")
    assert await service.in_group() == "a"


async def test_what_expires_while_a_connection_begins_takes_it_out_no_more(
    service: Service, memberships: Memberships, clock: FakeClock
) -> None:
    await memberships.add(HUB, USER, GROUP, 60)
    service.steps.behind("of_user", lambda: passes(clock, 60))
    await service.connect("a")
    assert await service.in_group() == "a"


async def test_an_addition_overtaken_by_a_removal_leaves_nobody_in(service: Service, memberships: Memberships) -> None:
    await service.connect("a")
    service.steps.behind("put", lambda: memberships.remove(HUB, USER, GROUP))
    await memberships.add(HUB, USER, GROUP, 60)
    assert await service.in_group() == ""


async def test_a_removal_overtaken_by_an_addition_takes_nobody_out(service: Service, memberships: Memberships) -> None:
    await service.connect("a")
    await memberships.add(HUB, USER, GROUP, 60)
    service.steps.behind("remove", lambda: memberships.add(HUB, USER, GROUP, 60))
    await memberships.remove(HUB, USER, GROUP)
    assert await service.in_group() == "a"


async def test_a_removal_from_all_overtaken_by_an_addition_takes_nobody_out(
    service: Service, memberships: Memberships
) -> None:
    await service.connect("a")
    service.steps.behind("remove_all", lambda: memberships.add(HUB, USER, GROUP, 60))
    await memberships.remove_from_all(HUB, USER)
    assert await service.in_group() == "a"


async def test_an_addition_that_expired_meanwhile_keeps_its_connections_in(
    service: Service, memberships: Memberships, clock: FakeClock
) -> None:
    await service.connect("a")
    service.steps.before("find", lambda: passes(clock, 61))
    await memberships.add(HUB, USER, GROUP, 60)
    assert await service.in_group() == "a"


@pytest.mark.parametrize("seed", range(12))
async def test_whatever_three_processes_do_at_once_planes_and_records_agree_at_the_end(
    store: MembershipStore, clock: FakeClock, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - no secret
    exchange = MemoryExchange()
    async with cluster([MemoryBroker(exchange) for _ in range(3)]) as nodes:
        services = [Service(store, node.plane, node.plane, clock) for node in nodes]
        connections = 0

        async def pause() -> None:
            for _ in range(chance.randrange(12)):
                await asyncio.sleep(0)

        for service in services:
            service.steps.pause = pause

        async def act(service: Service) -> None:
            nonlocal connections
            await pause()
            match chance.randrange(6):
                case 0 | 1:
                    connections += 1
                    await service.connect(f"{connections:03}")
                case 2 | 3:
                    await service.memberships.add(HUB, USER, GROUP, 3_600)
                case 4:
                    await service.memberships.remove(HUB, USER, GROUP)
                case _:
                    await service.memberships.remove_from_all(HUB, USER)

        for _ in range(40):
            await asyncio.gather(*(act(chance.choice(services)) for _ in range(4)))
            everybody = await nodes[0].plane.members(Audience.all())
            is_member = await services[0].memberships.is_member(HUB, USER, GROUP)
            members = await nodes[0].plane.members(Audience.group(GROUP))
            assert members == (everybody if is_member else [])


async def test_what_the_plane_refused_is_told_and_later_connections_join(
    store: MembershipStore, clock: FakeClock
) -> None:
    exchange = MemoryExchange()
    async with cluster([MemoryBroker(exchange)]) as (node,):
        service = Service(store, node.plane, node.plane, clock)
        exchange.lose()
        with pytest.raises(BrokerUnavailable):
            await service.memberships.add(HUB, USER, GROUP, 60)
        exchange.restore()
        await service.connect("a")
        assert await service.in_group() == "a"
