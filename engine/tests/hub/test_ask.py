"""Asking one client for a result: what is asked, what comes back in which type, and where it is not possible."""

from __future__ import annotations

import asyncio
import datetime
import logging
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest

from hubwire.errors import (
    ClientResultError,
    ClientResultTimeout,
    ConnectionGone,
    HubError,
    LocalProtocolError,
)
from hubwire.hub import ClientContract, Hub, HubCallerClients, HubContext, HubDispatcher, client_method, hub_method
from hubwire.hub.ongoing import BEFORE_ASKING, Connecting
from hubwire.model import Features
from hubwire.options import PropertyNames
from hubwire.plane import LocalDataPlane
from hubwire.testing import FakeClock, MemoryLine, make_caller
from hubwire.wire.messages import Invocation


class Answer(msgspec.Struct):
    placed_at: datetime.datetime
    order_number: int = 0


class Client(ClientContract):
    @client_method("Guess")
    async def guess(self, low: int, high: int = 10) -> int:
        """Fires when the server wants a number."""
        raise NotImplementedError

    @client_method("Order", timeout_seconds=5)
    async def order(self) -> Answer | None:
        raise NotImplementedError

    @client_method("Anything")
    async def anything(self) -> Any: ...

    @client_method("Said")
    async def said(self, text: str) -> None: ...


class House:
    """One line, `a`, and the clients as seen from it."""

    def __init__(self, property_names: PropertyNames = PropertyNames.AS_DECLARED) -> None:
        self.plane = LocalDataPlane()
        self.clock = FakeClock()
        self.line = MemoryLine(make_caller(connection_id="a"), self.clock)
        self.plane.registry.attach(self.line)
        self.clients = HubCallerClients(self.plane, Client, "a", property_names)

    async def answered(self, asking: Any, result: object) -> Any:
        """What a question gives when the client answers with `result`."""
        task = asyncio.ensure_future(asking)
        (question,) = await self.line.until_asked()
        self.line.answer(question.invocation_id, result)
        return await task


@contextmanager
def ongoing(before_asking: Callable[[], None]) -> Any:
    token = BEFORE_ASKING.set(before_asking)
    try:
        yield
    finally:
        BEFORE_ASKING.reset(token)


async def test_a_question_carries_target_and_arguments_and_gives_the_answer_as_it_comes() -> None:
    house = House()
    assert await house.answered(house.clients.caller.ask("Guess", 1, "x"), [1, None]) == [1, None]
    (question,) = house.line.received
    assert (question.target, question.arguments) == ("Guess", (1, "x"))


async def test_an_answer_is_converted_to_the_result_type() -> None:
    house = House()
    moment = datetime.datetime(2024, 5, 6, tzinfo=datetime.UTC)
    for sent in ({"placed_at": "2024-05-06T00:00:00Z"}, {"placed_at": moment}):
        answer = await house.answered(house.clients.client("a").ask("Order", result_type=Answer), sent)
        assert answer == Answer(moment)
    numbers = house.clients.caller.ask("Numbers", result_type=dict[int, list[float]])
    assert await house.answered(numbers, {"1": [1, 2.5]}) == {1: [1.0, 2.5]}


async def test_an_answer_is_read_with_the_property_names_of_the_hub() -> None:
    house = House(PropertyNames.CAMEL_CASE)
    answer = await house.answered(house.clients.caller.order(), {"placedAt": "2024-05-06T00:00:00Z", "OrderNumber": 7})
    assert answer is not None
    assert answer.order_number == 7


async def test_a_contract_method_with_a_return_annotation_asks() -> None:
    house = House()
    assert await house.answered(house.clients.caller.guess(high=20, low=1), 5) == 5
    assert await house.answered(house.clients.caller.order(), None) is None
    assert await house.answered(house.clients.caller.anything(), {"a": b"1"}) == {"a": b"1"}
    await house.clients.caller.said("hi")
    assert [(each.target, tuple(each.arguments)) for each in house.line.received] == [
        ("Guess", (1, 20)),
        ("Order", ()),
        ("Anything", ()),
        ("Said", ("hi",)),
    ]
    assert house.line.received[-1].invocation_id is None


async def test_an_answer_of_another_type_is_an_error_that_tells_nothing_of_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    house = House()
    with caplog.at_level(logging.DEBUG, "hubwire"), pytest.raises(ClientResultError) as failed:
        await house.answered(house.clients.caller.guess(1), "secret")
    assert str(failed.value) == "The client's result of 'Guess' is not of the expected type."
    assert "Expected `int`, got `str`" in caplog.text
    assert house.line.questions == []


async def test_a_clients_error_arrives_word_for_word() -> None:
    house = House()
    asking = asyncio.ensure_future(house.clients.caller.guess(1))
    (question,) = await house.line.until_asked()
    house.line.refuse(question.invocation_id, "Error: from callback")
    with pytest.raises(HubError, match=r"^Error: from callback$"):
        await asking


async def test_an_unknown_connection_cannot_be_asked() -> None:
    with pytest.raises(ConnectionGone, match=r"^Connection 'b' does not exist\.$"):
        await House().clients.client("b").ask("Guess")


async def test_a_client_that_leaves_does_not_answer() -> None:
    house = House()
    asking = asyncio.ensure_future(house.clients.caller.guess(1))
    await house.line.until_asked()
    house.line.lose()
    with pytest.raises(ConnectionGone, match=r"^Connection 'a' disconnected\.$"):
        await asking


