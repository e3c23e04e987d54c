"""Whatever arrives, in whatever pieces, the reader returns the same messages or raises the remote error, nothing else.

For the separator of JSON.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.fuzz import reading, vectors

from hubwire.wire.framing import RECORD_SEPARATOR, SeparatedReader

TREES = None
TOKENS = [RECORD_SEPARATOR, RECORD_SEPARATOR * 3, b"x" * 39 + RECORD_SEPARATOR, b"x" * 40 + RECORD_SEPARATOR]


def seeds() -> Iterator[bytes]:
    rows = [row.data for row in vectors.load("json", "both", "decode") if len(row.data) < 400]
    for choice in range(len(reading.LIMITS)):
        yield bytes([choice]) + b"".join(rows[:10])
        yield from (bytes([choice]) + row + row for row in rows)


def check(data: bytes) -> None:
    reading.check_reader(SeparatedReader, data)
