"""The page of the live trace in Chromium: it shows what happens, filters, says what went wrong, and fits any window."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from compliance.server import SLOWNESS
from playwright.async_api import Browser, Page, async_playwright, expect

from hubwire import HubServer
from hubwire.azure.rest_tokens import RestTokens
from hubwire.model import Audience
from hubwire.server.live_trace import LiveTrace, TraceCategory
from hubwire.server.live_trace_endpoint import EVENTS_PATH, LiveTraceEndpoint
from hubwire.testing import make_caller
from hubwire.testing.serving import serving
from hubwire.transports.asgi import AsgiMessage, AsgiReceive, AsgiSend

FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
"""As root, Chromium's own sandbox cannot be set up."""
KEY = "a key of thirty-two bytes or more"

pytestmark = pytest.mark.asyncio(loop_scope="module")
expect.set_options(timeout=30_000 * SLOWNESS)


class Watched:
    """A trace that is served, and a page that shows it."""

    def __init__(self, trace: LiveTrace, page: Page, token: str) -> None:
        self.trace = trace
        self.page = page
        self.token = token
        self.rows = page.locator("tbody tr")
        self.state = page.locator("#state")

    async def watch(self, token: str | None = None) -> None:
        await self.page.get_by_label("Token").fill(self.token if token is None else token)
        await self.page.get_by_role("button", name="Watch").click()

    def happen(self) -> None:
        """One event of each kind."""
        ann = make_caller("ann", connection_id="Jq3k0bVX2mYw7RZ5aLtD9A", hub="chat", transport="WebSockets")
        self.trace.tell_of_caller(ann, TraceCategory.CONNECTIVITY, "ConnectionStarted", "The connection is open.")
        self.trace.tell_of_audience(
            "chat",
            Audience.user("ann"),
            TraceCategory.MESSAGING,
            "MessageSent",
            "'said' goes to 'ann'",
            tracing_id="42",
        )
        self.trace.tell_of_request("POST", "/api/hubs/chat/users/ann/:send", 404, 0.0021, "10.0.0.7", "42")
        lost = TimeoutError("<b>late</b>")
        self.trace.tell_of_caller(ann, TraceCategory.CONNECTIVITY, "ConnectionAborted", "<b>lost</b>", error=lost)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    path = shutil.which("chromium") or shutil.which("google-chrome")
    assert path is not None, "Chromium is missing: run `tools/need.sh chromium`."
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def watched(browser: Browser) -> AsyncIterator[Watched]:
    hubs, trace = HubServer(), LiveTrace()
    async with AsyncExitStack() as stack:
        signing: list[RestTokens] = []  # made once the port is known
        endpoint = LiveTraceEndpoint(trace, lambda token, path: signing[0].verify(token, path))

        async def application(scope: AsgiMessage, receive: AsgiReceive, send: AsgiSend) -> None:
            await (hubs if scope["type"] == "lifespan" else endpoint)(scope, receive, send)

        address = await stack.enter_async_context(serving(hubs, application))
        signing.append(RestTokens([KEY], [address]))
        page = await browser.new_page(viewport={"width": 1280, "height": 620})
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(f"{address}/livetrace")
        yield Watched(trace, page, signing[0].sign(EVENTS_PATH)[0])
        trace.stop()
        # What a refused stream is told, and the icon that browsers ask for, are no faults of the page.
        assert [each for each in complaints if "status of 40" not in each] == []
        await page.close()


async def test_what_happens_is_shown_the_latest_first(watched: Watched) -> None:
    await watched.watch()
    await expect(watched.state).to_have_text("Watching")
    watched.happen()
    await expect(watched.rows).to_have_count(4)
    await expect(watched.rows.nth(0)).to_contain_text("<b>lost</b> (TimeoutError)")
    await expect(watched.rows.nth(2)).to_contain_text("42")
    await expect(watched.rows.nth(3)).to_contain_text("Jq3k0bVX2mYw7RZ5aLtD9A")


async def test_a_filter_counts_and_a_stream_can_be_stopped_and_begun_again(watched: Watched) -> None:
    for category in ("connectivity", "http"):
        await watched.page.get_by_label(category).uncheck()
    await watched.watch()
    await expect(watched.state).to_have_text("Watching")
    watched.happen()
    await expect(watched.rows).to_have_count(1)
    await watched.page.get_by_role("button", name="Stop").click()
    await expect(watched.state).to_have_text("Stopped")
    await watched.page.get_by_role("button", name="Clear").click()
    await expect(watched.rows).to_have_count(0)
    await watched.page.get_by_role("button", name="Watch").click()
    await expect(watched.state).to_have_text("Watching")


async def test_a_wrong_token_and_the_end_are_told(watched: Watched) -> None:
    await watched.watch("wrong")
    await expect(watched.state).to_contain_text("401 Send a token")
    await watched.watch()
    await expect(watched.state).to_have_text("Watching")
    watched.trace.stop()
    await expect(watched.state).to_contain_text("has ended")


async def test_a_token_behind_the_address_is_taken_and_not_left_there(watched: Watched) -> None:
    await watched.page.goto(f"{watched.page.url}#token={watched.token}")
    await watched.page.reload()
    await expect(watched.page.get_by_label("Token")).to_have_value(watched.token)
    assert "token" not in watched.page.url


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
async def test_the_page_fits_its_window(watched: Watched, width: int, scheme: str, tmp_path: Path) -> None:
    await watched.page.set_viewport_size({"width": width, "height": 620})
    await watched.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    await watched.watch()
    await expect(watched.state).to_have_text("Watching")
    watched.happen()
    await expect(watched.rows).to_have_count(4)
    overflow = await watched.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert overflow <= 0
    await watched.page.screenshot(path=tmp_path / f"{width}-{scheme}.png")
