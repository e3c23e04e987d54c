"""Whatever arrives, in whatever pieces, the reader returns the same messages or raises the remote error, nothing else.

For the length prefix of MessagePack.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.fuzz import reading, vectors

from hubwire.wire.framing import LengthPrefixedReader, length_prefix

TREES = None
TOKENS = [length_prefix(size) + b"x" * size for size in (0, 1, 5, 39, 40, 127, 128, 298, 299)]


def seeds() -> Iterator[bytes]:
    rows = [row.data for row in vectors.load("messagepack", "both", "decode") if len(row.data) < 400]
    framing = vectors.read("framing")
    prefixes = [vectors.data_of(row) for section in ("lengths", "malformed") for row in framing[section]]
    for choice in range(len(reading.LIMITS)):
        yield bytes([choice]) + b"".join(rows[:10])
        yield from (bytes([choice]) + row + row for row in rows)
        yield from (bytes([choice]) + prefix + b"abc" for prefix in prefixes)


def check(data: bytes) -> None:
    reading.check_reader(LengthPrefixedReader, data)
