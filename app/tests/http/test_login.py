"""Log-in, refresh, log-out and session over real sockets: the answers, the cookie, and every refusal."""

from __future__ import annotations

import logging

import aiohttp
import pytest
from app.tests.auth.issuing import KeyServer, payload
from app.tests.auth.rig import PASSWORD, Rig
from app.tests.auth.test_external_tokens import RSA, provider
from app.tests.conftest import Serve
from app.tests.http.identity import OTHER_ORIGIN, PUBLIC_URL, Api, served_api

from meschain.domain.events import ADMIN_HUB, DASHBOARD_HUB, HUBS, MARKETPLACE_HUB
from meschain.domain.marketplaces import MARKETPLACES
from meschain.domain.roles import Role
from meschain.http.login import MAXIMUM_BODY_BYTES
from meschain.state.database import Database


@pytest.fixture
def rig(database: Database) -> Rig:
    return Rig(database)


@pytest.fixture
async def api(rig: Rig, serve: Serve, http: aiohttp.ClientSession) -> Api:
    return await served_api(rig, serve, http)


async def test_a_log_in_tells_who_and_sets_a_cookie_that_scripts_cannot_read(api: Api) -> None:
    user_id = await api.rig.add("ada", Role.ADMIN)
    answer = await api.login("ada")
    assert answer.status == 200
    assert answer.headers["cache-control"] == "no-store"
    token = answer.body.pop("accessToken")
    assert answer.body == {
        "userId": user_id,
        "name": "ada",
        "role": "admin",
        "permissions": ["user_management", "all_marketplaces", "reports", "system_config"],
        "marketplaces": list(MARKETPLACES),
        "hubs": list(HUBS),
        "demo": True,
        "expiresIn": 900,
    }
    attributes = {part.strip().lower() for part in answer.cookies[0].split(";")[1:]}
    assert attributes == {"httponly", "secure", "samesite=strict", "path=/api", "max-age=3600"}
    session = await api.get("/api/session", token=str(token))
    assert session.body == {**answer.body, "accessToken": "", "expiresIn": 0}


async def test_a_public_address_without_tls_has_a_cookie_without_secure(
    rig: Rig, serve: Serve, http: aiohttp.ClientSession
) -> None:
    api = await served_api(rig, serve, http, public_url="http://localhost:8000")
    await rig.add("ada")
    assert "secure" not in (await api.login("ada")).cookies[0].lower()


async def test_wrong_user_and_wrong_password_are_one_answer(api: Api) -> None:
    await api.rig.add("ada")
    first, second = await api.login("ada", "wrong"), await api.login("nobody", "wrong")
    assert first.status == second.status == 401
    assert first.body == second.body == {"error": "User name or password is wrong.", "code": "wrong_credentials"}
    assert not first.cookies


async def test_a_second_factor_is_named(api: Api) -> None:
    api.rig.shop.add("boss", Role.ADMIN)
    api.rig.shop.second_factor.add("boss")
    answer = await api.login("boss")
    assert answer.status == 403
    assert answer.body["code"] == "second_factor_required"
    assert not answer.cookies


async def test_too_many_failures_wait(api: Api) -> None:
    await api.rig.add("ada")
    for _ in range(3):
        await api.login("ada", "wrong")
    answer = await api.login("ada")
    assert answer.status == 429
    assert answer.headers["retry-after"] == "300"
    await api.rig.clock.advance(300)
    assert (await api.login("ada")).status == 200


async def test_forwarded_addresses_count_from_trusted_proxies_only(
    rig: Rig, serve: Serve, http: aiohttp.ClientSession
) -> None:
    direct = await served_api(rig, serve, http)
    for number in range(7):
        answer = await direct.post(
            "/api/login",
            json={"username": f"user{number}", "password": "wrong"},
            headers={"X-Forwarded-For": f"203.0.113.{number}"},
        )
    assert answer.status == 429
    behind = await served_api(rig, serve, http, trusted_proxies=("127.0.0.1",))
    answer = await behind.post(
        "/api/login", json={"username": "eve", "password": "wrong"}, headers={"X-Forwarded-For": "203.0.113.9"}
    )
    assert answer.status == 401


