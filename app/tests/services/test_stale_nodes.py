"""Processes that ended without a word."""

from __future__ import annotations

import pytest
from app.tests.services.conftest import Run
from app.tests.services.fakes import FakeClock, MemoryConnections, MemoryLeases
from app.tests.services.presence_specs import keys
from app.tests.services.store_specs import connection

from meschain.services.connections import node_lease
from meschain.services.options import PresenceOptions
from meschain.services.stale_nodes import SERVICE_HOURS, StaleNodes

SECONDS = PresenceOptions().node_seconds


async def test_what_a_process_held_ends_with_its_lease(
    clock: FakeClock, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    written, leases = MemoryConnections(clock), MemoryLeases(clock)
    await written.write([connection(1, node="lives"), connection(2, node="killed"), connection(3, node="killed")], [])
    for node in ("lives", "killed"):
        await leases.take(node_lease(node), node, SECONDS)
    await run(StaleNodes(written, leases, clock).run)
    assert set(written.rows) == keys(1, 2, 3)
    for _ in range(5):
        await leases.take(node_lease("lives"), "lives", SECONDS)
        await clock.advance(SECONDS / 4)
    assert set(written.rows) == keys(1)
    assert "2 connections of the process killed" in caplog.text
    assert await leases.look(node_lease("killed")) is None


async def test_what_a_service_held_ends_once_nobody_asks_it_any_more(clock: FakeClock) -> None:
    written = MemoryConnections(clock)
    stale = StaleNodes(written, MemoryLeases(clock), clock)
    await written.write([connection(1)], [])
    await clock.advance(SERVICE_HOURS * 3600)
    await stale.step()
    assert set(written.rows) == keys(1)
    await clock.advance(1)
    await stale.step()
    assert set(written.rows) == set()
