"""The store of who uses the old dialects, on real databases."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from app.tests.legacy.use_specs import AbsenceStoreSpec, LegacyUseStoreSpec, RecallStoreSpec, some_use
from app.tests.services.fakes import START

from meschain.state.database import Database
from meschain.state.legacy_absences import SqlAbsenceStore
from meschain.state.legacy_recalls import SqlRecallStore
from meschain.state.legacy_use import SqlLegacyUseStore


class TestSqlAbsences(AbsenceStoreSpec):
    @pytest.fixture
    def store(self, opened: Database) -> SqlAbsenceStore:
        return SqlAbsenceStore(opened)


class TestSqlRecalls(RecallStoreSpec):
    @pytest.fixture
    def store(self, opened: Database) -> SqlRecallStore:
        return SqlRecallStore(opened)


class TestSqlLegacyUse(LegacyUseStoreSpec):
    @pytest.fixture
    def store(self, opened: Database) -> SqlLegacyUseStore:
        return SqlLegacyUseStore(opened)

    async def test_old_rows_are_deleted(self, store: SqlLegacyUseStore) -> None:
        for number in range(3):
            await store.add(some_use(f"10.0.0.{number}", number))
        assert [deleted async for deleted in store.prune(START + timedelta(seconds=2), 1_000)] == [2]
        assert [use.user.address for use in await store.latest(10)] == ["10.0.0.2"]

    async def test_processes_that_count_at_once_lose_nothing(self, store: SqlLegacyUseStore) -> None:
        await asyncio.gather(*(store.add(some_use()) for _ in range(8)))
        (use,) = await store.latest(10)
        assert (use.connections, use.received) == (8, 16)
