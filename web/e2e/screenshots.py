"""Writes docs/images/*.png: the pages, wide and narrow, light and dark, from a demo shop at work.

`python web/e2e/screenshots.py [folder]`, from the repository's root. Needs the built pages and Chromium.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from app.tests.program import free_port  # noqa: E402
from playwright.sync_api import Page, expect, sync_playwright  # noqa: E402
from web.e2e.conftest import CHROMIUM_FLAGS  # noqa: E402
from web.e2e.person import Person  # noqa: E402
from web.e2e.working_shop import SYNCED, WorkingShop  # noqa: E402

PAGES = (
    ("admin", "superadmin", 1420),
    ("marketplace", "manager", 1080),
    ("analytics", "admin", 1660),
    ("jobs", "admin", 900),
    ("alerts", "superadmin", 1080),
)
"""Page, who opens it, and the height of the wide picture."""
NARROW_HEIGHT = 880
WORK_SECONDS = 65
"""Twenty points of the charts at one figure a second, and the first minute of uptime."""


def bring_to_life(admin: Page, server: WorkingShop) -> None:
    """What a shop's day has: alerts, syncs, orders, webhooks that nobody understands."""
    for level, message in (
        ("info", "The new catalogue is live on all marketplaces"),
        ("warning", "Courier pick-up moves to 16:30 today"),
    ):
        admin.fill("#alert-message", message)
        admin.select_option("#alert-level", level)
        admin.get_by_role("button", name="Send alert").click()
        expect(admin.locator("#alerts-list")).to_contain_text(message)
    admin.click('[data-sync="hepsiburada"]')
    admin.click(f'[data-sync="{SYNCED}"]')
    job = server.program.next_job()
    for processed in (60, 130):
        admin.wait_for_timeout(1000)  # of reports close to each other the first is kept
        server.program.report(job, processed=processed, failed=2, total=300)
    for number in range(3):
        server.receive_what_nobody_understands(f"msg_{number}")
    for marketplace in ("trendyol", "etsy", "amazon"):
        server.place_order(marketplace)


def work(page: Page, server: WorkingShop) -> None:
    """A minute of requests, so that the charts have something to draw."""
    for second in range(WORK_SECONDS):
        for _ in range(2 + second // 5 % 4):
            page.request.get(f"{server.url}/api/info")
        page.wait_for_timeout(1000)


def happen(admin: Page) -> None:
    """Something to be seen while the picture is taken: a sync on its way, and an alert that comes in."""
    admin.click('[data-sync="ozon"]')
    admin.fill("#alert-message", "Warehouse closes at noon today")
    admin.get_by_role("button", name="Send alert").click()
    expect(admin.locator("#ozon-sync-status.running")).to_be_visible()
    expect(admin.locator(".toast")).to_be_visible()


def take(page: Page, name: str, height: int, folder: Path) -> None:
    """All four pictures of one page."""
    for size, width, tall in (("wide", 1440, height), ("narrow", 400, NARROW_HEIGHT)):
        expect(page.locator(".toast")).to_have_count(0)
        page.set_viewport_size({"width": width, "height": tall})
        if (name, size) == ("admin", "wide"):
            happen(page)
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            language = "TR" if (size, theme) == ("narrow", "dark") else "EN"
            page.get_by_role("button", name=language, exact=True).click()
            page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
            # Two frames: charts follow the new width and colours by their own observers.
            page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
            page.screenshot(path=folder / f"{name}-{size}-{theme}.png")


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["MESCHAIN_DASHBOARD_INTERVAL_SECONDS"] = "1"
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        server = WorkingShop(Path(temporary) / "data", free_port())
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), headless=True, args=list(CHROMIUM_FLAGS)
        )
        try:
            server.start()
            people = []
            for name, username, height in PAGES:
                page = browser.new_context(viewport={"width": 1440, "height": 1080}, locale="en-US").new_page()
                person = Person(page, server, username)
                person.log_in()
                person.go(name)
                person.wait_until_live()
                people.append((name, height, page))
            bring_to_life(people[0][2], server)
            work(people[0][2], server)
            for name, height, page in people:
                page.bring_to_front()
                take(page, name, height, folder)
        finally:
            browser.close()
            server.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images")
