"""Reads the committed vectors; their README says how they were made."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "vectors"


def vector(name: str) -> str:
    return (FOLDER / name).read_text()


def vector_bytes(name: str) -> bytes:
    return (FOLDER / name).read_bytes()
