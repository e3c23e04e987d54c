"""What every `Line` promises."""

# ruff: noqa: S101 - a suite of tests

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import pytest

from hubwire.errors import ClientResultError, ClientResultTimeout, ConnectionGone
from hubwire.ports import Line
from hubwire.wire.encoded import EncodedMessage
from hubwire.wire.messages import Close, Completion, Invocation, Message

_TIMEOUT_SECONDS = 10


class LinePeer(Protocol):
    """The client at the other end of the line under test."""

    async def received(self, count: int) -> list[Message]:
        """All messages so far but pings, once there are `count` of them."""

    async def settle(self) -> None:
        """Return when whatever was under way has arrived."""

    async def vanish(self) -> None:
        """Lose the connection without a word; return when the line knows."""

    async def answer(self, completion: Completion) -> None:
        """Answer a question; return when the line knows."""

    async def pass_time(self, seconds: float) -> None:
        """Let time pass for the line; return when it has done what was due."""


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

    async def test_messages_that_travel_together_arrive_one_by_one_in_their_order(self) -> None:
        targets = [f"{number}" for number in range(9)]
        self.line.post(_said(targets[0]))
        self.line.post(EncodedMessage.together([_said(target) for target in targets[1:8]]))
        self.line.post(_said(targets[8]))
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

    async def ask(
        self, target: str = "Ask", *arguments: object, timeout_seconds: float | None = None
    ) -> tuple[asyncio.Future[object], str]:
        """A question that has reached the client: what waits for its answer, and its id."""
        before = len(await self.peer.received(0))
        answer = asyncio.ensure_future(self.line.ask(target, arguments, timeout_seconds))
        question = (await self.peer.received(before + 1))[-1]
        assert isinstance(question, Invocation)
        assert (question.target, list(question.arguments)) == (target, list(arguments))
        assert question.invocation_id
        return answer, question.invocation_id

    async def result(self, answer: Awaitable[object]) -> object:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            return await answer

    @pytest.mark.parametrize("result", [10, None, "text", [1, {"a": None}]])
    async def test_a_question_reaches_the_client_and_gives_its_answer_as_decoded(self, result: object) -> None:
        answer, invocation_id = await self.ask("Ask", 5, "x")
        await self.peer.answer(Completion(invocation_id, result, has_result=True))
        assert await self.result(answer) == result

    async def test_an_answer_without_a_result_gives_none(self) -> None:
        answer, invocation_id = await self.ask()
        await self.peer.answer(Completion(invocation_id))
        assert await self.result(answer) is None

    async def test_a_clients_error_arrives_word_for_word(self) -> None:
        answer, invocation_id = await self.ask()
        await self.peer.answer(Completion(invocation_id, error="Error: from callback"))
        with pytest.raises(ClientResultError, match=r"^Error: from callback$"):
            await self.result(answer)

    async def test_questions_are_told_apart_and_may_be_answered_in_any_order(self) -> None:
        first, first_id = await self.ask()
        second, second_id = await self.ask()
        assert first_id != second_id
        await self.peer.answer(Completion(second_id, "second", has_result=True))
        await self.peer.answer(Completion(first_id, "first", has_result=True))
        assert [await self.result(first), await self.result(second)] == ["first", "second"]

    async def test_questions_keep_their_place_among_posts(self) -> None:
        self.line.post(_said("before"))
        answer = asyncio.ensure_future(self.line.ask("Ask", (), None))
        self.line.post(_said("after"))
        received = await self.peer.received(3)
        assert [each.target for each in received if isinstance(each, Invocation)] == ["before", "Ask", "after"]
        answer.cancel()

    async def test_an_answer_to_nothing_is_ignored(self) -> None:
        await self.peer.answer(Completion("s999", "stray", has_result=True))
        answer, invocation_id = await self.ask()
        await self.peer.answer(Completion(invocation_id, 1, has_result=True))
        await self.peer.answer(Completion(invocation_id, 2, has_result=True))
        assert await self.result(answer) == 1
        self.line.post(_said("still here"))
        assert len(await self.peer.received(2)) == 2

    async def test_a_cancelled_question_is_forgotten_and_its_late_answer_ignored(self) -> None:
        answer, invocation_id = await self.ask()
        answer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await self.result(answer)
        await self.peer.answer(Completion(invocation_id, "late", has_result=True))
        second, second_id = await self.ask()
        await self.peer.answer(Completion(second_id, "in time", has_result=True))
        assert await self.result(second) == "in time"

    async def test_a_question_ends_with_its_time_and_its_late_answer_is_ignored(self) -> None:
        answer, invocation_id = await self.ask(timeout_seconds=2)
        await self.peer.pass_time(1)
        assert not answer.done()
        await self.peer.pass_time(1.5)
        with pytest.raises(ClientResultTimeout, match=r"^Invocation canceled by the server\. .* 'Ask' within 2 s"):
            await self.result(answer)
        await self.peer.answer(Completion(invocation_id, "late", has_result=True))
        second, second_id = await self.ask()
        await self.peer.answer(Completion(second_id, "in time", has_result=True))
        assert await self.result(second) == "in time"

    async def test_questions_end_when_the_line_is_closed(self) -> None:
        answer, _ = await self.ask()
        self.line.close(None, False)
        with pytest.raises(ConnectionGone, match=r"^Connection '.*' disconnected\.$"):
            await self.result(answer)

    async def test_questions_end_when_the_peer_is_gone(self) -> None:
        first, _ = await self.ask()
        second, _ = await self.ask()
        await self.peer.vanish()
        for answer in (first, second):
            with pytest.raises(ConnectionGone, match=r"^Connection '.*' disconnected\.$"):
                await self.result(answer)

    async def test_a_line_that_has_ended_cannot_be_asked(self) -> None:
        self.line.close(None, False)
        with pytest.raises(ConnectionGone, match=r"^Connection '.*' disconnected\.$"):
            await self.result(self.line.ask("Ask", (), None))
        await self.peer.settle()
        assert await self.peer.received(1) == [Close(None, False)]
