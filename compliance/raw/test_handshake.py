"""The handshake (sheet 3): what is accepted, in how many pieces, and how it is refused."""

from __future__ import annotations

import pytest
from compliance.checklist import ALL, TRANSPORTS, WEBSOCKETS, shows
from compliance.raw.judge import Judge, call, completion
from compliance.raw.notation import RS
from compliance.raw.peers import HANDSHAKE_ANSWER, Peer, WebSocketPeer

CANCELED = b'{"error":"Handshake was canceled."}\x1e'
MALFORMED = b'{"error":"An unexpected error occurred during connection handshake.'


async def refusal(peer: Peer, request: bytes | None) -> bytes:
    """What the server says to a handshake that it refuses; the proper end has to follow."""
    if request is not None:
        await peer.send_bytes(request)
    answer = await peer.payload()
    assert answer is not None
    assert await peer.payload() is None
    if isinstance(peer, WebSocketPeer):
        assert peer.close_code == 1000
    return answer


@shows("handshake", over=ALL)
async def test_the_answer_to_a_handshake_is_an_empty_object_in_the_frames_of_its_protocol(
    judge: Judge, over: str
) -> None:
    async with judge.opened(over) as peer:
        await peer.send_bytes(peer.handshake())
        assert await peer.payload() == HANDSHAKE_ANSWER


@shows("handshake-versions", over=ALL)
@pytest.mark.parametrize("version", [0, 1, 2])
async def test_versions_up_to_two_are_spoken(judge: Judge, over: str, version: int) -> None:
    async with judge.opened(over) as peer:
        await peer.shake(version=version)
        assert await peer.result("Echo", "x") == "x"


@shows("handshake-protocol-case", over=WEBSOCKETS)
async def test_the_name_of_the_protocol_may_be_in_any_case_and_other_fields_are_skipped(
    judge: Judge, over: str
) -> None:
    async with judge.opened(over) as peer:
        name = peer.notation.name.upper()
        await peer.send_bytes(f'{{"more":[{{}}],"version":1, "protocol":"{name}"}}'.encode() + RS)
        await peer.be_accepted()
        assert await peer.result("Echo", "x") == "x"


@shows("handshake-oversize", over=ALL)
@pytest.mark.parametrize("end", [b'"}' + RS, b""], ids=["whole", "without end"])
async def test_a_handshake_over_the_message_limit_is_refused(judge: Judge, over: str, end: bytes) -> None:
    async with judge.opened(over, "/limits") as peer:
        request = peer.handshake()[:-2] + b',"more":"' + b"x" * 1024 + end
        assert await refusal(peer, request) == CANCELED


@shows("handshake-unknown-protocol", over=TRANSPORTS)
async def test_an_unknown_protocol_is_refused_by_name(judge: Judge, over: str) -> None:
    async with judge.opened(over) as peer:
        request = b'{"protocol":"dummy","version":1}\x1e'
        assert await refusal(peer, request) == b'{"error":"The protocol \'dummy\' is not supported."}\x1e'


@shows("handshake-bad-version", over=ALL)
@pytest.mark.parametrize("version", [3, 9001])
async def test_a_version_above_two_is_refused(judge: Judge, over: str, version: int) -> None:
    async with judge.opened(over) as peer:
        text = f"The server does not support version {version} of the '{peer.notation.name}' protocol."
        assert await refusal(peer, peer.handshake(version)) == f'{{"error":"{text}"}}\x1e'.encode()


@shows("handshake-wrong-format")
async def test_a_binary_protocol_is_refused_where_only_text_can_travel(judge: Judge) -> None:
    async with judge.opened("ServerSentEvents-messagepack") as peer:
        text = (
            "Cannot use the 'messagepack' protocol on the current transport. "
            "The transport does not support 'Binary' transfer format."
        )
        assert await refusal(peer, peer.handshake()) == f'{{"error":"{text}"}}\x1e'.encode()


@shows("handshake-malformed", over=TRANSPORTS)
@pytest.mark.parametrize(
    "request_", [b"{]", b"[]", b"", b'{"version":1}', b'{"protocol":"json"}', b'{"protocol":1,"version":1}']
)
async def test_a_malformed_handshake_is_refused(judge: Judge, over: str, request_: bytes) -> None:
    for path, is_detailed in (("/testhub", True), ("/plain", False)):
        async with judge.opened(over, path) as peer:
            answer = await refusal(peer, request_ + RS)
            assert answer.startswith(MALFORMED)
            assert (answer == MALFORMED + b'"}\x1e') is not is_detailed


@shows("handshake-in-chunks", over=ALL)
async def test_a_handshake_may_come_byte_by_byte(judge: Judge, over: str) -> None:
    async with judge.opened(over) as peer:
        for byte in peer.handshake():
            await peer.send_bytes(bytes((byte,)))
        await peer.be_accepted()
        assert await peer.result("Echo", "x") == "x"


@shows("handshake-and-invocation", over=ALL)
async def test_messages_may_follow_the_handshake_in_the_same_payload(judge: Judge, over: str) -> None:
    async with judge.opened(over) as peer:
        await peer.shake(
            {"type": 6}, call("Echo", "first", invocation_id="1"), call("Echo", "second", invocation_id="2")
        )
        assert await peer.receive() == completion("1", result="first")
        assert await peer.receive() == completion("2", result="second")


@shows("invocation-in-chunks", over=ALL)
async def test_an_invocation_may_come_byte_by_byte(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        for byte in peer.notation.write(call("Echo", "ümlaut", invocation_id="1")):
            await peer.send_bytes(bytes((byte,)))
        assert await peer.receive() == completion("1", result="ümlaut")


@shows("partial-handshake-then-end", over=ALL)
async def test_half_a_handshake_and_a_good_bye_are_not_answered(judge: Judge, over: str) -> None:
    async with judge.opened(over) as peer:
        await peer.send_bytes(peer.handshake()[:-1])
        await peer.leave()  # of a WebSocket: shows that nothing came before the close frame
        if peer.transport != "WebSockets":
            reply = await judge.request("POST", peer.target, body=RS)
            while reply.status == 200:  # that the answer to an event stream was left is noticed a moment later
                reply = await judge.request("POST", peer.target, body=b" ")
            assert reply.status == 404


@shows("handshake-order")
async def test_messages_wait_until_connected_has_returned(judge: Judge) -> None:
    async with judge.opened("WebSockets-json", query="greet=hello") as peer:
        await peer.shake(call("SendToCaller", "Message", "called"))
        assert await peer.receive() == call("Greeting", "hello")
        assert await peer.receive() == call("Message", "called")
