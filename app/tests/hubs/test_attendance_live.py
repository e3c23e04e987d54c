"""Who is online and who comes and leaves, over real connections, whoever holds them; and what people did, audited."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from app.tests.conftest import Site
from app.tests.hostings import RunSite

WAIT_SECONDS = 60.0
"""Far more than it takes: processes write down and look every second or so."""


async def people(site: Site, token: str) -> dict[str, dict[str, Any]]:
    """Who is online, by name."""
    status, answer = await site.get("/api/presence", token)
    assert status == 200
    return {person["name"]: person for person in answer["people"]}


async def until_connected(site: Site, token: str, name: str, count: int) -> dict[str, Any]:
    """Wait until somebody has so many connections."""
    async with asyncio.timeout(WAIT_SECONDS):
        while (found := (await people(site, token)).get(name, {})).get("connectionCount", 0) != count:  # noqa: ASYNC110 - only asking tells
            await asyncio.sleep(0.05)
    return found


def is_told(activity: dict[str, Any], kind: str, session: dict[str, Any]) -> bool:
    return (activity["kind"], activity["user"]) == (kind, session["name"])


async def test_a_person_with_two_pages_comes_once_and_leaves_once(data_dir: Path, run_site: RunSite) -> None:
    async with run_site(data_dir, presence_grace_seconds=1) as site:
        admin, manager, viewer = [await site.login(name) for name in ("admin", "manager", "viewer")]
        async with site.connected(admin["accessToken"]) as watching:
            await watching.invoke("JoinAdminGroup", admin["userId"], "admin")
            async with site.connected(manager["accessToken"]):
                async with site.connected(manager["accessToken"], "MesChainDashboardHub"):
                    found = await until_connected(site, admin["accessToken"], manager["name"], 2)
                    assert found["role"] == "marketplace_manager"
                    hubs = {each["hub"].lower() for each in found["connections"]}
                    assert hubs == {"meschainmarketplacehub", "meschaindashboardhub"}
                    assert found["connections"][0]["marketplaces"] == manager["marketplaces"]
                await until_connected(site, admin["accessToken"], manager["name"], 1)
                await watching.received("userActivityUpdate", lambda each: is_told(each, "connected", manager))
                _, answer = await site.get("/api/presence", admin["accessToken"])
                assert (answer["byHub"]["MesChainMarketplaceHub"], answer["byHub"]["MesChainDashboardHub"]) == (1, 0)
                assert answer["byRole"] == {"admin": 1, "marketplace_manager": 1}
                assert answer["byMarketplace"]["trendyol"] == 2
            await watching.received("userActivityUpdate", lambda each: is_told(each, "disconnected", manager))
            # Who comes after that is told after all that there is to tell of the other.
            async with site.connected(viewer["accessToken"]):
                await watching.received("userActivityUpdate", lambda each: is_told(each, "connected", viewer))
            # By id: an event may be told again, and is the same one.
            told = {
                each["eventId"]: (each["kind"], each["user"])
                for each in watching.all_received("userActivityUpdate")
                if each["kind"] in {"connected", "disconnected"} and each["user"] in {manager["name"], viewer["name"]}
            }
            assert list(told.values())[:3] == [
                ("connected", manager["name"]),
                ("disconnected", manager["name"]),
                ("connected", viewer["name"]),
            ]
        status, page = await site.get(f"/api/audit?user={manager['userId']}", admin["accessToken"])
        assert status == 200
        assert [(row["action"], row["outcome"]) for row in page["entries"]] == [("LogIn", "ok")]
