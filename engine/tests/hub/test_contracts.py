"""Typed client contracts: what is sent for a call."""

from __future__ import annotations

import pytest

from hubwire.hub import ClientContract, client_method
from hubwire.model import Audience
from hubwire.plane import LocalDataPlane
from hubwire.testing import MemoryLine, make_caller


class Client(ClientContract):
    @client_method("ReceiveMessage")
    async def receive_message(self, user: str, text: str = "…") -> None:
        """Fires for each message."""

    @client_method("Many")
    async def many(self, *values: int) -> None: ...


class Derived(Client):
    @client_method("More")
    async def more(self) -> None: ...


@pytest.fixture
def line() -> MemoryLine:
    return MemoryLine(make_caller())


@pytest.fixture
def client(line: MemoryLine) -> Derived:
    plane = LocalDataPlane()
    plane.registry.attach(line)
    return Derived(plane, Audience.all())


def _sent(line: MemoryLine) -> list[tuple[str, tuple[object, ...]]]:
    return [(call.target, tuple(call.arguments)) for call in line.received]


async def test_a_call_is_sent_under_its_wire_name(client: Derived, line: MemoryLine) -> None:
    await client.receive_message("ann", "hi")
    await client.more()
    assert _sent(line) == [("ReceiveMessage", ("ann", "hi")), ("More", ())]


async def test_named_and_default_arguments_get_their_places(client: Derived, line: MemoryLine) -> None:
    await client.receive_message(text="hi", user="ann")
    await client.receive_message("ann")
    await client.many(1, 2, 3)
    assert _sent(line) == [("ReceiveMessage", ("ann", "hi")), ("ReceiveMessage", ("ann", "…")), ("Many", (1, 2, 3))]


async def test_several_calls_are_sent_together_in_their_order(client: Derived, line: MemoryLine) -> None:
    await client.send_together([("One", (1,)), ("Two", [2, "x"])])
    await client.send("Three")
    assert _sent(line) == [("One", (1,)), ("Two", (2, "x")), ("Three", ())]
    assert len(line.posted) == 2
    with pytest.raises(ValueError, match="at least one"):
        await client.send_together([])


async def test_send_takes_any_target(client: Derived, line: MemoryLine) -> None:
    await client.send("anything", 1, None)
    assert _sent(line) == [("anything", (1, None))]


def test_a_call_with_wrong_arguments_fails_before_anything_is_sent(client: Derived, line: MemoryLine) -> None:
    with pytest.raises(TypeError, match="missing a required argument: 'user'"):
        client.receive_message()  # type: ignore[call-arg, unused-coroutine] # the mistake under test
    assert _sent(line) == []


async def test_a_message_asks_for_no_answer(client: Derived, line: MemoryLine) -> None:
    await client.more()
    assert line.received[0].invocation_id is None


def test_keyword_only_arguments_cannot_be_declared() -> None:
    with pytest.raises(TypeError, match="the wire has positions only"):

        class Wrong(ClientContract):
            @client_method("Wrong")
            async def wrong(self, *, text: str) -> None: ...


def test_the_wire_name_cannot_be_left_out() -> None:
    with pytest.raises(TypeError, match="needs the wire name"):
        client_method("")


def test_declared_methods_keep_their_documentation() -> None:
    assert Client.receive_message.__doc__ == "Fires for each message."
