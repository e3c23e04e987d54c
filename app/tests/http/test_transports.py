"""The hubs of the whole site for clients without WebSockets: every method reaches them, past the guards of pages."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from app.tests.conftest import Site

HANDSHAKE = '{"protocol":"json","version":1}\x1e'
COMMAND = {
    "type": 1,
    "invocationId": "1",
    "target": "HandleAdminCommand",
    "arguments": ["requestDashboardUpdate", {}],
}


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(name="site")
def one_for_all(shared_site: Site) -> Site:
    """Each of these tests has connections of its own."""
    return shared_site


class Hub:
    """The admin hub by bare requests."""

    def __init__(self, site: Site, url: str, headers: dict[str, str]) -> None:
        self.http = site.http
        self.url = url
        self.headers = headers

    async def post(self, text: str) -> int:
        async with self.http.post(self.url, data=text, headers=self.headers) as answer:
            return answer.status

    async def poll(self) -> tuple[int, str]:
        async with self.http.get(self.url, headers=self.headers) as answer:
            return answer.status, await answer.text()

    async def delete(self) -> int:
        async with self.http.delete(self.url, headers=self.headers) as answer:
            return answer.status


async def negotiated(site: Site) -> Hub:
    redirect = await site.negotiate((await site.login("admin"))["accessToken"])
    address = urlsplit(redirect["url"])
    headers = {"Authorization": f"Bearer {redirect['accessToken']}"}
    negotiate = f"{site.clients_at}{address.path.rstrip('/')}/negotiate?{address.query}&negotiateVersion=1"
    async with site.http.post(negotiate, headers=headers) as answer:
        assert answer.status == 200
        ids = await answer.json()
    assert [each["transport"] for each in ids["availableTransports"]] == [
        "WebSockets",
        "ServerSentEvents",
        "LongPolling",
    ]
    return Hub(site, f"{site.clients_at}{address.path}?{address.query}&id={ids['connectionToken']}", headers)


def messages(text: str) -> list[dict[str, Any]]:
    return [json.loads(part) for part in text.split("\x1e")[:-1]]


async def test_the_admin_hub_serves_long_polling(site: Site) -> None:
    hub = await negotiated(site)
    assert await hub.poll() == (200, "")
    assert await hub.post(HANDSHAKE) == 200
    assert await hub.post(json.dumps(COMMAND) + "\x1e") == 200
    received: list[dict[str, Any]] = []
    while not any(message.get("target") == "updateAdminDashboard" for message in received):
        status, text = await hub.poll()
        assert status == 200
        received += messages(text)
    assert await hub.delete() == 202


async def test_the_admin_hub_serves_events(site: Site) -> None:
    hub = await negotiated(site)
    headers = {**hub.headers, "Accept": "text/event-stream"}
    async with site.http.get(hub.url, headers=headers) as answer:
        assert (answer.status, answer.content_type) == (200, "text/event-stream")
        events = read_events(answer)
        assert await hub.post(HANDSHAKE) == 200
        assert await anext(events) == {}
        assert await hub.post(json.dumps(COMMAND) + "\x1e") == 200
        async for message in events:
            if message.get("target") == "updateAdminDashboard":
                break
    assert await hub.delete() in (400, 404)  # it is gone, or about to be


async def read_events(answer: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    async for line in answer.content:
        if line.startswith(b"data: "):
            yield json.loads(line.removeprefix(b"data: ").rstrip(b"\r\n\x1e"))


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_without_a_token_no_request_reaches_a_connection(site: Site, method: str) -> None:
    hub = await negotiated(site)
    async with site.http.request(method, hub.url) as answer:
        assert (answer.status, answer.reason, await answer.read()) == (401, "Unauthorized", b"")
