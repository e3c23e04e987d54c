"""Chromium with the client that pages use: which events reached the page's handlers, and when."""

from __future__ import annotations

import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from playwright.async_api import Page, async_playwright
from web.e2e.conftest import CHROMIUM_FLAGS

_LISTEN = """
window.arrivals = [];
for (const target of ['inventoryUpdate', 'orderNotification', 'userActivityUpdate', 'systemAlert']) {
  document.addEventListener(`signalr:${target}`, ({ detail }) => {
    const at = performance.timeOrigin + performance.now();
    if (detail.position) window.arrivals.push([detail.eventId, detail.position, detail.quantity ?? 0, at]);
  });
}
"""

_BARE = """<!doctype html><title>follow</title><p id="connection-status"></p>
<script src="assets/meschain-signalr.js"></script>
<script>
  const { sub } = JSON.parse(atob(localStorage.auth_token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/')));
  new MesChainSignalR(sub, 'marketplace_manager', { hub: 'MesChainMarketplaceHub' });
</script>"""
"""A page as `docs/how-to/connect-a-page.md` has it, that hears of marketplaces and draws nothing."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event in the page's handler."""

    event_id: str
    position: int
    quantity: int
    """Of a stock event."""
    at_ns: int
    """CLOCK_MONOTONIC."""


class WatchingPage:
    """A page of somebody who is logged in."""

    def __init__(self, page: Page) -> None:
        self._page = page

    async def arrivals(self) -> list[Arrival]:
        """What came so far, in its order."""
        # The page counts from 1970; both clocks run on one machine.
        offset = time.time_ns() - time.monotonic_ns()
        found: list[tuple[str, int, int, float]] = await self._page.evaluate("window.arrivals")
        return [
            Arrival(event_id, int(position), int(quantity), int(at * 1e6) - offset)
            for event_id, position, quantity, at in found
        ]


@asynccontextmanager
async def watching_page(base: str, username: str, password: str, page_name: str) -> AsyncIterator[WatchingPage]:
    """The page, connected.

    Args:
        page_name: `marketplace`, `admin`; empty: a page that draws nothing.
    """
    async with async_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        browser = await playwright.chromium.launch(executable_path=path, headless=True, args=list(CHROMIUM_FLAGS))
        page = await browser.new_page()
        page.set_default_timeout(120_000)
        await page.add_init_script(_LISTEN)
        await page.goto(f"{base}/login.html")
        await page.fill("#username", username)
        await page.fill("#password", password)
        await page.click("#login-submit")
        await page.wait_for_url(lambda url: "login" not in url)
        if not page_name:
            page_name = "follow"
            await page.route(f"{base}/follow.html", lambda route: route.fulfill(body=_BARE, content_type="text/html"))
        await page.goto(f"{base}/{page_name}.html")
        await page.wait_for_selector("#connection-status.connected")
        try:
            yield WatchingPage(page)
        finally:
            await browser.close()
