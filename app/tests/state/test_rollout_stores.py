"""The stores of a roll-out, on real databases."""

from __future__ import annotations

import pytest
from app.tests.services import rollout_specs
from app.tests.services.fakes import FakeClock

from meschain.services.ports import OpenConnection
from meschain.state.connections import SqlConnectionStore
from meschain.state.database import Database
from meschain.state.rollout_ends import SqlPlacedEnds
from meschain.state.rollout_permits import SqlConnectPermits
from meschain.state.rollout_plans import SqlPlanStore, SqlReportStore
from meschain.state.rollout_sides import SqlCountStore, SqlPlacedConnections


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


class TestSqlPlans(rollout_specs.PlanStoreSpec):
    @pytest.fixture
    def store(self, opened: Database) -> SqlPlanStore:
        return SqlPlanStore(opened)


class TestSqlPlacedConnections(rollout_specs.PlacedConnectionsSpec):
    @pytest.fixture
    def store(self, opened: Database, clock: FakeClock) -> SqlPlacedConnections:
        return SqlPlacedConnections(opened, clock)


async def test_what_ended_with_its_process_is_placed_nowhere(opened: Database, clock: FakeClock) -> None:
    placed, written, ends = (
        SqlPlacedConnections(opened, clock),
        SqlConnectionStore(opened, clock),
        SqlPlacedEnds(opened),
    )
    for number in range(1, 5):
        await placed.opened(rollout_specs.placed(number))
    await written.write([OpenConnection("a", f"c{number}", "", node="killed") for number in (1, 2)], [])
    await written.write([OpenConnection("a", "c3", "", node="alive")], [])
    assert await ends.take_over() == 0
    await written.end_node("killed")
    assert await ends.take_over() == 2
    assert await ends.take_over() == 0
    assert [each.connection_id for each in await placed.page(("", ""), 9)] == ["c3", "c4"]


class TestSqlCounts(rollout_specs.CountStoreSpec):
    @pytest.fixture
    def store(self, opened: Database) -> SqlCountStore:
        return SqlCountStore(opened)


class TestSqlConnectPermits(rollout_specs.ConnectPermitsSpec):
    @pytest.fixture
    def store(self, opened: Database) -> SqlConnectPermits:
        return SqlConnectPermits(opened, window_seconds=3600)

    @pytest.fixture
    def brief(self, opened: Database) -> SqlConnectPermits:
        return SqlConnectPermits(opened, window_seconds=0.1)


class TestSqlReports(rollout_specs.ReportStoreSpec):
    @pytest.fixture
    def store(self, opened: Database) -> SqlReportStore:
        return SqlReportStore(opened)
