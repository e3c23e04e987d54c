"""The audit, page by page."""

from __future__ import annotations

import pytest
from app.tests.services import presence_specs
from app.tests.services.fakes import FakeClock, MemoryAuditEntries

from meschain.services.audit_trail import AuditTrail
from meschain.services.options import AuditOptions


class TestMemoryAuditEntries(presence_specs.AuditSpec):
    @pytest.fixture
    def store(self, clock: FakeClock) -> MemoryAuditEntries:
        return MemoryAuditEntries(clock)


@pytest.fixture
def trail(clock: FakeClock) -> tuple[MemoryAuditEntries, AuditTrail]:
    store = MemoryAuditEntries(clock)
    return store, AuditTrail(store, AuditOptions(page=2, largest_page=3))


async def test_each_page_names_the_next_until_there_is_none(trail: tuple[MemoryAuditEntries, AuditTrail]) -> None:
    store, audit = trail
    for number in range(4):
        await store.add("own:1", f"act {number}", {}, "ok")
    first = await audit.page()
    assert first.next is not None
    second = await audit.page(before=first.next)
    assert second.next is None
    assert [row.action for row in (*first.entries, *second.entries)] == ["act 3", "act 2", "act 1", "act 0"]


async def test_a_page_is_bounded_and_never_empty_by_its_limit(
    trail: tuple[MemoryAuditEntries, AuditTrail],
) -> None:
    store, audit = trail
    for _ in range(9):
        await store.add("own:1", "act", {}, "ok")
    assert [len((await audit.page(limit=limit)).entries) for limit in (0, 1, 100)] == [1, 1, 3]


async def test_details_are_texts(trail: tuple[MemoryAuditEntries, AuditTrail]) -> None:
    store, audit = trail
    await store.add("", "act", {"word": "ş", "number": 5, "list": ["a"], "none": None}, "ok")
    [row] = (await audit.page()).entries
    assert row.details == {"word": "ş", "number": "5", "list": '["a"]', "none": "null"}
    assert row.at == "2025-03-10T09:30:00.000Z"
