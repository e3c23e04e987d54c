"""The JavaScript of the engine's pages, run by Node with the official client against the Python of the same page."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from app.tests.docs.pages import DOCS, REPOSITORY, blocks
from engine.tests.docs.pages import run_page

import hubwire
from hubwire.testing import serving

HOW_TO = DOCS / "how-to"
TIMEOUT_SECONDS = 60
PRINTING = ("client-results.md", "raw-connections.md", "streaming.md")
"""Pages that say what their JavaScript prints."""

WITHOUT_PRINTS = {
    "authentication.md": "const freshToken = () => globalThis.token;",
    "behind-azure.md": "",
    "overload.md": "",
    "stateful-reconnect.md": "",
    "groups-and-users.md": "const product = 'lamp'; const connection = { onreconnected() {} };",
}
"""Pages whose JavaScript is a line or two of a program, with what it stands on there."""


def script(page: Path, address: str, before: str = "") -> str:
    """The page's JavaScript blocks as one program that ends when they are through."""
    text = "\n".join(block.text for block in blocks(page) if block.language == "js")
    text = text.replace("//localhost:8000", address.removeprefix("http:"))
    return f"import * as signalR from '@microsoft/signalr';\n{before}\n{text}\nprocess.exit(0);\n"


async def printed(source: str, folder: Path) -> str:
    """What Node prints; the program must end well."""
    node, modules = shutil.which("node"), REPOSITORY / "web" / "node_modules"
    if node is None or not modules.is_dir():
        pytest.fail("This test needs Node and web/node_modules; `make test` brings both.")
    (folder / "node_modules").symlink_to(modules)
    program = folder / "page.mjs"
    program.write_text(source, encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        # The flag lets Node 20 have the browsers' WebSocket, which newer ones have anyhow.
        *(node, "--experimental-websocket", "--no-warnings", str(program)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(TIMEOUT_SECONDS):
        written, _ = await process.communicate()
    assert process.returncode == 0, written.decode()
    # The client itself logs with a time in front.
    return "".join(line for line in written.decode().splitlines(keepends=True) if not line.startswith("["))


@pytest.mark.parametrize("name", PRINTING)
async def test_a_page_prints_what_it_says(name: str, tmp_path: Path) -> None:
    page = HOW_TO / name
    server: hubwire.HubServer = run_page(page)["server"]
    async with serving(server) as address:
        (expected,) = [block.text for block in blocks(page) if block.language == "text"]
        assert await printed(script(page, address), tmp_path) == expected


@pytest.mark.parametrize("name", WITHOUT_PRINTS)
async def test_a_page_has_javascript_that_runs(name: str, tmp_path: Path) -> None:
    assert await printed(script(HOW_TO / name, "http://localhost:1", WITHOUT_PRINTS[name]), tmp_path) == ""


def test_no_javascript_of_the_engines_pages_is_left_out() -> None:
    # Run by test_examples.py, and by the old pages of web/e2e.
    application = {"connect-a-page.md", "keep-old-pages-working.md"}
    run = {*PRINTING, *WITHOUT_PRINTS}
    written = {page.name for page in HOW_TO.glob("*.md") if any(each.language == "js" for each in blocks(page))}
    assert written == run | application
