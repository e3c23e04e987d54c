"""Who is online, as administrators are told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from app.tests.services.fakes import START, FakeClock, MemoryConnections
from app.tests.services.store_specs import connection

from meschain.domain.events import ADMIN_HUB, DASHBOARD_HUB, HUBS, MARKETPLACE_HUB
from meschain.domain.marketplaces import MARKETPLACES
from meschain.domain.payloads import ConnectionOnline, PersonOnline
from meschain.domain.roles import Identity, Role
from meschain.domain.rollout import PROBE_PREFIX
from meschain.services.options import PresenceOptions
from meschain.services.ports import OpenConnection
from meschain.services.who_is_online import WhoIsOnline

ADMIN = Identity("own:1", "Ömer", Role.ADMIN)
MANAGER = Identity("own:2", "ada", Role.MARKETPLACE_MANAGER, ("n11", "trendyol"))


def opened(number: int, who: Identity, hub: str) -> OpenConnection:
    moment = START + timedelta(seconds=number)
    return replace(connection(number, hub=hub, node="a"), who=who, opened_at=moment)


async def test_people_are_counted_once_by_hub_role_and_marketplace(clock: FakeClock) -> None:
    written = MemoryConnections(clock)
    await written.write(
        [
            opened(1, ADMIN, ADMIN_HUB),
            opened(2, ADMIN, ADMIN_HUB),
            opened(3, ADMIN, MARKETPLACE_HUB),
            opened(4, MANAGER, MARKETPLACE_HUB),
        ],
        [],
    )
    await written.write_active({(MARKETPLACE_HUB, "connection-4"): START + timedelta(minutes=1)})
    now = await WhoIsOnline(written, clock).now()
    assert now.people_count == 2
    assert now.by_hub == {ADMIN_HUB: 1, MARKETPLACE_HUB: 2, DASHBOARD_HUB: 0}
    assert now.by_role == {"admin": 1, "marketplace_manager": 1}
    assert now.by_marketplace == {code: 2 if code in {"n11", "trendyol"} else 1 for code in MARKETPLACES}
    assert [person.name for person in now.people] == ["ada", "Ömer"]
    assert now.people[0] == PersonOnline(
        user_id="own:2",
        name="ada",
        role="marketplace_manager",
        connection_count=1,
        connections=[
            ConnectionOnline(
                hub=MARKETPLACE_HUB,
                marketplaces=["trendyol", "n11"],
                connected_at="2025-03-10T09:30:04.000Z",
                last_active_at="2025-03-10T09:31:00.000Z",
                node="a",
            )
        ],
    )


async def test_nobody_is_an_answer_too(clock: FakeClock) -> None:
    now = await WhoIsOnline(MemoryConnections(clock), clock).now()
    assert (now.people_count, now.people, now.by_role) == (0, [], {})
    assert set(now.by_hub) == set(HUBS)


async def test_an_answer_is_bounded_and_the_counts_are_whole(clock: FakeClock) -> None:
    written = MemoryConnections(clock)
    crowd = [opened(n, Identity(f"own:{n}", f"{n:03}", Role.VIEWER), DASHBOARD_HUB) for n in range(5)]
    await written.write([*crowd, *(opened(n, crowd[0].who, DASHBOARD_HUB) for n in range(10, 14))], [])
    options = PresenceOptions(people_shown=3, connections_shown=2)
    now = await WhoIsOnline(written, clock, options).now()
    assert (now.people_count, len(now.people), now.by_hub[DASHBOARD_HUB]) == (5, 3, 5)
    assert (now.people[0].connection_count, len(now.people[0].connections)) == (5, 2)
    assert now.people[0].connections[0].connected_at == "2025-03-10T09:30:13.000Z"


async def test_what_looks_at_both_sides_of_a_roll_out_is_nobody(clock: FakeClock) -> None:
    written = MemoryConnections(clock)
    prober = Identity(f"{PROBE_PREFIX}green", "Prober", Role.SERVICE)
    await written.write([opened(1, prober, DASHBOARD_HUB), opened(2, ADMIN, ADMIN_HUB)], [])
    now = await WhoIsOnline(written, clock).now()
    assert ([person.name for person in now.people], now.by_hub[DASHBOARD_HUB]) == (["Ömer"], 0)
