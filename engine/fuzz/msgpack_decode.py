"""Whatever arrives, the MessagePack codec returns a message or raises InvalidMessage, nothing else.

And what it returns it can write, in bytes that it reads and writes again without a difference; only what Python cannot
hold it refuses to write.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.fuzz import trees, vectors

from hubwire.errors import InvalidMessage
from hubwire.wire.messages import UNREADABLE, Completion, Invocation, Message, StreamInvocation, StreamItem
from hubwire.wire.msgpack_codec import MESSAGEPACK

TREES = trees.MSGPACK
TOKENS = [
    *(bytes([kind]) for kind in (0x80, 0x90, 0xA0, 0xC0, 0xC2, 0xC3, 0xC4, 0xC7, 0xCB, 0xCF, 0xD3, 0xD9, 0xDC, 0xDE)),
    *(b"\x96\x01\x80\xc0\xa1A", b"\x94\x02\x80\xa17", b"\x95\x03\x80\xa17\x03", b"\x96\x04\x80\xa17\xa1A"),
    *(b"\xd6\xff<\xa84_", b"\xd7\xff;\x9a\xca\x00<\xa84_", b"\xc7\x0c\xff" + bytes(12), b"\xd4\x05\x00"),
    *(b"\x91" * 64, b"\x81\xa1a" * 64, b"\x81\x90" * 8, b"\xdf\xff\xff\xff\xff", b"\xdd\xff\xff\xff\xff"),
]


def seeds() -> Iterator[bytes]:
    for row in vectors.load("messagepack", "both", "encode", "decode", "skipped", "malformed"):
        yield payload_of(row.data)
    yield from map(bytes.fromhex, _DATES)


_DATES = [
    "940280a137 d7ff ee6b27fc 00000000",  # 999,999,999 ns
    "940280a137 c70cff 3b9ac9ff 0000003afff4417f",  # the last nanosecond of the year 9999
    "940280a137 c70cff 00000000 ffffffee7a8e3c00",
    "940280a137 c70cff ffffffff 8000000000000000",
    "940280a137 c70cff 00000000 7fffffffffffffff",
]


def check(data: bytes) -> None:
    try:
        message = MESSAGEPACK.decode(data)
    except InvalidMessage:
        return
    if message is None:
        return
    try:
        written = MESSAGEPACK.encode(message)
    except TypeError:
        assert holds_unreadable(message)
        return
    again = MESSAGEPACK.decode(payload_of(written))
    assert again is not None
    assert MESSAGEPACK.encode(again) == written


def payload_of(data: bytes) -> bytes:
    """Take the length prefix off."""
    reader = MESSAGEPACK.reader(None)
    reader.feed(data)
    payload = reader.next_message()
    assert payload is not None
    assert reader.buffered_bytes == 0
    return bytes(payload)


def holds_unreadable(message: Message) -> bool:
    match message:
        case Invocation() | StreamInvocation():
            values = list(message.arguments)
        case StreamItem():
            values = [message.item]
        case Completion():
            values = [message.result]
        case _:
            return False
    return any(value is UNREADABLE for value in values)
