"""Server-sent events, cut anywhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwire.client.event_stream import EventStreamReader, EventTooLarge

STREAMS = [
    (b":\r\n\r\n", []),
    (b"data: a\r\n\r\n", [b"a"]),
    (b"data:a\n\ndata: b\n\n", [b"a", b"b"]),
    (b"data: a\rdata: b\r\r", [b"a\nb"]),
    (b"data: a\r\ndata:  b\r\n\r\n", [b"a\n b"]),
    (b"data\n\n", [b""]),
    (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
    (b"event: x\nid: 5\nretry: 10\n: comment\ndata: a\nnonsense\n\n", [b"a"]),
    (b"\n\n\ndata: a\n\n\n\n", [b"a"]),
    (b'data: {"type":6}\x1e{"x":"\xc3\xbc"}\x1e\r\n\r\n', [b'{"type":6}\x1e{"x":"\xc3\xbc"}\x1e']),
    (b"data: unfinished\n", []),
]


def read(chunks: list[bytes], limit_bytes: int | None = None) -> list[bytes]:
    reader = EventStreamReader(limit_bytes)
    return [event for chunk in chunks for event in reader.feed(chunk)]


@pytest.mark.parametrize(("stream", "events"), STREAMS)
def test_events_are_their_data(stream: bytes, events: list[bytes]) -> None:
    assert read([stream]) == events
    assert read([stream[i : i + 1] for i in range(len(stream))]) == events


@given(st.lists(st.sampled_from([b"data: x", b"data:", b"\r", b"\n", b"\r\n", b":c"]), max_size=20), st.data())
def test_where_it_is_cut_changes_nothing(parts: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    chunks = [stream[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert read(chunks) == read([stream])


@pytest.mark.parametrize("stream", [b"data: " + b"x" * 100, b"data: xxxxxxxx\n" * 20, b": " + b"x" * 100])
def test_an_event_over_the_limit_is_not_collected(stream: bytes) -> None:
    with pytest.raises(EventTooLarge):
        read([stream[i : i + 7] for i in range(0, len(stream), 7)], 64)


def test_the_limit_is_for_each_event() -> None:
    assert len(read([b"data: 12345678\n\n" * 100], 16)) == 100
