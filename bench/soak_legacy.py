"""Two pages of the old WebSocket clients on the demo shop for some minutes, through restarts of the server.

Usage: python bench/soak_legacy.py [--minutes 10] [--restarts 2]

Chromium shows the pages of `web/e2e/old_pages`, whose scripts have the names, wire and timing of the old clients. The
demo shop's buyers and staff act by themselves; orders of one marketplace are placed besides, so that something is
expected. It holds when both pages are connected at the end and after each restart, every order of ours showed on the
page of its marketplace, no figure was shown as NaN or undefined, and no script failed. The panel's client tries five
times in 25 s and then gives up: a restart has to take less. All of it takes the minutes given, and one more at most.
Writes bench/results/soak-legacy.json.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.tests.program import free_port
from playwright.sync_api import Page, sync_playwright
from web.e2e.conftest import CHROMIUM_FLAGS
from web.e2e.old_pages import OldServer, served_pages

RESULT = Path(__file__).parent / "results" / "soak-legacy.json"
ORDER_SECONDS = 15.0
"""Between two orders of ours."""
ARRIVES_SECONDS = 30.0
"""How long an order may take to show before it counts as lost; it takes about a second."""
BACK_SECONDS = 120.0
"""How long a page may take to be back: its own retries are up to 30 s apart."""


class Soak:
    def __init__(self, server: OldServer, role: Page, panel: Page) -> None:
        self.server = server
        self.role = role
        self.panel = panel
        self.problems: list[str] = []
        self.placed = 0
        self.seconds_to_show: list[float] = []
        self.seconds_down: list[float] = []
        self.seconds_back: list[float] = []

    def place(self) -> None:
        """An order, and wait until the page of its marketplace shows one more."""
        before = self.shown()
        self.server.place_order("trendyol")
        self.placed += 1
        begun = time.monotonic()
        while self.shown() <= before:
            if time.monotonic() - begun > ARRIVES_SECONDS:
                self.problems.append(f"an order was not shown within {ARRIVES_SECONDS:g} s")
                return
            self.role.wait_for_timeout(50)
        self.seconds_to_show.append(time.monotonic() - begun)

    def shown(self) -> int:
        return len((self.role.locator("#own-orders").text_content() or "").split())

    def are_connected(self) -> bool:
        role = self.role.locator("#state").text_content()
        panel = self.panel.locator("#connectionIndicator").text_content()
        return role == "connected" and panel == "connected"

    def restart(self) -> None:
        stopped = time.monotonic()
        self.server.stop()
        self.server.start()
        begun = time.monotonic()
        self.seconds_down.append(begun - stopped)
        while not self.are_connected():
            if time.monotonic() - begun > BACK_SECONDS:
                self.problems.append(f"a page was not back {BACK_SECONDS:g} s after a restart")
                return
            self.role.wait_for_timeout(100)
        self.seconds_back.append(time.monotonic() - begun)

    def look(self) -> None:
        for page in (self.role, self.panel):
            text = page.locator("body").inner_text()
            self.problems += [f"a page shows {word}" for word in ("NaN", "undefined") if word in text]


def run(minutes: float, restarts: int) -> dict[str, Any]:
    begun = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="soak-legacy-"))
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    assert chromium is not None, "Chromium is missing: run `tools/need.sh chromium`."
    with served_pages() as origin, sync_playwright() as playwright:
        server = OldServer(folder / "data", free_port(), origin)
        server.start()
        browser = playwright.chromium.launch(executable_path=chromium, headless=True, args=list(CHROMIUM_FLAGS))
        try:
            role, panel = browser.new_page(), browser.new_page()
            soak = Soak(server, role, panel)
            for page in (role, panel):
                page.on("pageerror", lambda error: soak.problems.append(f"a script failed: {error}"))
            role.goto(server.page("role", "/ws"))
            panel.goto(server.page("panel", "/"))
            role.wait_for_function("document.getElementById('state').textContent === 'connected'")
            due = [begun + 60 * minutes * (number + 1) / (restarts + 1) for number in range(restarts)]
            while time.monotonic() - begun < 60 * minutes:
                soak.place()
                soak.look()
                if due and time.monotonic() >= due[0]:
                    due.pop(0)
                    soak.restart()
                passed = time.monotonic() - begun
                print(f"{passed:6.0f} s, {soak.placed} orders, {len(soak.problems)} problems", flush=True)
                role.wait_for_timeout(1000 * max(0.0, min(ORDER_SECONDS, begun + 60 * minutes - time.monotonic())))
            if not soak.are_connected():
                soak.problems.append("a page is not connected at the end")
            updates = panel.evaluate("webSocketClient.received.filter((type) => type === 'dashboard_update').length")
        finally:
            browser.close()
            server.stop()
    shutil.rmtree(folder, ignore_errors=True)
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join(["python", "bench/soak_legacy.py", *sys.argv[1:]]),
        "machine": f"{platform.processor() or platform.machine()}, Python {platform.python_version()}",
        "minutes": minutes,
        "restarts": len(soak.seconds_back),
        "orders": soak.placed,
        "seconds_until_shown": {
            "median": round(sorted(soak.seconds_to_show)[len(soak.seconds_to_show) // 2], 2),
            "longest": round(max(soak.seconds_to_show), 2),
        },
        "seconds_down": [round(seconds, 1) for seconds in soak.seconds_down],
        "seconds_until_back": [round(seconds, 1) for seconds in soak.seconds_back],
        "panel_updates": updates,
        "problems": soak.problems,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--restarts", type=int, default=2)
    arguments = parser.parse_args()
    result = run(arguments.minutes, arguments.restarts)
    print(json.dumps(result, indent=2))
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    if result["problems"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
