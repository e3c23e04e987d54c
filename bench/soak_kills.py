"""A shop, its database and our process, killed at random moments: what every client handled is what the shop says.

Usage: python bench/soak_kills.py [--rounds 50] [--ways binlog,polling] [--seed 1] [--without-page]
In each round orders and sales go on until our process, MariaDB, or both are killed (SIGKILL); then they
are started again. Five clients, a Chromium with the administrators' page among them, connect again and ask for what
they missed. At the end the event ids that each has handled are those of the event table that are for it, once each and
in its order, and the event table says what the shop's own tables say: every status of every order and, by the binary
log, every quantity (by polling the last one, and no wrong one). Writes bench/results/soak-kills.json; ends with 1
unless all of that holds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shlex
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.tests.opencart.capture.killing import Stored, caught_up, make_world, sell
from app.tests.opencart.mariadb import WITH_LOG, MariaDBProcess, mariadb_process
from app.tests.opencart.raw import RawMariaDB
from app.tests.opencart.world import World

from follow.handler import Handler, handling
from follow.page import WatchingPage, watching_page
from follow.served import LogIn, ServedShop
from lab.machine import shape, versions
from lab.processes import stop_children_when_terminated
from meschain.domain.event_routes import group_of
from meschain.domain.events import ADMIN_HUB, ADMINS_GROUP, MARKETPLACE_HUB, NewEvent, marketplace_group
from meschain.domain.roles import Role

HERE = Path(__file__).parent
RESULT = HERE / "results" / "soak-kills.json"
MARKETPLACES = ("trendyol", "n11", "ebay")
KINDS = ("ours", "database", "both")
PATIENCE_SECONDS = 300.0
PAUSE_SECONDS = 0.015
"""Between two sales, which are some three events: at full speed a browser's page would be shown a hundred thousand."""


@dataclass
class Outcome:
    """What was seen."""

    kills: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    events: int = 0
    handled: dict[str, int] = field(default_factory=dict)
    connects: dict[str, int] = field(default_factory=dict)
    catch_up_seconds: float = 0.0
    """From when both ran again until the event table said what the shop's tables say."""
    problems: list[str] = field(default_factory=list)


@asynccontextmanager
async def clients(served: ServedShop, with_page: bool) -> AsyncIterator[tuple[list[Handler], WatchingPage | None]]:
    """Those who listen, live."""
    accounts: Mapping[str, tuple[Role, Sequence[str]]] = {
        "boss": (Role.ADMIN, ()),
        **{code: (Role.MARKETPLACE_MANAGER, (code,)) for code in MARKETPLACES},
    }
    log_ins = await served.add_accounts(accounts)
    boss = log_ins["boss"]

    def address(log_in: LogIn, hub: str) -> Callable[[], Awaitable[str]]:
        async def find() -> str:
            return served.url + await asyncio.to_thread(served.hub_path, log_in, hub)

        return find

    handlers = [Handler(ADMINS_GROUP, address(boss, ADMIN_HUB), ("JoinAdminGroup", boss.user_id, Role.ADMIN.value))]
    for code in MARKETPLACES:
        join = ("JoinMarketplaceGroup", code, log_ins[code].user_id)
        handlers.append(Handler(marketplace_group(code), address(log_ins[code], MARKETPLACE_HUB), join))
    async with AsyncExitStack() as stack:
        page = (
            await stack.enter_async_context(watching_page(served.url, "boss", boss.password, "admin"))
            if with_page
            else None
        )
        await stack.enter_async_context(handling(handlers))
        async with asyncio.timeout(PATIENCE_SECONDS):
            for handler in handlers:
                await handler.is_live.wait()
        yield handlers, page


async def soak(way: str, rounds: int, seed: int, *, with_page: bool, progress: bool = True) -> Outcome:
    """Run it, and return what was seen; `problems` is empty when all of it holds."""
    outcome, chance = Outcome(), random.Random(seed)  # noqa: S311 - the same for the same seed
    begun = time.monotonic()
    with mariadb_process(WITH_LOG) as database, tempfile.TemporaryDirectory(prefix="soak-kills-") as folder:
        world = await make_world(database, "shop", MARKETPLACES)
        served = ServedShop(Path(folder), world.url, way)
        stored = Stored(served.state)
        await asyncio.to_thread(served.start)
        try:
            async with clients(served, with_page) as (handlers, page):
                async with asyncio.timeout(PATIENCE_SECONDS):
                    while not stored.is_begun(way):
                        await asyncio.sleep(0.1)
                first = max((position for position, _ in _events(served.state)), default=0)
                kinds = [KINDS[number % len(KINDS)] for number in range(rounds)]
                chance.shuffle(kinds)
                for number, kind in enumerate(kinds):
                    outcome.kills[kind] += 1
                    await one_round(world, database, served, kind, chance)
                    if progress:
                        print(f"{way}: round {number + 1} of {rounds}, {kind} killed", flush=True)
                again = time.monotonic()
                try:
                    await caught_up(world, stored, all_values=way == "binlog", seconds=PATIENCE_SECONDS)
                except TimeoutError:
                    outcome.problems.append("the event table does not say what the shop's tables say")
                outcome.catch_up_seconds = round(time.monotonic() - again, 1)
                await compare(served, handlers, page, first, outcome)
        except BaseException:
            print(served.log(), file=sys.stderr)
            raise
        finally:
            await asyncio.to_thread(served.stop)
            await world.raw.close()
    outcome.seconds = round(time.monotonic() - begun, 1)
    return outcome


