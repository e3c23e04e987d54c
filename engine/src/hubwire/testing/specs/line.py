"""What every `Line` promises."""

# ruff: noqa: S101 - a suite of tests

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import pytest

from hubwire.ports import Line
from hubwire.wire.encoded import EncodedMessage
from hubwire.wire.messages import Close, Invocation, Message


class LinePeer(Protocol):
    """The client at the other end of the line under test."""

    async def received(self, count: int) -> list[Message]:
        """All messages so far but pings, once there are `count` of them."""

    async def settle(self) -> None:
        """Return when whatever was under way has arrived."""

    async def vanish(self) -> None:
        """Lose the connection without a word; return when the line knows."""


def _said(target: str) -> EncodedMessage:
    return EncodedMessage(Invocation(target, ()))


class LineSpec(ABC):
    """Implement `create`; each test gets a line of its own."""

    @abstractmethod
    def create(self) -> AbstractAsyncContextManager[tuple[Line, LinePeer]]:
        """An open line, its handshake done, and its client; leaving the context ends both."""

    @pytest.fixture(autouse=True)
    async def _begin(self) -> AsyncIterator[None]:
        async with self.create() as (self.line, self.peer):
            yield

    async def test_messages_arrive_in_the_order_of_their_posts(self) -> None:
        targets = [f"{number}" for number in range(50)]
        for target in targets:
            self.line.post(_said(target))
        received = await self.peer.received(len(targets))
        assert [message.target for message in received if isinstance(message, Invocation)] == targets

    async def test_one_message_may_be_posted_again(self) -> None:
        message = _said("again")
        self.line.post(message)
        self.line.post(message)
        assert len(await self.peer.received(2)) == 2

    async def test_close_comes_after_what_was_posted_and_carries_its_reason(self) -> None:
        self.line.post(_said("last"))
        self.line.close("enough", True)
        first, second = await self.peer.received(2)
        assert isinstance(first, Invocation)
        assert second == Close("enough", True)

    async def test_a_post_after_close_does_nothing(self) -> None:
        self.line.close(None, False)
        self.line.post(_said("too late"))
        await self.peer.settle()
        assert await self.peer.received(1) == [Close(None, False)]

    async def test_a_second_close_does_nothing(self) -> None:
        self.line.close("first", False)
        self.line.close("second", True)
        await self.peer.settle()
        assert await self.peer.received(1) == [Close("first", False)]

    async def test_a_line_whose_peer_is_gone_takes_posts_and_close_in_silence(self) -> None:
        await self.peer.vanish()
        self.line.post(_said("nobody"))
        self.line.close("nobody", False)
        self.line.post(_said("nobody"))
