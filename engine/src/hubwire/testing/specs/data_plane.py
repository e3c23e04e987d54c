"""What every `DataPlane` promises."""

# ruff: noqa: S101 - a suite of tests

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

import pytest

from hubwire.model import Audience, Connected, Member
from hubwire.ports import DataPlane, Line, LineRegistry
from hubwire.testing.lines import MemoryLine, make_caller
from hubwire.wire.encoded import EncodedMessage
from hubwire.wire.messages import Close, Invocation

_TIMEOUT_SECONDS = 10
_MARK = "the end of what is looked at"

LineT = TypeVar("LineT", bound=Line)


class BrokenLine(MemoryLine):
    """Breaks the promise of its port."""

    def post(self, message: EncodedMessage) -> None:
        raise RuntimeError("This line breaks its promise not to raise.")

    def close(self, reason: str | None, allow_reconnect: bool) -> None:
        raise RuntimeError("This line breaks its promise not to raise.")


class DataPlaneSpec(ABC):
    """Implement `create`; each test gets a plane of its own.

    Where several processes share their connections, let the registry spread the lines over them: `SpreadRegistry`.
    """

    @abstractmethod
    def create(self) -> AbstractAsyncContextManager[tuple[DataPlane, LineRegistry]]:
        """A fresh plane, and where its lines are attached; leaving the context ends both."""

    @pytest.fixture(autouse=True)
    async def _begin(self) -> AsyncIterator[None]:
        async with self.create() as (self.plane, self.registry):
            yield

    async def attach(self, connection_id: str, user_id: str | None = None) -> MemoryLine:
        return await self.put(MemoryLine(make_caller(user_id, connection_id=connection_id)))

    async def put(self, line: LineT) -> LineT:
        """Attach it, as a server does."""
        reachable = self.registry.attach(line)
        if reachable is not None:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                await reachable
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
        lines = [await self.attach("a"), await self.attach("b"), await self.attach("c")]
        await self.send(Audience.all())
        assert [await self.seen(line) for line in lines] == [["said"]] * 3

    async def test_a_send_to_all_leaves_out_the_excluded(self) -> None:
        a, b = await self.attach("a"), await self.attach("b")
        await self.send(Audience.all(["a", "stranger"]))
        assert (await self.seen(a), await self.seen(b)) == ([], ["said"])

    async def test_a_send_to_a_connection_reaches_it_alone(self) -> None:
        a, b = await self.attach("a"), await self.attach("b")
        await self.send(Audience.connection("a"))
        assert (await self.seen(a), await self.seen(b)) == (["said"], [])

    async def test_a_send_to_several_connections_reaches_each(self) -> None:
        a, b, c = await self.attach("a"), await self.attach("b"), await self.attach("c")
        await self.send(Audience.connections(["a", "stranger", "c"]))
        assert (await self.seen(a), await self.seen(b), await self.seen(c)) == (["said"], [], ["said"])

    async def test_a_send_to_a_user_reaches_all_its_connections(self) -> None:
        first, second, other = (
            await self.attach("a", "ann"),
            await self.attach("b", "ann"),
            await self.attach("c", "bob"),
        )
        await self.send(Audience.user("ann"))
        assert [await self.seen(line) for line in (first, second, other)] == [["said"], ["said"], []]

    async def test_a_send_to_a_user_leaves_out_the_excluded(self) -> None:
        first, second = await self.attach("a", "ann"), await self.attach("b", "ann")
        await self.send(Audience.user("ann", ["b"]))
        assert (await self.seen(first), await self.seen(second)) == (["said"], [])

    async def test_user_ids_and_group_names_are_compared_with_regard_to_case(self) -> None:
        line = await self.attach("a", "ann")
        await self.plane.add_to_group("g", Member.connection("a"))
        await self.send(Audience.user("Ann"))
        await self.send(Audience.group("G"))
        assert await self.seen(line) == []

    async def test_a_send_to_a_group_reaches_its_members_alone(self) -> None:
        a, b = await self.attach("a"), await self.attach("b")
        await self.plane.add_to_group("g", Member.connection("a"))
        await self.send(Audience.group("g"))
        assert (await self.seen(a), await self.seen(b)) == (["said"], [])

    async def test_a_send_to_a_group_leaves_out_the_excluded(self) -> None:
        a, b = await self.attach("a"), await self.attach("b")
        for connection_id in ("a", "b"):
            await self.plane.add_to_group("g", Member.connection(connection_id))
        await self.send(Audience.group("g", ["a"]))
        assert (await self.seen(a), await self.seen(b)) == ([], ["said"])

    async def test_a_connection_in_two_of_the_groups_gets_the_message_twice(self) -> None:
        line = await self.attach("a")
        await self.plane.add_to_group("g", Member.connection("a"))
        await self.plane.add_to_group("h", Member.connection("a"))
        await self.send(Audience.groups(["g", "h"]))
        assert await self.seen(line) == ["said", "said"]

    async def test_a_connection_or_user_named_twice_gets_the_message_once(self) -> None:
        line = await self.attach("a", "ann")
        await self.send(Audience.connections(["a", "a"]), "to the connection")
        await self.send(Audience.users(["ann", "ann"]), "to the user")
        assert await self.seen(line) == ["to the connection", "to the user"]

    async def test_adding_twice_delivers_once(self) -> None:
        line = await self.attach("a")
        await self.plane.add_to_group("g", Member.connection("a"))
        await self.plane.add_to_group("g", Member.connection("a"))
        await self.send(Audience.group("g"))
        assert await self.seen(line) == ["said"]

    async def test_adding_twice_needs_removing_once(self) -> None:
        line = await self.attach("a")
        await self.plane.add_to_group("g", Member.connection("a"))
        await self.plane.add_to_group("g", Member.connection("a"))
        await self.plane.remove_from_group("g", Member.connection("a"))
        await self.send(Audience.group("g"))
        assert await self.seen(line) == []

    async def test_adding_a_connection_that_is_gone_does_nothing(self) -> None:
        gone = await self.attach("a")
        self.registry.detach(gone)
        await self.plane.add_to_group("g", Member.connection("a"))
        assert not await self.plane.exists(Audience.group("g"))
        newcomer = await self.attach("a")
        await self.send(Audience.group("g"))
        assert await self.seen(newcomer) == []

    async def test_removing_a_stranger_does_nothing(self) -> None:
        line = await self.attach("a")
        await self.plane.remove_from_group("g", Member.connection("a"))
        await self.plane.remove_from_group("g", Member.connection("stranger"))
        await self.plane.remove_from_group("g", Member.user("stranger"))
        await self.send(Audience.all())
        assert await self.seen(line) == ["said"]

    async def test_a_user_joins_and_leaves_a_group_with_all_its_connections(self) -> None:
        first, second, other = (
            await self.attach("a", "ann"),
            await self.attach("b", "ann"),
            await self.attach("c", "bob"),
        )
        await self.plane.add_to_group("g", Member.user("ann"))
        await self.send(Audience.group("g"))
        assert [await self.seen(line) for line in (first, second, other)] == [["said"], ["said"], []]
        await self.plane.remove_from_group("g", Member.user("ann"))
        await self.send(Audience.group("g"))
        assert [await self.seen(line) for line in (first, second)] == [[], []]

    async def test_leaving_all_groups_leaves_each(self) -> None:
        line = await self.attach("a")
        for group in ("g", "h"):
            await self.plane.add_to_group(group, Member.connection("a"))
        await self.plane.remove_from_all_groups(Member.connection("a"))
        await self.send(Audience.groups(["g", "h"]))
        await self.send(Audience.all(), "still here")
        assert await self.seen(line) == ["still here"]

    async def test_a_detached_connection_receives_nothing_and_is_in_no_group(self) -> None:
        line, witness = await self.attach("a", "ann"), await self.attach("b")
        await self.plane.add_to_group("g", Member.connection("a"))
        self.registry.detach(line)
        for audience in (Audience.all(), Audience.group("g"), Audience.user("ann"), Audience.connection("a")):
            await self.send(audience)
        assert await self.seen(witness) == ["said"]
        assert line.posted == []

    async def test_unknown_names_are_silently_nobody(self) -> None:
        line = await self.attach("a")
        for audience in (Audience.group("?"), Audience.user("?"), Audience.connection("?"), Audience.groups([])):
            await self.send(audience)
        assert await self.seen(line) == []

    async def test_one_failing_receiver_does_not_keep_the_message_from_the_others(self) -> None:
        before = await self.attach("a")
        await self.put(BrokenLine(make_caller(connection_id="b")))
        after = await self.attach("c")
        for connection_id in ("a", "b", "c"):
            await self.plane.add_to_group("g", Member.connection(connection_id))
        await self.send(Audience.group("g"))
        assert (await self.seen(before), await self.seen(after)) == (["said"], ["said"])

    async def test_sends_awaited_one_after_the_other_arrive_in_that_order(self) -> None:
        line = await self.attach("a", "ann")
        await self.plane.add_to_group("g", Member.connection("a"))
        audiences = (Audience.all(), Audience.group("g"), Audience.user("ann"), Audience.connection("a"))
        expected = [f"{turn}" for turn in range(40)]
        for turn, target in enumerate(expected):
            await self.send(audiences[turn % len(audiences)], target)
        assert await self.seen(line) == expected

    async def test_messages_that_travel_together_keep_their_order_and_their_place(self) -> None:
        line = await self.attach("a")
        await self.plane.add_to_group("g", Member.connection("a"))
        expected = [f"{turn}" for turn in range(12)]
        for start in range(0, 12, 4):
            await self.send(Audience.group("g"), expected[start])
            together = [EncodedMessage.invocation(target, []) for target in expected[start + 1 : start + 4]]
            await self.plane.send(Audience.group("g"), EncodedMessage.together(together))
        assert await self.seen(line) == expected

    async def test_sends_to_different_kinds_of_audience_arrive_at_all_lines_in_one_order(self) -> None:
        lines = [await self.attach(connection_id, "ann") for connection_id in ("a", "b", "c")]
        for line in lines:
            await self.plane.add_to_group("g", Member.connection(line.caller.connection_id))
        everybody = Audience.connections(["a", "b", "c"])
        audiences = (everybody, Audience.group("g"), Audience.all(), everybody, Audience.user("ann"))
        expected = [f"{turn}" for turn in range(40)]
        for turn, target in enumerate(expected):
            await self.send(audiences[turn % len(audiences)], target)
        assert [await self.seen(line) for line in lines] == [expected] * 3

    async def test_who_leaves_a_group_after_a_send_still_gets_it_and_who_joins_after_it_does_not(self) -> None:
        lines = [await self.attach(connection_id, f"user of {connection_id}") for connection_id in ("a", "b", "c")]
        for line in lines:
            by_connection, by_user = (
                Member.connection(line.caller.connection_id),
                Member.user(line.caller.user_id or ""),
            )
            for member in (by_connection, by_user):
                await self.send(Audience.group("g"), "before")
                await self.plane.add_to_group("g", member)
                await self.send(Audience.group("g"), "within")
                await self.plane.remove_from_group("g", member)
                await self.send(Audience.group("g"), "behind")
                await self.plane.add_to_group("g", member)
                await self.send(Audience.group("g"), "again")
                await self.plane.remove_from_all_groups(member)
                await self.send(Audience.group("g"), "at the end")
            assert await self.seen(line) == ["within", "again"] * 2

    async def test_who_is_closed_after_a_send_still_gets_it(self) -> None:
        lines = [await self.attach(connection_id) for connection_id in ("a", "b", "c")]
        for line in lines:
            await self.plane.add_to_group("g", Member.connection(line.caller.connection_id))
        await self.send(Audience.group("g"))
        await self.plane.close(Audience.connections(["a", "b", "c"]))
        for line in lines:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                await line.until_closed()
            assert [call.target for call in line.received] == ["said"]

    @pytest.mark.parametrize("name", ["a:b", ":", "*", "?[x]", "ö 中 🙂", " ", "a\r\nb", "\x00", "\ud800", "x" * 5000])
    async def test_groups_and_users_have_any_names(self, name: str) -> None:
        line, other = await self.attach("a", name), await self.attach("b", f"{name}!")
        await self.plane.add_to_group(name, Member.user(name))
        await self.plane.add_to_group(f"{name}!", Member.connection("b"))
        await self.send(Audience.group(name), "to the group")
        await self.send(Audience.user(name), "to the user")
        assert await self.plane.exists(Audience.user(name))
        assert await self.seen(line) == ["to the group", "to the user"]
        assert await self.seen(other) == []

    async def test_a_connection_that_comes_again_under_its_id_is_in_no_group(self) -> None:
        for _ in range(4):
            line = await self.attach("a", "ann")
            await self.send(Audience.group("g"))
            await self.plane.add_to_group("g", Member.connection("a"))
            await self.send(Audience.group("g"), "joined")
            assert await self.seen(line) == ["joined"]
            self.registry.detach(line)

    async def test_close_ends_the_connections_addressed_with_its_reason(self) -> None:
        a, b = await self.attach("a", "ann"), await self.attach("b")
        await self.plane.close(Audience.user("ann"), "enough", allow_reconnect=True)
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            assert await a.until_closed() == Close("enough", True)
        assert await self.seen(b) == []
        assert b.closed is None

    async def test_close_without_reason_does_not_ask_the_client_to_come_again(self) -> None:
        line = await self.attach("a")
        await self.plane.close(Audience.connection("a"))
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            assert await line.until_closed() == Close(None, False)

    async def test_one_connection_that_fails_to_close_does_not_keep_the_others_open(self) -> None:
        await self.put(BrokenLine(make_caller(connection_id="a")))
        line = await self.attach("b")
        await self.plane.close(Audience.all())
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            await line.until_closed()

    async def test_exists_tells_whether_anybody_is_addressed(self) -> None:
        assert not await self.plane.exists(Audience.all())
        line = await self.attach("a", "ann")
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

    async def test_members_lists_who_is_addressed_with_their_users(self) -> None:
        for connection_id, user_id in (("c", "ann"), ("a", "ann"), ("b", None)):
            await self.attach(connection_id, user_id)
            await self.plane.add_to_group("g", Member.connection(connection_id))
        ann = [Connected("a", "ann"), Connected("c", "ann")]
        everybody = [ann[0], Connected("b", None), ann[1]]
        assert await self.plane.members(Audience.all()) == everybody
        assert await self.plane.members(Audience.group("g")) == everybody
        assert await self.plane.members(Audience.user("ann")) == ann
        assert await self.plane.members(Audience.connections(["c", "a", "stranger"])) == ann

    async def test_members_leaves_out_the_excluded_and_those_who_left(self) -> None:
        lines = [await self.attach(connection_id, "ann") for connection_id in ("a", "b", "c", "d")]
        for line in lines:
            await self.plane.add_to_group("g", Member.connection(line.caller.connection_id))
        await self.plane.remove_from_group("g", Member.connection("c"))
        self.registry.detach(lines[3])
        assert await self.plane.members(Audience.group("g", ["a", "stranger"])) == [Connected("b", "ann")]
        assert await self.plane.members(Audience.user("ann", ["b"])) == [Connected("a", "ann"), Connected("c", "ann")]
        assert await self.plane.members(Audience.all(["a", "b", "c"])) == []

    async def test_members_of_nobody_are_none(self) -> None:
        for audience in (Audience.all(), Audience.group("?"), Audience.user("?"), Audience.groups([])):
            assert await self.plane.members(audience) == []

    async def test_members_lists_a_connection_in_two_of_the_groups_once(self) -> None:
        await self.attach("a")
        for group in ("g", "h"):
            await self.plane.add_to_group(group, Member.connection("a"))
        assert await self.plane.members(Audience.groups(["g", "h"])) == [Connected("a", None)]

    async def test_members_come_in_pages_that_hold_everybody_once(self) -> None:
        for number in range(23):
            await self.attach(f"{number * 7 % 23:02}", f"user {number % 3}")
        pages: list[list[str]] = []
        after = ""
        while page := await self.plane.members(Audience.all(), after=after, limit=5):
            pages.append([each.connection_id for each in page])
            after = page[-1].connection_id
        assert [len(page) for page in pages] == [5, 5, 5, 5, 3]
        assert [each for page in pages for each in page] == [f"{number:02}" for number in range(23)]

    async def test_a_page_of_members_holds_one_at_least(self) -> None:
        await self.attach("a")
        with pytest.raises(ValueError, match="give a limit from 1 on"):
            await self.plane.members(Audience.all(), limit=0)

    @pytest.mark.parametrize("name", ["", "ö 中 🙂", "\x00", "\ud800", "x" * 5000])
    async def test_members_have_users_of_any_names(self, name: str) -> None:
        await self.attach("a", name)
        assert await self.plane.members(Audience.user(name)) == [Connected("a", name)]
