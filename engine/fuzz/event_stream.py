"""Whatever arrives, in whatever pieces, the reader of events returns the same or raises EventTooLarge, nothing else.

And what our server writes as an event the client reads as the same text, line ends apart.
"""

from __future__ import annotations

from collections.abc import Iterator

from hubwire.client.event_stream import EventStreamReader, EventTooLarge
from hubwire.transports.sse import event

TREES = None
TOKENS = [
    b"data: ",
    b"data:",
    b"\r\n",
    b"\n",
    b"\r",
    b":\r\n",
    b"\xef\xbb\xbf",
    b"event: x\n",
    b"data",
    b"\x1e",
    b"\n\n",
]
_LIMITS = (None, 8, 60)
_LONGEST_BYTES = 700


def seeds() -> Iterator[bytes]:
    for choice in range(len(_LIMITS)):
        for stream in (
            b":\r\n" + event(b'{"type":6}\x1e') + event(b"a\nb\r\nc\rd"),
            b"data: a\n\ndata:b\n\ndata\n\n",
            b"\xef\xbb\xbfdata: a\rdata: b\r\rid: 1\nretry: 5\ndata: c\n\n",
            b"event: x\ndata:  two spaces\n\n\n\n\ndata: unfinished",
            b"\r\n\r\n\r\r\n\n",
        ):
            yield bytes([choice]) + stream


def check(data: bytes) -> None:
    limit = _LIMITS[data[0] % len(_LIMITS)] if data else None
    stream = data[1:_LONGEST_BYTES]
    whole = _read(limit, stream, len(stream) or 1)
    if limit is None:
        for size in (1, 2, 3, 7):
            assert _read(limit, stream, size) == whole
    else:  # what is refused may depend on the pieces, what is handed out before may not
        for size in (1, 2, 3, 7):
            pieces, _ = _read(limit, stream, size)
            common = min(len(pieces), len(whole[0]))
            assert pieces[:common] == whole[0][:common]
            assert all(len(each) <= limit for each in pieces)
    written = EventStreamReader(None).feed(event(stream))
    assert written == [stream.replace(b"\r\n", b"\n").replace(b"\r", b"\n")]


def _read(limit: int | None, stream: bytes, size: int) -> tuple[list[bytes], bool]:
    reader = EventStreamReader(limit)
    events: list[bytes] = []
    try:
        for position in range(0, len(stream), size):
            events += reader.feed(stream[position : position + size])
    except EventTooLarge:
        return events, True
    return events, False
