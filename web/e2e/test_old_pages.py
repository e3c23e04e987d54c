"""Pages with the old clients' scripts keep working, also over a restart, and move to SignalR by one script tag."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from app.tests.program import free_port
from playwright.sync_api import Browser, Page, expect
from web.e2e.old_pages import PAGES, OldServer, moved, served_pages

RECONNECT_MILLISECONDS = 120_000
"""The old clients wait 5 s and more between attempts."""

EVERY_STATUS = """() => {
    window.statuses = [];
    new MutationObserver((changes) => {
        for (const change of changes) for (const node of change.addedNodes) window.statuses.push(node.textContent);
    }).observe(document.getElementById('n11Status'), { childList: true });
}"""


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """A folder from which pages are served."""
    folder = tmp_path / "pages"
    shutil.copytree(PAGES, folder)
    return folder


@pytest.fixture
def old_server(tmp_path: Path, pages: Path) -> Iterator[OldServer]:
    with served_pages(pages) as origin:
        server = OldServer(tmp_path / "data", free_port(), origin)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def sync_to_the_end(panel: Page) -> None:
    """Sync a marketplace by its button. The next figures put another word than the last one there, maybe at once."""
    panel.evaluate(EVERY_STATUS)
    panel.locator("#sync-n11").click()
    panel.wait_for_function("statuses.includes('completed')", timeout=RECONNECT_MILLISECONDS)


@pytest.mark.timeout(400)
def test_two_old_pages_live_on_over_a_restart_and_move(browser: Browser, old_server: OldServer, pages: Path) -> None:
    role, panel = browser.new_page(), browser.new_page()
    errors: list[str] = []
    for page in (role, panel):
        page.on("pageerror", lambda error: errors.append(str(error)))
    role.goto(old_server.page("role", "/ws"))
    panel.goto(old_server.page("panel", "/"))
    expect(role.locator("#state")).to_have_text("connected")
    expect(panel.locator("#recentOrdersTable tr")).to_have_count(10)
    expect(panel.locator("#totalRevenue")).not_to_have_text("$0")
    expect(panel.locator("body")).not_to_contain_text("NaN")
    expect(panel.locator("body")).not_to_contain_text("undefined")

    sync_to_the_end(panel)
    panel.locator("#refreshMarketplaces").click()
    expect(panel.locator("#n11Status b")).to_have_text("connected")
    order = old_server.place_order("trendyol")
    expect(role.locator("#own-orders")).not_to_be_empty()
    assert order.isdecimal()

    # As often as it takes: how long a start takes is this machine's affair, and the panel gives up after 25 s.
    role.evaluate("mesChainWS.maxReconnectAttempts = 1000")
    panel.evaluate("webSocketClient.maxReconnectAttempts = 1000")
    old_server.stop()
    expect(role.locator("#state")).to_have_text("disconnected")
    expect(panel.locator("#connectionIndicator")).to_have_text("disconnected")
    old_server.start()
    expect(role.locator("#state")).to_have_text("connected", timeout=RECONNECT_MILLISECONDS)
    expect(panel.locator("#connectionIndicator")).to_have_text("connected", timeout=RECONNECT_MILLISECONDS)
    # After its reconnect the old client says who it is, and does not subscribe again.
    role.evaluate("document.getElementById('own-orders').textContent = ''")
    old_server.place_order("trendyol")
    expect(role.locator("#own-orders")).not_to_be_empty()
    expect(panel.locator("#recentOrdersTable tr")).to_have_count(10)
    assert errors == []

    token = old_server.run("token", "admin", "--lifetime", "1h").strip()
    office = browser.new_page()
    office.add_init_script(f"localStorage.setItem('auth_token', '{token}')")
    office.goto(f"{old_server.url}/legacy.html")
    expect(office.locator("#listeners li")).to_contain_text(f"old: port {old_server.legacy_port}")
    expect(office.locator("#users tr", has_text="panel")).to_contain_text(old_server.origin)
    expect(office.locator("#users tr", has_text="panel")).to_contain_text("connected")

    # The same pages with one script tag changed, and SignalR underneath.
    moved(pages, old_server.url)
    for page in (role, panel):
        page.add_init_script(f"localStorage.setItem('auth_token', '{token}')")
        page.reload()
    expect(role.locator("#state")).to_have_text("connected")
    expect(panel.locator("#connectionIndicator")).to_have_text("Connected")
    expect(panel.locator("#recentOrdersTable tr")).to_have_count(10)
    number = old_server.order_number(old_server.place_order("trendyol"))
    expect(role.locator("#own-orders")).not_to_be_empty()
    # Not the first row: the demo shop sells meanwhile, and older orders move on.
    expect(panel.locator("#recentOrdersTable tr", has_text=number)).to_contain_text("Trendyol")
    sync_to_the_end(panel)
    assert errors == []
