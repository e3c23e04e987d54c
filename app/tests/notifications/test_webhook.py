"""Alerts by signed requests, to a real HTTP server."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from app.tests.docs.pages import DOCS, blocks
from app.tests.marketplaces.vendor_server import VendorServer, running_vendor
from app.tests.services.alert_specs import AlertChannelSpec, some_alert, some_message
from app.tests.services.fakes import START, FakeClock

from meschain.notifications.webhook import WebhookChannel
from meschain.services.alert_ports import ChannelUnavailable
from meschain.services.clock import SystemClock
from meschain.services.signed_requests import SIGNATURE_HEADER, TIMESTAMP_HEADER, signature

SECRET = b"kP3vX9rTq2LmN8sYw5Bz7HcJf4Dg6AeU"


def channel(url: str, http: aiohttp.ClientSession) -> WebhookChannel:
    return WebhookChannel("ops", f"{url}/alerts", SECRET, http, FakeClock())


class Taker:
    """The other side of the channel."""

    def __init__(self, server: VendorServer) -> None:
        self.server = server
        self.count = 0
        self.refuse(False)

    def refuse(self, is_refusing: bool) -> None:
        self.server.answers["POST", "/alerts"] = lambda: 503 if is_refusing else self._take()

    def _take(self) -> int:
        self.count += 1
        return 204

    def taken(self) -> int:
        return self.count


class TestWebhookChannel(AlertChannelSpec):
    @pytest.fixture
    async def receiver(self) -> AsyncIterator[Taker]:
        async with running_vendor() as server:
            yield Taker(server)

    @pytest.fixture
    def channel(self, receiver: Taker, http: aiohttp.ClientSession) -> WebhookChannel:
        return channel(receiver.server.url, http)


async def test_a_message_is_posted_with_its_signature(http: aiohttp.ClientSession) -> None:
    message = some_message(some_alert(1, rule="error_rate"))
    async with running_vendor() as receiver:
        receiver.answers["POST", "/alerts"] = 202
        await channel(receiver.url, http).send([message])
    ((what, headers, body),) = receiver.asked
    assert what == "POST /alerts"
    assert headers["x-meschain-delivery"] == message.id
    timestamp = headers["x-meschain-timestamp"]
    assert timestamp == str(int(START.timestamp()))
    digest = hmac.new(SECRET, f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers["x-meschain-signature"] == f"sha256={digest}"
    said = json.loads(body)
    assert (said["id"], said["event"]) == (message.id, "alert.firing")
    assert said["alert"] == {
        "id": "alert-1",
        "message": "Stok uyarısı 1 🚨",
        "level": "warning",
        "timestamp": "2025-03-10T09:30:00.000Z",
        "source": "rule",
        "raisedBy": "Ayşe",
        "rule": "error_rate",
        "state": "firing",
        "value": 7.5,
        "threshold": 5.0,
        "unit": "%",
        "acknowledgedBy": "",
        "acknowledgedAt": None,
        "resolvedAt": None,
    }


async def test_the_receiver_of_the_guide_tells_ours_from_others(http: aiohttp.ClientSession) -> None:
    (block,) = [each for each in blocks(DOCS / "how-to" / "watch-the-shop.md") if each.language == "python"]
    guide: dict[str, Any] = {}
    exec(compile(block.text, block.page, "exec"), guide)  # noqa: S102 - our own page
    async with running_vendor() as receiver:
        receiver.answers["POST", "/alerts"] = 204
        sender = WebhookChannel("ops", f"{receiver.url}/alerts", guide["SECRET"], http, SystemClock())
        await sender.send([some_message(some_alert(1))])
    ((_, received, body),) = receiver.asked
    headers = {name: received[name.lower()] for name in (TIMESTAMP_HEADER, SIGNATURE_HEADER)}
    assert guide["is_ours"](headers, body)
    assert not guide["is_ours"](headers, body + b" ")
    old = {**headers, TIMESTAMP_HEADER: "1741599000"}
    assert not guide["is_ours"]({**old, SIGNATURE_HEADER: signature(SECRET, old[TIMESTAMP_HEADER], body)}, body)


@pytest.mark.parametrize("status", [302, 400, 410, 500])
async def test_whatever_is_no_success_is_told_and_followed_nowhere(http: aiohttp.ClientSession, status: int) -> None:
    async with running_vendor() as receiver:
        receiver.answers["POST", "/alerts"] = status
        with pytest.raises(ChannelUnavailable, match=str(status)):
            await channel(receiver.url, http).send([some_message(some_alert(1))])
    assert receiver.paths() == ["POST /alerts"]


async def test_a_receiver_that_is_away_is_told(http: aiohttp.ClientSession) -> None:
    async with running_vendor() as receiver:
        url = receiver.url
    with pytest.raises(ChannelUnavailable, match="cannot be reached"):
        await channel(url, http).send([some_message(some_alert(1))])
