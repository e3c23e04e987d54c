"""One message for many receivers: one encoding and one frame for each codec, whatever their number."""

from __future__ import annotations

import pytest
from engine.fuzz import vectors
from websockets.frames import Opcode
from websockets.server import ServerProtocol

from hubwire.options import ALL_PROTOCOLS, PropertyNames
from hubwire.wire.codec import Codec
from hubwire.wire.encoded import EncodedMessage, websocket_frame
from hubwire.wire.framing import MessageReader
from hubwire.wire.messages import Invocation, Message
from hubwire.wire.protocols import hub_protocols

CODECS = [codec for rule in PropertyNames for codec in hub_protocols(ALL_PROTOCOLS, rule).values()]


class CountingCodec:
    """Another codec, which counts how often it encodes."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self.name = codec.name
        self.is_binary = codec.is_binary
        self.calls = 0

    @property
    def shared(self) -> Codec:
        return self

    def reader(self, limit_bytes: int | None) -> MessageReader:
        return self._codec.reader(limit_bytes)

    def decode(self, payload: bytes | bytearray) -> Message | None:
        return self._codec.decode(payload)

    def encode(self, message: Message) -> bytes:
        self.calls += 1
        return self._codec.encode(message)


@pytest.mark.parametrize("is_binary", [False, True], ids=["text", "binary"])
@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
def test_frames_carry_the_payload_whole(size: int, is_binary: bool) -> None:
    frame = websocket_frame(b"x" * size, is_binary)
    assert frame[0] == (0x82 if is_binary else 0x81)
    assert len(frame) == {0: 2, 1: 2, 125: 2, 126: 4, 65535: 4, 65536: 10}[size] + size


def test_a_library_reads_the_frames_as_they_were_meant() -> None:
    from websockets.client import ClientProtocol
    from websockets.uri import parse_uri

    client = ClientProtocol(parse_uri("ws://localhost/"), state=ServerProtocol().state.OPEN)
    for is_binary in (False, True):
        for size in (0, 125, 126, 65536):
            client.receive_data(websocket_frame(b"x" * size, is_binary))
            (frame,) = client.events_received()
            assert getattr(frame, "opcode", None) is (Opcode.BINARY if is_binary else Opcode.TEXT)
            assert getattr(frame, "data", None) == b"x" * size


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: f"{type(codec).__name__} {codec.name}")
def test_a_message_is_encoded_and_framed_once_for_ten_thousand_receivers(codec: Codec) -> None:
    counting = CountingCodec(codec)
    message = EncodedMessage.invocation("A", [{"some_key": 1}])
    frames = {id(message.frame(counting)) for _ in range(10_000)}
    assert len(frames) == 1
    assert message.payload(counting) is message.payload(counting)
    assert counting.calls == 1


def test_receivers_of_all_codecs_cost_one_encoding_each() -> None:
    countings = [CountingCodec(codec) for codec in CODECS]
    message = EncodedMessage.invocation("A", [1])
    for number in range(1_000):
        message.frame(countings[number % len(countings)])
    assert [counting.calls for counting in countings] == [1] * len(CODECS)


def test_a_message_that_cannot_be_written_is_tried_once_for_each_codec() -> None:
    countings = [CountingCodec(codec) for codec in CODECS]
    message = EncodedMessage.invocation("A", [float("nan")])
    for number in range(1_000):
        counting = countings[number % len(countings)]
        if counting.is_binary:
            message.frame(counting)
        else:
            with pytest.raises(ValueError, match="nan has no JSON form"):
                message.frame(counting)
    assert [counting.calls for counting in countings] == [1] * len(CODECS)


@pytest.mark.parametrize("protocol", sorted(ALL_PROTOCOLS))
def test_frames_hold_the_bytes_of_the_vectors(protocol: str) -> None:
    codec = hub_protocols(ALL_PROTOCOLS, PropertyNames.AS_DECLARED)[protocol]
    for row in vectors.load(protocol, "both"):
        assert row.message is not None
        frame = EncodedMessage(row.message).frame(codec)
        assert frame.endswith(row.data)
        assert frame[0] == (0x82 if protocol == "messagepack" else 0x81)


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
def test_what_another_process_has_encoded_is_not_encoded_again_and_is_read_only_when_asked_for(codec: Codec) -> None:
    counting = CountingCodec(codec)
    sent = EncodedMessage.invocation("target", [1, "x"])
    received = EncodedMessage.received({counting: sent.payload(codec)}, {})
    assert received.payload(counting) is sent.payload(codec)
    assert received.frame(counting) == sent.frame(codec)
    assert counting.calls == 0
    message = received.message
    assert isinstance(message, Invocation)
    assert (message.target, list(message.arguments)) == ("target", [1, "x"])
    assert received.message is message


def test_a_codec_that_the_other_process_did_not_have_writes_what_was_read() -> None:
    (first, second) = CODECS[:2]
    received = EncodedMessage.received({first: EncodedMessage.invocation("target", [1]).payload(first)}, {})
    assert received.payload(second) == EncodedMessage.invocation("target", [1]).payload(second)


def test_a_failure_of_the_other_process_is_the_receivers_too() -> None:
    (first, second) = CODECS[:2]
    received = EncodedMessage.received({}, {first: ValueError("too odd")})
    for codec in (first, second):
        with pytest.raises(ValueError, match="too odd"):
            received.frame(codec)
    with pytest.raises(ValueError, match="at least one codec"):
        _ = EncodedMessage.received({}, {}).message


CALLS = [Invocation("a", [1]), Invocation("b", ["x\x1ey"]), Invocation("c", [])]


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
def test_messages_that_travel_together_are_one_frame_and_written_once(codec: Codec) -> None:
    counting = CountingCodec(codec)
    alone = [EncodedMessage(call) for call in CALLS]
    together = EncodedMessage.together([EncodedMessage.together(alone[:2]), alone[2]])
    whole = b"".join(message.payload(codec) for message in alone)
    for _ in range(10):
        assert together.frame(counting) == websocket_frame(whole, codec.is_binary)
    assert counting.calls == len(CALLS)
    assert list(together.parts) == alone
    assert together.pieces(codec) == [message.payload(codec) for message in alone]
    assert together.messages == CALLS
    with pytest.raises(ValueError, match="too many values"):
        _ = together.message


def test_several_that_another_process_has_encoded_are_read_and_written_again() -> None:
    first, second = hub_protocols(ALL_PROTOCOLS, PropertyNames.AS_DECLARED).values()
    together = EncodedMessage.together([EncodedMessage(call) for call in CALLS])
    received = EncodedMessage.received({first: together.payload(first)}, {})
    assert received.pieces(first) == together.pieces(first)
    assert received.payload(second) == together.payload(second)
    assert list(received.parts) == [received]


def test_one_that_cannot_be_written_keeps_all_from_it() -> None:
    codec = hub_protocols(ALL_PROTOCOLS, PropertyNames.AS_DECLARED)["json"]
    together = EncodedMessage.together([EncodedMessage(CALLS[0]), EncodedMessage.invocation("b", [float("nan")])])
    for _ in range(2):
        with pytest.raises(ValueError, match="nan has no JSON form"):
            together.frame(codec)


def test_nothing_does_not_travel_together() -> None:
    with pytest.raises(ValueError, match="at least one message"):
        EncodedMessage.together([])
