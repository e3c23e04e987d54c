"""`POST /api/publish` on the running application."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from app.tests.site import Site

from meschain.auth.api_keys import ApiKeys
from meschain.http.security import MAXIMUM_BODY_BYTES
from meschain.services.clock import SystemClock
from meschain.services.options import PublishingOptions
from meschain.state.api_keys import SqlApiKeyStore
from meschain.state.database import Database
from meschain.state.events import SqlEventStore

ORDER = {"kind": "order", "eventId": "o-1", "orderId": 7, "status": "created", "total": "149.90", "currency": "TRY"}


@dataclass
class Publisher:
    """A program of the shop with a key, and a look into the service's database."""

    site: Site
    database: Database
    keys: ApiKeys
    key: str

    async def post(
        self, *events: object, key: str | None = None, idempotency_key: str | None = None, body: bytes | None = None
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.key if key is None else key}"}
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        data = json.dumps({"events": events}).encode() if body is None else body
        async with self.site.http.post(f"{self.site.url}/api/publish", data=data, headers=headers) as answer:
            assert answer.headers.get("Cache-Control") == "no-store" or answer.status == 413
            return answer.status, await answer.json(), {name.lower(): text for name, text in answer.headers.items()}

    async def stored(self) -> list[str]:
        """Published events as the service keeps them."""
        rows = await SqlEventStore(self.database, SystemClock()).behind(0, 1_000)
        return [row.event.event_id for row in rows if row.event.event_id.startswith("publish:")]


@pytest.fixture
async def publisher(site: Site) -> AsyncIterator[Publisher]:
    database = await Database.open(site.settings.state_url)
    keys = ApiKeys(SqlApiKeyStore(database), SystemClock())
    _, key = await keys.create("erp", ["order", "inventory"], ["shop", "n11"])
    yield Publisher(site, database, keys, key)
    await database.close()


async def test_it_is_stored_before_it_is_accepted(publisher: Publisher) -> None:
    status, answer, _ = await publisher.post(ORDER)
    assert (status, answer) == (202, {"accepted": 1, "eventIds": ["o-1"]})
    assert await publisher.stored() == ["publish:erp:o-1"]


async def test_repetitions_are_accepted_and_stored_once(publisher: Publisher) -> None:
    for _ in range(2):
        assert (await publisher.post(ORDER))[0] == 202
    nameless = {**ORDER, "eventId": ""}
    first = await publisher.post(nameless, idempotency_key="r-1")
    again = await publisher.post(nameless, idempotency_key="r-1")
    assert first[:2] == again[:2]
    assert ("idempotency-replayed" in first[2], again[2]["idempotency-replayed"]) == (False, "true")
    assert await publisher.stored() == ["publish:erp:o-1", "publish:erp:r-1.0"]
    status, answer, _ = await publisher.post({**nameless, "orderId": 8}, idempotency_key="r-1")
    assert (status, answer["code"]) == (422, "idempotency_mismatch")


async def test_a_wrong_event_is_named_and_nothing_is_stored(publisher: Publisher) -> None:
    status, answer, _ = await publisher.post(ORDER, {**ORDER, "currency": "lira"})
    assert (status, answer["event"]) == (400, 1)
    status, answer, _ = await publisher.post(ORDER, {**ORDER, "marketplace": "ebay"})
    assert (status, answer["event"]) == (403, 1)
    assert await publisher.stored() == []


async def test_only_keys_that_hold_publish(publisher: Publisher, site: Site) -> None:
    session = await site.login("admin")
    revoked, text = await publisher.keys.create("erp", ["all"], ["all"])
    await publisher.keys.revoke(revoked.id)
    for key in ("", "mck_x", session["accessToken"], text):
        status, _, headers = await publisher.post(ORDER, key=key)
        assert (status, headers["www-authenticate"]) == (401, "Bearer")


async def test_other_bodies_are_refused(publisher: Publisher, site: Site) -> None:
    assert (await publisher.post(body=b"{"))[0] == 400
    assert (await publisher.post(body=b"x" * (MAXIMUM_BODY_BYTES + 1)))[0] == 413
    headers = {"Authorization": f"Bearer {publisher.key}", "Content-Type": "text/plain"}
    async with site.http.post(f"{site.url}/api/publish", data=b"{}", headers=headers) as answer:
        assert answer.status == 415


async def test_the_most_events_of_a_request_fit_its_body(publisher: Publisher) -> None:
    most = PublishingOptions().most_events
    full = {**ORDER, "customer": "Ayşe Yılmaz", "shopStatus": "Beklemede", "marketplaceOrderId": "1" * 20}
    status, answer, _ = await publisher.post(*({**full, "eventId": f"o-{n:05}", "orderId": n + 1} for n in range(most)))
    assert (status, answer["accepted"]) == (202, most)
    assert (await publisher.post(*({**ORDER, "eventId": str(n)} for n in range(most + 1))))[0] == 400


async def test_above_its_rate_a_key_is_told_when_to_come_again(publisher: Publisher) -> None:
    per_minute, most = publisher.site.settings.published_events_per_minute, PublishingOptions().most_events
    events = [{**ORDER, "eventId": f"o-{n}"} for n in range(most)]
    statuses = []
    for _ in range(2 * per_minute // most):  # the longer each takes, the more of them are let in meanwhile
        status, _, headers = await publisher.post(*events)
        statuses.append(status)
        if status == 429:
            break
    assert statuses[-1] == 429
    assert int(headers["retry-after"]) >= 1
    assert len(await publisher.stored()) == most
