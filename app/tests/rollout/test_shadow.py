"""The demo shop's traffic is told on both sides: there is no difference, and each one that is planted is found."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from app.tests.conftest import with_demo_shop
from app.tests.rollout.demo_traffic import recorded
from app.tests.rollout.tampered_way import TamperedWay
from app.tests.rollout.two_sides import two_sides, until

from meschain.bootstrap import DEMO_SHOP_FILE
from meschain.domain.event_routes import EVENT_HUBS, group_of
from meschain.domain.events import (
    ADMINS_GROUP,
    ORDER,
    ORDER_NOTIFICATION,
    UPDATE_ADMIN_DASHBOARD,
    NewEvent,
    marketplace_group,
)
from meschain.domain.marketplaces import MARKETPLACES
from meschain.services.clock import SystemClock
from meschain.state.database import Database
from meschain.state.events import SqlEventStore

STEPS = 15
PLANTED = {
    "altered": "is not the same on both sides",
    "dropped": "came on blue and not on green",
    "doubled": "came once more on green than on blue",
}
GROUPS = {ADMINS_GROUP, *map(marketplace_group, MARKETPLACES)}
AROUND = 20
"""Events of the traffic that are told with those that are planted."""


def heard_at(event: NewEvent) -> list[str]:
    """The hubs that bring it to administrators; the shop's own counter is no marketplace."""
    return [hub for hub in EVENT_HUBS if group_of(event, hub) in GROUPS]


def planted(order: NewEvent, number: int) -> list[NewEvent]:
    """Orders of the traffic under ids by which they come to harm."""
    return [replace(order, event_id=f"{harm} {number}") for harm in PLANTED]


async def test_recorded_traffic_is_the_same_on_both_sides_and_what_is_not_is_found(
    data_dir: Path, demo_shop_file: Path, tmp_path: Path
) -> None:
    traffic = await recorded(with_demo_shop(tmp_path / "recording", demo_shop_file) / DEMO_SHOP_FILE, STEPS)
    order = next(event for event in traffic if event.kind == ORDER and event.payload["currency"] == "TRY")
    async with TamperedWay().listening() as way, two_sides(data_dir, way=way, rollout_guards="watch") as sides:
        token = (await sides.site.login("admin"))["accessToken"]
        await sides.rollout("start", token, shadow=True)

        async def report() -> dict[str, Any]:
            found: dict[str, Any] = (await sides.site.get("/api/rollout", token))[1]
            return found

        async def differences() -> list[str]:
            """Of events. A side that is slow for a moment lacks figures, which the next replace; where they were wrong,
            each side would have some that the other one lacks.
            """
            found = (await report())["differences"]
            of_figures = [each for each in found if each.startswith(UPDATE_ADMIN_DASHBOARD)]
            assert len({each.rpartition(" came ")[2] for each in of_figures}) <= 1, of_figures
            return [each for each in found if each not in of_figures]

        async def at_least(compared: int) -> None:
            async def are_compared() -> bool:
                return bool((await report())["compared"] >= compared)

            await until(are_compared)

        await at_least(1)  # administrators' figures: both sides are listened to
        database = await Database.open(sides.site.settings.state_url)
        try:
            store = SqlEventStore(database, SystemClock())
            await store.append(traffic)
            await at_least(sum(len(heard_at(event)) for event in traffic))
            assert await differences() == []

            # What one side lacks at the very beginning does not count yet, and later has some seconds to come.
            found: Sequence[str] = ()
            for number in count():
                if all(any(text.endswith(words) for text in found) for words in PLANTED.values()):
                    break
                compared = (await report())["compared"]
                again = [replace(event, event_id=f"{number}: {event.event_id}") for event in traffic[:AROUND]]
                await store.append([*again, *planted(order, number)])
                await at_least(compared + AROUND)
                found = await differences()
        finally:
            await database.close()
        hubs = "|".join(EVENT_HUBS)
        for difference in found:
            named = re.fullmatch(rf"{ORDER_NOTIFICATION} (\w+) \d+ of ({hubs}) (.*)", difference)
            assert named is not None, difference
            assert named[3] == PLANTED[named[1]]
