"""WebSocket frames (sheet 2.1): the kinds, cuts and endings that mean nothing, and those that do."""

from __future__ import annotations

import pytest
from compliance.checklist import WEBSOCKETS, shows
from compliance.raw.conftest import fast_only
from compliance.raw.judge import Judge, call, completion
from compliance.raw.peers import HANDSHAKE_ANSWER, WebSocketPeer
from compliance.raw.websocket import close_code
from websockets.frames import Frame, Opcode


def socket_of(peer: object) -> WebSocketPeer:
    assert isinstance(peer, WebSocketPeer)
    return peer


@shows("trap-opcode-ignored", over=WEBSOCKETS)
@pytest.mark.parametrize("handshake", [Opcode.TEXT, Opcode.BINARY])
@pytest.mark.parametrize("messages", [Opcode.TEXT, Opcode.BINARY])
async def test_the_kind_of_a_frame_means_nothing_on_the_way_in(
    judge: Judge, over: str, handshake: Opcode, messages: Opcode
) -> None:
    async with judge.opened(over) as opened:
        peer = socket_of(opened)
        await peer.socket.send(Frame(handshake, peer.handshake()))
        await peer.be_accepted()
        if peer.notation.is_binary and judge.lane == "asgi":
            messages = Opcode.BINARY  # ASGI servers look at text, which has to be UTF-8
        await peer.socket.send(Frame(messages, peer.notation.write(call("Echo", "x", invocation_id="1"))))
        assert await peer.receive() == completion("1", result="x")


@shows("trap-opcode-ignored", over=WEBSOCKETS)
async def test_kinds_of_frames_may_change_inside_of_a_message(judge: Judge, over: str) -> None:
    async with judge.connected(over) as opened:
        peer = socket_of(opened)
        data = peer.notation.write({"type": 1, "invocationId": "1", "target": "Echo", "arguments": ["xyz"]})
        middle = data.index(b"xyz")
        await peer.socket.send(
            Frame(Opcode.BINARY, data[:middle]), Frame(Opcode.TEXT, b"xy"), Frame(Opcode.BINARY, data[middle + 2 :])
        )
        assert await peer.receive() == completion("1", result="xyz")


@shows("trap-split-anywhere", over=WEBSOCKETS)
async def test_messages_may_be_cut_anywhere_by_frames_and_fragments(judge: Judge, over: str) -> None:
    async with judge.connected(over) as opened:
        peer = socket_of(opened)
        data = peer.notation.write(*(call("Echo", "a" * number, invocation_id=str(number)) for number in range(4)))
        for size in (1, 2, 3, 7, 50):
            parts = [data[place : place + size] for place in range(0, len(data), size)]
            await peer.socket.send(*(Frame(Opcode.BINARY, part) for part in parts))
            assert [(await peer.receive())["result"] for _ in range(4)] == ["a" * number for number in range(4)]
            opcodes = [Opcode.BINARY, *[Opcode.CONT] * (len(parts) - 1)]
            frames = [Frame(opcode, part, fin=False) for opcode, part in zip(opcodes, parts, strict=True)]
            frames[-1].fin = True
            # Control frames may come between fragments.
            await peer.socket.send(*frames[:1], Frame(Opcode.PONG, b""), *frames[1:])
            assert [(await peer.receive())["result"] for _ in range(4)] == ["a" * number for number in range(4)]


@shows("trap-split-anywhere", over=WEBSOCKETS)
async def test_empty_frames_mean_nothing(judge: Judge, over: str) -> None:
    async with judge.connected(over) as opened:
        peer = socket_of(opened)
        await peer.socket.send(Frame(Opcode.TEXT, b""), Frame(Opcode.BINARY, b""))
        assert await peer.result("Echo", "x") == "x"


@shows("trap-several-messages-a-frame", over=WEBSOCKETS)
async def test_a_frame_may_hold_many_messages_and_the_beginning_of_another(judge: Judge, over: str) -> None:
    async with judge.connected(over) as opened:
        peer = socket_of(opened)
        data = peer.notation.write(*(call("Echo", number, invocation_id=str(number)) for number in range(300)))
        half = len(data) // 2
        await peer.socket.send(Frame(Opcode.BINARY, data[:half]))
        await peer.socket.send(Frame(Opcode.BINARY, data[half:]))
        assert [(await peer.receive())["result"] for _ in range(300)] == list(range(300))


