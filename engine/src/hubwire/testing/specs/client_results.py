"""What every `DataPlane` promises that has `Features.CLIENT_RESULTS`, beside what all promise."""

# ruff: noqa: S101 - a suite of tests

from __future__ import annotations

import asyncio

import pytest

from hubwire.errors import ClientResultError, ClientResultTimeout, ConnectionGone
from hubwire.model import Audience, Features, Member
from hubwire.testing.clock import FakeClock
from hubwire.testing.lines import MemoryLine, make_caller
from hubwire.testing.specs.data_plane import DataPlaneSpec
from hubwire.wire.messages import Invocation

_TIMEOUT_SECONDS = 10


class ClientResultsSpec(DataPlaneSpec):
    """Implement `create`; each test gets a plane of its own."""

    @pytest.fixture(autouse=True)
    def _stop_time(self) -> None:
        self.clock = FakeClock()

    async def attach(self, connection_id: str, user_id: str | None = None) -> MemoryLine:
        return await self.put(MemoryLine(make_caller(user_id, connection_id=connection_id), self.clock))

    def ask(self, connection_id: str, *arguments: object, timeout_seconds: float | None = None) -> asyncio.Task[object]:
        async def asking() -> object:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                return await self.plane.invoke(connection_id, "Ask", arguments, timeout_seconds)

        return asyncio.create_task(asking())

    async def asked(self, line: MemoryLine, count: int = 1) -> list[Invocation]:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            return await line.until_asked(count)

    async def test_a_plane_that_is_judged_here_says_that_it_can_ask(self) -> None:
        assert Features.CLIENT_RESULTS in self.plane.features

    async def test_a_question_reaches_its_connection_alone_and_gives_the_answer(self) -> None:
        line, other = await self.attach("a", "ann"), await self.attach("b", "ann")
        answer = self.ask("a", 5, "x")
        (question,) = await self.asked(line)
        assert (question.target, list(question.arguments)) == ("Ask", [5, "x"])
        line.answer(question.invocation_id, [10, None])
        assert await answer == [10, None]
        assert other.received == []

    async def test_two_questions_to_one_connection_get_their_own_answers(self) -> None:
        line = await self.attach("a")
        first, second = self.ask("a", 1), self.ask("a", 2)
        for question in reversed(await self.asked(line, 2)):
            line.answer(question.invocation_id, question.arguments[0])
        assert (await first, await second) == (1, 2)

    async def test_an_unknown_connection_cannot_be_asked(self) -> None:
        with pytest.raises(ConnectionGone, match=r"^Connection 'a' does not exist\.$"):
            await self.ask("a")

    async def test_a_connection_that_was_detached_cannot_be_asked(self) -> None:
        self.registry.detach(await self.attach("a"))
        with pytest.raises(ConnectionGone, match=r"^Connection 'a' does not exist\.$"):
            await self.ask("a")

    async def test_a_connection_that_leaves_while_it_is_asked_ends_the_question(self) -> None:
        line = await self.attach("a")
        answer = self.ask("a")
        await self.asked(line)
        line.lose()
        self.registry.detach(line)
        with pytest.raises(ConnectionGone, match=r"^Connection 'a' disconnected\.$"):
            await answer

    async def test_a_clients_error_arrives_word_for_word(self) -> None:
        line = await self.attach("a")
        answer = self.ask("a")
        (question,) = await self.asked(line)
        line.refuse(question.invocation_id, "Error: from callback")
        with pytest.raises(ClientResultError, match=r"^Error: from callback$"):
            await answer

    async def test_a_question_ends_with_its_time(self) -> None:
        line = await self.attach("a")
        answer = self.ask("a", timeout_seconds=2)
        await self.asked(line)
        await self.clock.until_sleeping()
        self.clock.advance(2)
        with pytest.raises(ClientResultTimeout, match=r"^Invocation canceled by the server\. .* 'Ask' within 2 s"):
            await answer
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            await line.until_forgotten()

    async def test_a_cancelled_question_is_forgotten_and_its_late_answer_ignored(self) -> None:
        line = await self.attach("a")
        answer = self.ask("a")
        (question,) = await self.asked(line)
        answer.cancel()
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            await line.until_forgotten()
        line.answer(question.invocation_id, "late")
        second = self.ask("a")
        (question,) = await self.asked(line)
        line.answer(question.invocation_id, "in time")
        assert await second == "in time"

    @pytest.mark.parametrize("value", [None, 0, 2**63 - 1, 2**70, 1.5, "ö\x00", [], [1, [None]], {"a": {"b": [True]}}])
    async def test_values_pass_both_ways_unchanged(self, value: object) -> None:
        for connection_id in ("a", "b", "c"):
            line = await self.attach(connection_id)
            answer = self.ask(connection_id, value)
            (question,) = await self.asked(line)
            assert list(question.arguments) == [value]
            line.answer(question.invocation_id, value)
            assert await answer == value

    async def test_every_connection_can_be_asked_wherever_it_is(self) -> None:
        lines = [await self.attach(f"c{number}") for number in range(6)]
        answers = [self.ask(line.caller.connection_id, number) for number, line in enumerate(lines)]
        for number, line in enumerate(lines):
            (question,) = await self.asked(line)
            line.answer(question.invocation_id, [number, *question.arguments])
        assert [await answer for answer in answers] == [[number, number] for number in range(6)]

    async def test_a_question_comes_behind_what_was_sent_before(self) -> None:
        for connection_id in ("a", "b", "c"):
            line = await self.attach(connection_id)
            await self.plane.add_to_group("g", Member.connection(connection_id))
            await self.send(Audience.group("g"))
            answer = self.ask(connection_id)
            (question,) = await self.asked(line)
            assert [call.target for call in line.received] == ["said", "Ask"]
            line.answer(question.invocation_id)
            await answer
            self.registry.detach(line)

    async def test_questions_do_not_hold_up_messages(self) -> None:
        line = await self.attach("a")
        answer = self.ask("a")
        await self.asked(line)
        assert await self.seen(line) == ["Ask"]
        answer.cancel()
