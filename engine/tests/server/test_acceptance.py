"""Where other processes serve the hub too, a client learns that it is connected when all of them can reach it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest

from hubwire.plane.registry import Registry
from hubwire.ports import Line
from hubwire.wire.encoded import EncodedMessage

from .memory import Peer, Script, decode, encode, opened
from .test_stateful import WebSocket


class SlowRegistry(Registry):
    """Reaches nobody before it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.reachable = asyncio.Event()

    def attach(self, line: Line) -> Awaitable[None] | None:  # type: ignore[override]  # as the port has it
        super().attach(line)
        return self._wait()

    async def _wait(self) -> None:
        await self.reachable.wait()


def tick() -> EncodedMessage:
    return EncodedMessage.invocation("tick", [1])


async def shake_hands(peer: Peer) -> None:
    peer.connection.feed(encode({"protocol": "json", "version": 1}))
    await peer.settle()


@pytest.mark.parametrize("is_stateful", [False, True])
async def test_the_answer_and_the_hub_wait_until_it_is_reachable(is_stateful: bool) -> None:
    registry, script = SlowRegistry(), Script()
    transport = WebSocket() if is_stateful else None
    async with opened(
        script, registry=registry, shakes_hands=False, is_stateful=is_stateful, transport=transport
    ) as peer:
        await shake_hands(peer)
        assert peer.transport.written == []
        assert script.events == []
        peer.connection.post(tick())  # nobody can expect that it gets this
        registry.reachable.set()
        await peer.settle()
        assert script.events == ["connected"]
        peer.connection.post(tick())
        written = b"".join(peer.transport.written)
        assert written.count(b"{}\x1e") == 1
        assert written.count(b'"tick"') == 1
        assert written.index(b"{}\x1e") < written.index(b'"tick"')


async def test_a_close_comes_behind_the_answer() -> None:
    async with opened(Script(), registry=SlowRegistry(), shakes_hands=False) as peer:
        await shake_hands(peer)
        peer.connection.close("enough", True)
        await peer.settle()
        answer, close = peer.transport.written
        assert answer == b"{}\x1e"
        assert decode([close]) == [{"type": 7, "error": "enough", "allowReconnect": True}]


async def test_what_comes_while_the_client_reads_nothing_waits_behind_the_answer() -> None:
    registry = SlowRegistry()
    async with opened(Script(), registry=registry, shakes_hands=False) as peer:
        peer.connection.pause_writing()
        await shake_hands(peer)
        peer.connection.post(tick())
        registry.reachable.set()
        await peer.settle()
        peer.connection.post(tick())
        peer.connection.resume_writing()
        peer.connection.post(tick())
        answer, *messages = peer.transport.written
        assert answer == b"{}\x1e"
        assert [message["target"] for message in decode(messages)] == ["tick", "tick"]


async def test_a_client_that_leaves_before_it_is_reachable_was_never_connected() -> None:
    registry, script = SlowRegistry(), Script()
    async with opened(script, registry=registry, shakes_hands=False) as peer:
        await shake_hands(peer)
        peer.connection.lost(None)
        registry.reachable.set()
        await peer.settle()
        assert peer.transport.written == []
        assert len(registry) == 0
