"""Old and new clients change sides, all of them and all back, while events are told to each of them all the time.

Usage: python bench/soak_rollout.py [--new 1000] [--old 1000] [--rate 10] [--steady 10]

New clients are `MesChainSignalRClient` as the server hands it out, in Node, on the marketplace hub. Blue is `meschain
serve` with its own sockets, green a `hubwire service`; the plan goes from 0 to 50 and to 100 %, and is rolled back. Old
clients are streams and panels behind HAProxy with the file of `deploy/front`, which is reloaded when the plan gets to
100 %, and at the roll-back; then they are recalled from the listener that they are on, and come to the other one.

It holds when each new client has every event once, the longest silence of 99 % of them is below a second, the last one
has moved within five seconds of the roll-back, each connection was opened on the side of the plan, and green got no
more clients in a second than it may; and when each old client was back within its own delay and a second, and its next
update has the orders that were placed while it was away. Writes bench/results/soak-rollout.json.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import secrets
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import SystemRandom
from typing import Any

import aiohttp
from app.tests.azure_service import AzureService
from app.tests.deploy.front import HaProxy, Sides, replaced
from app.tests.program import free_port

from meschain.auth.api_keys import ApiKeys
from meschain.auth.claims import SERVICE_PREFIX
from meschain.auth.keys import LOGIN_KEYS
from meschain.auth.login_tokens import LoginTokens
from meschain.bootstrap import DEMO_SHOP_FILE
from meschain.domain.roles import Identity, Role
from meschain.domain.rollout import Plan, Side
from meschain.opencart.demo.shop import DemoShop
from meschain.rollout.plans import Rollout
from meschain.services.clock import SystemClock
from meschain.services.legacy_recall import Recall
from meschain.settings import load_settings
from meschain.state.api_keys import SqlApiKeyStore
from meschain.state.audit import SqlAuditStore
from meschain.state.database import Database
from meschain.state.demo_file import signing_secrets
from meschain.state.legacy_recalls import SqlRecallStore
from meschain.state.rollout_plans import SqlPlanStore, SqlReportStore
from meschain.state.rollout_sides import SqlPlacedConnections
from old_clients import MARKETPLACE, RETRY_SECONDS

HERE = Path(__file__).parent
RESULT = HERE / "results" / "soak-rollout.json"
CONNECTS_PER_SECOND = 500
START_SECONDS = 120.0
MOVE_SECONDS = 60.0
DRAIN_SECONDS = 60.0
RECALLED_PER_SECOND = 25
"""As `meschain legacy recall` does it."""
AWAY_SECONDS = 90.0
"""How long all old clients may take to be on the other listener before it is given up."""
LISTENERS = ("first", "second")
SILENCE_MS = 1_000
BACK_SECONDS = 5.0
"""Of new clients, from the roll-back to the last one."""
LATE_SECONDS = 1.0
"""Of old clients, beside their own delay."""
CHANGE_SECONDS = 2.0
"""After a change of the plan a connection may still open that was negotiated before it."""
PUBLISHER = "soak"
WHO = "shell:soak"
MISSED = ("shop", "shop", MARKETPLACE)
"""Orders placed while old clients are away. The panel shows them; the stream's figures have its marketplace's."""


@dataclass
class Outcome:
    """What was seen."""

    events: int = 0
    told_seconds: float = 0.0
    old_deliveries: int = 0
    moved: dict[str, dict[str, float]] = field(default_factory=dict)
    """How many had to, and seconds from the command to the last of them."""
    silence_ms: dict[str, int] = field(default_factory=dict)
    most_sent_to_green: int = 0
    """In one second."""
    most_opened_on_green: int = 0
    """Within any second."""
    misplaced: int = 0
    opened: int = 0
    negotiated: int = 0
    """Of these, those whose place was asked first; moves go straight for the socket."""
    back_after_own_delay_ms: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    """What is wrong, however fast the machine is."""
    late: list[str] = field(default_factory=list)
    """What took too long."""


class Clients:
    """A process with many clients."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._in, self._out = process.stdin, process.stdout

    async def ask(self, command: str = "") -> dict[str, Any]:
        """Its answer. Not to be given up: the next one would get it."""
        if command:
            self._in.write(f"{command}\n".encode())
        answer: dict[str, Any] = json.loads(await self._out.readline())
        return answer


class Front(HaProxy):
    """As it is deployed, with room for all."""

    def write(self, *, of_green: bool) -> None:
        super().write(of_green=of_green)
        path = self.folder / "haproxy.cfg"
        text = replaced(path.read_text(encoding="utf-8"), ("maxconn 500", "maxconn 6000"))
        path.write_text(text, encoding="utf-8")


@dataclass
class Site:
    """`meschain serve`, the state behind it, and the front before it."""

    url: str
    green_url: str
    database: Database
    path: Path
    shop: DemoShop
    rollout: Rollout
    placed: SqlPlacedConnections
    recalls: SqlRecallStore
    tokens: LoginTokens
    key: str
    front: Front

    async def place_orders(self) -> list[str]:
        """In the demo shop, as its buyers do; the ids of those of its own counter."""
        driver = self.shop.driver()
        placed = [(marketplace, await driver.place_order(marketplace)) for marketplace in MISSED]
        return [str(order_id) for marketplace, order_id in placed if marketplace == "shop"]


@asynccontextmanager
async def running_site(folder: Path) -> AsyncIterator[Site]:
    port, code = free_port(), secrets.token_urlsafe(33)
    url = f"http://127.0.0.1:{port}"
    listeners = {name: free_port() for name in LISTENERS}
    green = AzureService(folder / "green", f"http://127.0.0.1:{port}/api/upstream-green?code={code}")
    config = folder / "meschain.toml"
    config.write_text(
        f'data_dir = "{folder / "data"}"\npublic_url = "{url}"\nport = {port}\nlog_level = "warning"\n'
        f'upstream_code = "{code}"\n'
        f'green_signalr = "{green.connection_string}"\ngreen_connects_per_second = {CONNECTS_PER_SECOND}\n'
        'negotiations_per_address = 1000000\nrollout_guards = "watch"\ntrusted_proxies = ["127.0.0.1"]\n'
        + "".join(f'[legacy_listeners.{name}]\nport = {number}\nrole = "admin"\n' for name, number in listeners.items())
    )
    async with AsyncExitStack() as stack:
        stack.push_async_callback(asyncio.to_thread, green.stop)
        await asyncio.to_thread(green.start)
        await stack.enter_async_context(_served(config, folder / "server.log", url))
        settings = load_settings(config).settings
        clock = SystemClock()
        database = await Database.open(settings.state_url, migrate=False)
        stack.push_async_callback(database.close)
        placed = SqlPlacedConnections(database, clock)
        rollout = Rollout(
            plans=SqlPlanStore(database),
            connections=placed,
            reports=SqlReportStore(database),
            audit=SqlAuditStore(database, clock),
            clock=clock,
            has_green=True,
        )
        _, key = await ApiKeys(SqlApiKeyStore(database), clock).create(PUBLISHER, ["order"], [MARKETPLACE])
        tokens = LoginTokens(signing_secrets(settings).keys(LOGIN_KEYS), clock)
        place = folder / "front"
        place.mkdir()
        front = Front(place, Sides(port, green.port, *(2 * (listeners[LISTENERS[0]], listeners[LISTENERS[1]]))))
        await stack.enter_async_context(front.running())
        data = folder / "data"
        shop = DemoShop.enter(data / DEMO_SHOP_FILE, clock=clock, random=SystemRandom())
        stack.push_async_callback(shop.close)
        yield Site(
            url,
            green.url,
            database,
            data / "demo.db",
            shop,
            rollout,
            placed,
            SqlRecallStore(database),
            tokens,
            key,
            front,
        )


