"""The routes of the running application, with the demo shop behind them."""

from __future__ import annotations

import hashlib
import secrets

import msgspec
import pytest
from app.tests.conftest import Site

from meschain.domain.payloads import DashboardData, PanelSnapshot, PublicInfo
from meschain.http.security import MAXIMUM_BODY_BYTES


async def test_anybody_may_see_what_is_served(site: Site) -> None:
    status, body = await site.get("/api/info")
    assert status == 200
    info = msgspec.convert(body, PublicInfo)
    assert (info.product, info.demo) == ("MesChain-Sync", True)
    assert info.shop_name


@pytest.mark.parametrize(
    ("username", "status"),
    [("superadmin", 200), ("admin", 200), ("manager", 403), ("dropshipper", 403), ("technical", 403), ("viewer", 403)],
)
async def test_the_dashboard_is_for_administrators(site: Site, username: str, status: int) -> None:
    token = (await site.login(username))["accessToken"]
    answered, body = await site.get("/api/dashboard", token)
    assert answered == status
    if status == 200:
        data = msgspec.convert(body, DashboardData)
        assert data.business_metrics.active_products > 0
        assert data.system_status.database_status == "healthy"


async def test_marketplaces_are_those_that_one_may_see(site: Site) -> None:
    seen = {}
    for username in ("admin", "manager", "dropshipper"):
        status, body = await site.get("/api/marketplaces", (await site.login(username))["accessToken"])
        assert status == 200
        panel = msgspec.convert(body, PanelSnapshot)
        seen[username] = [(marketplace.code, marketplace.may_sync) for marketplace in panel.marketplaces]
        assert {order.marketplace for order in panel.recent_orders} <= {code for code, _ in seen[username]}
    assert [code for code, _ in seen["admin"]] == ["amazon", "ebay", "trendyol", "hepsiburada", "n11", "ozon", "etsy"]
    assert seen["manager"] == [("amazon", True), ("trendyol", True), ("hepsiburada", True), ("n11", True)]
    assert seen["dropshipper"] == [("trendyol", False), ("n11", False)]


@pytest.mark.parametrize("username", ["technical", "user", "viewer"])
async def test_other_roles_see_no_marketplaces(site: Site, username: str) -> None:
    assert (await site.get("/api/marketplaces", (await site.login(username))["accessToken"]))[0] == 403


@pytest.mark.parametrize("path", ["/api/dashboard", "/api/marketplaces", "/api/session"])
async def test_without_a_token_there_is_nothing_to_see(site: Site, path: str) -> None:
    assert (await site.get(path))[0] == 401
    assert (await site.get(path, "no.such.token"))[0] == 401


async def test_an_unknown_address_is_told_in_json(site: Site) -> None:
    assert await site.get("/api/no-such-thing") == (404, {"error": "There is no such address."})
    async with site.http.get(f"{site.url}/api/login") as answer:
        assert answer.status == 405
        assert "error" in await answer.json()


async def test_it_is_ready_and_counts_itself(site: Site) -> None:
    assert await site.get("/readyz") == (
        200,
        {"status": "ready", "checks": {"database": "ok", "shop": "ok", "background": "ok"}},
    )
    async with site.connected((await site.login("admin"))["accessToken"]) as client:
        await client.invoke("HandleAdminCommand", "requestDashboardUpdate", {})
        async with site.http.get(f"{site.url}/metrics") as answer:
            text = await answer.text()
        data = await client.received("updateAdminDashboard")
    assert 'meschain_hub_connections{hub="MesChainAdminHub",transport="WebSockets"} 1.0' in text
    assert (
        'meschain_hub_invocations_total{hub="MesChainAdminHub",outcome="done",target="HandleAdminCommand"} 1.0' in text
    )
    assert 'meschain_http_requests_total{method="POST",route="/api/login",status="200"} 1.0' in text
    assert "process_resident_memory_bytes" in text
    assert data["performanceMetrics"]["connections"] == 1


async def test_every_answer_carries_the_security_headers(site: Site) -> None:
    for path in ("/", "/login.html", "/api/info", "/api/no-such-thing", "/readyz"):
        async with site.http.get(site.url + path) as answer:
            assert "default-src 'self'" in answer.headers["content-security-policy"]
            assert answer.headers["x-content-type-options"] == "nosniff"


async def test_other_sites_may_call_only_when_they_are_listed(site: Site) -> None:
    preflight = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    ours, foreign = site.settings.public_url, "https://evil.example.com"
    async with site.http.options(f"{site.url}/api/negotiate", headers={"Origin": ours, **preflight}) as answer:
        assert answer.headers["access-control-allow-origin"] == ours
    async with site.http.options(f"{site.url}/api/negotiate", headers={"Origin": foreign, **preflight}) as answer:
        assert "access-control-allow-origin" not in answer.headers
        assert answer.status == 400


async def test_a_foreign_host_name_is_refused(site: Site) -> None:
    async with site.http.get(f"{site.url}/api/info", headers={"Host": "evil.example.com"}) as answer:
        assert answer.status == 400


async def test_a_report_needs_the_token_of_its_job(site: Site) -> None:
    url = f"{site.url}/api/sync-jobs/{hashlib.sha256().hexdigest()}/progress"
    report = {"processed": 1, "failed": 0, "total": 2}
    async with site.http.post(url, json=report) as answer:
        assert answer.status == 401
    wrong = {"Authorization": f"Bearer {secrets.token_urlsafe(32)}"}
    async with site.http.post(url, json=report, headers=wrong) as answer:
        assert answer.status == 401
    for nonsense in ("{", "[" * 60_000, b"\xff"):
        async with site.http.post(url, data=nonsense, headers=wrong) as answer:
            assert answer.status == 400
    async with site.http.post(f"{site.url}/api/sync-jobs/{'x' * 65}/progress", json=report, headers=wrong) as answer:
        assert answer.status == 401


async def test_a_body_over_the_limit_is_refused(site: Site) -> None:
    async with site.http.post(f"{site.url}/api/login", data=b"x" * (MAXIMUM_BODY_BYTES + 1)) as answer:
        assert answer.status == 413
