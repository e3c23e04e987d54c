"""The tester shows what clients would see, as it went over the wire."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
from collections.abc import AsyncIterator

import msgspec
import pytest

from hubwire.errors import ClientResultTimeout, Forbidden, HandshakeError, HubError, LocalProtocolError
from hubwire.hub import ClientContract, Hub, HubFilter, InvocationContext, client_method, hub_method
from hubwire.hub.filters import InvokeNext
from hubwire.options import HubOptions, PropertyNames
from hubwire.testing import ConnectFailed, FakeClock, HubTester, HubTesterClient, InvocationFailed
from hubwire.wire.messages import Close


class Order(msgspec.Struct, rename="camel"):
    order_number: str
    placed_at: datetime.datetime


class Parcel(msgspec.Struct):
    weight_grams: int
    label: bytes = b""


class DeskClient(ClientContract):
    @client_method("Sign", timeout_seconds=5)
    async def sign(self, text: str) -> str:
        raise NotImplementedError


class Desk(Hub[DeskClient]):
    async def connected(self) -> None:
        if self.context.user_id is None:
            raise HubError("Tell your name.")
        if self.context.user_id == "hasty":
            await self.clients.caller.sign("at once")
        await self.clients.others.send("joined", self.context.user_id)

    async def disconnected(self, error: BaseException | None) -> None:
        await self.clients.others.send("left", self.context.user_id, None if error is None else str(error))

    @hub_method("Place")
    async def place(self, order: Order) -> Order:
        await self.clients.all.send("placed", order)
        return order

    @hub_method("Weigh")
    async def weigh(self, parcel: Parcel) -> Parcel:
        return parcel

    @hub_method("Fail")
    async def fail(self) -> None:
        raise ValueError("secret")

    @hub_method("Leave")
    async def leave(self) -> None:
        await self.context.abort()

    @hub_method("Nothing that can be written")
    async def unwritable(self) -> object:
        return object()

    @hub_method("Describe")
    async def describe(self) -> list[object]:
        request = self.context.request
        visits = self.context.items.setdefault("visits", [])
        assert isinstance(visits, list)
        visits.append(1)
        return [self.context.transport, request.headers["x-shop"], dict(request.cookies), len(visits)]

    @hub_method("Count")
    async def count(self, until: int) -> AsyncIterator[int]:
        for number in range(until):
            yield number

    @hub_method("CountAndFail")
    async def count_and_fail(self, until: int) -> AsyncIterator[int]:
        for number in range(until):
            yield number
        raise ValueError("secret")

    @hub_method("Watch")
    async def watch(self) -> AsyncIterator[str]:
        yield "watching"
        try:
            await asyncio.Event().wait()
        finally:
            await self.clients.others.send("stopped", "Watch")

    @hub_method("Wait", cancellable=True)
    async def wait(self) -> None:
        await self.clients.caller.send("waiting")
        try:
            await asyncio.Event().wait()
        finally:
            await self.clients.others.send("stopped", "Wait")

    @hub_method("Sum")
    async def sum(self, factor: int, numbers: AsyncIterator[int]) -> int:
        return factor * sum([number async for number in numbers])

    @hub_method("Double")
    async def double(self, numbers: AsyncIterator[int]) -> AsyncIterator[int]:
        async for number in numbers:
            yield 2 * number

    @hub_method("First")
    async def first(self, numbers: AsyncIterator[int]) -> int:
        return await anext(numbers)

    @hub_method("Tell")
    async def tell(self, numbers: AsyncIterator[int]) -> None:
        try:
            async for number in numbers:
                await self.clients.others.send("told", number)
        except HubError as error:
            await self.clients.others.send("told", str(error))
            raise

    @hub_method("GetSigned")
    async def get_signed(self, text: str) -> str:
        return "signed: " + await self.clients.caller.sign(text)


class Closed(HubFilter):
    async def invoke(self, call: InvocationContext, proceed: InvokeNext, /) -> object:
        raise Forbidden


ORDER = {"orderNumber": "7", "placedAt": "2024-05-06T07:08:09Z"}
MOMENT = datetime.datetime(2024, 5, 6, 7, 8, 9, tzinfo=datetime.UTC)


async def numbers(*items: int | Exception) -> AsyncIterator[int]:
    for item in items:
        if isinstance(item, Exception):
            raise item
        yield item


@pytest.fixture(params=["json", "messagepack"])
async def ann(request: pytest.FixtureRequest) -> HubTesterClient:
    return await HubTester(Desk).connect("ann", protocol=request.param)


# Calls and messages


async def test_arguments_results_and_messages_pass_through_json() -> None:
    tester = HubTester(Desk)
    ann = await tester.connect("ann")
    assert await ann.invoke("place", ORDER) == ORDER
    assert ann.received == [("placed", [ORDER])]


async def test_they_pass_through_messagepack_too_beside_clients_with_json() -> None:
    tester = HubTester(Desk)
    ann, bob = await tester.connect("ann"), await tester.connect("bob", protocol="messagepack")
    order = {"orderNumber": "7", "placedAt": MOMENT}
    assert await bob.invoke("Place", order) == order
    assert bob.received == [("placed", [order])]
    assert ann.received[-1] == ("placed", [ORDER])
    assert await bob.invoke("Weigh", {"weight_grams": 5, "label": b"x"}) == {"weight_grams": 5, "label": b"x"}
    assert await ann.invoke("Weigh", {"weight_grams": 5, "label": "eA=="}) == {"weight_grams": 5, "label": "eA=="}


async def test_property_names_are_those_of_the_options() -> None:
    tester = HubTester(Desk, options=HubOptions(property_names=PropertyNames.CAMEL_CASE))
    for protocol in ("json", "messagepack"):
        client = await tester.connect(protocol, protocol=protocol)
        sent = {"WeightGrams": 5}
        assert (await client.invoke("Weigh", sent))["weightGrams"] == 5


async def test_clients_see_each_other_come_and_go() -> None:
    tester = HubTester(Desk)
    ann, bob, eve = [await tester.connect(name) for name in ("ann", "bob", "eve")]
    await bob.disconnect()
    await eve.disconnect(ConnectionResetError("lost"))
    await tester.context.clients.all.send("later")
    assert ann.received == [
        ("joined", ["bob"]),
        ("joined", ["eve"]),
        ("left", ["bob", None]),
        ("left", ["eve", "lost"]),
        ("later", []),
    ]
    assert bob.received == [("joined", ["eve"])]
    assert await ann.until("left", 2) == [["bob", None], ["eve", "lost"]]
    assert len(tester.plane.registry) == 1


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


async def test_a_message_wants_no_answer_and_calls_run_in_their_order(ann: HubTesterClient) -> None:
    await ann.send("Fail")
    await ann.send("Unknown")
    assert await asyncio.gather(ann.invoke("Weigh", {"weight_grams": 1}), ann.invoke("Weigh", {"weight_grams": 2}))


async def test_filters_are_in_the_way() -> None:
    ann = await HubTester(Desk, filters=[Closed()]).connect("ann")
    for call in (ann.invoke("Leave"), anext(ann.stream("Count", 1))):
        with pytest.raises(InvocationFailed, match="because user is unauthorized"):
            await call


async def test_the_hub_sees_the_request_and_keeps_things_for_the_connection() -> None:
    ann = await HubTester(Desk).connect(
        "ann", headers={"x-shop": "izmir"}, cookies={"a": "b c", "d": "e"}, transport="ServerSentEvents"
    )
    assert await ann.invoke("Describe") == ["ServerSentEvents", "izmir", {"a": "b c", "d": "e"}, 1]
    assert (await ann.invoke("Describe"))[-1] == 2
    assert ann.caller.items == {"visits": [1, 1]}


# Life


async def test_a_refused_connect_has_the_text_that_clients_get_and_leaves_nothing() -> None:
    tester = HubTester(Desk)
    with pytest.raises(ConnectFailed, match=r"^Connection closed with an error\. HubException: Tell your name\.$"):
        await tester.connect()
    assert len(tester.plane.registry) == 0


async def test_a_protocol_that_the_hub_does_not_offer_is_refused_in_the_handshake() -> None:
    tester = HubTester(Desk, options=HubOptions(protocols=frozenset({"json"})))
    for protocol in ("messagepack", "unknown"):
        with pytest.raises(ConnectFailed, match=f"The protocol '{protocol}' is not supported") as refused:
            await tester.connect("ann", protocol=protocol)
        assert isinstance(refused.value.__cause__, HandshakeError)


async def test_an_abort_is_seen_and_ends_the_call_that_made_it() -> None:
    tester = HubTester(Desk)
    bob, ann = await tester.connect("bob"), await tester.connect("ann")
    assert ann.closed is None
    with pytest.raises(InvocationFailed, match="underlying connection being closed"):
        await ann.invoke("Leave")
    assert await ann.until_closed() == Close(None, False)
    await bob.until("left")
    await ann.disconnect()  # it is already
    with pytest.raises(InvocationFailed, match="not in the 'Connected' State"):
        await ann.invoke("Place", ORDER)
    with pytest.raises(ConnectionError, match="ended before 'never' was called"):
        await ann.until("never")


async def test_a_result_that_cannot_be_written_ends_the_connection_and_is_the_cause(ann: HubTesterClient) -> None:
    with pytest.raises(InvocationFailed) as failed:
        await ann.invoke("Nothing that can be written")
    assert isinstance(failed.value.__cause__, TypeError)
    assert await ann.until_closed() == Close("Connection closed with an error.", True)


async def test_a_connection_that_was_lost_has_seen_no_close(ann: HubTesterClient) -> None:
    waiting = asyncio.ensure_future(ann.until_closed())
    await asyncio.sleep(0)
    await ann.disconnect(ConnectionResetError())
    with pytest.raises(ConnectionError, match="without a Close"):
        await waiting
    assert ann.closed is None


async def test_a_token_that_expires_ends_the_connection_when_the_test_says_so() -> None:
    clock = FakeClock()
    tester = HubTester(Desk, options=HubOptions(close_on_expiration=True), clock=clock)
    ann = await tester.connect("ann", expires_at=clock.time() + 60)
    await clock.until_sleeping()
    clock.advance(59)
    await clock.until_sleeping()
    assert ann.closed is None
    clock.advance(1.5)
    assert await ann.until_closed() == Close(None, True)


async def test_time_is_not_kept_for_nobody() -> None:
    clock = FakeClock()
    ann = await HubTester(Desk, clock=clock).connect("ann")
    await clock.until_sleeping()
    await ann.disconnect()
    await asyncio.sleep(0)
    assert clock.sleeping == 0


# Streams


async def test_a_stream_gives_its_items_and_ends(ann: HubTesterClient) -> None:
    assert [item async for item in ann.stream("Count", 3)] == [0, 1, 2]
    assert [item async for item in ann.stream("Count", 0)] == []


async def test_a_stream_that_fails_has_the_text_that_clients_get(ann: HubTesterClient) -> None:
    for count, text in (
        (0, "An unexpected error occurred invoking 'CountAndFail' on the server."),
        (2, "An error occurred on the server while streaming results."),
    ):
        stream = ann.stream("CountAndFail", count)
        assert [await anext(stream) for _ in range(count)] == list(range(count))
        with pytest.raises(InvocationFailed) as failed:
            await anext(stream)
        assert str(failed.value) == text
        assert isinstance(failed.value.__cause__, ValueError)
        with pytest.raises(StopAsyncIteration):
            await anext(stream)


async def test_a_cancelled_stream_has_stopped_its_method_on_return() -> None:
    tester = HubTester(Desk)
    bob, ann = await tester.connect("bob"), await tester.connect("ann")
    stream = ann.stream("Watch")
    assert await anext(stream) == "watching"
    await stream.cancel()
    assert bob.received[-1] == ("stopped", ["Watch"])
    assert [item async for item in stream] == []
    await stream.cancel()
    async with ann.stream("Watch") as stream, contextlib.aclosing(ann.stream("Watch")) as other:
        assert await anext(stream) == await anext(other) == "watching"
    assert len(await bob.until("stopped", 3)) == 3


async def test_an_endless_stream_waits_for_the_test_and_lets_messages_through_when_it_is_read() -> None:
    tester = HubTester(Desk)
    ann = await tester.connect("ann")
    stream = ann.stream("Count", 1_000_000)
    for _ in range(1_000):
        await asyncio.sleep(0)
    await tester.context.clients.all.send("between")
    assert ann.received == []
    assert [await anext(stream) for _ in range(1_000)] == list(range(1_000))
    assert await ann.until("between") == [[]]
    await stream.cancel()


async def test_leaving_stops_streams_and_cancellable_methods() -> None:
    tester = HubTester(Desk)
    bob, ann = await tester.connect("bob"), await tester.connect("ann")
    stream = ann.stream("Watch")
    await anext(stream)
    waiting = asyncio.ensure_future(ann.invoke("Wait"))
    await ann.until("waiting")
    await ann.disconnect()
    assert [target for target, _ in bob.received] == ["joined", "stopped", "stopped", "left"]
    with pytest.raises(InvocationFailed, match="underlying connection being closed"):
        await waiting
    with pytest.raises(InvocationFailed, match="underlying connection being closed"):
        await anext(stream)


async def test_cancelling_a_call_cancels_a_cancellable_method() -> None:
    tester = HubTester(Desk)
    bob, ann = await tester.connect("bob"), await tester.connect("ann")
    waiting = asyncio.ensure_future(ann.invoke("Wait"))
    await ann.until("waiting")
    waiting.cancel()
    assert await bob.until("stopped") == [["Wait"]]


# Uploads


async def test_asynchronous_iterators_among_the_arguments_are_uploads(ann: HubTesterClient) -> None:
    assert await ann.invoke("Sum", 10, numbers(1, 2, 3)) == 60
    assert await ann.invoke("Sum", numbers(*range(50)), 1) == sum(range(50))
    assert [item async for item in ann.stream("Double", numbers(1, 2))] == [2, 4]


async def test_an_upload_that_nobody_reads_to_its_end_is_given_up(ann: HubTesterClient) -> None:
    async def endless() -> AsyncIterator[int]:
        try:
            while True:
                yield 7
        finally:
            ended.set()

    ended = asyncio.Event()
    assert await ann.invoke("First", endless()) == 7
    await ended.wait()


async def test_an_upload_that_fails_is_told_to_the_hub(ann: HubTesterClient) -> None:
    with pytest.raises(InvocationFailed, match=r"invoking 'Sum' on the server\. HubException: Something bad$"):
        await ann.invoke("Sum", 1, numbers(1, ValueError("Something bad")))
    with pytest.raises(InvocationFailed, match=r"HubException: ValueError$"):
        await ann.invoke("Sum", 1, numbers(ValueError()))


async def test_an_upload_of_a_message_is_sent_on() -> None:
    tester = HubTester(Desk)
    bob, ann = await tester.connect("bob"), await tester.connect("ann")
    await ann.send("Tell", numbers(1, 2))
    assert await bob.until("told", 2) == [[1], [2]]


async def test_an_upload_ends_with_its_connection() -> None:
    async def waiting() -> AsyncIterator[int]:
        yield 1
        await asyncio.Event().wait()

    tester = HubTester(Desk)
    bob, ann = await tester.connect("bob"), await tester.connect("ann")
    await ann.send("Tell", waiting())
    await bob.until("told")
    await ann.disconnect()
    assert await bob.until("told", 2) == [[1], ["The underlying connection was closed."]]


# Questions


async def test_questions_are_answered_by_their_handlers(ann: HubTesterClient) -> None:
    async def sign_later(text: str) -> str:
        await asyncio.sleep(0)
        return f"{text}, later"

    ann.on("sIGN", lambda text: f"{text}, ann")
    assert await ann.invoke("GetSigned", "letter") == "signed: letter, ann"
    ann.on("Sign", sign_later)
    assert await ann.invoke("GetSigned", "letter") == "signed: letter, later"
    assert ann.received == [("Sign", ["letter"])] * 2


async def test_a_handler_that_fails_or_is_missing_is_told_to_the_hub_as_by_real_clients(ann: HubTesterClient) -> None:
    def fail(text: str) -> str:
        raise ValueError("from callback")

    with pytest.raises(InvocationFailed, match=r"HubException: Client didn't provide a result\.$"):
        await ann.invoke("GetSigned", "letter")
    ann.on("Sign", fail)
    with pytest.raises(InvocationFailed, match=r"HubException: from callback$"):
        await ann.invoke("GetSigned", "letter")


async def test_a_question_that_is_not_answered_ends_when_the_test_says_so() -> None:
    clock = FakeClock()
    ann = await HubTester(Desk, clock=clock).connect("ann")
    ann.on("Sign", lambda text: asyncio.Event().wait())
    asking = asyncio.ensure_future(ann.invoke("GetSigned", "letter"))
    await ann.until("Sign")
    await clock.until_sleeping()
    clock.advance(5.5)
    with pytest.raises(InvocationFailed) as failed:
        await asking
    assert isinstance(failed.value.__cause__, ClientResultTimeout)


async def test_connected_cannot_ask() -> None:
    with pytest.raises(ConnectFailed) as refused:
        await HubTester(Desk, detailed_errors=True).connect("hasty")
    assert isinstance(refused.value.__cause__, LocalProtocolError)
    assert str(refused.value) == (
        "Connection closed with an error. InvalidOperationException: "
        "Client results inside OnConnectedAsync Hub methods are not allowed."
    )


async def test_clients_are_asked_from_outside_of_the_hub(ann: HubTesterClient) -> None:
    tester = HubTester(Desk)
    ann = await tester.connect("ann")
    ann.on("Sign", lambda text: f"{text}!")
    assert await tester.context.clients.client(ann.connection_id).ask("Sign", "letter", result_type=str) == "letter!"
