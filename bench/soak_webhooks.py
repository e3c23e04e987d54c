"""Generated webhooks against the application, which is killed in between; the end is compared with an oracle.

Usage: python bench/soak_webhooks.py [--requests 100000] [--rate 310] [--kills 5] [--seed 1]

20 % are sent twice, 10 % in the wrong order, 5 % of the orders meet a vendor whose API fails at first, 5 % are forged,
1 % cannot be read. `meschain serve` is killed (SIGKILL) and started again; the sender repeats what was not answered, as
vendors do. After each start what waited before it is worked on. At the end nothing waits, every order's last event is
the newest thing that happened to it, no event was stored twice or behind a newer one, and all forged ones were refused.
Writes bench/results/soak-webhooks.json; ends with 1 unless that holds, and the answers came in time at the rate.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from lab.machine import shape
from lab.processes import free_port, stop_children_when_terminated
from webhook_traffic import FORGED, SHOP, Keys, Sent, Traffic, make_traffic
from webhook_vendors import Vendors, running_vendors

HERE = Path(__file__).parent
RESULT = HERE / "results" / "soak-webhooks.json"
START_SECONDS = 120.0
DRAIN_SECONDS = 300.0
AT_ONCE = 64
"""Requests under way; above it the sender falls behind its rate, and says so."""
BAR_MS = 100.0
"""For the 99th percentile of the answers, at the rate below."""
BAR_RATE = 300.0
REPEAT_SECONDS = 0.25
"""Before what was not answered is sent again."""


@dataclass
class Outcome:
    """What was seen."""

    answers: Counter[str] = field(default_factory=Counter)
    milliseconds: list[float] = field(default_factory=list)
    """Of answers at the rate."""
    milliseconds_after_restarts: list[float] = field(default_factory=list)
    """Of those to what was begun from a kill until the backlog was worked on: all repeat then, above the rate."""
    recovering: int = 0
    """Restarts that are under way."""
    seconds: float = 0.0
    drained_seconds: float = 0.0
    restarts_drained_seconds: list[float] = field(default_factory=list)
    """From each start until all that had been stored before it was worked on, first failures of APIs included."""
    problems: list[str] = field(default_factory=list)


class Server:
    """`meschain serve` on its own data folder and always the same port."""

    def __init__(self, folder: Path, vendors: Vendors, keys: Keys) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.database = folder / "data" / "demo.db"
        self._config = folder / "meschain.toml"
        self._config.write_text(_settings(folder, vendors, keys))
        self._log = (folder / "server.log").open("ab")
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, http: aiohttp.ClientSession) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "meschain", "serve", "--config", str(self._config), "--port", str(self.port),
            stdout=self._log, stderr=self._log,
        )  # fmt: skip
        async with asyncio.timeout(START_SECONDS):
            while True:
                with suppress(aiohttp.ClientError):
                    async with http.get(f"{self.url}/healthz") as answer:
                        if answer.status == 200:
                            return
                await asyncio.sleep(0.1)

    async def end(self, how: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(how)
            await self._process.wait()

    def close(self) -> None:
        self._log.close()


def _settings(folder: Path, vendors: Vendors, keys: Keys) -> str:
    return f"""
data_dir = "{folder / "data"}"
webhooks_per_address = 1000000
log_level = "warning"

[etsy_stores.main]
shop_id = {SHOP}
signing_secret = "{keys.etsy_secret}"
tolerance_seconds = 86400
api_key = "key"
refresh_token = "refresh"
api_url = "{vendors.url}"
token_url = "{vendors.url}/token"

