"""The splitters: a table of bytes and messages, the same one byte at a time, then cut anywhere."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwire.errors import InvalidMessage, MessageTooLarge
from hubwire.wire.framing import LengthPrefixedReader, MessageReader, SeparatedReader, length_prefix, split_messages

SEPARATED: dict[str, tuple[bytes, list[bytes], bytes]] = {
    "nothing": (b"", [], b""),
    "one message": (b"abc\x1e", [b"abc"], b""),
    "an empty message": (b"\x1e", [b""], b""),
    "several in one chunk": (b"a\x1ebc\x1e\x1ed\x1e", [b"a", b"bc", b"", b"d"], b""),
    "a message and a half": (b"a\x1ebc", [b"a"], b"bc"),
    "no end": (b"abc", [], b"abc"),
}
LONG = b"x" * 300
PREFIXED: dict[str, tuple[bytes, list[bytes], bytes]] = {
    "nothing": (b"", [], b""),
    "one message": (b"\x03abc", [b"abc"], b""),
    "an empty message": (b"\x00", [b""], b""),
    "several in one chunk": (b"\x01a\x02bc\x00\x01d", [b"a", b"bc", b"", b"d"], b""),
    "a message and a half": (b"\x01a\x02b", [b"a"], b"\x02b"),
    "a prefix of two bytes": (b"\xac\x02" + LONG + b"\x01a", [LONG, b"a"], b""),
    "half a prefix": (b"\x01a\xac", [b"a"], b"\xac"),
    "a prefix and nothing else": (b"\xff\xff\xff\xff\x07", [], b"\xff\xff\xff\xff\x07"),
    "a prefix longer than needed": (b"\x81\x80\x80\x80\x00a", [b"a"], b""),
}
TABLE = [
    *(pytest.param(SeparatedReader, *row, id=f"separated: {name}") for name, row in SEPARATED.items()),
    *(pytest.param(LengthPrefixedReader, *row, id=f"prefixed: {name}") for name, row in PREFIXED.items()),
]
Kind = type[SeparatedReader] | type[LengthPrefixedReader]
both_kinds = pytest.mark.parametrize("kind", [SeparatedReader, LengthPrefixedReader])


def framed(kind: Kind, message: bytes) -> bytes:
    return message + b"\x1e" if kind is SeparatedReader else length_prefix(len(message)) + message


def read_all(reader: MessageReader, chunks: list[bytes]) -> list[bytes]:
    messages = []
    for chunk in chunks:
        reader.feed(chunk)
        while (message := reader.next_message()) is not None:
            messages.append(bytes(message))
    return messages


@pytest.mark.parametrize(("kind", "data", "messages", "rest"), TABLE)
def test_messages_are_found(kind: Kind, data: bytes, messages: list[bytes], rest: bytes) -> None:
    reader = kind(None)
    assert read_all(reader, [data]) == messages
    assert reader.buffered_bytes == len(rest)
    assert reader.rest() == rest
    assert reader.buffered_bytes == 0
    assert read_all(reader, [framed(kind, b"again")]) == [b"again"]


@pytest.mark.parametrize(("kind", "data", "messages", "rest"), TABLE)
def test_single_bytes_make_no_difference(kind: Kind, data: bytes, messages: list[bytes], rest: bytes) -> None:
    reader = kind(None)
    assert read_all(reader, [bytes([byte]) for byte in data]) == messages
    assert reader.rest() == rest


@pytest.mark.parametrize(("kind", "data", "messages", "rest"), TABLE)
def test_a_chunk_may_come_before_the_last_one_was_read(
    kind: Kind, data: bytes, messages: list[bytes], rest: bytes
) -> None:
    reader = kind(None)
    found: list[bytes] = []
    for byte in data:
        reader.feed(bytes([byte]))
    reader.feed(framed(kind, b"later") if not rest else b"")
    while (message := reader.next_message()) is not None:
        found.append(bytes(message))
        reader.feed(b"")
    assert found == (messages if rest else [*messages, b"later"])
    assert reader.rest() == rest


@both_kinds
@given(messages=st.lists(st.binary(max_size=20) | st.binary(min_size=120, max_size=140), max_size=8), data=st.data())
def test_cuts_make_no_difference(kind: Kind, messages: list[bytes], data: st.DataObject) -> None:
    if kind is SeparatedReader:
        messages = [message.replace(b"\x1e", b"") for message in messages]
    stream = b"".join(framed(kind, message) for message in messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    chunks = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    limit = max((len(framed(kind, message)) for message in messages), default=1)
    assert read_all(kind(limit), chunks) == messages


@both_kinds
def test_the_limit_counts_the_framing(kind: Kind) -> None:
    reader = kind(4)
    assert read_all(reader, [framed(kind, b"abc")]) == [b"abc"]
    reader.feed(framed(kind, b"abcd"))
    with pytest.raises(MessageTooLarge) as caught:
        reader.next_message()
    assert caught.value.limit_bytes == 4


def test_without_a_separator_the_limit_is_decided_by_what_is_held() -> None:
    reader = SeparatedReader(4)
    reader.feed(b"abcd")
    assert reader.next_message() is None
    reader.feed(b"e")
    with pytest.raises(MessageTooLarge):
        reader.next_message()


@pytest.mark.parametrize(("limit", "fits"), [(302, True), (301, False)])
def test_with_a_prefix_the_limit_is_decided_before_the_message_comes(limit: int, fits: bool) -> None:
    reader = LengthPrefixedReader(limit)
    reader.feed(b"\xac")
    assert reader.next_message() is None
    reader.feed(b"\x02")
    if fits:
        assert reader.next_message() is None
    else:
        with pytest.raises(MessageTooLarge):
            reader.next_message()


@pytest.mark.parametrize("prefix", ["ffffffff08", "8080808080", "ffffffffff", "808080808000"])
def test_a_prefix_beyond_31_bits_is_malformed_however_it_comes(prefix: str) -> None:
    data = bytes.fromhex(prefix)
    for chunks in ([data], [bytes([byte]) for byte in data]):
        with pytest.raises(InvalidMessage, match="more than 2\\^31-1"):
            read_all(LengthPrefixedReader(None), chunks)


def test_the_longest_prefix_is_no_error_but_over_any_limit() -> None:
    reader = LengthPrefixedReader(1024)
    reader.feed(b"\xff\xff\xff\xff\x07")
    with pytest.raises(MessageTooLarge):
        reader.next_message()


@both_kinds
def test_messages_before_the_oversized_one_are_handed_out(kind: Kind) -> None:
    reader = kind(4)
    reader.feed(b"".join(framed(kind, message) for message in (b"a", b"bb", b"ccccc", b"d")))
    assert [reader.next_message(), reader.next_message()] == [b"a", b"bb"]
    with pytest.raises(MessageTooLarge):
        reader.next_message()


@both_kinds
def test_many_small_messages_may_exceed_the_limit_together(kind: Kind) -> None:
    assert len(read_all(kind(4), [framed(kind, b"abc") * 100])) == 100


@both_kinds
def test_without_a_limit_anything_goes(kind: Kind) -> None:
    message = b"x" * 100_000
    data = framed(kind, message)
    assert read_all(kind(None), [data[:70_000], data[70_000:]]) == [message]


@both_kinds
def test_input_in_single_bytes_costs_no_more_than_its_length(kind: Kind) -> None:
    def seconds(size: int) -> float:
        data = framed(kind, b"x" * size)
        reader = kind(None)
        start = time.process_time()
        for position in range(len(data)):
            reader.feed(data[position : position + 1])
            reader.next_message()
        return time.process_time() - start

    # Eight times the input; with a copy of the buffer, or a search through it, at each byte it would be 64 times.
    assert min(seconds(160_000) for _ in range(2)) < 32 * min(seconds(20_000) for _ in range(3))


def test_a_length_that_no_prefix_can_say_is_our_fault() -> None:
    with pytest.raises(ValueError, match="too long"):
        length_prefix(2**31)


@pytest.mark.parametrize(("kind", "data", "messages", "rest"), TABLE)
def test_a_payload_of_whole_messages_is_cut_with_their_framing(
    kind: Kind, data: bytes, messages: list[bytes], rest: bytes
) -> None:
    is_binary = kind is LengthPrefixedReader
    if rest:
        with pytest.raises(InvalidMessage):
            split_messages(data, is_binary)
        return
    pieces = split_messages(data, is_binary)
    assert b"".join(pieces) == data
    assert [read_all(kind(None), [piece]) for piece in pieces] == [[message] for message in messages]
