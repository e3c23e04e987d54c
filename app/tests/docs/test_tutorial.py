"""The tutorial, done as it says: files written step by step, the server started, the page opened in Chromium."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from app.tests.docs.pages import DOCS, REPOSITORY, blocks
from app.tests.program import SLOWNESS, free_port
from playwright.sync_api import Browser, Page, expect, sync_playwright

TUTORIAL = DOCS / "tutorial" / "a-hub-in-ten-minutes.md"
BROWSER_BUILD = REPOSITORY / "web/node_modules/@microsoft/signalr/dist/browser/signalr.min.js"
TIMEOUT_SECONDS = 30.0 * SLOWNESS
expect.set_options(timeout=TIMEOUT_SECONDS * 1000)  # Playwright itself has five seconds

_FILE = re.compile(r"^(?:# |// |<!-- )([\w./]+)(, at the end)?(?: -->)?\n")
"""The first line of a block names the file that it is, or that it is to be added to."""


class Folder:
    """The reader's folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._blocks = [block.text for block in blocks(TUTORIAL) if block.language != "sh"]
        (path / "page").mkdir()
        shutil.copy(BROWSER_BUILD, path / "page")  # what the two npm lines bring
        self.port = free_port()

    def follow(self, until: str | None = None) -> None:
        """Write the files of the next blocks, up to and including the first of that file; None: all."""
        while self._blocks:
            text = self._blocks.pop(0).replace("port=8000", f"port={self.port}")
            named = _FILE.match(text)
            assert named is not None, f"a block without a file name:\n{text}"
            content = text[named.end() :]
            with (self.path / named[1]).open("a" if named[2] else "w", encoding="utf-8") as file:
                file.write(f"\n{content}" if named[2] else content)
            if named[1] == until:
                return

    @contextmanager
    def server(self) -> Iterator[str]:
        """`python server.py`; yields the page's address."""
        process = subprocess.Popen([sys.executable, "server.py"], cwd=self.path, stderr=subprocess.DEVNULL)
        try:
            end = time.monotonic() + TIMEOUT_SECONDS
            while True:
                try:
                    socket.create_connection(("127.0.0.1", self.port)).close()
                    break
                except OSError:
                    assert process.poll() is None
                    assert time.monotonic() < end
                    time.sleep(0.05)  # another process has no condition to wait for
            yield f"http://localhost:{self.port}/page/"
        finally:
            process.terminate()
            process.wait(TIMEOUT_SECONDS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("google-chrome")
    assert path is not None, "Chromium is missing: run `tools/need.sh chromium`."
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def opened(browser: Browser, address: str) -> Page:
    page = browser.new_page()
    page.goto(address)
    expect(page.get_by_text("connected")).to_be_visible()
    return page


def test_the_tutorial_leads_to_a_chat_with_rooms_a_stream_and_a_test(browser: Browser, tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.follow(until="page/page.js")
    with folder.server() as address:
        ann, bob = opened(browser, address), opened(browser, address)
        ann.get_by_placeholder("message").fill("hello")
        ann.get_by_role("button").click()
        expect(bob.get_by_text("ann: hello")).to_be_visible()
        ann.close()
        bob.close()

    folder.follow()
    with folder.server() as address:
        ann, bob = opened(browser, f"{address}?room=garden"), opened(browser, f"{address}?room=garden")
        ann.evaluate("join()")
        bob.get_by_placeholder("name").fill("bob")
        bob.evaluate("join()")
        expect(ann.get_by_text("server: bob came into garden")).to_be_visible()
        bob.evaluate("countdown()")
        expect(bob.locator("li")).to_have_text(["connected", "3", "2", "1", "go"])
        bob.get_by_role("button").click()
        expect(bob.get_by_text("An empty message is not sent.")).to_be_visible()
        ann.close()
        bob.close()

    tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    result = subprocess.run(tests, cwd=tmp_path, env=dict(os.environ), capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr
