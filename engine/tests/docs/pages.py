"""The engine's pages as their tests see them: the Python of a page is one program, read from top to bottom."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[3]
HOW_TO = REPOSITORY / "docs" / "how-to"

_PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def run_page(page: Path, *, replace: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Execute the Python of a page and return the names that it defines.

    Args:
        replace: words of the page that stand for something else here, such as host names.
    """
    names: dict[str, Any] = {"__name__": page.stem}
    text = program(page)
    for word, other in (replace or {}).items():
        assert word in text
        text = text.replace(word, other)
    exec(compile(text, str(page), "exec", dont_inherit=True), names)  # noqa: S102 - our own text
    return names


def program(page: Path) -> str:
    """The Python blocks of a page as one text, each line where it stands there, so that errors tell the line."""
    text = page.read_text(encoding="utf-8")
    lines = [""] * (text.count("\n") + 1)
    for block in _PYTHON.finditer(text):
        first = text.count("\n", 0, block.start(1))
        for offset, line in enumerate(block[1].splitlines()):
            lines[first + offset] = line
    return "\n".join(lines) + "\n"