async def test_that_the_shop_is_down_is_told(api: Api) -> None:
    api.rig.shop.add("boss", Role.ADMIN)
    token = await api.token("boss")
    cookie = (await api.login("boss")).refresh_cookie
    api.rig.shop.is_down = True
    for answer in (
        await api.login("boss"),
        await api.post("/api/refresh", headers=cookie),
        await api.get("/api/session", token=token),
    ):
        assert answer.status == 503
        assert answer.headers["retry-after"] == "5"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"username": "ada"}',
        b'{"username": "", "password": "x"}',
        b'{"username": "ada", "password": ""}',
        b'{"username": 1, "password": "x"}',
        b'{"username": "ada", "password": ["x"]}',
        b'{"username": "ada", "password": "x", "role": "super_admin"}',
        b'{"username": "ada", "password": "\xff"}',
        b'{"username": "' + b"a" * 3000 + b'", "password": "x"}',
    ],
)
async def test_bodies_that_are_no_log_in(api: Api, body: bytes) -> None:
    async with api.http.post(f"{api.url}/api/login", data=body, headers={"content-type": "application/json"}) as answer:
        assert answer.status == 400
        assert set(await answer.json()) == {"error"}


async def test_a_log_in_is_limited_in_size(api: Api) -> None:
    answer = await api.post("/api/login", json={"username": "ada", "password": "x" * MAXIMUM_BODY_BYTES})
    assert answer.status == 413
    assert not api.rig.hasher.verified


async def test_a_form_of_another_site_cannot_log_anybody_in(api: Api) -> None:
    async with api.http.post(f"{api.url}/api/login", data={"username": "ada", "password": PASSWORD}) as answer:
        assert answer.status == 415


async def test_refresh_gives_a_new_token_for_the_cookie(api: Api) -> None:
    await api.rig.add("ada")
    cookie = (await api.login("ada")).refresh_cookie
    await api.rig.clock.advance(3000)
    answer = await api.post("/api/refresh", headers=cookie)
    assert answer.status == 200
    assert answer.body["expiresIn"] == 600
    assert answer.refresh_cookie == cookie
    assert (await api.get("/api/session", token=str(answer.body["accessToken"]))).status == 200


async def test_an_ended_log_in_is_told_and_its_cookie_taken_back(api: Api) -> None:
    await api.rig.add("ada")
    cookie = (await api.login("ada")).refresh_cookie
    await api.rig.clock.advance(3600)
    answer = await api.post("/api/refresh", headers=cookie)
    assert answer.status == 401
    assert answer.body["code"] == "login_ended"
    assert "max-age=0" in answer.cookies[0].lower()
    without = await api.post("/api/refresh")
    assert without.status == 401
    assert not without.cookies


@pytest.mark.parametrize("path", ["/api/login", "/api/refresh", "/api/logout"])
@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"Origin": PUBLIC_URL}, True),
        ({"Origin": OTHER_ORIGIN}, True),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Origin": "https://evil.example.com"}, False),
        ({"Origin": "https://shop.example.com.evil.com"}, False),
        ({"Origin": "http://shop.example.com"}, False),
        ({"Origin": "https://shop.example.com:8443"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": ""}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
    ],
)
async def test_pages_of_other_origins_are_refused(api: Api, path: str, headers: dict[str, str], allowed: bool) -> None:
    await api.rig.add("ada")
    cookie = (await api.login("ada")).refresh_cookie
    answer = await api.post(path, json={"username": "ada", "password": PASSWORD}, headers={**headers, **cookie})
    assert answer.status in ({200, 204} if allowed else {403})
    if not allowed:
        assert (await api.post("/api/refresh", headers=cookie)).status == 200


async def test_a_page_of_this_server_under_another_of_its_names_is_ours(
    rig: Rig, serve: Serve, http: aiohttp.ClientSession
) -> None:
    api = await served_api(rig, serve, http, public_url="http://localhost:8000")
    await rig.add("ada")
    headers = {"Origin": api.url}
    assert (await api.post("/api/login", json={"username": "ada", "password": PASSWORD}, headers=headers)).status == 200
    behind_tls = await served_api(rig, serve, http)
    answer = await behind_tls.post("/api/refresh", headers={"Origin": behind_tls.url})
    assert answer.status == 403


