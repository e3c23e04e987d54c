"""Somebody at a browser window, and what the pages in it complain about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from app.tests.program import SLOWNESS
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, expect
from web.e2e.server import Server

WAIT_MILLISECONDS = 30_000 * SLOWNESS


@dataclass
class Person:
    """One browser window with its own storage."""

    page: Page
    server: Server
    username: str

    def log_in(self) -> None:
        answer = self.page.goto(f"{self.server.url}/login.html")
        assert answer is not None
        assert answer.ok, f"{answer.status} {answer.text()}\n{self.server.log()}"
        self.page.fill("#username", self.username)
        self.page.fill("#password", self.server.passwords[self.username])
        self.page.click("#login-submit")
        self.page.wait_for_url(lambda url: "login" not in url)

    def go(self, page: str) -> None:
        self.page.goto(f"{self.server.url}/{page}.html")

    def wait_until_live(self) -> None:
        expect(self.page.locator("#connection-status.connected")).to_be_visible()


@dataclass
class Watch:
    """What the pages of a test complained about."""

    complaints: list[str] = field(default_factory=list)
    expected: tuple[str, ...] = ("Failed to load resource",)
    """The browser's own lines for an answer that a page handles, such as 401 before a log-in."""

    def attach(self, context: BrowserContext) -> None:
        context.on("console", self._console)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(self.expected):
            self.complaints.append(message.text)


Open = Callable[..., Person]
"""The fixture `open_window`."""
