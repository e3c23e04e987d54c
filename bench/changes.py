"""From a commit in a shop's database to the handlers of a thousand clients, by each way of following the shop.

Usage: python bench/changes.py [--seconds 60] [--rate 1000] [--clients 1000] [--scenarios binlog,polling,group,panel]
`meschain serve` follows an OpenCart shop of 10,000 products on a MariaDB of its own, while a program changes it by the
clock: 1,000 commits a second, four of five a product's stock, the fifth an order's status. Of the 1,000 clients each
change is for 50 (`binlog`, `polling`, `panel`), or all watch the one marketplace that changes (`group`). One more
client is a Chromium, which draws the marketplace panel in `panel`. Writes bench/results/changes.json; ends with 1
unless every bar holds.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import mmap
import os
import shlex
import signal
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from app.tests.opencart.mariadb import WITH_LOG, MariaDBProcess, mariadb_process

from follow.page import Arrival, WatchingPage, watching_page
from follow.plan import LANES, ORDER, STOCK, Group, Plan
from follow.served import LogIn, ServedShop
from follow.shop import fill
from follow.usage import cpu_seconds
from follow.writer import MOMENT, Task, Written
from lab.generator import LOAD, Times
from lab.machine import shape, versions
from lab.processes import stop_children_when_terminated
from meschain.domain.events import MARKETPLACE_HUB
from meschain.domain.roles import Role

HERE = Path(__file__).parent
RESULT = HERE / "results" / "changes.json"
CODES = ("amazon", "ebay", "trendyol", "hepsiburada", "n11", "ozon")
QUIET = "etsy"
MANAGER = Role.MARKETPLACE_MANAGER
HEARERS = 50
BAR_MS = 100.0
POLL_SECONDS = 1.0
"""Between two looks at the stock, the default; the others come twice as often."""
ALONE_SECONDS = 5.0
ARRIVAL_SECONDS = 60.0
LEAST_RATE = 0.98
"""Of the commits that were to be made a second; with fewer the shop itself was too slow."""
READY_SECONDS = 120.0
JOIN = '{{"type":1,"invocationId":"1","target":"JoinMarketplaceGroup","arguments":["{code}","{user}"]}}\\x1e'
HANDSHAKE = '{"protocol":"json","version":1}\\x1e'
PING = '{"type":6}\\x1e'


class Heard(msgspec.Struct, frozen=True):
    """Of one group."""

    count: int
    least: int
    """Events that the client with the fewest got, each counted once."""
    most: int


class Followed(msgspec.Struct, frozen=True):
    """What the generator counted."""

    ready: int
    lost: int
    frames: int
    events: int
    disordered: int
    """Events that were not behind those before, by their position: told again, or out of order. They are not counted as
    got."""
    unknown: int
    early: int
    generator_share: float
    kinds: Sequence[Heard]
    from_due: Times
    from_done: Times


@dataclass(frozen=True, slots=True)
class Scenario:
    name: str
    title: str
    capture: str
    bar_ms: float | None
    """On the 99th percentile from when a commit was due; None: it is stated."""
    page: str | None = ""
    """What the Chromium among the clients shows; empty: nothing, it hears only. None: there is none."""

    def plan(self, rate: float, seconds: float, clients: int) -> Plan:
        if self.name == "group":
            return Plan((Group(CODES[0], clients),), rate, 5.0, seconds)
        quiet = clients - len(CODES) * HEARERS
        groups = [*(Group(code, HEARERS) for code in CODES), *([Group(QUIET, quiet, False)] if quiet > 0 else [])]
        return Plan(tuple(groups), rate, 5.0, seconds)


SCENARIOS = (
    Scenario("binlog", "The binary log, each change for 50 clients", "binlog", BAR_MS),
    Scenario("polling", "Polling, each change for 50 clients", "polling", POLL_SECONDS * 1000 + BAR_MS),
    Scenario("group", "The binary log, all clients in one group", "binlog", None, page=None),
    Scenario("panel", "The binary log, with the panel drawn on the same machine", "binlog", None, page="marketplace"),
)


@contextlib.asynccontextmanager
async def listening(
    served: ServedShop, log_ins: Mapping[str, LogIn], plan: Plan, moments: Path, first_history: int
) -> AsyncIterator[Any]:
    """All clients but the page, connected and joined."""
    command = [str(LOAD), "follow", "--port", str(served.port), "--moments", str(moments), "--connecting", "8"]
    command += ["--marker", f"0 1 0 {STOCK}"]
    command += ["--marker", f"{first_history} {LANES} {LANES - 1} {ORDER}", "--keep-alive", "10"]
    for group in plan.groups:
        log_in = log_ins[group.marketplace]
        path = served.hub_path(log_in, MARKETPLACE_HUB)
        join = JOIN.format(code=group.marketplace, user=log_in.user_id)
        command += ["--kind", str(group.members), "--path", path, "--first", HANDSHAKE, "--then", join]
        command += ["--keep-alive-text", PING]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        assert process.stderr is not None
        async with asyncio.timeout(READY_SECONDS):
            while not (line := await process.stderr.readline()).startswith(b"load: ready"):
                if not line:
                    raise SystemExit("the clients could not connect")
                print(line.decode().strip(), file=sys.stderr)
        if f" {sum(group.members for group in plan.groups)} of" not in line.decode():
            raise SystemExit(line.decode())
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def change(task: Task) -> tuple[Any, asyncio.Task[Written]]:
    """Who changes the shop, begun."""
    paths = os.pathsep.join([str(HERE), str(HERE.parent), os.environ.get("PYTHONPATH", "")])
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "follow.writer"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": paths},
    )

    async def end() -> Written:
        said, _ = await process.communicate(msgspec.json.encode(task))
        if process.returncode:
            raise SystemExit("the shop could not be changed")
        return msgspec.json.decode(said, type=Written)

    return process, asyncio.create_task(end())


def make_moments(path: Path, plan: Plan) -> None:
    path.write_bytes(bytes(plan.count * MOMENT.size))


async def alone(database: MariaDBProcess, plan: Plan, folder: Path) -> float:
    """The share of a core that the database takes for the shop's own commits, with nobody who follows. Comes last: the
    shop is not the same behind it."""
    plan = replace(plan, warm_seconds=1.0, seconds=ALONE_SECONDS)
    moments = folder / "alone"
    make_moments(moments, plan)
    server = database.server
    _, written = await change(Task(plan, server.port, server.user, server.password, str(moments)))
    await asyncio.sleep(1.5)
    return await share_while(written, database.pid)


async def share_while(work: asyncio.Task[Any], *processes: int) -> float:
    begun, before = time.monotonic(), cpu_seconds(*processes)
    await asyncio.wait([work])
    return (cpu_seconds(*processes) - before) / (time.monotonic() - begun)


async def measure(scenario: Scenario, plan: Plan, folder: Path) -> dict[str, Any]:
    with mariadb_process(WITH_LOG) as database:
        server = database.server
        world = await fill(server, plan)
        first_history = plan.orders + 1
        served = ServedShop(folder, world.url, scenario.capture)
        served.start()
        try:
            names = {group.marketplace: group.marketplace for group in plan.groups} | {
                "page": plan.groups[0].marketplace
            }
            log_ins = await served.add_accounts({name: (MANAGER, [code]) for name, code in names.items()})
            moments = folder / "moments"
            make_moments(moments, plan)
            async with contextlib.AsyncExitStack() as stack:
                page = None
                if scenario.page is not None:
                    page = await stack.enter_async_context(
                        watching_page(served.url, "page", log_ins["page"].password, scenario.page)
                    )
                generator = await stack.enter_async_context(listening(served, log_ins, plan, moments, first_history))
                await until_followed(served, scenario.capture)
                task = Task(plan, server.port, server.user, server.password, str(moments))
                writer, written = await change(task)
                await asyncio.sleep(plan.warm_seconds)
                roots = {
                    "server": served.pid,
                    "database": database.pid,
                    "clients": generator.pid,
                    "writer": writer.pid,
                }
                before = {name: cpu_seconds(pid) for name, pid in roots.items()}
                browser_before, begun = cpu_seconds(os.getpid()), time.monotonic()
                await asyncio.sleep(plan.seconds - 1)
                took = time.monotonic() - begun
                shares = {name: (cpu_seconds(pid) - before[name]) / took for name, pid in roots.items()}
                others = cpu_seconds(os.getpid()) - browser_before
                shares["page"] = others / took - sum(shares.values())
                done = await written
                await until_told(served, plan)
                arrivals = await all_arrivals(page, plan) if page is not None else []
                generator.send_signal(signal.SIGTERM)
                said = await generator.stdout.read()
                followed = msgspec.json.decode(said, type=Followed)
            served.stop()
            shares["database_without_us"] = await alone(database, plan, folder)
        except BaseException:
            print(served.log(), file=sys.stderr)
            raise
        finally:
            served.stop()
            await world.raw.close()
        return summary(scenario, plan, done, followed, page_times(plan, arrivals, moments, first_history), shares)


async def until_followed(served: ServedShop, capture: str) -> None:
    """Wait until nothing that happens from now on is passed over."""
    name = "opencart.binlog:%" if capture == "binlog" else "opencart.stock:%"
    async with asyncio.timeout(READY_SECONDS):
        while not _one(served, "SELECT COUNT(*) FROM mc_cursors WHERE name LIKE ?", name):
            await asyncio.sleep(0.1)


async def until_told(served: ServedShop, plan: Plan) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(ARRIVAL_SECONDS):
            while (
                _one(served, "SELECT COALESCE(MAX(position), 0) FROM mc_cursors WHERE name = 'events.published'")
                < plan.count
            ):
                await asyncio.sleep(0.2)
    await asyncio.sleep(1)


async def all_arrivals(page: WatchingPage, plan: Plan) -> Sequence[Arrival]:
    """What the page has handled, once it is through."""
    wanted = plan.expected()[plan.groups[0].marketplace]
    deadline = time.monotonic() + ARRIVAL_SECONDS
    while len(found := await page.arrivals()) < wanted and time.monotonic() < deadline:
        await asyncio.sleep(0.5)
    return found


def _one(served: ServedShop, sql: str, *values: object) -> int:
    with (
        contextlib.suppress(sqlite3.OperationalError),
        contextlib.closing(sqlite3.connect(served.state, timeout=30)) as database,
    ):
        return int(database.execute(sql, values).fetchone()[0])
    return 0


def page_times(plan: Plan, arrivals: Sequence[Arrival], moments: Path, first_history: int) -> dict[str, float]:
    with moments.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as held:
        times = []
        for arrival in arrivals:
            number = arrival.quantity
            if ORDER in arrival.event_id:
                number = (int(arrival.event_id.rpartition(":")[2]) - first_history) * LANES + LANES - 1
            due, _ = MOMENT.unpack_from(held, number * MOMENT.size)
            if due:
                times.append((arrival.at_ns - due) / 1e6)
    return percentiles(times) | {"events": len(arrivals)} if arrivals else {}


def percentiles(times: Sequence[float]) -> dict[str, float]:
    if not times:
        return {}
    ordered = sorted(times)
    return {
        "p50_ms": round(statistics.median(ordered), 1),
        "p99_ms": round(ordered[int(len(ordered) * 0.99)], 1),
        "max_ms": round(ordered[-1], 1),
    }


def summary(
    scenario: Scenario,
    plan: Plan,
    written: Written,
    followed: Followed,
    page: Mapping[str, float],
    shares: Mapping[str, float],
) -> dict[str, Any]:
    expected = plan.expected()
    problems = [
        f"{group.marketplace}: {heard.least} to {heard.most} of {expected[group.marketplace]} events"
        for group, heard in zip(plan.groups, followed.kinds, strict=True)
        if (heard.least, heard.most) != (expected[group.marketplace],) * 2
    ]
    counts = {"lost": followed.lost, "disordered": followed.disordered, "unknown": followed.unknown}
    problems += [f"{name}: {count}" for name, count in counts.items() if count]
    if page.get("events", expected[plan.groups[0].marketplace]) != expected[plan.groups[0].marketplace]:
        problems.append(f"the page: {page['events']} of {expected[plan.groups[0].marketplace]} events")
    is_in_time = written.per_second >= LEAST_RATE * plan.rate
    p99 = followed.from_due.p99_us / 1000
    return {
        "title": scenario.title,
        "commits": written.commits,
        "commits_per_second": written.per_second,
        "deliveries_per_second": round(followed.from_due.samples / plan.seconds),
        "events_per_frame": round(followed.events / max(1, followed.frames), 2),
        "from_due_ms": _times(followed.from_due),
        "from_commit_ms": _times(followed.from_done),
        "page_from_due_ms": dict(page),
        "commit_ms": {"p50": written.commit_p50_ms, "p99": written.commit_p99_ms, "late_max": written.late_max_ms},
        "core_shares": {name: round(share, 2) for name, share in shares.items()},
        "bar_p99_ms": scenario.bar_ms,
        "rate_was_kept": is_in_time,
        "holds": None if scenario.bar_ms is None else p99 < scenario.bar_ms and is_in_time and not problems,
        "problems": problems,
    }


def _times(times: Times) -> dict[str, float]:
    return {
        "p50": round(times.p50_us / 1000, 1),
        "p99": round(times.p99_us / 1000, 1),
        "max": round(times.max_us / 1000, 1),
        "samples": times.samples,
    }


async def run(options: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for scenario in SCENARIOS:
        if scenario.name in options.scenarios.split(","):
            plan = scenario.plan(options.rate, options.seconds, options.clients)
            print(f"{scenario.title}: {plan.count} commits", file=sys.stderr)
            with tempfile.TemporaryDirectory(prefix="changes-") as folder:
                found[scenario.name] = await measure(scenario, plan, Path(folder))
            print(json.dumps(found[scenario.name], indent=1), flush=True)
    return found


def show(scenarios: Mapping[str, Mapping[str, Any]]) -> None:
    """The table that people read."""
    heads = ("commits/s", "deliveries/s", "p50 ms", "p99 ms", "max ms", "page p99", "bar")
    print(" " * 10 + "".join(f"{head:>14}" for head in heads))
    for name, found in scenarios.items():
        times, page = found["from_due_ms"], found["page_from_due_ms"].get("p99_ms", "-")
        verdict = {None: "stated", True: "holds", False: "DOES NOT HOLD"}[found["holds"]]
        row = (found["commits_per_second"], found["deliveries_per_second"], times["p50"], times["p99"], times["max"])
        print(f"{name:<10}" + "".join(f"{each!s:>14}" for each in (*row, page, found["bar_p99_ms"] or "-")), verdict)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="measured, after 5 that are not")
    parser.add_argument("--rate", type=float, default=1000.0, help="commits a second")
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--scenarios", default="binlog,polling,group,panel")
    parser.add_argument("--result", type=Path, default=RESULT)
    options = parser.parse_args()
    stop_children_when_terminated()
    scenarios = asyncio.run(run(options))
    report = {
        "command": shlex.join(["python", *sys.argv]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": shape(),
        "versions": versions(["hubwire", "meschain", "uvicorn", "uvloop", "msgspec", "sqlalchemy"], []),
        "clients": options.clients,
        "scenarios": scenarios,
    }
    options.result.write_text(json.dumps(report, indent=1) + "\n")
    show(scenarios)
    if any(each["holds"] is False for each in scenarios.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
