"""The HTTP functions by real requests through the stand-in of the host: the same application as everywhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from app.tests.functions_host import functions_host
from app.tests.functions_host.site import FunctionsSite, functions_site

from meschain.domain.events import ADMIN_HUB
from meschain.entrypoints.functions import Instance, make_function_app
from meschain.settings import Settings, SettingsError


@pytest.fixture
async def functions(data_dir: Path) -> AsyncIterator[FunctionsSite]:
    async with functions_site(data_dir) as functions:
        yield functions


async def test_negotiate_answers_as_everywhere(functions: FunctionsSite) -> None:
    session = await functions.site.login("admin")
    answer = await functions.site.negotiate(session["accessToken"])
    assert set(answer) == {"url", "accessToken"}
    assert answer["url"].endswith(f"/client/?hub={ADMIN_HUB.lower()}")
    assert functions.host.invocations == ["login", "negotiate"]


async def test_a_session_is_refreshed_by_its_cookie_and_ended(functions: FunctionsSite) -> None:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:  # cookies of an IP address
        site = replace(functions.site, http=browser)
        await site.login("admin")
        (cookie,) = browser.cookie_jar
        assert (cookie["httponly"], cookie["samesite"].lower()) == (True, "strict")
        headers = {"Origin": site.settings.public_url}
        async with browser.post(f"{site.url}/api/refresh", headers=headers) as refreshed:
            assert refreshed.status == 200
            token = (await refreshed.json())["accessToken"]
        status, who = await site.get("/api/session", token)
        assert (status, who["role"]) == (200, "admin")
        async with browser.post(f"{site.url}/api/logout", headers=headers) as ended:
            assert ended.status == 204
        async with browser.post(f"{site.url}/api/refresh", headers=headers) as refused:
            assert refused.status == 401
    assert functions.host.invocations == ["login", "refresh", "session", "logout", "refresh"]


async def test_figures_are_read_by_whoever_may(functions: FunctionsSite) -> None:
    session = await functions.site.login("admin")
    assert (await functions.site.get("/api/dashboard", session["accessToken"]))[0] == 200
    assert (await functions.site.get("/api/dashboard"))[0] == 401


async def test_a_report_of_a_sync_job_needs_the_token_of_that_job(functions: FunctionsSite) -> None:
    url = f"{functions.site.url}/api/sync-jobs/none/progress"
    async with functions.site.http.post(url, json={}, headers={"Authorization": "Bearer x"}) as answer:
        assert answer.status == 401
    assert functions.host.invocations == ["sync_report"]


async def test_an_address_that_no_function_names_is_answered_by_the_application(functions: FunctionsSite) -> None:
    async with functions.site.http.post(f"{functions.site.url}/api/webhooks/trendyol", json={}) as answer:
        assert (answer.status, await answer.json()) == (404, {"error": "There is no such address."})
    assert functions.host.invocations == ["api"]


async def test_pages_and_probes_are_there(functions: FunctionsSite) -> None:
    site = functions.site
    async with site.http.get(f"{site.url}/login.html") as page:
        assert (page.status, page.content_type) == (200, "text/html")
        assert "content-security-policy" in page.headers
    async with site.http.get(f"{site.url}/") as start:
        assert start.status == 200
    assert (await site.get("/healthz"))[0] == 200
    _, ready = await site.get("/readyz")
    assert (ready["checks"]["database"], ready["checks"]["background"]) == ("ok", "ok")
    assert functions.host.invocations == ["pages", "pages", "alive", "ready"]


async def test_metrics_are_shown_to_nobody_for_every_caller_is_foreign(functions: FunctionsSite) -> None:
    async with functions.site.http.get(f"{functions.site.url}/metrics") as answer:
        assert answer.status == 403


async def test_a_body_that_is_too_large_is_refused(functions: FunctionsSite) -> None:
    async with functions.site.http.post(f"{functions.site.url}/api/login", data=b"x" * 100_000) as answer:
        assert answer.status == 413


async def test_an_application_that_cannot_be_opened_is_told_without_the_reason(http: aiohttp.ClientSession) -> None:
    def load() -> Settings:
        raise SettingsError(["the reason"])

    app = make_function_app(Instance(load))
    async with functions_host(app) as (_, url), http.post(f"{url}/api/negotiate") as answer:
        assert (answer.status, answer.headers["retry-after"]) == (503, "5")
        assert "the reason" not in await answer.text()
