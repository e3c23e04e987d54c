"""The page about the REST data plane in Chromium: readable at any width, and under its own policy."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Literal

import pytest
from compliance.azure.rest_service import RestService, running_service
from playwright.sync_api import Browser, sync_playwright


@pytest.fixture(scope="module")
def service() -> Iterator[RestService]:
    with running_service() as service:
        yield service


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium")
    assert path is not None, "Chromium is missing: run `tools/need.sh chromium`."
    with sync_playwright() as playwright:
        # This machine may be a container without what Chromium's sandbox and shared memory need.
        browser = playwright.chromium.launch(
            executable_path=path, headless=True, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_the_page(service: RestService, browser: Browser, width: int, scheme: Literal["light", "dark"]) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    complaints: list[str] = []
    requested: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requested.append(request.url))
    page.goto(f"{service.url}/openapi")
    assert [url for url in requested if not url.endswith("/favicon.ico")] == [f"{service.url}/openapi"]
    assert [text for text in complaints if "favicon" not in text and "404" not in text] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("article").count() == 26
    # Its styles are in effect, though its policy allows these and no others.
    paper, ink = page.evaluate(
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    )
    assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
    assert paper != ink
    page.get_by_role("link", name="Users in groups").click()
    page.wait_for_url("**/openapi#users-in-groups")
    page.get_by_role("link", name="2022-06-01").first.click()
    page.wait_for_url("**/openapi/2022-06-01.json")  # until all of it has come
    assert '"2022-06-01"' in page.content()
    page.close()