@pytest.mark.parametrize(
    ("ask", "seconds"),
    [
        (lambda client: client.ask("Guess"), 30),
        (lambda client: client.ask("Guess", timeout_seconds=2), 2),
        (lambda client: client.guess(1), 30),
        (lambda client: client.order(), 5),
    ],
)
async def test_a_question_has_a_time_limit(ask: Callable[[Client], Any], seconds: float) -> None:
    house = House()
    asking = asyncio.ensure_future(ask(house.clients.caller))
    await house.line.until_asked()
    await house.clock.until_sleeping()
    house.clock.advance(seconds - 0.5)
    await asyncio.sleep(0)
    assert not asking.done()
    house.clock.advance(0.5)
    with pytest.raises(ClientResultTimeout, match=rf"^Invocation canceled by the server\. .* within {seconds} s;"):
        await asking


@pytest.mark.parametrize(
    "choose",
    [
        lambda clients: clients.all,
        lambda clients: clients.others,
        lambda clients: clients.clients(["a", "b"]),
        lambda clients: clients.clients([]),
        lambda clients: clients.group("g"),
        lambda clients: clients.user("ann"),
    ],
)
async def test_only_one_connection_can_be_asked(choose: Callable[[HubCallerClients[Client]], Client]) -> None:
    client = choose(House().clients)
    with pytest.raises(TypeError, match=r"Only one connection can be asked .* use clients\.client\(connection_id\)"):
        await client.ask("Guess")
    with pytest.raises(TypeError, match="Only one connection"):
        await client.guess(1)


async def test_a_result_type_that_cannot_be_converted_to_is_refused_before_anything_is_asked() -> None:
    house = House()
    with pytest.raises(TypeError, match="nothing from the wire can be converted to"):
        await house.clients.caller.ask("Guess", result_type=House)
    assert house.line.received == []


async def test_the_connection_gives_way_before_each_wait() -> None:
    house = House()
    seen: list[int] = []
    with ongoing(lambda: seen.append(len(house.line.received))):
        assert await house.answered(house.clients.caller.guess(1), 5) == 5
        assert await house.answered(house.clients.caller.guess(1), 5) == 5
    assert seen == [0, 1]


async def test_connected_may_not_ask_and_what_it_started_may_later() -> None:
    house = House()
    connecting = Connecting()
    has_connected = asyncio.Event()

    async def nested() -> int:
        return await house.clients.caller.guess(1)

    async def later() -> int:
        await has_connected.wait()
        return await nested()

    with ongoing(connecting):
        with pytest.raises(LocalProtocolError) as refused:
            await nested()
        started = asyncio.create_task(later())
    assert str(refused.value) == "Client results inside OnConnectedAsync Hub methods are not allowed."
    connecting.is_over = True
    has_connected.set()
    assert await house.answered(started, 5) == 5


async def test_clients_are_asked_from_outside_of_hubs() -> None:
    house = House()
    context = HubContext(house.plane, Client)
    assert await house.answered(context.clients.client("a").guess(1), 5) == 5


class Asking(Hub[Client]):
    @hub_method("Play")
    async def play(self) -> int:
        return await self.clients.caller.guess(1) + 1


class Telling(Hub):
    @hub_method("Play")
    async def play(self) -> object:
        return await self.clients.caller.ask("Guess", 1)


async def test_a_hub_method_asks_its_caller() -> None:
    house = House()
    dispatcher = HubDispatcher(Asking, house.plane)
    assert await house.answered(dispatcher.invoke(house.line.caller, Invocation("Play", (), "1")), 5) == 6


class OneWayPlane(LocalDataPlane):
    """A hosting without client results."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__()
        self.features = Features.STREAMING


def test_a_hub_whose_contract_asks_fails_at_start_where_clients_cannot_be_asked() -> None:
    with pytest.raises(TypeError, match=r"Client method 'Guess' of Client, .* of Asking, .* Features\.CLIENT_RESULTS"):
        HubDispatcher(Asking, OneWayPlane())


async def test_asking_fails_by_name_where_clients_cannot_be_asked() -> None:
    plane = OneWayPlane()
    dispatcher = HubDispatcher(Telling, plane)
    with pytest.raises(LocalProtocolError, match=r"\('Guess'\) needs Features\.CLIENT_RESULTS"):
        await dispatcher.invoke(make_caller(), Invocation("Play", (), "1"))


class Unresolved(ClientContract):
    @client_method("Guess")
    async def guess(self) -> Nowhere:  # type: ignore[name-defined] # noqa: F821 - the mistake under test
        raise NotImplementedError


class Impossible(ClientContract):
    @client_method("Guess")
    async def guess(self) -> House:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("contract", "text"),
    [(Unresolved, "annotation cannot be resolved"), (Impossible, "nothing from the wire can be converted to")],
)
def test_a_result_that_cannot_be_converted_is_refused_at_registration(
    contract: type[ClientContract], text: str
) -> None:
    hub = type("Broken", (Hub,), {"client_contract": contract})
    with pytest.raises(TypeError, match=f"Client method 'Guess': {text}|Client method 'Guess': .*{text}"):
        HubDispatcher(hub, LocalDataPlane())


def test_a_timeout_of_a_method_that_does_not_ask_is_refused() -> None:
    with pytest.raises(TypeError, match="has a timeout but returns nothing"):

        class Wrong(ClientContract):
            @client_method("Wrong", timeout_seconds=1)
            async def wrong(self) -> None: ...
