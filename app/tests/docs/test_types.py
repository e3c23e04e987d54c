"""The Python of the engine's pages passes the strictest type checker that we use ourselves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from app.tests.docs.pages import DOCS, REPOSITORY, blocks
from engine.tests.docs.pages import program

FOR_THE_APPLICATION = {"accounts-and-tokens.md", "connect-a-page.md", "publish-from-the-shop.md", "sync-endpoint.md"}


def test_the_programs_of_the_pages_are_typed(tmp_path: Path) -> None:
    pages = [REPOSITORY / "engine" / "README.md", *(DOCS / "how-to").glob("*.md"), *(DOCS / "reference").glob("*.md")]
    files = []
    for page in pages:
        if page.name not in FOR_THE_APPLICATION and any(block.language == "python" for block in blocks(page)):
            file = tmp_path / f"{page.stem.replace('-', '_')}_page.py"
            file.write_text(program(page), encoding="utf-8")
            files.append(file)
    assert len(files) > 10
    # One run for all; the cache is the repository's, so that only the pages are read anew.
    command = [sys.executable, "-m", "mypy", "--config-file", str(REPOSITORY / "pyproject.toml"), *map(str, files)]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
