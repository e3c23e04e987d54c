"""What it costs to see who connects: one read of our own SQLite and one look at a bearer token, as it was and as it is.

Usage: python bench/sign_on.py [--rounds 9]
Both ways in turn within each round; processor time of the process, medians. Writes bench/results/sign_on.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import jwt
import sqlalchemy
import uvloop
from sqlalchemy import select

from meschain.auth.keys import LOGIN_KEYS, Secrets
from meschain.auth.login_tokens import AUDIENCE, LoginTokens
from meschain.domain.roles import Identity, Role
from meschain.services.clock import SystemClock
from meschain.state.database import Database
from meschain.state.login_sessions import SqlLoginSessionStore
from meschain.state.tables import login_sessions

READS = 200
"""Each way, in each round."""
SECRET = "q8Zt2-bench-only-Lr5Xw9Kd3Vn7Mh1Pc"  # noqa: S105 - signs nothing but this measurement


async def microseconds(work: Callable[[], Awaitable[object]]) -> float:
    await work()
    started = time.process_time()
    for _ in range(READS):
        await work()
    return (time.process_time() - started) / READS * 1e6


async def measure(rounds: int) -> dict[str, list[float]]:
    with tempfile.TemporaryDirectory() as folder:
        database = await Database.open(f"sqlite:///{folder}/state.db")
        store, clock = SqlLoginSessionStore(database), SystemClock()
        keys = Secrets(SECRET).keys(LOGIN_KEYS)
        tokens = LoginTokens(keys, clock)
        token = tokens.issue(Identity("own:1", "Ada", Role.ADMIN), 900, "session")

        async def read_before() -> None:
            async with database.begin() as connection:
                await connection.execute(select(login_sessions).where(login_sessions.c.id == "session"))

        async def read_now() -> None:
            await store.get("session")

        async def token_before() -> None:
            jwt.decode(token, options={"verify_signature": False})
            jwt.get_unverified_header(token)
            jwt.decode(token, keys[0].value, algorithms=["HS256"], audience=AUDIENCE)

        async def token_first() -> None:
            LoginTokens(keys, clock).verify(token)

        async def token_again() -> None:
            tokens.verify(token)

        ways = {
            "read, query built and within a transaction": read_before,
            "read as it is": read_now,
            "token, taken apart three times": token_before,
            "token as it is, the first time": token_first,
            "token as it is, again": token_again,
        }
        found: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, work in ways.items():
                found[name].append(await microseconds(work))
        await database.close()
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds: int = parser.parse_args().rounds
    found = uvloop.run(measure(rounds))
    result = {
        "scenario": "sign_on",
        "command": f"python bench/sign_on.py --rounds {rounds}",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"cores": os.cpu_count(), "architecture": platform.machine()},
        "versions": {
            "python": platform.python_version(),
            "sqlalchemy": sqlalchemy.__version__,
            "pyjwt": jwt.__version__,
        },
        "unit": "us of processor time",
        "medians": {name: round(statistics.median(values), 1) for name, values in found.items()},
        "lowest": {name: round(min(values), 1) for name, values in found.items()},
        "highest": {name: round(max(values), 1) for name, values in found.items()},
    }
    path = Path(__file__).parent / "results" / "sign_on.json"
    path.write_text(json.dumps(result, indent=2) + "\n")
    for name, values in found.items():
        print(f"{name:<45} {statistics.median(values):8.1f} us ({min(values):.1f} to {max(values):.1f})")


if __name__ == "__main__":
    main()
