"""The page "Send clients to another address" is true."""

from __future__ import annotations

import asyncio
import json
import urllib.request

from engine.tests.docs.pages import HOW_TO, run_page

from hubwire.testing import serving


def negotiated(address: str) -> dict[str, object]:
    request = urllib.request.Request(f"{address}/chat/negotiate?negotiateVersion=1", b"", method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return dict(json.load(answer))


async def test_negotiate_names_one_of_the_nodes() -> None:
    page = run_page(HOW_TO / "redirect-clients.md")
    async with serving(page["server"]) as address:
        answer = await asyncio.to_thread(negotiated, address)
    assert answer.keys() == {"url"}
    assert answer["url"] in page["NODES"]