@shows("trap-whole-messages-out", over=WEBSOCKETS)
async def test_each_frame_to_the_client_holds_whole_messages(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:  # `payload` insists on whole messages and unfragmented frames
        assert await peer.result("Large", 1_000_000) == "x" * 1_000_000


@shows("trap-success-opcode", over=WEBSOCKETS)
async def test_the_answer_to_the_handshake_is_framed_as_its_protocol_and_errors_are_text(
    judge: Judge, over: str
) -> None:
    async with judge.opened(over) as opened:
        peer = socket_of(opened)
        await peer.socket.send_binary(peer.handshake())  # as pysignalr
        frame = await peer.socket.frame()
        assert frame is not None
        assert (frame.opcode, frame.data) == (peer.opcode, HANDSHAKE_ANSWER)
    async with judge.opened(over) as opened:
        peer = socket_of(opened)
        await peer.socket.send_binary(peer.handshake(99))
        frame = await peer.socket.frame()
        assert frame is not None
        assert frame.opcode is Opcode.TEXT


@shows("websocket-ping", over=WEBSOCKETS)
async def test_pings_of_the_websocket_itself_are_answered(judge: Judge, over: str) -> None:
    async with judge.opened(over) as opened:
        peer = socket_of(opened)
        await peer.socket.send(Frame(Opcode.PING, b"before the handshake"))
        frame = await peer.socket.frame()
        assert frame is not None
        assert (frame.opcode, frame.data) == (Opcode.PONG, b"before the handshake")
        await peer.shake()
        await peer.socket.send(Frame(Opcode.PING, b"after"))
        frame = await peer.socket.frame()
        assert frame is not None
        assert (frame.opcode, frame.data) == (Opcode.PONG, b"after")


@shows("websocket-extensions")
async def test_neither_compression_nor_a_subprotocol_is_agreed_to(judge: Judge) -> None:
    offered = {"Sec-WebSocket-Extensions": "permessage-deflate", "Sec-WebSocket-Protocol": "json, messagepack"}
    socket = await judge.open_websocket("/testhub", offered)  # looks at the answer
    await socket.send_text(b'{"protocol":"json","version":1}\x1e')
    frame = await socket.frame()
    assert frame is not None
    assert (frame.opcode, frame.data) == (Opcode.TEXT, HANDSHAKE_ANSWER)


@shows("websocket-close-codes")
@pytest.mark.parametrize("code", [1000, 1001, 3000, 4999])
async def test_a_close_frame_is_answered_by_one_of_the_same_code(judge: Judge, code: int) -> None:
    async with judge.connected("WebSockets-json") as opened:
        peer = socket_of(opened)
        await peer.socket.send_close(code)
        frame = await peer.socket.frame()
        assert frame is not None
        assert close_code(frame) == code
        assert await peer.socket.frame() is None
        assert await judge.events(peer.connection_id, "disconnected") == ["connected", "disconnected"]


@fast_only
@shows("websocket-close-without-code")
async def test_a_close_frame_without_a_code_is_answered_by_1000(judge: Judge) -> None:
    async with judge.connected("WebSockets-json") as opened:
        peer = socket_of(opened)
        await peer.socket.send_close(None)
        frame = await peer.socket.frame()
        assert frame is not None
        assert close_code(frame) == 1000


@shows("websocket-failure-code")
async def test_the_close_code_of_a_failure_of_the_server_is_1011(judge: Judge) -> None:
    async with judge.connected("WebSockets-json") as opened:
        peer = socket_of(opened)
        await peer.send(call("Unserialisable", invocation_id="1"))
        await peer.end()
        assert peer.close_code == 1011


@fast_only
@shows("text-that-is-none")
async def test_a_text_frame_that_is_no_text_is_a_malformed_message(judge: Judge) -> None:
    async with judge.connected("WebSockets-json") as opened:
        peer = socket_of(opened)
        await peer.socket.send_text(b'{"type":1,"target":"Echo","arguments":["\xff"]}\x1e')
        (close,) = await peer.end()
        assert close["error"].startswith("Connection closed with an error. InvalidDataException: ")
        assert peer.close_code == 1000


@shows("raw-echo")
async def test_a_raw_connection_needs_neither_negotiate_nor_handshake(judge: Judge) -> None:
    socket = await judge.open_websocket("/echo")
    for data in (b"text", "ümlaut".encode(), b"x" * 100_000):
        await socket.send_text(data)
        received = b""
        while len(received) < len(data):
            frame = await socket.frame()
            assert frame is not None
            assert frame.opcode is Opcode.TEXT
            received += bytes(frame.data)
        assert received == data
    await socket.send_close(1000)
    frame = await socket.frame()
    assert frame is not None
    assert close_code(frame) == 1000


@shows("app-finished", "app-raised")
async def test_the_websocket_ends_with_the_application(judge: Judge) -> None:
    for word, expected in ((b"return", [b"last words", 1000]), (b"raise", [1011])):
        socket = await judge.open_websocket("/scripted")
        await socket.send_text(word)
        seen: list[object] = []
        while (frame := await socket.frame()) is not None:
            if frame.opcode is Opcode.CLOSE:
                seen.append(close_code(frame))
                await socket.send_close(close_code(frame))
            else:
                seen.append(bytes(frame.data))
        assert seen == expected
