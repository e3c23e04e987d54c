"""What the checklist asks about strain: limits that are too low, and who would go on."""

from __future__ import annotations

import asyncio
from pathlib import Path

from app.tests.hostings import two_nodes
from app.tests.rollout.two_sides import two_sides
from app.tests.site import Site, running_site

from meschain.entrypoints.findings import Finding
from meschain.entrypoints.installation import reached
from meschain.entrypoints.strain import fail_over, many_connections


async def crowd(site: Site, count: int) -> Finding:
    async with reached(site.settings, site.url) as live:
        return await many_connections(live, count)


async def goes_on(site: Site) -> Finding:
    async with reached(site.settings, site.url) as live:
        return await fail_over(live)


async def test_a_limit_below_the_target_is_told_and_one_that_is_met_fails(data_dir: Path) -> None:
    async with running_site(data_dir, maximum_connections=20) as site:
        found = await crowd(site, 10)
        assert (found.verdict, "all are gone again; there is room for 20" in found.text) == ("note", True)
        found = await crowd(site, 30)
    assert (found.verdict, "of 30 could not connect" in found.text, "maximum_connections" in found.text) == (
        "fail",
        True,
        True,
    )


async def test_two_processes_that_hear_each_other_go_on(data_dir: Path) -> None:
    async with two_nodes(data_dir) as site:
        found = await goes_on(site)
    assert (found.verdict, found.text.startswith("2 processes answer")) == ("ok", True)


async def test_a_client_tries_each_service_of_the_settings(data_dir: Path) -> None:
    async with two_sides(data_dir, blue_on_a_service=True, rollout_guards="watch") as sides:
        found = await goes_on(sides.site)
        assert found.verdict == "note"
        assert found.text.startswith("one process answers")
        assert f"clients get in by azure_signalr at {sides.site.clients_at}" in found.text
        assert f"clients get in by green_signalr at {sides.green_at}" in found.text
        await asyncio.to_thread(sides.green.stop)
        found = await goes_on(sides.site)
    assert (found.verdict, "does not get in by green_signalr" in found.text) == ("fail", True)
