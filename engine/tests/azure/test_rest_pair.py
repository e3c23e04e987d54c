"""The REST client and the REST server, over real HTTP, are together a data plane like any other.

What the REST API lacks is left out by name below, and nothing else.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from engine.tests.azure.rest_pair import rest_pair

from hubwire.errors import BrokerUnavailable, NotInRestApi, ServiceRefused
from hubwire.model import Audience, Connected, Member
from hubwire.plane.fan_out import FanOutDataPlane
from hubwire.ports import DataPlane, LineRegistry
from hubwire.testing.lines import SpreadRegistry
from hubwire.testing.specs import ClientResultsSpec
from hubwire.wire.encoded import EncodedMessage
from hubwire.wire.messages import Close


class TestRestPair(ClientResultsSpec):
    behind: DataPlane
    """The plane behind the server."""

    @asynccontextmanager
    async def create(self) -> AsyncIterator[tuple[DataPlane, LineRegistry]]:
        async with rest_pair() as (client, plane):
            self.behind = plane
            yield client, plane.registry

    # What the REST API lacks

    @pytest.mark.parametrize("name", ["a:b", ":", "*", "?[x]", "ö 中 🙂", "\x00", "a/b", "%2F", "x" * 1023])
    async def test_groups_and_users_have_any_names(self, name: str) -> None:
        await super().test_groups_and_users_have_any_names(name)

    @pytest.mark.parametrize("value", [None, 0, 2**63 - 1, 1.5, "ö\x00", [], [1, [None]], {"a": {"b": [True]}}])
    async def test_values_pass_both_ways_unchanged(self, value: object) -> None:
        """Larger integers the service refuses, since MessagePack could not write them."""
        await super().test_values_pass_both_ways_unchanged(value)

    async def test_what_one_protocol_cannot_write_is_refused_with_the_reason(self) -> None:
        # A FanOutFailed, where several services refuse it.
        with pytest.raises((ServiceRefused, BrokerUnavailable), match="no integers beyond 64 bits"):
            await self.plane.send(Audience.all(), EncodedMessage.invocation("said", [2**70]))

    async def test_close_without_reason_does_not_ask_the_client_to_come_again(self) -> None:
        """It always does: the API has no word for the other way."""
        line = await self.attach("a")
        await self.plane.close(Audience.connection("a"))
        assert await line.until_closed() == Close(None, True)

    async def test_exists_tells_whether_anybody_is_addressed(self) -> None:
        line = await self.attach("a", "ann")
        await self.plane.add_to_group("g", Member.connection("a"))
        present = (Audience.group("g"), Audience.user("ann"), Audience.connection("a"), Audience.group("g", ["b"]))
        absent = (Audience.group("h"), Audience.group("g", ["a"]), Audience.user("bob"), Audience.connection("b"))
        assert [await self.plane.exists(audience) for audience in present] == [True] * len(present)
        assert [await self.plane.exists(audience) for audience in absent] == [False] * len(absent)
        for audience in (Audience.all(), Audience.user("ann", ["a"])):
            with pytest.raises(NotInRestApi):
                await self.plane.exists(audience)
        self.registry.detach(line)
        assert [await self.plane.exists(audience) for audience in present] == [False] * len(present)

    async def test_members_lists_who_is_addressed_with_their_users(self) -> None:
        for connection_id, user_id in (("b", "bob"), ("a", "ann"), ("c", None)):
            await self.attach(connection_id, user_id)
            await self.plane.add_to_group("g", Member.connection(connection_id))
        everybody = [Connected("a", "ann"), Connected("b", "bob"), Connected("c")]
        assert await self.plane.members(Audience.group("g")) == everybody
        for audience in (Audience.all(), Audience.user("ann"), Audience.connection("a")):
            with pytest.raises(NotInRestApi):
                await self.plane.members(audience)

    async def test_members_leaves_out_the_excluded_and_those_who_left(self) -> None:
        for connection_id in ("a", "b", "c"):
            line = await self.attach(connection_id, "ann")
            await self.plane.add_to_group("g", Member.connection(connection_id))
        self.registry.detach(line)
        assert await self.plane.members(Audience.group("g", ["a", "stranger"])) == [Connected("b", "ann")]

    async def test_members_of_nobody_are_none(self) -> None:
        assert await self.plane.members(Audience.group("?")) == []
        assert await self.plane.members(Audience.groups([])) == []

    async def test_members_come_in_pages_that_hold_everybody_once(self) -> None:
        """More than the service puts into one answer."""
        names = [f"c{number:03}" for number in range(450)]
        for name in names:
            await self.attach(name)
            await self.behind.add_to_group("g", Member.connection(name))
        assert [each.connection_id for each in await self.plane.members(Audience.group("g"))] == names
        page = await self.plane.members(Audience.group("g"), after="c199", limit=5)
        assert [each.connection_id for each in page] == names[200:205]

    async def test_a_page_of_members_holds_one_at_least(self) -> None:
        with pytest.raises(ValueError, match="give a limit from 1 on"):
            await self.plane.members(Audience.group("g"), limit=0)

    @pytest.mark.parametrize("name", ["", "ö 中 🙂", "\x00", "x" * 5000])
    async def test_members_have_users_of_any_names(self, name: str) -> None:
        await self.attach("a", name)
        await self.plane.add_to_group("g", Member.connection("a"))
        assert await self.plane.members(Audience.group("g")) == [Connected("a", name)]


class TestFanOutOverTwoRestPairs(TestRestPair):
    """Two services that act as one."""

    @asynccontextmanager
    async def create(self) -> AsyncIterator[tuple[DataPlane, LineRegistry]]:
        async with rest_pair() as (first, plane), rest_pair() as (second, other):
            self.behind = FanOutDataPlane([plane, other])
            yield FanOutDataPlane([first, second]), SpreadRegistry([plane.registry, other.registry])