async def one_round(
    world: World, database: MariaDBProcess, served: ServedShop, kind: str, chance: random.Random
) -> None:
    stop = asyncio.Event()
    selling = asyncio.create_task(sell(world, chance, stop, pause_seconds=PAUSE_SECONDS))
    await asyncio.sleep(chance.uniform(0.5, 2.5))  # the moment of the kill is random on purpose
    if kind != "ours":
        database.kill()
    if kind != "database":
        served.kill()
    stop.set()
    await selling
    if kind != "ours":
        await asyncio.to_thread(database.start)
        world.raw = await RawMariaDB.open(database.server, "shop")
    if kind != "database":
        await asyncio.to_thread(served.start)


async def compare(
    served: ServedShop, handlers: Sequence[Handler], page: WatchingPage | None, page_first: int, outcome: Outcome
) -> None:
    """Wait until each has handled what the event table has for it, and note what differs.

    Args:
        page_first: the page is asked for what lies behind this position.
    """
    rows = _events(served.state)
    outcome.events = len(rows)
    seen: dict[str, tuple[Any, Sequence[str]]] = {}
    deadline = time.monotonic() + PATIENCE_SECONDS
    wanted: dict[str, list[str]] = {}
    while True:
        for handler in handlers:
            hub = ADMIN_HUB if handler.name == ADMINS_GROUP else MARKETPLACE_HUB
            wanted[handler.name] = _for(rows, hub, handler.name, handler.first)
            seen[handler.name] = handler.connects, handler.handled
        if page is not None:
            wanted["page"] = _for(rows, ADMIN_HUB, ADMINS_GROUP, page_first)
            seen["page"] = None, [each.event_id for each in await page.arrivals() if each.position > page_first]
        late = [name for name in wanted if list(seen[name][1]) != wanted[name]]
        if not late or time.monotonic() > deadline:
            break
        await asyncio.sleep(0.3)
    outcome.handled = {name: len(handled) for name, (_, handled) in seen.items()}
    outcome.connects = {name: connects for name, (connects, _) in seen.items() if connects is not None}
    outcome.problems += [
        f"{name} handled {len(seen[name][1])} events, {len(set(seen[name][1]))} of them different;"
        f" {len(wanted[name])} were for it"
        for name in late
    ]


def _for(rows: Sequence[tuple[int, NewEvent]], hub: str, group: str, first: int) -> list[str]:
    return [event.event_id for position, event in rows if position > first and group_of(event, hub) == group]


def _events(state: Path) -> list[tuple[int, NewEvent]]:
    with closing(sqlite3.connect(state, timeout=30)) as database:
        rows = database.execute(
            "SELECT position, event_id, kind, event_key, marketplace FROM mc_events ORDER BY position"
        )
        now = datetime.now(UTC)
        return [(row[0], NewEvent(row[1], row[2], row[3], row[4], {}, now)) for row in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=50, help="by each way")
    parser.add_argument("--ways", default="binlog,polling")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--without-page", action="store_true", help="no Chromium")
    parser.add_argument("--result", type=Path, default=RESULT)
    given = parser.parse_args()
    stop_children_when_terminated()
    outcomes = {
        way: asyncio.run(soak(way, given.rounds, given.seed, with_page=not given.without_page))
        for way in given.ways.split(",")
    }
    result = {
        "command": shlex.join(["python", *sys.argv]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": shape(),
        "versions": versions(["hubwire", "meschain"], []),
        "rounds": given.rounds,
        "ways": {
            way: {
                "seconds": outcome.seconds,
                "kills": dict(sorted(outcome.kills.items())),
                "events": outcome.events,
                "handled": outcome.handled,
                "connects": outcome.connects,
                "catch_up_seconds": outcome.catch_up_seconds,
                "problems": outcome.problems,
            }
            for way, outcome in outcomes.items()
        },
    }
    print(json.dumps(result, indent=1))
    given.result.write_text(json.dumps(result, indent=1) + "\n")
    if any(outcome.problems for outcome in outcomes.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