@asynccontextmanager
async def _served(config: Path, log: Path, url: str) -> AsyncIterator[None]:
    serve = [sys.executable, "-m", "meschain", "serve", "--config", str(config)]
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(*serve, stdout=output, stderr=output)
        try:
            async with asyncio.timeout(START_SECONDS), aiohttp.ClientSession() as http:
                while not await _is_ready(http, url):
                    await asyncio.sleep(0.1)
            yield
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()


async def _is_ready(http: aiohttp.ClientSession, url: str) -> bool:
    with suppress(aiohttp.ClientError):
        async with http.get(f"{url}/readyz") as answer:
            return answer.status == 200
    return False


@dataclass
class Soak:
    site: Site
    clients: Clients
    old: Clients
    people: list[Identity]
    steady: float
    outcome: Outcome
    moved: int = 0
    fronts: int = 0
    """How often old clients were recalled."""
    plans: list[tuple[float, Plan]] = field(default_factory=list)
    """Each plan, and when it was made."""

    async def run(self, rate: float) -> None:
        over = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            telling = group.create_task(self._tell(rate, over))
            self.plans.append((0.0, Plan()))
            await asyncio.sleep(self.steady)
            await self._move("half", self.site.rollout.start(WHO, percent=50))
            await asyncio.sleep(self.steady)
            await self._move("all", self.site.rollout.advance(WHO, percent=100))
            await self._replace_front(of_green=True)
            await asyncio.sleep(self.steady)
            await self._move("back", self.site.rollout.roll_back(WHO))
            await self._replace_front(of_green=False)
            await asyncio.sleep(self.steady)
            over.set()
            await telling
        await self._end()

    async def _move(self, name: str, command: Any) -> None:
        """Give the command, and wait until all who have to move have."""
        before = self.plans[-1][1]
        commanded = time.time()
        plan: Plan = await command
        self.plans.append((commanded, plan))
        moving = sum(before.side_of(person) is not plan.side_of(person) for person in self.people)
        self.moved += moving
        state = await self.clients.ask("state")
        while state["moved"] < self.moved and time.time() < commanded + MOVE_SECONDS:
            await asyncio.sleep(0.1)
            state = await self.clients.ask("state")
        seconds = round(state["lastMovedAt"] / 1000 - commanded, 2)
        self.outcome.moved[name] = {"clients": moving, "seconds": seconds}
        if state["moved"] < self.moved:
            self._problem(f"{self.moved - state['moved']} clients did not move ({name})")
            self.moved = state["moved"]
        if name == "back" and seconds > BACK_SECONDS:
            self.outcome.late.append(f"the last client was back {seconds} s after the command")
        await self._compare_table(plan)

    async def _compare_table(self, plan: Plan) -> None:
        """The server's own table of connections against the plan."""
        wanted = {side: sum(plan.side_of(person) is side for person in self.people) for side in Side}
        deadline = time.monotonic() + MOVE_SECONDS
        while (found := await self.site.placed.count()) != wanted and time.monotonic() < deadline:
            await asyncio.sleep(0.2)
        if found != wanted:
            self._problem(f"the table has {dict(found)} instead of {wanted}")

    async def _replace_front(self, *, of_green: bool) -> None:
        """Old clients are recalled and come to the other listener, with what they missed in their next update."""
        await self.old.ask("mark")
        self.fronts += 1
        self.site.front.write(of_green=of_green)
        await self.site.front.reload()
        await self.site.recalls.add(Recall(LISTENERS[not of_green], "", RECALLED_PER_SECOND), datetime.now(UTC))
        await asyncio.sleep(RETRY_SECONDS / 2)
        missed = ",".join(await self.site.place_orders())
        deadline = time.monotonic() + AWAY_SECONDS
        while True:
            returned = (await self.old.ask("state"))["returned"] >= self.fronts
            lacking = await self.old.ask(f"missed {missed}")
            if returned and not any(lacking.values()):
                return
            if time.monotonic() > deadline:
                self._problem(f"old clients are not all back, or without what they missed: {lacking}")
                return
            await asyncio.sleep(1)

    async def _tell(self, rate: float, over: asyncio.Event) -> None:
        """Publish events at the rate until it is over."""
        headers = {"Authorization": f"Bearer {self.site.key}"}
        begun = time.monotonic()
        async with aiohttp.ClientSession(headers=headers) as http:
            while not over.is_set():
                number = self.outcome.events
                order = {
                    "kind": "order", "eventId": str(number), "marketplace": MARKETPLACE, "status": "created",
                    "marketplaceOrderId": f"soak-{number}", "orderNumber": f"soak-{number}", "total": 10,
                    "currency": "TRY",
                }  # fmt: skip
                async with http.post(f"{self.site.url}/api/publish", json={"events": [order]}) as answer:
                    assert answer.status == 202, await answer.text()
                self.outcome.events += 1
                await asyncio.sleep(begun + self.outcome.events / rate - time.monotonic())
        self.outcome.told_seconds = time.monotonic() - begun

    async def _end(self) -> None:
        outcome = self.outcome
        drained_by = time.monotonic() + DRAIN_SECONDS
        while (await self.clients.ask("state"))["least"] < outcome.events and time.monotonic() < drained_by:
            await asyncio.sleep(0.2)
        end = await self.clients.ask("end")
        if (end["least"], end["most"], end["doubles"]) != (outcome.events, outcome.events, 0):
            seen = f"{end['least']} to {end['most']} of {outcome.events} events, {end['doubles']} doubles"
            self._problem(f"new clients have {seen}")
        for what in ("disturbed", "missed"):
            if end[what]:
                self._problem(f"{end[what]} new clients were {what}")
        outcome.silence_ms = _spread(end["silences"])
        if outcome.silence_ms["p99"] >= SILENCE_MS:
            outcome.late.append(
                f"the longest silence of 1 % of the new clients was {outcome.silence_ms['p99']} ms or more"
            )
        self._judge_connections(end["opened"])
        self._judge_old_clients(await self.old.ask("end"))

    def _judge_connections(self, opened: list[tuple[str, bool, int, bool]]) -> None:
        outcome = self.outcome
        people = {person.user_id: person for person in self.people}
        outcome.opened = len(opened)
        outcome.negotiated = sum(was_asked for *_, was_asked in opened)
        for user_id, is_green, at, _ in opened:
            sides = {plan.side_of(people[user_id]) for plan in self._plans_at(at / 1000)}
            outcome.misplaced += (Side.GREEN if is_green else Side.BLUE) not in sides
        if outcome.misplaced:
            self._problem(f"{outcome.misplaced} connections were opened on the wrong side")
        moments = sorted(at for _, is_green, at, _ in opened if is_green)
        outcome.most_opened_on_green = _busiest_second(moments)
        outcome.most_sent_to_green = _most_sent(self.site.path)
        for what, most in (("sent to", outcome.most_sent_to_green), ("opened on", outcome.most_opened_on_green)):
            if most > CONNECTS_PER_SECOND:
                self._problem(f"{most} connections were {what} green in one second")

    def _plans_at(self, moment: float) -> list[Plan]:
        """The plan of that moment, and the one before it while it is new."""
        known = [(at, plan) for at, plan in self.plans if at <= moment]
        return [plan for at, plan in known[-2:] if at is known[-1][0] or moment < known[-1][0] + CHANGE_SECONDS]

    def _judge_old_clients(self, end: dict[str, Any]) -> None:
        self.outcome.old_deliveries = end["deliveries"]
        late = [round((seconds - RETRY_SECONDS) * 1000) for seconds in end["away"]]
        self.outcome.back_after_own_delay_ms = _spread(late)
        if max(late) > LATE_SECONDS * 1000:
            self.outcome.late.append(f"an old client was back {max(late)} ms after its own delay")
        if wrong := end["problems"]:
            self._problem(f"{len(wrong)} things are wrong with what old clients were told, first: {wrong[0]}")

    def _problem(self, text: str) -> None:
        self.outcome.problems.append(text)