[ebay_stores.main]
client_id = "app"
client_secret = "cert"
refresh_token = "refresh"
endpoint = "https://panel.example.com/webhooks/ebay/main"
verification_token = "{"t" * 40}"
api_url = "{vendors.url}"
"""


async def soak(count: int, rate: float, kills: int, seed: int, progress: bool = True) -> Outcome:
    """Run it, and return what was seen; `problems` is empty when all of it holds."""
    keys = Keys()
    traffic = make_traffic(seed, count, keys, datetime.now(UTC))
    outcome = Outcome()
    with tempfile.TemporaryDirectory(prefix="soak-webhooks-") as place:
        async with (
            running_vendors(keys.ebay_public_key, traffic.faults) as vendors,
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as http,
        ):
            server = Server(Path(place), vendors, keys)
            try:
                await server.start(http)
                await _send_all(server, http, traffic, rate, kills, outcome, progress)
                outcome.drained_seconds = await _drain(
                    server, outcome, await asyncio.to_thread(_newest, server.database)
                )
            finally:
                await server.end(signal.SIGTERM)
                server.close()
        outcome.problems += _differences(server.database, traffic, outcome)
    return outcome


async def _send_all(
    server: Server,
    http: aiohttp.ClientSession,
    traffic: Traffic,
    rate: float,
    kills: int,
    outcome: Outcome,
    progress: bool,
) -> None:
    turn = asyncio.Semaphore(AT_ONCE)
    begun = time.monotonic()
    kill_at = {len(traffic.requests) * (number + 1) // (kills + 1) for number in range(kills)}
    restarts: list[asyncio.Task[None]] = []

    async def restart() -> None:
        outcome.recovering += 1
        await server.end(signal.SIGKILL)
        await server.start(http)
        stored = await asyncio.to_thread(_newest, server.database)
        outcome.restarts_drained_seconds.append(await _drain(server, outcome, stored))
        outcome.recovering -= 1

    async with asyncio.TaskGroup() as group:
        for number, sent in enumerate(traffic.requests):
            if number in kill_at:
                restarts.append(group.create_task(restart()))
            ahead = begun + number / rate - time.monotonic()
            if ahead > 0:
                await asyncio.sleep(ahead)
            await turn.acquire()
            group.create_task(_send(server, http, sent, turn, outcome))
            if progress and number % 5_000 == 0:
                print(f"{number} of {len(traffic.requests)} sent, {int(time.monotonic() - begun)} s", flush=True)
    outcome.seconds = time.monotonic() - begun


async def _send(
    server: Server, http: aiohttp.ClientSession, sent: Sent, turn: asyncio.Semaphore, outcome: Outcome
) -> None:
    """Send it until it is answered with anything but 5xx."""
    try:
        while True:
            begun = time.monotonic()
            times = outcome.milliseconds_after_restarts if outcome.recovering else outcome.milliseconds
            try:
                url = f"{server.url}{sent.path}"
                async with http.post(url, data=sent.body, headers=dict(sent.headers)) as answer:
                    await answer.read()
                    status = answer.status
            except (aiohttp.ClientError, TimeoutError):
                status = 0
            else:
                times.append((time.monotonic() - begun) * 1000)
            if 0 < status < 500:
                outcome.answers[f"{sent.kind} {status}"] += 1
                return
            await asyncio.sleep(REPEAT_SECONDS)
    finally:
        turn.release()


async def _drain(server: Server, outcome: Outcome, newest: int) -> float:
    """Wait until nothing waits of what is stored up to there; how long that took."""
    begun = time.monotonic()
    while waiting := await asyncio.to_thread(_waiting, server.database, newest):
        if time.monotonic() - begun > DRAIN_SECONDS:
            outcome.problems.append(f"{waiting} deliveries still wait after {DRAIN_SECONDS:g} s")
            break
        await asyncio.sleep(0.2)
    return round(time.monotonic() - begun, 1)


def _newest(database_file: Path) -> int:
    with closing(sqlite3.connect(database_file, timeout=30)) as database:
        return int(database.execute("SELECT COALESCE(MAX(sequence), 0) FROM mc_inbox").fetchone()[0])


def _waiting(database_file: Path, newest: int) -> int:
    sql = "SELECT COUNT(*) FROM mc_inbox WHERE status = 'waiting' AND sequence <= ?"
    with closing(sqlite3.connect(database_file, timeout=30)) as database:
        return int(database.execute(sql, (newest,)).fetchone()[0])


def _differences(database_file: Path, traffic: Traffic, outcome: Outcome) -> list[str]:
    """What is not as the oracle says."""
    oracle = traffic.oracle
    with closing(sqlite3.connect(database_file)) as database:
        statuses = dict(database.execute("SELECT status, COUNT(*) FROM mc_inbox GROUP BY status").fetchall())
        rows = database.execute(
            "SELECT event_key, event_id, payload FROM mc_events "
            "WHERE event_key LIKE 'order:etsy:%' OR event_key LIKE 'order:ebay:%' ORDER BY position"
        ).fetchall()
    found: list[str] = []
    if sum(statuses.values()) != oracle.deliveries or statuses.get("dead", 0) != oracle.dead:
        found.append(f"stored are {statuses}, and {oracle.deliveries} were to be, {oracle.dead} of them dead")
    ids = Counter(event_id for _, event_id, _ in rows)
    found += [f"{event_id} is stored {times} times" for event_id, times in ids.items() if times > 1]
    last: dict[str, tuple[datetime, str]] = {}
    for key, event_id, payload in rows:
        content: dict[str, Any] = json.loads(payload)
        moment = datetime.fromisoformat(content["occurredAt"])
        if key in last and moment < last[key][0]:
            found.append(f"{event_id} was told behind something newer")
        last[key] = (moment, content["status"])
    found += [
        f"{key} ends as {last.get(key)}, not {newest}"
        for key, newest in oracle.newest.items()
        if last.get(key) != newest
    ]
    found += [f"{key} was never sent" for key in last if key not in oracle.newest]
    refused = sum(count for answer, count in outcome.answers.items() if answer in {f"{FORGED} 401", f"{FORGED} 412"})
    if refused != oracle.forged:
        found.append(f"{oracle.forged - refused} forged ones were not refused: {dict(outcome.answers)}")
    return found


def _percentiles(times: Sequence[float]) -> dict[str, float]:
    ordered = sorted(times)
    shares = {"p50": 0.5, "p99": 0.99, "max": 1.0} if ordered else {}
    return {name: round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1) for name, share in shares.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--rate", type=float, default=310.0, help="requests a second that are begun")
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    stop_children_when_terminated()
    outcome = asyncio.run(soak(given.requests, given.rate, given.kills, given.seed))
    rate = round(sum(outcome.answers.values()) / outcome.seconds, 1)
    times = _percentiles(outcome.milliseconds)
    result = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": f"python bench/soak_webhooks.py {' '.join(sys.argv[1:])}".strip(),
        "machine": shape(),
        "requests": given.requests,
        "kills": given.kills,
        "answers": dict(sorted(outcome.answers.items())),
        "requests_per_second": rate,
        "answered_milliseconds": times,
        "answered_milliseconds_after_restarts": _percentiles(outcome.milliseconds_after_restarts),
        "drained_seconds": outcome.drained_seconds,
        "drained_seconds_after_restarts": outcome.restarts_drained_seconds,
        "problems": outcome.problems[:50],
        "holds": not outcome.problems and times["p99"] < BAR_MS and rate >= BAR_RATE,
    }
    print(json.dumps(result, indent=2))
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    if not result["holds"]:
        sys.exit(f"it does not hold: {len(outcome.problems)} problems, p99 {times['p99']} ms at {rate} a second")


if __name__ == "__main__":
    main()
