"""The documentation as the tests see it: pages, their links, and the fenced blocks in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
DOCS = REPOSITORY / "docs"

PAGES = sorted(
    [
        *REPOSITORY.glob("*.md"),
        *(
            REPOSITORY / name / "README.md"
            for name in (
                "engine",
                "app",
                "bench",
                "compliance",
                "compliance/vectors",
                "deploy/azure",
                "deploy/functions",
            )
        ),
        *DOCS.rglob("*.md"),
    ]
)

_FENCE = re.compile(r"^( *)```([a-z]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    page: str
    language: str
    text: str


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    name = page.relative_to(REPOSITORY).as_posix()
    return [Block(name, found[2], found[3]) for found in _FENCE.finditer(page.read_text(encoding="utf-8"))]


def block(page: Path, language: str) -> str:
    """The only block of that language on the page."""
    (found,) = [each.text for each in blocks(page) if each.language == language]
    return found


def links(page: Path) -> list[str]:
    """Where a page leads; not what stands in code."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    return _LINK.findall(re.sub(r"`[^`\n]*`", "", text))


def anchors(page: Path) -> set[str]:
    """The names of a page's headings, as the usual renderers make them."""
    headings = _HEADING.findall(_FENCE.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
