"""Rules over figures in the real application: over a kill and a restart, and with a figure that goes up and down."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
from app.tests.conftest import START_SECONDS, running_site
from app.tests.entrypoints.test_serve import Process, login, serving
from app.tests.marketplaces.vendor_server import running_vendor
from app.tests.notifications.smtp_server import SmtpServer, running_smtp

from meschain.domain.alert_rules import RULES

RULE = "webhook_backlog"
CHANGES: dict[str, Any] = {name: {"enabled": False} for name in RULES} | {RULE: {"threshold": 1, "for_seconds": 0}}
"""One waiting webhook is too much, and at once; nothing else is watched."""
SECRET = "kP3vX9rTq2LmN8sYw5Bz7HcJf4Dg6AeU"
FLAPS = 50


def webhook_waits(state: Path, waits: bool) -> None:
    """Let a webhook wait for a store that nobody has set up, so that nothing works on it; or let it be gone."""
    row = {
        **dict.fromkeys(("store", "dedupe_key", "kind", "method", "path", "note"), ""),
        **dict.fromkeys(("next_attempt_at", "received_at"), "2025-03-10 09:30:00.000000"),
        "vendor": "gone",
        "headers": "{}",
        "body": b"",
        "status": "waiting",
        "attempts": 0,
    }
    with closing(sqlite3.connect(state, timeout=START_SECONDS)) as database, database:
        if waits:
            values = ", ".join(f":{name}" for name in row)
            command = f"INSERT INTO mc_inbox ({', '.join(row)}) VALUES ({values})"  # noqa: S608 - the names above
            database.execute(command, row)
        else:
            database.execute("DELETE FROM mc_inbox WHERE vendor = 'gone'")


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what other processes do; there is no event to wait for."""
    async with asyncio.timeout(START_SECONDS):
        while not await condition():  # noqa: ASYNC110 - the same
            await asyncio.sleep(0.02)


async def test_a_rule_fires_once_and_resolves_once_over_a_kill(data_dir: Path, http: aiohttp.ClientSession) -> None:
    state = data_dir / "demo.db"
    async with running_vendor() as receiver:
        receiver.answers["POST", "/alerts"] = 204
        settings = {
            "MESCHAIN_ALERT_RULES": json.dumps(CHANGES),
            "MESCHAIN_ALERT_INTERVAL_SECONDS": "0.2",
            "MESCHAIN_ALERT_WEBHOOKS": json.dumps({"ops": {"url": f"{receiver.url}/alerts", "secret": SECRET}}),
        }

        async def heard(event: str) -> bool:
            return any(event in body.decode() for _, _, body in receiver.asked)

        async with serving(data_dir, settings=settings) as process:
            webhook_waits(state, True)
            await until(lambda: heard("alert.firing"))
            process.process.kill()
            await process.process.wait()
        async with serving(data_dir, settings=settings) as process:
            before = await rule(process, http)
            assert before["state"] == "firing"
            webhook_waits(state, False)
            await until(lambda: heard("alert.resolved"))
            answer = await alerts(process, http)
            assert [(row["rule"], row["state"]) for row in answer["alerts"]] == [(RULE, "resolved")]
    # What was taken just before the kill may come again, and is told by its id.
    said = {each["id"]: each for each in (json.loads(body) for _, _, body in receiver.asked)}
    assert [each["event"] for each in said.values()] == ["alert.firing", "alert.resolved"]
    assert len({each["alert"]["id"] for each in said.values()}) == 1


async def alerts(process: Process, http: aiohttp.ClientSession) -> Any:
    token = await login(http, process, "admin")
    headers = {"Authorization": f"Bearer {token}"}
    async with http.get(f"{process.url}/api/alerts", headers=headers) as answer:
        assert answer.status == 200
        return await answer.json()


async def rule(process: Process, http: aiohttp.ClientSession) -> Any:
    (found,) = (await alerts(process, http))["rules"]
    return found


async def test_a_figure_that_goes_up_and_down_fifty_times_is_one_alert(data_dir: Path) -> None:
    async with (
        running_smtp(SmtpServer()) as mail,
        running_site(
            data_dir,
            alert_rules=CHANGES,
            alert_interval_seconds=0.02,
            alert_again_seconds=86_400,
            smtp_url=f"smtp+plain://127.0.0.1:{mail.port}",
            alert_mail_from="shop@example.com",
            alert_mail_to=("ayse@example.com",),
        ) as site,
    ):
        token = (await site.login("admin"))["accessToken"]
        state = Path(site.settings.state_url.removeprefix("sqlite:///"))

        async def answer() -> Any:
            return (await site.get("/api/alerts", token))[1]

        async def says(value: float) -> bool:
            return bool((await answer())["rules"][0]["value"] == value)

        async with site.connected(token) as page:
            for _ in range(FLAPS):
                await asyncio.to_thread(webhook_waits, state, True)
                await until(lambda: says(1))
                await asyncio.to_thread(webhook_waits, state, False)
                await until(lambda: says(0))
            (alert,) = (await answer())["alerts"]
            assert (alert["rule"], alert["state"]) == (RULE, "resolved")
            await page.received("systemAlert", lambda told: told["state"] == "resolved")
            assert [told["state"] for told in page.all_received("systemAlert")] == ["firing", "resolved"]

        async def is_sent() -> bool:
            return bool(mail.mails)

        await until(is_sent)
        # One more at most, that it is over, once mails are far enough apart.
        assert len(mail.mails) <= 2
        assert alert["message"] in mail.mails[0].message["Subject"]
