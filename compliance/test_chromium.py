"""The checklist with the official JavaScript client in Chromium, from a page of another origin."""

from __future__ import annotations

import functools
import json
import shutil
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from compliance.conftest import Judged
from compliance.javascript import CASE_SECONDS, FOLDER, Case, Result, cases, results
from playwright.sync_api import BrowserContext, sync_playwright

pytestmark = pytest.mark.timeout(360)

AT_ONCE = 3
"""Cases at once in a page: over HTTP/1.1 a browser opens six connections to a host, and a case may need two."""

CHROMIUM_FLAGS = (
    "--no-sandbox",  # as root, Chromium's own sandbox cannot be set up
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

PREFERENCES = {"profile": {"cookie_controls_mode": 0, "block_third_party_cookies": False}}


class _Pages(SimpleHTTPRequestHandler):
    """This folder, and under `/packages/<client>/` the packages that the client gets to see."""

    def translate_path(self, path: str) -> str:
        prefix, _, rest = path.removeprefix("/packages/").partition("/")
        if path.startswith("/packages/"):
            own = FOLDER / "clients" / prefix / "node_modules" / rest
            path = str((own if own.exists() else FOLDER / "node_modules" / rest).relative_to(FOLDER))
        return super().translate_path(path)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the base's name
        """Say nothing."""


@pytest.fixture(scope="module")
def pages() -> Iterator[str]:
    """A small server for the page, of another origin than the server under judgement."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Pages, directory=str(FOLDER)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """A window whose user lets servers of other sites keep cookies: to a page over HTTP, HTTPS is another site."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    assert path is not None, "Chromium is missing: run `tools/need.sh chromium`."
    profile = tmp_path_factory.mktemp("profile")
    (profile / "Default").mkdir()
    (profile / "Default" / "Preferences").write_text(json.dumps(PREFERENCES), encoding="utf-8")
    with sync_playwright() as playwright:
        window = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=path,
            headless=True,
            args=list(CHROMIUM_FLAGS),
            ignore_https_errors=True,
        )
        yield window
        window.close()


@pytest.fixture(scope="module")
def outcome(judged: Judged, pages: str, window: BrowserContext, request: pytest.FixtureRequest) -> dict[str, Result]:
    """The results of all cases that were asked for; one page for each version of the client."""
    wanted = {
        item.callspec.id
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.path == request.path
    }
    chosen = [each for each in cases("chromium") if each.id in wanted]
    outcome: dict[str, Result] = {}
    for client in sorted({each.client for each in chosen}):
        page = window.new_page()
        page.goto(f"{pages}/browser/index.html")
        page.wait_for_function("() => 'runScenarios' in window")
        report = page.evaluate(
            "options => window.runScenarios(options)",
            {
                "client": client,
                "cases": [dict(each.as_listed) for each in chosen if each.client == client],
                "url": judged.url,
                # Cookies know no ports: those of both servers must not meet.
                "secureUrl": judged.secure_url.replace("127.0.0.1", "localhost"),
                "atOnce": AT_ONCE,
                "seconds": CASE_SECONDS,
            },
        )
        outcome |= results(report)
        page.close()
    return outcome


@pytest.mark.parametrize("case", [pytest.param(each, id=each.id) for each in cases("chromium")])
def test_row(case: Case, outcome: dict[str, Result]) -> None:
    outcome[case.id].check()