@pytest.mark.parametrize("by", ["cookie", "bearer"])
async def test_log_out_ends_cookie_and_token(api: Api, by: str) -> None:
    await api.rig.add("ada")
    log_in = await api.login("ada")
    token, cookie = str(log_in.body["accessToken"]), log_in.refresh_cookie
    if by == "cookie":
        answer = await api.post("/api/logout", headers=cookie)
    else:
        answer = await api.post("/api/logout", token=token)
    assert answer.status == 204
    assert answer.text == ""
    assert "max-age=0" in answer.cookies[0].lower()
    assert (await api.post("/api/refresh", headers=cookie)).status == 401
    assert (await api.get("/api/session", token=token)).status == 401
    assert (await api.post("/api/logout", token=token, headers=cookie)).status == 204


@pytest.mark.parametrize("by", ["cookie", "token"])
async def test_log_out_does_not_ask_the_shop(api: Api, by: str) -> None:
    api.rig.shop.add("boss", Role.ADMIN)
    log_in = await api.login("boss")
    token = str(log_in.body["accessToken"])
    api.rig.shop.is_down = True
    given = log_in.refresh_cookie if by == "cookie" else {}
    assert (await api.post("/api/logout", token=token, headers=given)).status == 204
    api.rig.shop.is_down = False
    assert (await api.get("/api/session", token=token)).status == 401


async def test_a_session_needs_a_token(api: Api) -> None:
    for token in (None, "", "made up", "a.b.c"):
        answer = await api.get("/api/session", token=token)
        assert answer.status == 401
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_two_authorization_headers_are_none(api: Api) -> None:
    await api.rig.add("ada")
    token = await api.token("ada")
    headers = [("Authorization", f"Bearer {token}"), ("Authorization", f"Bearer {token}")]
    async with api.http.get(f"{api.url}/api/session", headers=headers) as answer:
        assert answer.status == 401


async def test_a_token_in_the_query_is_not_read(api: Api) -> None:
    await api.rig.add("ada")
    token = await api.token("ada")
    assert (await api.get(f"/api/session?access_token={token}")).status == 401


async def test_a_session_shows_the_account_as_it_is_now(api: Api) -> None:
    await api.rig.add("ada", Role.VIEWER)
    token = await api.token("ada")
    await api.rig.accounts.set_role("ada", Role.MARKETPLACE_MANAGER)
    await api.rig.accounts.grant("ada", ["n11"])
    body = (await api.get("/api/session", token=token)).body
    assert (body["role"], body["marketplaces"], body["hubs"]) == (
        "marketplace_manager",
        ["n11"],
        [MARKETPLACE_HUB, DASHBOARD_HUB],
    )
    await api.rig.accounts.set_disabled("ada", True)
    assert (await api.get("/api/session", token=token)).status == 401


async def test_another_issuers_token_is_a_session_as_well(
    database: Database, serve: Serve, http: aiohttp.ClientSession
) -> None:
    async with KeyServer(keys=[RSA]).serving() as keys:
        api = await served_api(Rig(database, issuers=[provider(keys)]), serve, http)
        token = RSA.sign(payload(api.rig.clock, role="super_admin"))
        answer = await api.get("/api/session", token=token)
        assert answer.body["userId"] == "external:u-1"
        assert answer.body["hubs"] == [ADMIN_HUB, MARKETPLACE_HUB, DASHBOARD_HUB]
        keys.keys.clear()
    unreachable = await served_api(Rig(database, issuers=[provider(keys)]), serve, http)
    assert (await unreachable.get("/api/session", token=token)).status == 503


async def test_no_secret_reaches_the_log(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.DEBUG, "meschain")
    await api.rig.add("ada")
    log_in = await api.login("ada")
    token, cookie = str(log_in.body["accessToken"]), log_in.refresh_cookie["Cookie"]
    await api.login("ada", "my other password")
    await api.post("/api/refresh", headers=log_in.refresh_cookie)
    await api.get("/api/session", token=token + "x")
    await api.post("/api/logout", token=token, headers=log_in.refresh_cookie)
    assert "logged in" in caplog.text
    for secret in (PASSWORD, "my other password", token, cookie.partition("=")[2]):
        assert secret not in caplog.text
