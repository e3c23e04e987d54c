"""What both harnesses of the readers do: feed the same input whole and in pieces of several sizes."""

from __future__ import annotations

from hubwire.errors import InvalidMessage, MessageTooLarge
from hubwire.wire.framing import LengthPrefixedReader, SeparatedReader

LIMITS = (None, 6, 40, 300)
"""The first byte of an input chooses one."""
_LONGEST_BYTES = 400
"""What lies behind would only make each input slower: it is read byte by byte, too."""


def check_reader(kind: type[SeparatedReader] | type[LengthPrefixedReader], data: bytes) -> None:
    limit = LIMITS[data[0] % len(LIMITS)] if data else None
    stream = data[1:_LONGEST_BYTES]
    whole = _read(kind, limit, stream, len(stream) or 1)
    for size in (1, 3, 64):
        assert _read(kind, limit, stream, size) == whole


def _read(
    kind: type[SeparatedReader] | type[LengthPrefixedReader], limit: int | None, stream: bytes, size: int
) -> tuple[list[bytes], object]:
    """Return the messages, and the rest or the error behind them."""
    reader = kind(limit)
    found: list[bytes] = []
    taken = 0
    for position in range(0, len(stream), size):
        chunk = stream[position : position + size]
        reader.feed(chunk)
        taken += len(chunk)
        try:
            while (message := reader.next_message()) is not None:
                found.append(bytes(message))
                assert limit is None or len(message) < limit
        except (MessageTooLarge, InvalidMessage) as error:
            return found, type(error)
        assert limit is None or reader.buffered_bytes <= limit
        assert reader.buffered_bytes <= taken - sum(map(len, found))
    return found, reader.rest()
