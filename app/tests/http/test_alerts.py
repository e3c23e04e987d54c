"""The book of alerts through the whole application: who may see and change it, and what pages hear of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from app.tests.conftest import Site

from meschain.auth.api_keys import ApiKeys
from meschain.domain.alert_rules import RULES
from meschain.domain.payloads import AlertBookAnswer, AlertRow, AlertRuleRow
from meschain.services.clock import SystemClock
from meschain.state.api_keys import SqlApiKeyStore
from meschain.state.database import Database

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(name="site")
def one_for_all(shared_site: Site) -> Site:
    """Each test looks after alerts of its own."""
    return shared_site


async def ask(
    site: Site, method: str, path: str, token: str, body: Mapping[str, object] | None = None
) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with site.http.request(method, f"{site.url}{path}", headers=headers, json=body) as answer:
        return answer.status, await answer.json()


async def book(site: Site, token: str) -> AlertBookAnswer:
    status, body = await site.get("/api/alerts", token)
    assert status == 200
    return msgspec.convert(body, AlertBookAnswer)


@pytest.mark.parametrize(
    ("username", "status"),
    [
        ("superadmin", 200),
        ("admin", 200),
        ("manager", 403),
        ("dropshipper", 403),
        ("technical", 403),
        ("user", 403),
        ("viewer", 403),
        ("", 401),
    ],
)
async def test_the_book_is_for_administrators(site: Site, username: str, status: int) -> None:
    token = (await site.login(username))["accessToken"] if username else ""
    missing = 404 if status == 200 else status
    asked = [
        await ask(site, "GET", "/api/alerts", token),
        await ask(site, "POST", "/api/alerts/no/acknowledge", token),
        await ask(site, "POST", "/api/alerts/no/resolve", token),
        await ask(site, "PUT", "/api/alert-rules/no/silence", token, {"minutes": 5}),
        await ask(site, "DELETE", "/api/alert-rules/no/silence", token),
    ]
    assert [answered for answered, _ in asked] == [status, missing, missing, missing, missing]
    if status == 200:
        assert {rule.name for rule in msgspec.convert(asked[0][1], AlertBookAnswer).rules} == RULES.keys()


async def test_alerts_of_people_and_publishers_are_acknowledged_and_resolved(site: Site) -> None:
    session = await site.login("admin")
    token = session["accessToken"]
    async with site.connected(token) as page:
        await page.invoke("BroadcastSystemAlert", "Stok bitti", "warning")
        raised = await page.received("systemAlert")
        assert (raised["state"], raised["source"]) == ("firing", session["name"])
        path = f"/api/alerts/{raised['id']}"

        status, answer = await ask(site, "POST", f"{path}/acknowledge", token)
        assert status == 200
        row = msgspec.convert(answer, AlertRow)
        assert (row.state, row.acknowledged_by, row.source) == ("acknowledged", session["name"], "person")
        known = await page.received("systemAlert", lambda alert: alert["state"] == "acknowledged")
        assert (known["id"], known["acknowledgedBy"]) == (raised["id"], session["name"])

        assert (await ask(site, "POST", f"{path}/resolve", token))[0] == 200
        over = await page.received("systemAlert", lambda alert: alert["state"] == "resolved")
        assert over["id"] == raised["id"]
        assert (await ask(site, "POST", f"{path}/acknowledge", token))[0] == 409
    (row, *_) = (await book(site, token)).alerts
    assert (row.id, row.state) == (raised["id"], "resolved")


async def test_a_published_alert_stands_in_the_book_once(site: Site) -> None:
    token = (await site.login("admin"))["accessToken"]
    key = await publisher_key(site)
    event = {"kind": "alert", "eventId": "kur/2025-03-10", "message": "Kur alınamadı", "level": "error"}
    async with site.connected(token) as page:
        for _ in range(2):
            assert (await ask(site, "POST", "/api/publish", key, {"events": [event]}))[0] == 202
        raised = await page.received("systemAlert", lambda alert: alert["message"] == "Kur alınamadı")
        assert raised["id"] == "publish:erp:kur/2025-03-10"
        status, answer = await ask(site, "POST", f"/api/alerts/{raised['id']}/resolve", token)
        assert (status, answer["source"]) == (200, "published")
        await page.received("systemAlert", lambda alert: alert["id"] == raised["id"] and alert["state"] == "resolved")
        assert (await ask(site, "POST", "/api/publish", key, {"events": [event]}))[0] == 202
        states = [alert["state"] for alert in page.all_received("systemAlert") if alert["id"] == raised["id"]]
        assert states == ["firing", "resolved"]
    assert [row.state for row in (await book(site, token)).alerts if row.id == raised["id"]] == ["resolved"]


async def test_a_rule_is_silenced_and_speaks_again(site: Site) -> None:
    session = await site.login("superadmin")
    token, path = session["accessToken"], "/api/alert-rules/error_rate/silence"
    status, answer = await ask(site, "PUT", path, token, {"minutes": 30, "reason": "Bakım"})
    assert status == 200
    rule = msgspec.convert(answer, AlertRuleRow)
    assert (rule.name, rule.silenced_by, rule.silence_reason) == ("error_rate", session["name"], "Bakım")
    assert rule.silenced_until is not None
    status, answer = await ask(site, "DELETE", path, token)
    assert (status, answer["silencedUntil"]) == (200, None)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/api/alerts?limit=x", None, 400),
        ("GET", "/api/alerts?limit=-1", None, 400),
        ("PUT", "/api/alert-rules/error_rate/silence", None, 400),
        ("PUT", "/api/alert-rules/error_rate/silence", {"minutes": "60"}, 400),
        ("PUT", "/api/alert-rules/error_rate/silence", {"minutes": 60, "forever": True}, 400),
        ("PUT", "/api/alert-rules/error_rate/silence", {"minutes": 0}, 400),
        ("PUT", "/api/alert-rules/eror_rate/silence", {"minutes": 60}, 404),
        ("POST", "/api/alert-rules/error_rate/silence", {"minutes": 60}, 405),
    ],
)
async def test_what_makes_no_sense_is_refused(
    site: Site, method: str, path: str, body: Mapping[str, object] | None, status: int
) -> None:
    answered, said = await ask(site, method, path, (await site.login("admin"))["accessToken"], body)
    assert answered == status
    assert said["error"]


async def publisher_key(site: Site) -> str:
    """A key of the publisher erp."""
    database = await Database.open(site.settings.state_url, migrate=False)
    try:
        _, key = await ApiKeys(SqlApiKeyStore(database), SystemClock()).create("erp", ["alert"])
    finally:
        await database.close()
    return key