async def soak(new: int, old: int, rate: float, steady: float) -> Outcome:
    """Run it; `problems` and `late` are empty when all of it holds."""
    outcome = Outcome()
    with tempfile.TemporaryDirectory(prefix="soak-rollout-") as place:
        folder = Path(place)
        async with running_site(folder) as site, AsyncExitStack() as stack:
            people = [
                Identity(f"{SERVICE_PREFIX}soak.{number}", f"Soak {number}", Role.SERVICE) for number in range(new)
            ]
            file = folder / "people"
            file.write_text("".join(f"{each.user_id} {site.tokens.issue(each, 24 * 3600)}\n" for each in people))
            node = ("node", str(HERE / "rollout_clients.mjs"))
            clients = await stack.enter_async_context(
                _clients(*node, site.url, str(file), site.green_url, f"publish:{PUBLISHER}:")
            )
            if (await clients.ask())["connected"] != new:
                outcome.problems.append("not all new clients could connect")
            old_clients = await stack.enter_async_context(
                _clients(sys.executable, str(HERE / "old_clients.py"), str(old), str(site.front.old_port))
            )
            async with asyncio.timeout(START_SECONDS):
                while (await old_clients.ask("state"))["there"] < old:
                    await asyncio.sleep(0.1)
            await Soak(site, clients, old_clients, people, steady, outcome).run(rate)
    return outcome


