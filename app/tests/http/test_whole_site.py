"""The routes of the running application, with the demo shop behind them."""

from __future__ import annotations

import hashlib
import secrets

import msgspec
import pytest
from app.tests.conftest import Site

from meschain.domain.events import HUBS
from meschain.domain.marketplaces import MARKETPLACES
from meschain.domain.payloads import Analytics, AuditPage, DashboardData, PanelSnapshot, PeopleOnline, PublicInfo
from meschain.http.security import MAXIMUM_BODY_BYTES

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(name="site")
def one_for_all(shared_site: Site) -> Site:
    """These tests change nothing."""
    return shared_site


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
        assert data.system_status.database_status in {"healthy", "warning"}  # slow, as a busy machine's may be


@pytest.mark.parametrize("path", ["/api/presence", "/api/audit"])
@pytest.mark.parametrize("username", ["manager", "dropshipper", "technical", "user", "viewer"])
async def test_who_is_there_and_did_what_is_for_administrators(site: Site, username: str, path: str) -> None:
    token = (await site.login(username))["accessToken"]
    assert (await site.get(path, token))[0] == 403


async def test_who_is_there_and_did_what_is_nobodys_without_a_token(site: Site) -> None:
    assert [(await site.get(path))[0] for path in ("/api/presence", "/api/audit")] == [401, 401]


async def test_administrators_see_who_is_there(site: Site) -> None:
    status, body = await site.get("/api/presence", (await site.login("superadmin"))["accessToken"])
    assert status == 200
    assert set(msgspec.convert(body, PeopleOnline).by_hub) == set(HUBS)


async def test_the_audit_is_read_page_by_page(site: Site) -> None:
    admin = await site.login("admin")
    await site.login("admin")
    path = f"/api/audit?user={admin['userId']}&action=LogIn&limit=1"
    status, body = await site.get(path, admin["accessToken"])
    first = msgspec.convert(body, AuditPage)
    assert (status, len(first.entries)) == (200, 1)
    _, body = await site.get(f"{path}&before={first.next}", admin["accessToken"])
    second = msgspec.convert(body, AuditPage)
    assert first.entries[0].id > second.entries[0].id
    assert {entry.action for entry in (*first.entries, *second.entries)} == {"LogIn"}


@pytest.mark.parametrize("query", ["before=x", "limit=-1", "before=9999999999999999999", "limit=1.5"])
async def test_an_audit_that_cannot_be_meant_is_refused(site: Site, query: str) -> None:
    status, body = await site.get(f"/api/audit?{query}", (await site.login("admin"))["accessToken"])
    assert (status, body["error"]) == (400, "before and limit are whole numbers.")


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


async def test_analytics_are_of_as_much_as_one_may_see(site: Site) -> None:
    seen = {}
    for username in ("admin", "manager"):
        status, body = await site.get("/api/analytics?months=3", (await site.login(username))["accessToken"])
        assert status == 200
        seen[username] = msgspec.convert(body, Analytics)
        assert len(seen[username].months) == 3
        assert (seen[username].months[-2].revenue or 0) > 0
    admin, manager = seen["admin"], seen["manager"]
    assert [each.code for each in admin.marketplaces] == [*MARKETPLACES, "shop"]
    assert [each.code for each in manager.marketplaces] == ["amazon", "trendyol", "hepsiburada", "n11"]
    assert (manager.months[0].revenue or 0) < (admin.months[0].revenue or 0)
    assert admin.stock.at_risk is not None
    assert manager.stock.at_risk is None
    assert "none" not in admin.sources.values()


@pytest.mark.parametrize("username", ["dropshipper", "technical", "user", "viewer"])
async def test_other_roles_see_no_analytics(site: Site, username: str) -> None:
    assert (await site.get("/api/analytics", (await site.login(username))["accessToken"]))[0] == 403


async def test_analytics_are_of_one_to_thirty_six_months(site: Site) -> None:
    token = (await site.login("admin"))["accessToken"]
    for months, count in (("1", 1), ("36", 36)):
        _, body = await site.get(f"/api/analytics?months={months}", token)
        assert len(body["months"]) == count
    _, body = await site.get("/api/analytics", token)
    assert len(body["months"]) == 12
    for months in ("0", "37", "-1", "1.5", "", "x", "%D9%A3", "1" * 5000):
        status, body = await site.get(f"/api/analytics?months={months}", token)
        assert (status, body) == (400, {"error": "months is a whole number from 1 to 36."})


@pytest.mark.parametrize("path", ["/api/analytics", "/api/dashboard", "/api/marketplaces", "/api/session"])
async def test_without_a_token_there_is_nothing_to_see(site: Site, path: str) -> None:
    assert (await site.get(path))[0] == 401
    assert (await site.get(path, "no.such.token"))[0] == 401


async def test_an_unknown_address_is_told_in_json(site: Site) -> None:
    assert await site.get("/api/no-such-thing") == (404, {"error": "There is no such address."})
    async with site.http.get(f"{site.url}/api/login") as answer:
        assert answer.status == 405
        assert "error" in await answer.json()


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
