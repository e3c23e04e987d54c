"""Business figures of granted marketplaces: sent by one process to audiences that connected to any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.tests.services.conftest import Run
from app.tests.services.fakes import FakeClock, FakeShop, MemoryPresence, MemoryPublisher

from meschain.domain.events import DASHBOARD_HUB, granted_business_group
from meschain.services.audiences import ProcessAudiences
from meschain.services.granted_business import GrantedBusiness
from meschain.services.options import DashboardOptions

GRANTS = ("trendyol", "n11")
FORGET_SECONDS = DashboardOptions().forget_seconds


def make(
    publisher: MemoryPublisher,
    presence: MemoryPresence,
    *others: Mapping[str, float],
    audiences: ProcessAudiences | None = None,
    clock: FakeClock | None = None,
) -> GrantedBusiness:
    return GrantedBusiness(
        shop=FakeShop(),
        publisher=publisher,
        presence=presence,
        clock=clock or FakeClock(),
        audiences=audiences,
        others=lambda: others,
    )


async def numbers_of_another(marketplaces: Sequence[str] = GRANTS) -> Mapping[str, float]:
    """What a process tells to which an audience connected."""
    audiences = ProcessAudiences(FakeClock())
    await audiences.watch(marketplaces)
    return audiences.numbers()


async def test_an_audience_of_another_process_is_sent_to_while_it_is_there() -> None:
    publisher, presence = MemoryPublisher(), MemoryPresence()
    sender = make(publisher, presence, await numbers_of_another(), {"connections": 3.0})
    await sender.tick()
    assert publisher.events == []
    presence.groups.add((DASHBOARD_HUB, granted_business_group(GRANTS)))
    await sender.tick()
    assert publisher.kinds() == ["business of trendyol, n11"]


async def test_one_that_is_known_twice_is_sent_to_once() -> None:
    publisher, presence = MemoryPublisher(), MemoryPresence()
    presence.groups.add((DASHBOARD_HUB, granted_business_group(GRANTS)))
    sender = make(publisher, presence, await numbers_of_another())
    await sender.watch(GRANTS)
    await sender.tick()
    assert publisher.kinds() == ["business of trendyol, n11"]


async def test_who_sees_no_marketplace_is_an_audience_too() -> None:
    publisher, presence = MemoryPublisher(), MemoryPresence()
    presence.groups.add((DASHBOARD_HUB, granted_business_group(())))
    await make(publisher, presence, await numbers_of_another(())).tick()
    assert publisher.kinds() == ["business of "]


async def test_a_process_that_does_not_send_forgets_audiences_that_left(clock: FakeClock, run: Run) -> None:
    presence, audiences = MemoryPresence(), ProcessAudiences(clock)
    process = make(MemoryPublisher(), presence, audiences=audiences, clock=clock)
    await run(process.look_after)
    await process.watch(GRANTS)
    await process.watch(("etsy",))
    group = (DASHBOARD_HUB, granted_business_group(GRANTS))
    presence.groups.add(group)
    await clock.advance(2 * FORGET_SECONDS)
    assert audiences.numbers() == {"granted.trendyol,n11": 1.0}
    presence.groups.remove(group)
    await clock.advance(FORGET_SECONDS)
    assert audiences.numbers() == {}


async def test_who_has_just_come_is_not_forgotten_before_being_in_its_group(clock: FakeClock, run: Run) -> None:
    audiences = ProcessAudiences(clock)
    process = make(MemoryPublisher(), MemoryPresence(), audiences=audiences, clock=clock)
    await run(process.look_after)
    await process.watch(GRANTS)
    await clock.advance(FORGET_SECONDS - 1)
    await process.watch(GRANTS)
    await clock.advance(FORGET_SECONDS)
    assert audiences.numbers() != {}
    await clock.advance(1)
    await clock.advance(FORGET_SECONDS)
    assert audiences.numbers() == {}


async def test_who_comes_while_the_audience_is_asked_for_is_kept(clock: FakeClock) -> None:
    class Arriving(MemoryPresence):
        async def anyone_in(self, hub: str, group: str) -> bool:
            await process.watch(GRANTS)
            return False

    audiences = ProcessAudiences(clock)
    process = make(MemoryPublisher(), Arriving(), audiences=audiences, clock=clock)
    await process.watch(GRANTS)
    await clock.advance(FORGET_SECONDS)
    await process.forget()
    assert audiences.numbers() != {}
