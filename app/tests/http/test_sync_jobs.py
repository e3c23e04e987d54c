"""`/api/jobs…` and `/api/schedules…` on the running application: every role, and what each of them may do."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from app.tests.site import START_SECONDS, Site

from meschain.domain.payloads import ScheduleRow, SyncJobList, SyncJobRow

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALL = ["amazon", "ebay", "trendyol", "hepsiburada", "n11", "ozon", "etsy"]
GRANTED = ["amazon", "trendyol", "hepsiburada", "n11"]
"""To the demo's manager."""
OTHERS = ("dropshipper", "technical", "user", "viewer")


@pytest.fixture(name="site")
def one_for_all(shared_site: Site) -> Site:
    """Each of these tests syncs a marketplace of its own."""
    return shared_site


async def call(site: Site, method: str, path: str, token: str = "", body: Any = None) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with site.http.request(method, f"{site.url}{path}", headers=headers, json=body) as answer:
        return answer.status, await answer.json() if answer.content_type == "application/json" else None


async def token_of(site: Site, username: str) -> str:
    return str((await site.login(username))["accessToken"])


async def jobs(site: Site, token: str, query: str = "") -> SyncJobList:
    status, body = await site.get(f"/api/jobs{query}", token)
    assert status == 200, body
    return msgspec.convert(body, SyncJobList)


async def ended(site: Site, token: str, job_id: str) -> SyncJobRow:
    """The job, once it has ended."""
    async with asyncio.timeout(START_SECONDS):
        while True:
            row = next(row for row in (await jobs(site, token)).jobs if row.id == job_id)
            if row.finished_at is not None:
                return row
            await asyncio.sleep(0.05)  # the runner's row; there is no event here


@pytest.mark.parametrize(("username", "codes"), [("superadmin", ALL), ("admin", ALL), ("manager", GRANTED)])
async def test_a_list_is_of_the_marketplaces_that_one_may_sync(site: Site, username: str, codes: list[str]) -> None:
    admin, token = await token_of(site, "admin"), await token_of(site, username)
    status, answer = await call(site, "POST", "/api/jobs", admin, {"marketplace": "ozon"})
    assert status == 202
    listed = await jobs(site, token)
    assert [schedule.marketplace for schedule in listed.schedules] == codes
    assert (answer["jobId"] in {row.id for row in listed.jobs}) == ("ozon" in codes)
    assert {row.marketplace for row in listed.jobs} <= set(codes)
    assert {row.marketplace for row in (await jobs(site, token, "?marketplace=n11&limit=5")).jobs} <= {"n11"}


@pytest.mark.parametrize("username", OTHERS)
async def test_other_roles_may_do_nothing_of_it(site: Site, username: str) -> None:
    token = await token_of(site, username)
    assert (await call(site, "GET", "/api/jobs", token))[0] == 403
    assert (await call(site, "POST", "/api/jobs", token, {"marketplace": "trendyol"}))[0] == 403
    assert (await call(site, "POST", "/api/jobs/unknown/cancel", token))[0] == 403
    assert (await call(site, "PUT", "/api/schedules/trendyol", token, {"everyMinutes": 60}))[0] == 403


async def test_without_a_token_there_is_nothing_to_do(site: Site) -> None:
    assert (await call(site, "GET", "/api/jobs"))[0] == 401
    assert (await call(site, "POST", "/api/jobs", body={"marketplace": "trendyol"}))[0] == 401
    assert (await call(site, "POST", "/api/jobs/unknown/cancel"))[0] == 401
    assert (await call(site, "PUT", "/api/schedules/trendyol", body={"everyMinutes": 60}))[0] == 401


async def test_a_sync_runs_and_a_second_request_joins_it(site: Site) -> None:
    manager = await site.login("manager")
    token = manager["accessToken"]
    status, first = await call(site, "POST", "/api/jobs", token, {"marketplace": "amazon"})
    assert (status, await call(site, "POST", "/api/jobs", token, {"marketplace": "amazon"})) == (202, (202, first))
    row = await ended(site, token, first["jobId"])
    assert (row.status, row.progress, row.attempts, row.can_cancel) == ("success", 100.0, 1, False)
    assert row.requested_by == manager["userId"]
    assert row.started_at is not None
    assert await call(site, "POST", f"/api/jobs/{row.id}/cancel", token) == (409, {"error": "This sync has ended."})


