"""The names behind ids, of our own people and of the shop's."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from app.tests.site import Site

pytestmark = pytest.mark.asyncio(loop_scope="module")


def asking(*ids: str) -> str:
    return f"/api/names?{urlencode([('id', each) for each in ids])}"


async def test_administrators_are_told_the_names_that_are_known(shared_site: Site) -> None:
    admin = await shared_site.login("admin")
    status, answer = await shared_site.get(
        asking(admin["userId"], "opencart:1", "own:nobody", "opencart:x", "service:schedule", ""),
        admin["accessToken"],
    )
    assert status == 200
    assert answer["names"][admin["userId"]] == admin["name"]
    assert set(answer["names"]) == {admin["userId"], "opencart:1"}


async def test_managers_are_told_the_names_that_their_jobs_show(shared_site: Site) -> None:
    manager, admin = [await shared_site.login(name) for name in ("manager", "admin")]
    asked = asking(admin["userId"], "opencart:1", manager["userId"])
    assert (await shared_site.get(asked, manager["accessToken"]))[1] == {"names": {}}
    headers = {"Authorization": f"Bearer {admin['accessToken']}"}
    marketplace = manager["marketplaces"][0]
    body = {"marketplace": marketplace}
    async with shared_site.http.post(f"{shared_site.url}/api/jobs", json=body, headers=headers) as answer:
        assert answer.status == 202
    names = (await shared_site.get(asked, manager["accessToken"]))[1]["names"]
    assert names == {admin["userId"]: admin["name"]}


async def test_others_and_too_many_are_refused(shared_site: Site) -> None:
    viewer, admin = [(await shared_site.login(name))["accessToken"] for name in ("viewer", "admin")]
    assert (await shared_site.get(asking("own:1")))[0] == 401
    assert (await shared_site.get(asking("own:1"), viewer))[0] == 403
    assert (await shared_site.get(asking(*(f"own:{number}" for number in range(101))), admin))[0] == 400
