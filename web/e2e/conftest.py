"""A real `meschain serve` with a demo shop of its own, and Chromium with one window per person.

Every page is watched: an error in its script or a violation of its Content-Security-Policy fails the test.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from app.tests.program import free_port
from playwright.sync_api import Browser, BrowserContext, Playwright, expect, sync_playwright
from web.e2e.person import WAIT_MILLISECONDS, Open, Person, Watch
from web.e2e.server import HOSTINGS, LIVE_HOSTINGS, LIVE_MODULE, LOOKS_MODULE, SINGLE, Server, SplitServer

CHROMIUM_FLAGS = (
    "--no-sandbox",  # as root, Chromium's own sandbox cannot be set up
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

expect.set_options(timeout=WAIT_MILLISECONDS)


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """One per module: while it runs, its event loop stands in the way of asynchronous tests."""
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("google-chrome")
    assert path is not None, "Chromium is missing: run `tools/need.sh chromium`."
    browser = playwright.chromium.launch(executable_path=path, headless=True, args=list(CHROMIUM_FLAGS))
    yield browser
    browser.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test of the pages in each hosting that it is for."""
    if "hosting" in metafunc.fixturenames:
        module = metafunc.module.__name__.rpartition(".")[2]
        names = {LIVE_MODULE: [*HOSTINGS, *LIVE_HOSTINGS], LOOKS_MODULE: [SINGLE]}.get(module, [*HOSTINGS])
        metafunc.parametrize("hosting", names, indirect=True, scope="session")


@pytest.fixture(scope="session")
def hosting(request: pytest.FixtureRequest) -> str:
    """How the demo shop of this test is hosted."""
    name: str = request.param
    return name


def server_in(hosting: str) -> type[Server]:
    return (HOSTINGS | LIVE_HOSTINGS)[hosting]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, hosting: str) -> Iterator[Server]:
    """One demo shop for all tests that leave it running."""
    server = server_in(hosting)(tmp_path_factory.mktemp("shop") / "data", free_port())
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def own_server(tmp_path: Path, hosting: str) -> Iterator[Server]:
    """A demo shop of the test's own, to be killed."""
    server = server_in(hosting)(tmp_path / "data", free_port())
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def split_server(tmp_path: Path) -> Iterator[SplitServer]:
    """A demo shop behind a service, of which either may be killed alone."""
    server = SplitServer(tmp_path / "data", free_port())
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Fails the test when a page complained."""
    watch = Watch()
    yield watch
    assert watch.complaints == []


@pytest.fixture
def open_window(browser: Browser, watch: Watch) -> Iterator[Open]:
    """Opens a window for a demo account: `open_window(server, "manager", width=400)`; logged in unless told not to."""
    contexts: list[BrowserContext] = []

    def open_one(
        server: Server,
        username: str,
        *,
        logged_in: bool = True,
        width: int = 1440,
        locale: str = "en-US",
        dark: bool = False,
    ) -> Person:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            locale=locale,
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
        )
        context.set_default_timeout(WAIT_MILLISECONDS)
        contexts.append(context)
        watch.attach(context)
        person = Person(context.new_page(), server, username)
        if logged_in:
            person.log_in()
        return person

    yield open_one
    for context in contexts:
        context.close()
