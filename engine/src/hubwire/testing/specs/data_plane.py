"""What every `DataPlane` promises."""

# ruff: noqa: S101 - a suite of tests

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import pytest

from hubwire.model import Audience, Member
from hubwire.ports import DataPlane, LineRegistry
from hubwire.testing.lines import MemoryLine, make_caller
from hubwire.wire.encoded import EncodedMessage
from hubwire.wire.messages import Close, Invocation

_TIMEOUT_SECONDS = 10
_MARK = "the end of what is looked at"


class BrokenLine(MemoryLine):
    """Breaks the promise of its port."""

    def post(self, message: EncodedMessage) -> None:
        raise RuntimeError("This line breaks its promise not to raise.")

    def close(self, reason: str | None, allow_reconnect: bool) -> None:
        raise RuntimeError("This line breaks its promise not to raise.")


class DataPlaneSpec(ABC):
    """Implement `create`; each test gets a plane of its own."""

    @abstractmethod
    def create(self) -> AbstractAsyncContextManager[tuple[DataPlane, LineRegistry]]:
        """A fresh plane, and where its lines are attached; leaving the context ends both."""

    @pytest.fixture(autouse=True)
    async def _begin(self) -> AsyncIterator[None]:
        async with self.create() as (self.plane, self.registry):
            yield

    def attach(self, connection_id: str, user_id: str | None = None) -> MemoryLine:
        line = MemoryLine(make_caller(user_id, connection_id=connection_id))
        self.registry.attach(line)
        return line

    async def send(self, audience: Audience, target: str = "said") -> None:
        await self.plane.send(audience, EncodedMessage(Invocation(target, ())))

    async def seen(self, line: MemoryLine) -> list[str]:
        """The targets that reached a line so far: those before a mark sent to it now."""
        await self.send(Audience.connection(line.caller.connection_id), _MARK)
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            await line.until(_MARK)
        targets = [call.target for call in line.received]
        line.posted.clear()
        return targets[: targets.index(_MARK)]

    async def test_a_send_to_all_reaches_everybody(self) -> None:
        lines = [self.attach("a"), self.attach("b"), self.attach("c")]
        await self.send(Audience.all())
        assert [await self.seen(line) for line in lines] == [["said"]] * 3

    async def test_a_send_to_all_leaves_out_the_excluded(self) -> None:
        a, b = self.attach("a"), self.attach("b")
        await self.send(Audience.all(["a", "stranger"]))
        assert (await self.seen(a), await self.seen(b)) == ([], ["said"])

    async def test_a_send_to_a_connection_reaches_it_alone(self) -> None:
        a, b = self.attach("a"), self.attach("b")
        await self.send(Audience.connection("a"))
        assert (await self.seen(a), await self.seen(b)) == (["said"], [])

    async def test_a_send_to_several_connections_reaches_each(self) -> None:
        a, b, c = self.attach("a"), self.attach("b"), self.attach("c")
        await self.send(Audience.connections(["a", "stranger", "c"]))
        assert (await self.seen(a), await self.seen(b), await self.seen(c)) == (["said"], [], ["said"])

    async def test_a_send_to_a_user_reaches_all_its_connections(self) -> None:
        first, second, other = self.attach("a", "ann"), self.attach("b", "ann"), self.attach("c", "bob")
        await self.send(Audience.user("ann"))
        assert [await self.seen(line) for line in (first, second, other)] == [["said"], ["said"], []]

    async def test_a_send_to_a_user_leaves_out_the_excluded(self) -> None:
        first, second = self.attach("a", "ann"), self.attach("b", "ann")
        await self.send(Audience.user("ann", ["b"]))
        assert (await self.seen(first), await self.seen(second)) == (["said"], [])

    async def test_user_ids_and_group_names_are_compared_with_regard_to_case(self) -> None:
        line = self.attach("a", "ann")
        await self.plane.add_to_group("g", Member.connection("a"))
        await self.send(Audience.user("Ann"))
        await self.send(Audience.group("G"))
        assert await self.seen(line) == []

    async def test_a_send_to_a_group_reaches_its_members_alone(self) -> None:
        a, b = self.attach("a"), self.attach("b")
        await self.plane.add_to_group("g", Member.connection("a"))
        await self.send(Audience.group("g"))
        assert (await self.seen(a), await self.seen(b)) == (["said"], [])

    async def test_a_send_to_a_group_leaves_out_the_excluded(self) -> None:
        a, b = self.attach("a"), self.attach("b")
        for connection_id in ("a", "b"):
            await self.plane.add_to_group("g", Member.connection(connection_id))
        await self.send(Audience.group("g", ["a"]))
        assert (await self.seen(a), await self.seen(b)) == ([], ["said"])

    async def test_a_connection_in_two_of_the_groups_gets_the_message_twice(self) -> None:
        line = self.attach("a")
        await self.plane.add_to_group("g", Member.connection("a"))
        await self.plane.add_to_group("h", Member.connection("a"))
        await self.send(Audience.groups(["g", "h"]))
        assert await self.seen(line) == ["said", "said"]

    async def test_a_connection_or_user_named_twice_gets_the_message_once(self) -> None:
        line = self.attach("a", "ann")
        await self.send(Audience.connections(["a", "a"]), "to the connection")
        await self.send(Audience.users(["ann", "ann"]), "to the user")
        assert await self.seen(line) == ["to the connection", "to the user"]

    async def test_adding_twice_delivers_once(self) -> None:
        line = self.attach("a")
        await self.plane.add_to_group("g", Member.connection("a"))
        await self.plane.add_to_group("g", Member.connection("a"))
        await self.send(Audience.group("g"))
        assert await self.seen(line) == ["said"]

    async def test_adding_twice_needs_removing_once(self) -> None:
        line = self.attach("a")
        await self.plane.add_to_group("g", Member.connection("a"))
        await self.plane.add_to_group("g", Member.connection("a"))
        await self.plane.remove_from_group("g", Member.connection("a"))
        await self.send(Audience.group("g"))
        assert await self.seen(line) == []

    async def test_adding_a_connection_that_is_gone_does_nothing(self) -> None:
        gone = self.attach("a")
        self.registry.detach(gone)
        await self.plane.add_to_group("g", Member.connection("a"))
        assert not await self.plane.exists(Audience.group("g"))
        newcomer = self.attach("a")
        await self.send(Audience.group("g"))
        assert await self.seen(newcomer) == []

    async def test_removing_a_stranger_does_nothing(self) -> None:
        line = self.attach("a")
        await self.plane.remove_from_group("g", Member.connection("a"))
        await self.plane.remove_from_group("g", Member.connection("stranger"))
        await self.plane.remove_from_group("g", Member.user("stranger"))
        await self.send(Audience.all())
        assert await self.seen(line) == ["said"]

    async def test_a_user_joins_and_leaves_a_group_with_all_its_connections(self) -> None:
        first, second, other = self.attach("a", "ann"), self.attach("b", "ann"), self.attach("c", "bob")
        await self.plane.add_to_group("g", Member.user("ann"))
        await self.send(Audience.group("g"))
        assert [await self.seen(line) for line in (first, second, other)] == [["said"], ["said"], []]
        await self.plane.remove_from_group("g", Member.user("ann"))
        await self.send(Audience.group("g"))
        assert [await self.seen(line) for line in (first, second)] == [[], []]

    async def test_leaving_all_groups_leaves_each(self) -> None:
        line = self.attach("a")
        for group in ("g", "h"):
            await self.plane.add_to_group(group, Member.connection("a"))
        await self.plane.remove_from_all_groups(Member.connection("a"))
        await self.send(Audience.groups(["g", "h"]))
        await self.send(Audience.all(), "still here")
        assert await self.seen(line) == ["still here"]

    async def test_a_detached_connection_receives_nothing_and_is_in_no_group(self) -> None:
        line, witness = self.attach("a", "ann"), self.attach("b")
        await self.plane.add_to_group("g", Member.connection("a"))
        self.registry.detach(line)
        for audience in (Audience.all(), Audience.group("g"), Audience.user("ann"), Audience.connection("a")):
            await self.send(audience)
        assert await self.seen(witness) == ["said"]
        assert line.posted == []

    async def test_unknown_names_are_silently_nobody(self) -> None:
        line = self.attach("a")
        for audience in (Audience.group("?"), Audience.user("?"), Audience.connection("?"), Audience.groups([])):
            await self.send(audience)
        assert await self.seen(line) == []

    async def test_one_failing_receiver_does_not_keep_the_message_from_the_others(self) -> None:
        before = self.attach("a")
        self.registry.attach(BrokenLine(make_caller(connection_id="b")))
        after = self.attach("c")
        for connection_id in ("a", "b", "c"):
            await self.plane.add_to_group("g", Member.connection(connection_id))
        await self.send(Audience.group("g"))
        assert (await self.seen(before), await self.seen(after)) == (["said"], ["said"])

    async def test_sends_awaited_one_after_the_other_arrive_in_that_order(self) -> None:
        line = self.attach("a", "ann")
        await self.plane.add_to_group("g", Member.connection("a"))
        audiences = (Audience.all(), Audience.group("g"), Audience.user("ann"), Audience.connection("a"))
        expected = [f"{turn}" for turn in range(40)]
        for turn, target in enumerate(expected):
            await self.send(audiences[turn % len(audiences)], target)
        assert await self.seen(line) == expected

    async def test_close_ends_the_connections_addressed_with_its_reason(self) -> None:
        a, b = self.attach("a", "ann"), self.attach("b")
        await self.plane.close(Audience.user("ann"), "enough", allow_reconnect=True)
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            assert await a.until_closed() == Close("enough", True)
        assert await self.seen(b) == []
        assert b.closed is None

    async def test_close_without_reason_does_not_ask_the_client_to_come_again(self) -> None:
        line = self.attach("a")
        await self.plane.close(Audience.connection("a"))
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            assert await line.until_closed() == Close(None, False)

    async def test_one_connection_that_fails_to_close_does_not_keep_the_others_open(self) -> None:
        self.registry.attach(BrokenLine(make_caller(connection_id="a")))
        line = self.attach("b")
        await self.plane.close(Audience.all())
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            await line.until_closed()

    async def test_exists_tells_whether_anybody_is_addressed(self) -> None:
        assert not await self.plane.exists(Audience.all())
        line = self.attach("a", "ann")
        await self.plane.add_to_group("g", Member.connection("a"))
        present = (Audience.all(), Audience.group("g"), Audience.user("ann"), Audience.connection("a"))
        absent = (
            Audience.all(["a"]),
            Audience.group("h"),
            Audience.group("g", ["a"]),
            Audience.user("bob"),
            Audience.user("ann", ["a"]),
            Audience.connection("b"),
        )
        assert [await self.plane.exists(audience) for audience in present] == [True] * len(present)
        assert [await self.plane.exists(audience) for audience in absent] == [False] * len(absent)
        self.registry.detach(line)
        assert [await self.plane.exists(audience) for audience in present] == [False] * len(present)
