"""The store of the inbox on real databases."""

from __future__ import annotations

import pytest
from app.tests.services.fakes import FakeClock
from app.tests.services.inbox_specs import InboxStoreSpec

from meschain.state.database import Database
from meschain.state.events import SqlEventStore
from meschain.state.inbox import SqlInboxStore


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


class TestSqlInbox(InboxStoreSpec):
    @pytest.fixture
    def store(self, opened: Database, clock: FakeClock) -> SqlInboxStore:
        return SqlInboxStore(opened, clock, SqlEventStore(opened, clock))

    @pytest.fixture
    def elsewhere(self, opened: Database, clock: FakeClock) -> SqlInboxStore:
        return SqlInboxStore(opened, clock, SqlEventStore(opened, clock))

    @pytest.fixture
    def log(self, opened: Database, clock: FakeClock) -> SqlEventStore:
        return SqlEventStore(opened, clock)
