"""The splitter: a table of bytes and messages, the same one byte at a time, then cut anywhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwire.errors import MessageTooLarge
from hubwire.wire.framing import SeparatedReader

TABLE: dict[str, tuple[bytes, list[bytes], bytes]] = {
    "nothing": (b"", [], b""),
    "one message": (b"abc\x1e", [b"abc"], b""),
    "an empty message": (b"\x1e", [b""], b""),
    "several in one chunk": (b"a\x1ebc\x1e\x1ed\x1e", [b"a", b"bc", b"", b"d"], b""),
    "a message and a half": (b"a\x1ebc", [b"a"], b"bc"),
    "no end": (b"abc", [], b"abc"),
}


def read_all(reader: SeparatedReader, chunks: list[bytes]) -> list[bytes]:
    messages = []
    for chunk in chunks:
        reader.feed(chunk)
        while (message := reader.next_message()) is not None:
            messages.append(bytes(message))
    return messages


@pytest.mark.parametrize(("data", "messages", "rest"), TABLE.values(), ids=TABLE.keys())
def test_messages_are_found(data: bytes, messages: list[bytes], rest: bytes) -> None:
    reader = SeparatedReader(None)
    assert read_all(reader, [data]) == messages
    assert reader.buffered_bytes == len(rest)
    assert reader.rest() == rest


@pytest.mark.parametrize(("data", "messages", "rest"), TABLE.values(), ids=TABLE.keys())
def test_single_bytes_make_no_difference(data: bytes, messages: list[bytes], rest: bytes) -> None:
    reader = SeparatedReader(None)
    assert read_all(reader, [bytes([byte]) for byte in data]) == messages
    assert reader.rest() == rest


@given(st.lists(st.binary(max_size=20).map(lambda b: b.replace(b"\x1e", b"")), max_size=8), st.data())
def test_cuts_make_no_difference(messages: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(message + b"\x1e" for message in messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    chunks = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    limit = max((len(message) + 1 for message in messages), default=1)
    assert read_all(SeparatedReader(limit), chunks) == messages


def test_the_limit_counts_the_separator() -> None:
    reader = SeparatedReader(4)
    assert read_all(reader, [b"abc\x1e"]) == [b"abc"]
    reader.feed(b"abcd\x1e")
    with pytest.raises(MessageTooLarge):
        reader.next_message()


def test_the_limit_is_decided_before_the_message_is_complete() -> None:
    reader = SeparatedReader(4)
    reader.feed(b"abcd")
    assert reader.next_message() is None
    reader.feed(b"e")
    with pytest.raises(MessageTooLarge) as caught:
        reader.next_message()
    assert caught.value.limit_bytes == 4


def test_messages_before_the_oversized_one_are_handed_out() -> None:
    reader = SeparatedReader(4)
    reader.feed(b"a\x1ebb\x1eccccc\x1ed\x1e")
    assert [reader.next_message(), reader.next_message()] == [b"a", b"bb"]
    with pytest.raises(MessageTooLarge):
        reader.next_message()


def test_many_small_messages_may_exceed_the_limit_together() -> None:
    assert len(read_all(SeparatedReader(4), [b"abc\x1e" * 100])) == 100


def test_without_a_limit_anything_goes() -> None:
    assert read_all(SeparatedReader(None), [b"x" * 100_000, b"\x1e"]) == [b"x" * 100_000]
