"""What checks find, as lines that a person reads and an exit code that a program does. Knows no check."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import typer
from rich.console import Console

GOOD: Final = "ok"
ODD: Final = "note"
BAD: Final = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a report."""

    topic: str
    verdict: str
    """`ok`, `note` (works, though it may not be meant; or: see for yourself) or `fail`."""
    text: str


def good(text: str) -> Finding:
    """One whose topic its caller knows."""
    return Finding("", GOOD, text)


def odd(text: str) -> Finding:
    """The same."""
    return Finding("", ODD, text)


def bad(text: str) -> Finding:
    """The same."""
    return Finding("", BAD, text)


def show(findings: Sequence[Finding], when_bad: str, when_good: str) -> None:
    """Print them, and what they come to. Raises: typer.Exit with 1 when one of them failed."""
    console = Console(width=None if sys.stdout.isatty() else 200, markup=False, highlight=False)
    for finding in findings:
        console.print(f"{finding.verdict:<5}{finding.topic}: {finding.text}")
    failures = sum(finding.verdict == BAD for finding in findings)
    if failures:
        console.print(f"\n{failures} of {len(findings)} checks failed; {when_bad}")
        raise typer.Exit(1)
    console.print(f"\n{when_good}")
