"""Hub clients that lose their sockets and come back (sheet 6)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from compliance.raw.judge import Judge
from compliance.raw.notation import ACK, PING, SEQUENCE, Message
from compliance.raw.peers import WebSocketPeer

ASKED = "negotiateVersion=1&useStatefulReconnect=true"
UNKNOWN_ID = (404, b"No Connection with that ID")


@asynccontextmanager
async def stateful(
    judge: Judge, over: str, path: str = "/testhub", *, query: str = "", is_silent: bool = False
) -> AsyncIterator[WebSocketPeer]:
    """A client that may come back; it pings behind the handshake, as the official one, unless it is silent."""
    peer = judge.peer(over, path, query=query)
    assert isinstance(peer, WebSocketPeer)
    try:
        assert (await peer.negotiate(ASKED))["useStatefulReconnect"] is True
        await peer.open()
        await peer.shake(version=2)
        if not is_silent:
            await peer.send({"type": PING})
        yield peer
    finally:
        await peer.drop()


def ack(sequence_id: int) -> Message:
    return {"type": ACK, "sequenceId": sequence_id}


def sequence(sequence_id: int) -> Message:
    return {"type": SEQUENCE, "sequenceId": sequence_id}


async def counted(peer: WebSocketPeer) -> Message:
    """The next message of those that count."""
    while (message := await peer.receive())["type"] in (ACK, SEQUENCE):
        pass
    return message


async def lose(peer: WebSocketPeer) -> None:
    """The socket ends without a close frame, behind everything that was sent."""
    peer.socket.streams.send_end()
    while await peer.socket.frame() is not None:
        pass


async def come_back(peer: WebSocketPeer, *messages: Message) -> int:
    """Open another socket for the same connection; returns where the server begins, which has to come first."""
    await peer.drop()
    await peer.open()
    if messages:
        await peer.send(*messages)
    first = await peer.message()
    assert first is not None
    assert first["type"] == SEQUENCE, first
    sequence_id: int = first["sequenceId"]
    return sequence_id


async def refused(judge: Judge, peer: WebSocketPeer) -> tuple[int, bytes]:
    reply = await judge.upgrade(peer.target)
    return reply.status, reply.body