@asynccontextmanager
async def _clients(*command: str) -> AsyncIterator[Clients]:
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=HERE / "peers", limit=2**26
    )
    try:
        yield Clients(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def _spread(values: list[int]) -> dict[str, int]:
    ordered = sorted(values)
    return {
        "p50": ordered[len(ordered) // 2],
        "p99": ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))],
        "max": ordered[-1],
    }


def _busiest_second(moments: list[int]) -> int:
    """Args: moments: milliseconds, in order."""
    most, first = 0, 0
    for number, moment in enumerate(moments):
        while moments[first] <= moment - 1000:
            first += 1
        most = max(most, number - first + 1)
    return most


def _most_sent(path: Path) -> int:
    query = "SELECT SUM(negotiated) FROM mc_rollout_counts WHERE side = 'green' GROUP BY second"
    with closing(sqlite3.connect(path)) as database:
        return max((int(row[0]) for row in database.execute(query)), default=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--new", type=int, default=1_000)
    parser.add_argument("--old", type=int, default=1_000)
    parser.add_argument("--rate", type=float, default=10.0, help="events per second, each to every client")
    parser.add_argument("--steady", type=float, default=10.0, help="seconds between the moves")
    given = parser.parse_args()
    outcome = asyncio.run(soak(given.new, given.old, given.rate, given.steady))
    result = {
        "command": f"python bench/soak_rollout.py --new {given.new} --old {given.old} --rate {given.rate:g}",
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "clients": {"new": given.new, "old": given.old},
        "events": outcome.events,
        "deliveries_per_second": {
            "new": round(outcome.events * given.new / outcome.told_seconds, 1),
            "old": round(outcome.old_deliveries / outcome.told_seconds, 1),
        },
        "moved": outcome.moved,
        "longest_silence_ms": outcome.silence_ms,
        "connections_opened": outcome.opened,
        "of_these_negotiated": outcome.negotiated,
        "of_these_on_the_wrong_side": outcome.misplaced,
        "most_to_green_in_a_second": {
            "sent": outcome.most_sent_to_green,
            "opened": outcome.most_opened_on_green,
            "limit": CONNECTS_PER_SECOND,
        },
        "old_clients_back_after_own_delay_ms": outcome.back_after_own_delay_ms,
        "problems": outcome.problems + outcome.late,
    }
    print(json.dumps(result, indent=2))
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    if problems := outcome.problems + outcome.late:
        sys.exit(f"{len(problems)} things do not hold")


if __name__ == "__main__":
    main()
