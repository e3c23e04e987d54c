"""The tester shows what clients would see, as it went over the wire."""

from __future__ import annotations

import datetime

import msgspec
import pytest

from hubwire.errors import Forbidden, HubError
from hubwire.hub import Hub, HubFilter, InvocationContext, hub_method
from hubwire.hub.filters import InvokeNext
from hubwire.testing import ConnectFailed, HubTester, InvocationFailed


class Order(msgspec.Struct, rename="camel"):
    order_number: str
    placed_at: datetime.datetime


class Desk(Hub):
    async def connected(self) -> None:
        if self.context.user_id is None:
            raise HubError("Tell your name.")
        await self.clients.others.send("joined", self.context.user_id)

    async def disconnected(self, error: BaseException | None) -> None:
        await self.clients.others.send("left", self.context.user_id)

    @hub_method("Place")
    async def place(self, order: Order) -> Order:
        await self.clients.all.send("placed", order)
        return order

    @hub_method("Fail")
    async def fail(self) -> None:
        raise ValueError("secret")

    @hub_method("Leave")
    async def leave(self) -> None:
        await self.context.abort()


class Closed(HubFilter):
    async def invoke(self, call: InvocationContext, proceed: InvokeNext, /) -> object:
        raise Forbidden


ORDER = {"orderNumber": "7", "placedAt": "2024-05-06T07:08:09Z"}


async def test_arguments_results_and_messages_pass_through_json() -> None:
    tester = HubTester(Desk)
    ann = await tester.connect("ann")
    assert await ann.invoke("place", ORDER) == ORDER
    assert ann.received == [("placed", [ORDER])]


async def test_clients_see_each_other_come_and_go() -> None:
    tester = HubTester(Desk)
    ann, bob = await tester.connect("ann"), await tester.connect("bob")
    await bob.disconnect()
    await tester.context.clients.all.send("later")
    assert ann.received == [("joined", ["bob"]), ("left", ["bob"]), ("later", [])]
    assert bob.received == []
    assert await ann.until("left") == [["bob"]]


async def test_failures_have_the_text_that_clients_get() -> None:
    ann = await HubTester(Desk).connect("ann")
    with pytest.raises(InvocationFailed) as failed:
        await ann.invoke("fAIL")
    assert str(failed.value) == "An unexpected error occurred invoking 'Fail' on the server."
    assert isinstance(failed.value.__cause__, ValueError)


async def test_detailed_errors_can_be_turned_on() -> None:
    ann = await HubTester(Desk, detailed_errors=True).connect("ann")
    with pytest.raises(InvocationFailed, match="ValueError: secret"):
        await ann.invoke("Fail")


async def test_a_refused_connect_has_the_text_that_clients_get_and_leaves_nothing() -> None:
    tester = HubTester(Desk)
    with pytest.raises(ConnectFailed, match=r"^Connection closed with an error\. HubException: Tell your name\.$"):
        await tester.connect()
    assert len(tester.plane.registry) == 0


async def test_filters_are_in_the_way() -> None:
    ann = await HubTester(Desk, filters=[Closed()]).connect("ann")
    with pytest.raises(InvocationFailed, match="because user is unauthorized"):
        await ann.invoke("Leave")


async def test_an_abort_is_seen() -> None:
    ann = await HubTester(Desk).connect("ann")
    assert ann.closed is None
    await ann.invoke("Leave")
    assert ann.closed is not None
