"""A connection, a hub that behaves badly and a network that fails, in any order: nothing is left, nothing said twice.

The client is naive: it knows what it has sent and what it was told, and has its sockets replaced when they are lost.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from hubwire.hub import Hub, HubDispatcher, hub_method
from hubwire.model import Caller, ConnectRequest, Principal
from hubwire.options import HubOptions, ServerOptions
from hubwire.plane import LocalDataPlane
from hubwire.server.connection import Connection
from hubwire.server.hosted import Hosted, HostedHub, Opening, Served
from hubwire.server.outboxes import Outboxes
from hubwire.server.stateful import open_connection
from hubwire.server.tasks import Tasks
from hubwire.server.timer_wheel import TimerWheel
from hubwire.session.message_rates import MessageRates
from hubwire.testing import FakeClock
from hubwire.transports.memory import MemoryTransport
from hubwire.wire.encoded import EncodedMessage
from hubwire.wire.negotiation import WEBSOCKETS
from hubwire.wire.protocols import hub_protocols

from .conftest import RecordingObserver
from .memory import encode

RUNS = 80
STEPS = 150
OPTIONS = HubOptions(
    stateful_reconnect_buffer_bytes=300,
    outbox_limit_bytes=3000,
    maximum_streams=6,
    stream_buffer_items=2,
    stream_buffer_bytes=100,
)
CALLS = ("Echo", "Slow", "Stoppable", "Deaf", "Ask", "AskTwice", "Sum", "Ignore", "Nothing", "Numbers")
STREAMS = ("Numbers", "Endless", "DeafStream", "Pass", "Echo", "Nothing")


class Wild(Hub):
    """Does whatever hub code may do, mistakes included."""

    def __init__(self, dice: random.Random, seen: Counter[str]) -> None:
        self.dice = dice
        self.seen = seen

    async def pause(self, turns: int) -> None:
        for _ in range(self.dice.randrange(turns)):
            await asyncio.sleep(0)

    async def connected(self) -> None:
        await self.pause(5)
        await self.groups.add(self.context.connection_id, "everybody")
        self.seen["connected"] += 1

    async def disconnected(self, error: BaseException | None) -> None:
        self.seen["disconnected"] += 1
        await self.pause(3)

    @hub_method("Echo")
    async def echo(self, value: object = None) -> object:
        return value

    @hub_method("Slow")
    async def slow(self) -> None:
        await self.pause(20)

    @hub_method("Stoppable", cancellable=True)
    async def stoppable(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await self.pause(3)
            if self.dice.random() < 0.2:
                raise ValueError("while it cleans up")

    @hub_method("Deaf", cancellable=True)
    async def deaf(self) -> int:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return 5
        return 0

    @hub_method("Ask")
    async def ask(self) -> Any:
        return await self.clients.caller.ask("Question", timeout_seconds=5)

    @hub_method("AskTwice")
    async def ask_twice(self) -> int:
        questions = [self.clients.caller.ask("Question", timeout_seconds=seconds) for seconds in (3, 4)]
        return len(await asyncio.gather(*questions, return_exceptions=True))

    @hub_method("Sum")
    async def sum(self, items: AsyncIterator[int]) -> int:
        total = 0
        async for item in items:
            total += item
            if self.dice.random() < 0.1:
                return total
        return total

    @hub_method("Ignore")
    async def ignore(self, items: AsyncIterator[int]) -> None:
        await self.pause(60)

    @hub_method("Numbers")
    async def numbers(self) -> AsyncIterator[int]:
        for number in range(self.dice.randrange(50)):
            yield number

    @hub_method("Endless")
    async def endless(self) -> AsyncIterator[int]:
        try:
            while True:
                yield 1
                await self.pause(2)
        finally:
            await self.pause(2)
            if self.dice.random() < 0.2:
                raise RuntimeError("while it cleans up")

    @hub_method("DeafStream")
    async def deaf_stream(self) -> AsyncIterator[int]:
        while True:
            try:
                yield 1
                await asyncio.sleep(0)
            except asyncio.CancelledError:
                pass

    @hub_method("Pass")
    async def pass_on(self, items: AsyncIterator[int], more: AsyncIterator[int]) -> AsyncIterator[int]:
        async for item in items:
            yield item
        async for item in more:
            yield item


class Network(MemoryTransport):
    """One socket, which may fail at any moment; the server may be told at once or later."""

    name = WEBSOCKETS

    def __init__(self, dice: random.Random) -> None:
        super().__init__()
        self.dice = dice
        self.fails = False
        self.is_paused = False
        self.is_over = False
        """Whether nothing gets through any more."""

    @property
    def direct_write(self) -> Callable[[bytes], object]:
        return self.write

    def write(self, data: bytes) -> None:
        if self.is_aborted:
            raise RuntimeError("the handler is closed")
        if self.fails:
            raise OSError("broken")
        super().write(data)

    def close(self, code: int) -> None:
        super().close(code)
        self.is_over = True
        asyncio.get_running_loop().call_soon(self.end, None)

    def abort(self) -> None:
        self.is_aborted = True
        self.lose(ConnectionAbortedError())

    def lose(self, error: BaseException | None) -> None:
        if self.is_over:
            return
        self.is_over = True
        if self.dice.random() < 0.5:
            self.end(error)
        else:
            asyncio.get_running_loop().call_soon(self.end, error)

    def end(self, error: BaseException | None) -> None:
        assert self.receiver is not None
        self.receiver.lost(error)
        self.receiver.gone()


class Client:
    """Sends at random, and checks all that it is told."""

    def __init__(self, dice: random.Random, is_stateful: bool) -> None:
        self.dice = dice
        self.is_stateful = is_stateful
        self.network = Network(dice)
        self.waiting: Counter[str] = Counter()
        """Completions that are due, by id."""
        self.questions: list[str] = []
        self._sent: list[dict[str, Any]] = []
        self._acknowledged = 0
        self._received = 0
        self._next = 1

    def says(self, *, counts: bool = True, **message: Any) -> None:
        if counts and self.is_stateful:
            self._sent.append(message)
        if not self.network.is_over and self.network.receiver is not None:
            self.network.receiver.feed(encode(message))

    def calls(self) -> None:
        number, target = self.dice.choice("abc"), self.dice.choice(CALLS)
        message: dict[str, Any] = {"type": 1, "target": target, "arguments": []}
        if self.dice.random() < 0.8:
            message["invocationId"] = number
            self.waiting[number] += 1
        if target in ("Sum", "Ignore"):
            message["streamIds"] = [self.dice.choice("uv")]
        self.says(**message)

    def streams(self) -> None:
        number, target = self.dice.choice("abc"), self.dice.choice(STREAMS)
        self.waiting[number] += 1
        uploads = ["u", "v"] if target == "Pass" else []
        self.says(type=4, invocationId=number, target=target, arguments=[], streamIds=uploads)

    def answers(self) -> None:
        if self.questions:
            question = self.questions.pop(self.dice.randrange(len(self.questions)))
            self.says(type=3, invocationId=question, result=1)

    def acknowledges(self) -> None:
        self.reads()
        self.says(counts=False, type=8, sequenceId=self._received)

    def reads(self) -> None:
        for message in [json.loads(part) for data in self.network.take() for part in data.split(b"\x1e") if part]:
            match message.get("type"):
                case 9:
                    assert 1 <= message["sequenceId"] <= self._received + 1
                    self._next = message["sequenceId"]
                case 8:
                    del self._sent[: message["sequenceId"] - self._acknowledged]
                    self._acknowledged = message["sequenceId"]
                case 1 | 2 | 3:
                    if self._next > self._received:
                        self._received += 1
                        self._take(message)
                    self._next += 1

    def _take(self, message: dict[str, Any]) -> None:
        number: str = message.get("invocationId", "")
        if message["type"] == 1:
            self.questions += [number] if number else []
        else:
            assert self.waiting[number] > 0, f"for no call of ours: {message}"
            self.waiting[number] -= message["type"] == 3

    def comes_again(self, connection: Connection) -> None:
        network = self.network = Network(self.dice)
        network.receiver = connection.resume(network)
        network.receiver.feed(encode({"type": 9, "sequenceId": self._acknowledged + 1}))
        for message in self._sent:
            network.receiver.feed(encode(message))


async def pass_time(clock: FakeClock, seconds: float) -> None:
    await clock.until_sleeping()
    clock.advance(seconds)
    for _ in range(5):
        await asyncio.sleep(0)


async def take_a_step(client: Client, connection: Connection, clock: FakeClock, dice: random.Random) -> None:
    network = client.network
    receiver = network.receiver
    assert receiver is not None
    match dice.randrange(20):
        case 0 | 1 | 2 | 3:
            client.calls()
        case 4 | 5 | 6:
            client.streams()
        case 7 | 8 | 9:
            client.says(type=2, invocationId=dice.choice("uvw"), item=dice.choice([1, 2, "not a number"]))
        case 10:
            client.says(type=3, invocationId=dice.choice("uvw"))
        case 11 | 12:
            client.says(type=5, invocationId=dice.choice("abc"))
        case 13:
            client.answers()
        case 14:
            client.acknowledges()
        case 15:
            connection.post(EncodedMessage.invocation("News", ["x" * dice.randrange(100)]))
        case 16 if not network.is_over:
            network.is_paused = not network.is_paused
            (receiver.pause_writing if network.is_paused else receiver.resume_writing)()
        case 17:
            await pass_time(clock, dice.choice([0.3, 0.3, 0.3, 1.1, 4.0, 11.0]))
        case 18 if client.is_stateful:
            network.fails = dice.random() < 0.3
            if dice.random() < 0.5:
                network.lose(ConnectionResetError())
            if connection.is_resumable and dice.random() < 0.8:
                client.comes_again(connection)
        case 19 if dice.random() < 0.1:
            ends: list[Callable[[], None]] = [
                lambda: connection.close("bye", True),
                connection.abort,
                lambda: network.lose(None),
            ]
            dice.choice(ends)()


@pytest.mark.parametrize("seed", range(RUNS))
async def test_whatever_happens_nothing_is_left_and_nothing_is_said_twice(seed: int) -> None:
    dice, seen, clock = random.Random(seed), Counter[str](), FakeClock()  # noqa: S311 - repeatable, not secret
    client = Client(dice, is_stateful=dice.random() < 0.6)
    plane = LocalDataPlane()
    dispatcher = HubDispatcher(lambda: Wild(dice, seen), plane)
    hub = HostedHub(
        name=dispatcher.name,
        options=OPTIONS,
        codecs=hub_protocols(OPTIONS.protocols, OPTIONS.property_names),
        handler=dispatcher,
        method_name=dispatcher.method_name,
        registry=plane.registry,
        clock=clock,
        observer=RecordingObserver(),
        wheel=TimerWheel(clock),
        tasks=Tasks(),
        outboxes=Outboxes(ServerOptions().outbox_total_bytes),
        rates=MessageRates(OPTIONS),
    )
    forgotten: list[Served] = []

    def open_(opening: Opening, transport: Any, on_gone: Callable[[Served], None]) -> Connection:
        return open_connection(hub, opening, transport, on_gone)

    caller = Caller("one", hub.name, Principal(), ConnectRequest("GET", "/", {}, {}, "", "http"), WEBSOCKETS)
    hosted = Hosted(hub.name, OPTIONS, None, open_, None)
    connection = open_(Opening(hosted, caller, "token", client.is_stateful), client.network, forgotten.append)
    client.network.receiver = connection
    wheel = asyncio.create_task(hub.wheel.run())
    client.says(counts=False, protocol="json", version=2 if client.is_stateful else 1)
    for _ in range(STEPS):
        await take_a_step(client, connection, clock, dice)
        for _ in range(dice.randrange(3)):
            await asyncio.sleep(0)
        if dice.random() < 0.5:
            client.reads()
    connection.abort()
    for _ in range(60):
        await pass_time(clock, 1.0)
    wheel.cancel()
    await hub.tasks.wait()
    assert forgotten == [connection]
    assert seen["connected"] == seen["disconnected"] <= 1
    assert (len(plane.registry), plane.registry.group_count) == (0, 0)
    assert not any(hub.wheel._slots.values())
    assert connection.activity is None or not (connection.activity._running or connection.activity._questions)
    assert (len(hub.outboxes), hub.outboxes.waiting_bytes) == (0, 0)