async def test_one_that_is_cancelled_is_said_to_be_so(site: Site) -> None:
    token = await token_of(site, "admin")
    async with site.connected(token) as page:
        _, answer = await call(site, "POST", "/api/jobs", token, {"marketplace": "hepsiburada"})
        assert (await call(site, "POST", f"/api/jobs/{answer['jobId']}/cancel", token))[0] == 202
        last = await page.received("marketplaceSyncUpdate", lambda u: u["jobId"] == answer["jobId"] and u["completed"])
    row = await ended(site, token, answer["jobId"])
    assert (last["status"], row.status, row.can_cancel) == ("cancelled", "cancelled", False)
    assert row.message.startswith("Cancelled by ")


async def test_managers_neither_start_nor_see_nor_cancel_what_was_not_granted_to_them(site: Site) -> None:
    admin, manager = await token_of(site, "admin"), await token_of(site, "manager")
    assert (await call(site, "POST", "/api/jobs", manager, {"marketplace": "etsy"}))[0] == 403
    assert (await call(site, "GET", "/api/jobs?marketplace=etsy", manager))[0] == 403
    _, answer = await call(site, "POST", "/api/jobs", admin, {"marketplace": "etsy"})
    assert (await call(site, "POST", f"/api/jobs/{answer['jobId']}/cancel", manager))[0] == 404
    assert (await call(site, "POST", f"/api/jobs/{answer['jobId']}/cancel", admin))[0] == 202


async def test_schedules_are_set_by_administrators(site: Site) -> None:
    admin = await site.login("superadmin")
    token = admin["accessToken"]
    assert (await call(site, "PUT", "/api/schedules/ebay", await token_of(site, "manager"), {"everyMinutes": 5}))[
        0
    ] == 403
    status, body = await call(site, "PUT", "/api/schedules/ebay", token, {"everyMinutes": 90})
    row = msgspec.convert(body, ScheduleRow)
    assert (status, row.marketplace, row.every_minutes, row.set_by) == (200, "ebay", 90, admin["userId"])
    assert row.next_at is not None
    assert row in (await jobs(site, token)).schedules
    assert (await call(site, "PUT", "/api/schedules/ebay", token, {"everyMinutes": 0}))[1]["nextAt"] is None


async def test_pages_of_other_sites_may_set_them_only_when_they_are_listed(site: Site) -> None:
    for origin, status in ((site.settings.public_url, 200), ("https://evil.example.com", 400)):
        headers = {"Origin": origin, "Access-Control-Request-Method": "PUT"}
        async with site.http.options(f"{site.url}/api/schedules/ebay", headers=headers) as answer:
            assert answer.status == status


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/api/jobs?limit=x", None),
        ("POST", "/api/jobs", None),
        ("POST", "/api/jobs", {"marketplace": 5}),
        ("POST", "/api/jobs", ["trendyol"]),
        ("PUT", "/api/schedules/trendyol", None),
        ("PUT", "/api/schedules/trendyol", {"everyMinutes": "5"}),
        ("PUT", "/api/schedules/trendyol", {"everyMinutes": 1.5}),
        ("PUT", "/api/schedules/trendyol", {"everyMinutes": -1}),
        ("PUT", "/api/schedules/trendyol", {"everyMinutes": 2**70}),
        ("PUT", "/api/schedules/shop", {"everyMinutes": 5}),
    ],
)
async def test_what_makes_no_sense_is_refused(site: Site, method: str, path: str, body: object) -> None:
    status, answer = await call(site, method, path, await token_of(site, "admin"), body)
    assert status == 400
    assert answer["error"]


@pytest.mark.parametrize("job_id", ["unknown", "x" * 65])
async def test_what_is_not_there_cannot_be_cancelled(site: Site, job_id: str) -> None:
    status, answer = await call(site, "POST", f"/api/jobs/{job_id}/cancel", await token_of(site, "admin"))
    assert (status, "There is no such sync" in answer["error"]) == (404, True)
