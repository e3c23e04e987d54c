"""Publishing: taken whole or not at all, stored once, answered the same when it comes again."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

import pytest
from app.tests.services import publishing_specs
from app.tests.services.fakes import FakeClock, MemoryEvents

from meschain.domain.events import NewEvent
from meschain.domain.publications import PublisherRights
from meschain.services.options import PublishingOptions
from meschain.services.publishing import (
    Claim,
    IdempotencyMismatch,
    Published,
    PublishForbidden,
    PublishInvalid,
    PublishService,
    PublishUnavailable,
)

RIGHTS = PublisherRights("erp", ("order", "inventory", "alert"), ("shop", "n11"))


class MemoryPublications:
    """Requests by publisher and key; an answer is not kept while `is_away`."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], Claim] = {}
        self.moments: dict[tuple[str, str], datetime] = {}
        self.is_away = False

    async def claim(self, publisher: str, key: str, fingerprint: str, at: datetime) -> Claim:
        self.moments.setdefault((publisher, key), at)
        return self.rows.setdefault((publisher, key), Claim(fingerprint, ""))

    async def answered(self, publisher: str, key: str, answer: str) -> None:
        if self.is_away:
            raise ConnectionError("the database is away")
        self.rows[publisher, key] = Claim(self.rows[publisher, key].fingerprint, answer)

    async def prune(self, before: datetime, keep: int) -> AsyncGenerator[int, None]:
        newest = sorted(self.moments.values(), reverse=True)[:keep]
        old = [key for key, moment in self.moments.items() if moment < before or moment not in newest]
        for key in old:
            del self.rows[key], self.moments[key]
        yield len(old)


class TestMemoryPublications(publishing_specs.PublicationStoreSpec):
    @pytest.fixture
    def store(self) -> MemoryPublications:
        return MemoryPublications()


class BrokenLog(MemoryEvents):
    async def append(self, events: Sequence[NewEvent], cursors: Mapping[str, str] = MappingProxyType({})) -> None:
        raise ConnectionError("the database is away")


class Desk:
    """The service on doubles."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.events = MemoryEvents(self.clock)
        self.requests = MemoryPublications()
        self.service = PublishService(self.events, self.requests, self.clock, PublishingOptions(most_events=3))

    async def publish(self, *forms: object, key: str | None = None) -> Published:
        body = json.dumps({"events": forms}).encode()
        return await self.service.publish(RIGHTS, self.service.read(RIGHTS, body, key), body, key)

    @property
    def stored(self) -> list[str]:
        return [row.event.event_id for row in self.events.rows]


def stock(event_id: str = "", quantity: int = 5) -> dict[str, object]:
    return {"kind": "inventory", "eventId": event_id, "productId": 42, "quantity": quantity}


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_events_are_stored_under_the_publishers_name(desk: Desk) -> None:
    published = await desk.publish(stock("a"), stock("b"))
    assert (published.answer.accepted, published.answer.event_ids) == (2, ["a", "b"])
    assert desk.stored == ["publish:erp:a", "publish:erp:b"]


async def test_an_event_that_comes_again_is_stored_once_and_answered_the_same(desk: Desk) -> None:
    first = await desk.publish(stock("a", 5))
    assert await desk.publish(stock("a", 4)) == first
    assert [row.event.payload["quantity"] for row in desk.events.rows] == [5]


async def test_a_request_that_comes_again_gets_the_answer_that_was_kept(desk: Desk) -> None:
    first = await desk.publish(stock(), stock(), key="r-1")
    again = await desk.publish(stock(), stock(), key="r-1")
    assert (first.is_repetition, again.is_repetition) == (False, True)
    assert again.answer == first.answer
    assert first.answer.event_ids == ["r-1.0", "r-1.1"]
    assert len(desk.stored) == 2


async def test_a_key_of_another_request_is_refused_before_anything_is_stored(desk: Desk) -> None:
    await desk.publish(stock("a"), key="r-1")
    with pytest.raises(IdempotencyMismatch):
        await desk.publish(stock("b"), key="r-1")
    assert desk.stored == ["publish:erp:a"]


async def test_a_request_cut_off_before_its_answer_was_kept_is_stored_once(desk: Desk) -> None:
    desk.requests.is_away = True
    with pytest.raises(PublishUnavailable):
        await desk.publish(stock(), key="r-1")
    desk.requests.is_away = False
    published = await desk.publish(stock(), key="r-1")
    assert not published.is_repetition
    assert desk.stored == ["publish:erp:r-1.0"]


async def test_what_cannot_be_stored_is_not_accepted(desk: Desk) -> None:
    desk.service = PublishService(BrokenLog(desk.clock), desk.requests, desk.clock)
    with pytest.raises(PublishUnavailable, match="send them again"):
        await desk.publish(stock("a"))


async def test_one_wrong_event_keeps_all_out_and_is_named(desk: Desk) -> None:
    with pytest.raises(PublishInvalid, match="quantity") as refused:
        await desk.publish(stock("a"), {**stock("b"), "quantity": "many"})
    assert refused.value.event == 1
    assert "many" not in str(refused.value)
    assert desk.stored == []


async def test_what_the_key_is_not_for_is_refused(desk: Desk) -> None:
    for form in (
        {**stock("a"), "marketplace": "ebay"},
        {"kind": "sync", "eventId": "a", "marketplace": "n11", "status": "running", "progress": 1},
    ):
        with pytest.raises(PublishForbidden, match="not for") as refused:
            await desk.publish(stock("x"), form)
        assert refused.value.event == 1


@pytest.mark.parametrize("count", [0, 4])
async def test_a_request_has_at_least_one_event_and_not_more_than_the_limit(desk: Desk, count: int) -> None:
    with pytest.raises(PublishInvalid, match="1 to 3"):
        await desk.publish(*(stock(str(n)) for n in range(count)))


@pytest.mark.parametrize("body", [b"", b"[]", b'{"events": 1}', b'{"events": [], "x": 1}', b"\xff", b"[" * 9_000])
def test_what_is_no_request_is_refused(desk: Desk, body: bytes) -> None:
    with pytest.raises(PublishInvalid, match="Send"):
        desk.service.read(RIGHTS, body, None)


@pytest.mark.parametrize("form", [7, {"kind": "party"}, {}, {"kind": "order"}, {"a": [[[[]]]]}])
async def test_what_is_no_event_is_refused(desk: Desk, form: object) -> None:
    with pytest.raises(PublishInvalid) as refused:
        await desk.publish(form)
    assert refused.value.event == 0


async def test_an_event_needs_an_id_of_its_own_or_of_its_request(desk: Desk) -> None:
    with pytest.raises(PublishInvalid, match="eventId"):
        await desk.publish(stock())


@pytest.mark.parametrize("key", ["", "two words", "x" * 101, "ş"])
async def test_an_idempotency_key_is_short_and_visible(desk: Desk, key: str) -> None:
    with pytest.raises(PublishInvalid, match="Idempotency-Key"):
        await desk.publish(stock("a"), key=key)
