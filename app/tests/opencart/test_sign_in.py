"""Signing in from the shop's administration (`http/opencart_session`), on the running application with a real shop."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from app.tests.opencart.clock import ManualClock
from app.tests.opencart.conftest import MakeWorld
from app.tests.opencart.test_admin_sessions import SESSION, TOKEN, add_admin, log_in
from app.tests.opencart.world import World
from app.tests.site import Site, running_site
from pydantic import SecretStr

from meschain.auth.shop_sign_in import TICKET_SECONDS
from meschain.http.login import REFRESH_COOKIE
from meschain.opencart.schema import Version
from meschain.state.database import Database

BODY = {"sessionId": SESSION, "userToken": TOKEN}


@dataclass
class Shop:
    """A shop with an administrator who is logged in, and the service on it."""

    world: World
    site: Site
    user_id: int

    async def post(self, path: str = "", body: object = BODY) -> tuple[int, Any]:
        async with self.site.http.post(f"{self.site.url}/api/session/opencart{path}", json=body) as answer:
            assert "Set-Cookie" not in answer.headers
            return answer.status, await answer.json()

    async def enter(self, url: str) -> tuple[int, str, str]:
        """Status, where to, and the cookie that was set."""
        async with self.site.http.get(url, allow_redirects=False) as answer:
            return answer.status, answer.headers["Location"], answer.headers.get("Set-Cookie", "")


@pytest.fixture
async def shop(make_world: MakeWorld, tmp_path: Path) -> AsyncIterator[Shop]:
    world = replace(await make_world("mariadb", Version.V4_0), clock=ManualClock(datetime.now(UTC)))
    user_id = await add_admin(world)
    await log_in(world, {"user_id": user_id, "user_token": TOKEN})
    secret = SecretStr(secrets.token_urlsafe(40))
    url = SecretStr(world.url)
    async with running_site(tmp_path / "data", opencart_url=url, secret=secret, login_failures_per_address=3) as site:
        yield Shop(world, site, user_id)


async def test_a_ticket_is_changed_for_a_log_in_once(shop: Shop) -> None:
    status, answer = await shop.post("/ticket")
    assert (status, answer["expiresIn"]) == (200, TICKET_SECONDS)
    assert TOKEN not in answer["url"]
    assert SESSION not in answer["url"]
    assert answer["url"].startswith(f"{shop.site.settings.public_url}/api/session/opencart/enter?ticket=")
    async with shop.site.http.head(answer["url"]) as looked:
        assert (looked.status, "Set-Cookie" in looked.headers) == (204, False)
    status, location, cookie = await shop.enter(answer["url"])
    assert (status, location) == (303, f"{shop.site.settings.public_url}/")
    assert cookie.startswith(f"{REFRESH_COOKIE}=")
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    headers = {"Cookie": cookie.partition(";")[0]}
    async with shop.site.http.post(f"{shop.site.url}/api/refresh", headers=headers) as refreshed:
        assert (await refreshed.json())["userId"] == f"opencart:{shop.user_id}"
    assert await shop.enter(answer["url"]) == (303, f"{shop.site.settings.public_url}/", "")


async def test_scripts_get_a_token_that_negotiates(shop: Shop) -> None:
    status, session = await shop.post()
    assert (status, session["userId"]) == (200, f"opencart:{shop.user_id}")
    assert (await shop.site.get("/api/session", session["accessToken"]))[0] == 200
    async with shop.site.connected(session["accessToken"]) as client:
        await client.invoke("JoinAdminGroup", session["userId"], session["role"])


async def test_a_ticket_of_somebody_who_was_disabled_meanwhile_is_nothing(shop: Shop) -> None:
    _, answer = await shop.post("/ticket")
    await shop.world.run("UPDATE {user} SET status = 0")
    assert (await shop.enter(answer["url"]))[2] == ""


async def test_a_ticket_that_ran_out_or_never_was_leads_to_the_log_in_page(shop: Shop) -> None:
    _, answer = await shop.post("/ticket")
    database = await Database.open(shop.site.settings.state_url)
    async with database.begin() as connection:
        earlier = (datetime.now(UTC) - timedelta(seconds=1)).replace(tzinfo=None).isoformat(" ")
        await connection.exec_driver_sql("UPDATE mc_sign_in_tickets SET expires_at = ?", (earlier,))
    await database.close()
    nobodys = f"{shop.site.url}/api/session/opencart/enter"
    for url in (answer["url"], nobodys, f"{nobodys}?ticket={'x' * 5000}"):
        status, location, cookie = await shop.enter(url)
        assert (status, location, cookie) == (303, f"{shop.site.settings.public_url}/", "")


async def test_strangers_are_refused_and_then_throttled(shop: Shop) -> None:
    wrong = {**BODY, "userToken": "u" * 32}
    for path in ("", "/ticket", ""):
        status, answer = await shop.post(path, wrong)
        assert (status, answer["code"]) == (401, "wrong_credentials")
    assert (await shop.post())[0] == 429


async def test_other_bodies_are_refused(shop: Shop) -> None:
    bodies: list[object] = [{}, {"sessionId": SESSION}, {**BODY, "userId": 1}, {**BODY, "sessionId": "x" * 129}, []]
    for body in bodies:
        assert (await shop.post("", body))[0] == 400
    async with shop.site.http.post(f"{shop.site.url}/api/session/opencart/ticket", data=BODY) as answer:
        assert answer.status == 415


async def test_a_shop_with_a_second_factor_wants_a_trusted_browser(shop: Shop) -> None:
    await shop.world.set("config_security", "1")
    status, answer = await shop.post()
    assert (status, answer["code"]) == (403, "second_factor_required")


async def test_a_shop_that_is_away_is_said(shop: Shop) -> None:
    assert (await shop.post())[0] == 200
    # With a table that every shop has: whoever looks which tables there are meanwhile finds no shop, rather than one
    # that keeps its sessions elsewhere.
    await shop.world.run("RENAME TABLE {setting} TO {setting_away}, {session} TO {session_away}")
    assert (await shop.post())[0] == 503
    await shop.world.run("RENAME TABLE {session_away} TO {session}, {setting_away} TO {setting}")
    assert (await shop.post())[0] == 200
