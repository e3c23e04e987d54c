"""Recorded conversations of each dialect, against the running application with its demo shop."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from app.tests.legacy.conftest import dialled
from app.tests.legacy.replay import CONVERSATIONS, recording, replay
from app.tests.site import Site

pytestmark = pytest.mark.asyncio(loop_scope="module")

RECORDED = {path.stem: recording(path.stem) for path in sorted(CONVERSATIONS.glob("*.json"))}
ALONE = [name for name, conversation in RECORDED.items() if conversation["alone"]]
"""Those that count what happens in the shop; it must not happen for others meanwhile."""


@pytest.mark.parametrize("name", ALONE)
async def test_a_recorded_conversation_has_the_same_structure_again(old_site: Site, name: str) -> None:
    await play(old_site, RECORDED[name])


async def test_so_have_all_others_at_the_same_time(old_site: Site) -> None:
    others = [name for name in RECORDED if name not in ALONE]
    outcomes = await asyncio.gather(*(play(old_site, RECORDED[name]) for name in others), return_exceptions=True)
    assert dict(zip(others, outcomes, strict=True)) == dict.fromkeys(others)


async def play(site: Site, conversation: Mapping[str, Any]) -> None:
    async def happen(what: str, argument: str) -> None:
        if what == "order":
            assert site.application.demo_shop is not None
            await site.application.demo_shop.driver().place_order(argument)
            return
        admin = await site.login("admin")
        async with site.connected(admin["accessToken"]) as page:
            if what == "sync":
                await page.invoke("HandleAdminCommand", "triggerSync", {"marketplace": argument})
            else:
                await page.invoke("BroadcastSystemAlert", argument, "warning")

    await replay(conversation, dialled(site, conversation["listener"], conversation["path"]), site.http, happen)
