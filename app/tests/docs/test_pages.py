"""Every page: links lead somewhere, generated tables are fresh, examples are the files that they claim to be."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from app.tests.docs.pages import DOCS, PAGES, REPOSITORY, anchors, blocks, links

from meschain.settings import Settings

EXECUTED_BY = {
    "docs/how-to/accounts-and-tokens.md": "app/tests/docs/test_examples.py",
    "docs/how-to/authentication.md": "engine/tests/docs/test_authentication.py",
    "docs/how-to/background-sending.md": "engine/tests/docs/test_background_sending.py",
    "docs/how-to/behind-azure.md": "app/tests/docs/test_behind_azure.py",
    "docs/how-to/client-results.md": "engine/tests/docs/test_client_results.py",
    "docs/how-to/connect-a-page.md": "app/tests/docs/test_examples.py",
    "docs/how-to/deploy-behind-nginx.md": "app/tests/docs/test_deploy_behind_nginx.py",
    "docs/how-to/groups-and-users.md": "engine/tests/docs/test_groups_and_users.py",
    "docs/how-to/mounting.md": "app/tests/docs/test_mounting.py",
    "docs/how-to/overload.md": "engine/tests/docs/test_overload.py",
    "docs/how-to/publish-from-the-shop.md": "app/tests/docs/test_examples.py",
    "docs/how-to/python-client.md": "engine/tests/docs/test_python_client.py",
    "docs/how-to/raw-connections.md": "engine/tests/docs/test_raw_connections.py",
    "docs/how-to/redirect-clients.md": "engine/tests/docs/test_redirect_clients.py",
    "docs/how-to/stateful-reconnect.md": "engine/tests/docs/test_stateful_reconnect.py",
    "docs/how-to/streaming.md": "engine/tests/docs/test_streaming.py",
    "docs/how-to/sync-endpoint.md": "app/tests/docs/test_examples.py",
    "docs/how-to/testing-hubs.md": "engine/tests/docs/test_testing_hubs.py",
    "docs/tutorial/a-hub-in-ten-minutes.md": "app/tests/docs/test_tutorial.py",
    "engine/README.md": "engine/tests/test_readme.py",
}
"""Pages whose Python needs more than to be executed by itself, and the tests that give it that."""

OTHER_TOML = {"docs/how-to/load-test.md": "engine/tests/docs/test_load_test.py"}
"""Pages whose TOML holds no settings of the application, and the tests that read it."""


def named(page: Path) -> str:
    return page.relative_to(REPOSITORY).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        if link.startswith(("https://", "http://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_python_block_is_executed(page: Path) -> None:
    for block in blocks(page):
        if block.language == "python" and block.page not in EXECUTED_BY:
            exec(compile(block.text, block.page, "exec"), {"__name__": "documentation"})  # noqa: S102 - our own pages


@pytest.mark.parametrize(("page", "test"), (EXECUTED_BY | OTHER_TOML).items())
def test_what_is_executed_elsewhere_is_executed(page: str, test: str) -> None:
    assert Path(page).name in (REPOSITORY / test).read_text(encoding="utf-8")


def test_the_chat_of_the_first_page_is_the_example() -> None:
    (chat,) = [block.text for block in blocks(REPOSITORY / "README.md") if block.language == "python"]
    assert chat in (REPOSITORY / "examples/chat/server.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_settings_in_examples_exist(page: Path) -> None:
    for block in blocks(page):
        if block.language == "toml" and block.page not in OTHER_TOML:
            assert (
                tomllib.loads(re.sub(r"^ {3}", "", block.text, flags=re.MULTILINE)).keys()
                <= Settings.model_fields.keys()
            )


def test_generated_tables_are_fresh() -> None:
    command = [sys.executable, "tools/write_reference.py", "--check"]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_page_is_reached_from_the_first() -> None:
    reached: set[Path] = set()
    waiting = [REPOSITORY / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        for link in links(page):
            target = (page.parent / link.partition("#")[0]).resolve()
            if not link.startswith("http"):
                waiting += [*target.glob("*.md")] if target.is_dir() else [target]
    assert {page for page in PAGES if page.is_relative_to(DOCS)} <= reached
