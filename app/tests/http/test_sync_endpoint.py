"""The shop's own sync endpoint, played by a real HTTP server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import aiohttp
import pytest
from aiohttp import web
from app.tests.services.fakes import FakeClock, some_job
from app.tests.web_server import web_server

from meschain.http.sync_endpoint import SyncEndpoint, SyncEndpointOptions
from meschain.services.ports import SyncFailed, SyncStep
from meschain.services.signed_requests import signature
from meschain.services.sync_reports import SyncReport, SyncReports

SECRET = b"a secret that the shop knows"
OPTIONS = SyncEndpointOptions()


@dataclass
class Shop:
    """Remembers what it was asked and answers as a test says."""

    status: int = 202
    headers: dict[str, str] = field(default_factory=dict)
    hangs: bool = False
    asked: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append((dict(request.headers), await request.read()))
        self.arrived.set()
        if self.hangs:
            await asyncio.sleep(3600)  # cancelled when the client gives up
        return web.Response(status=self.status, headers=self.headers)


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    played = Shop()
    app = web.Application()
    app.router.add_post("/sync", played.handle)
    async with web_server(app) as url:
        played.url = f"{url}/sync"
        yield played


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def reports() -> SyncReports:
    return SyncReports()


@pytest.fixture
async def endpoint(shop: Shop, reports: SyncReports, clock: FakeClock, http: aiohttp.ClientSession) -> SyncEndpoint:
    return SyncEndpoint(
        url=shop.url,
        secret=SECRET,
        report_base="https://panel.example/",
        session=http,
        reports=reports,
        clock=clock,
        options=OPTIONS,
    )


async def steps_of(endpoint: SyncEndpoint) -> list[SyncStep]:
    return [step async for step in endpoint.run(some_job("job-1"), "t0ken")]


async def test_the_shop_is_asked_with_a_signature_and_where_to_report(
    shop: Shop, reports: SyncReports, endpoint: SyncEndpoint, clock: FakeClock
) -> None:
    running = asyncio.create_task(steps_of(endpoint))
    await shop.arrived.wait()
    assert reports.deliver("job-1", SyncReport(4, 0, 4, "", "success"))
    assert await running == [SyncStep(4, 0, 4)]
    ((headers, body),) = shop.asked
    assert json.loads(body) == {
        "jobId": "job-1",
        "marketplace": "trendyol",
        "reportUrl": "https://panel.example/api/sync-jobs/job-1/progress",
        "reportToken": "t0ken",
    }
    timestamp = headers["X-MesChain-Timestamp"]
    assert timestamp == str(int(clock.now().timestamp()))
    assert headers["X-MesChain-Signature"] == signature(SECRET, timestamp, body)
    assert signature(b"another secret", timestamp, body) != signature(SECRET, timestamp, body)


async def test_each_report_is_a_step_until_the_final_one(
    shop: Shop, reports: SyncReports, endpoint: SyncEndpoint
) -> None:
    steps = endpoint.run(some_job("job-1"), "t0ken")
    first = asyncio.ensure_future(anext(steps))
    await shop.arrived.wait()
    reports.deliver("job-1", SyncReport(1, 0, 4, "one", "running"))
    assert await first == SyncStep(1, 0, 4, "one")
    reports.deliver("job-1", SyncReport(4, 1, 4, "done", "success"))
    assert await anext(steps) == SyncStep(4, 1, 4, "done")
    with pytest.raises(StopAsyncIteration):
        await anext(steps)
    assert not reports.deliver("job-1", SyncReport(4, 1, 4, "", "running"))


async def test_an_error_that_the_shop_reports_is_the_jobs_error(
    shop: Shop, reports: SyncReports, endpoint: SyncEndpoint
) -> None:
    running = asyncio.create_task(steps_of(endpoint))
    await shop.arrived.wait()
    reports.deliver("job-1", SyncReport(1, 1, 4, "Trendyol refused the key.", "error"))
    with pytest.raises(SyncFailed, match="Trendyol refused the key"):
        await running


@pytest.mark.parametrize("status", [400, 401, 404, 500, 503])
async def test_a_refusal_fails_the_job(shop: Shop, endpoint: SyncEndpoint, status: int) -> None:
    shop.status = status
    with pytest.raises(SyncFailed, match=str(status)):
        await steps_of(endpoint)


async def test_a_redirect_is_not_followed(shop: Shop, endpoint: SyncEndpoint) -> None:
    shop.status = 307
    shop.headers = {"Location": shop.url}
    with pytest.raises(SyncFailed, match="307"):
        await steps_of(endpoint)
    assert len(shop.asked) == 1


async def test_a_shop_that_does_not_answer_fails_the_job(
    shop: Shop, reports: SyncReports, clock: FakeClock, http: aiohttp.ClientSession
) -> None:
    shop.hangs = True
    impatient = SyncEndpoint(
        url=shop.url,
        secret=SECRET,
        report_base="x",
        session=http,
        reports=reports,
        clock=clock,
        options=SyncEndpointOptions(request_timeout_seconds=0.3),
    )
    with pytest.raises(SyncFailed, match="did not answer"):
        await steps_of(impatient)


async def test_a_shop_that_is_not_there_fails_the_job(
    reports: SyncReports, clock: FakeClock, http: aiohttp.ClientSession
) -> None:
    nowhere = SyncEndpoint(
        url="http://127.0.0.1:1/sync", secret=SECRET, report_base="x", session=http, reports=reports, clock=clock
    )
    with pytest.raises(SyncFailed, match="cannot be reached"):
        await steps_of(nowhere)


async def test_a_shop_that_stops_reporting_fails_the_job(
    shop: Shop, reports: SyncReports, endpoint: SyncEndpoint, clock: FakeClock
) -> None:
    steps = endpoint.run(some_job("job-1"), "t0ken")
    first = asyncio.ensure_future(anext(steps))
    await shop.arrived.wait()
    reports.deliver("job-1", SyncReport(1, 0, 4, "one", "running"))
    await first
    second = asyncio.ensure_future(anext(steps))
    await clock.advance(OPTIONS.report_timeout_seconds)
    with pytest.raises(SyncFailed, match="reported nothing"):
        await second
    assert not reports.deliver("job-1", SyncReport(2, 0, 4, "", "running"))
