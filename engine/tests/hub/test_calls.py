"""Hubs behind real connections: questions from every kind of call, and what runs beside what (signalr-protocol 8.2)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from hubwire.errors import ConnectionGone, HubError
from hubwire.hub import ClientContract, Hub, client_method, hub_method
from hubwire.options import HubOptions
from hubwire.testing import HubTester, HubTesterClient, InvocationFailed


class PlayerClient(ClientContract):
    @client_method("Number")
    async def number(self) -> int:
        raise NotImplementedError


class Game(Hub[PlayerClient]):
    def __init__(self, rig: Rig) -> None:
        self.rig = rig

    async def connected(self) -> None:
        if self.context.user_id == "eager":
            self.rig.start(self.tell())

    async def disconnected(self, error: BaseException | None) -> None:
        try:
            await self.clients.caller.number()
        except ConnectionGone as gone:
            self.rig.last_words.append(str(gone))

    @hub_method("Two")
    async def two(self) -> list[int]:
        return [await self.clients.caller.number(), await self.clients.caller.number()]

    @hub_method("Both")
    async def both(self) -> list[int]:
        return list(await asyncio.gather(self.clients.caller.number(), self.clients.caller.number()))

    @hub_method("Stream")
    async def stream(self) -> AsyncIterator[int]:
        yield await self.clients.caller.number()
        yield await self.clients.caller.number()

    @hub_method("Upload")
    async def upload(self, numbers: AsyncIterator[int]) -> int:
        total = 0
        async for number in numbers:
            total += number * await self.clients.caller.number()
        return total

    @hub_method("Later")
    async def later(self) -> str:
        self.rig.start(self.tell())
        return "later"

    @hub_method("Other")
    async def other(self, connection_id: str) -> int:
        return await self.clients.client(connection_id).number()

    @hub_method("Hold")
    async def hold(self, gate: str) -> str:
        await self.clients.caller.send("held", gate)
        await self.rig.gate(gate).wait()
        return gate

    @hub_method("Quick")
    async def quick(self) -> str:
        return "quick"

    @hub_method("Pass")
    async def pass_on(self, items: AsyncIterator[str]) -> AsyncIterator[str]:
        async for item in items:
            yield item

    async def tell(self) -> None:
        """Ask in the background, once the gate is open, and tell the answer."""
        await self.rig.gate("background").wait()
        await self.clients.caller.send("told", await self.clients.caller.number())


class Rig:
    """A hub, what its methods wait for, and what they have left running."""

    def __init__(self, **options: int) -> None:
        self.gates: dict[str, asyncio.Event] = {}
        self.last_words: list[str] = []
        self.tester = HubTester(lambda: Game(self), options=HubOptions(**options))  # type: ignore[arg-type] # all ints
        self._tasks: set[asyncio.Task[None]] = set()

    def gate(self, name: str) -> asyncio.Event:
        return self.gates.setdefault(name, asyncio.Event())

    def start(self, work: object) -> None:
        assert asyncio.iscoroutine(work)
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def player(self, name: str = "ann") -> HubTesterClient:
        """A client that counts the questions it is asked, from 1."""
        client = await self.tester.connect(name)
        client.on("Number", lambda: sum(target == "Number" for target, _ in client.received))
        return client


@pytest.mark.parametrize("target", ["Two", "Both"])
async def test_a_method_may_ask_twice_one_after_the_other_or_at_once(target: str) -> None:
    client = await Rig().player()
    numbers = await client.invoke(target)
    assert sorted(numbers)[-1] == 2
    assert len(client.received) == 2


async def test_a_streaming_method_may_ask() -> None:
    client = await Rig().player()
    assert [item async for item in client.stream("Stream")] == [1, 2]


async def test_a_method_may_ask_while_it_reads_an_upload() -> None:
    async def items() -> AsyncIterator[int]:
        yield 10
        yield 100

    client = await Rig().player()
    assert await client.invoke("Upload", items()) == 10 * 1 + 100 * 2


async def test_a_task_may_ask_after_the_call_that_started_it() -> None:
    rig = Rig()
    client = await rig.player()
    assert await client.invoke("Later") == "later"
    rig.gate("background").set()
    assert await client.until("told") == [[1]]


async def test_a_task_may_ask_after_the_connect_that_started_it() -> None:
    rig = Rig()
    client = await rig.player("eager")
    rig.gate("background").set()
    assert await client.until("told") == [[1]]


async def test_another_client_may_be_asked_and_its_end_is_told() -> None:
    rig = Rig()
    ann, bob = await rig.player("ann"), await rig.player("bob")
    assert await ann.invoke("Other", bob.connection_id) == 1
    bob.on("Number", lambda: asyncio.Event().wait())
    asking = asyncio.ensure_future(ann.invoke("Other", bob.connection_id))
    await bob.until("Number", 2)
    await bob.disconnect()
    with pytest.raises(InvocationFailed) as failed:
        await asking
    assert str(failed.value.__cause__) == f"Connection '{bob.connection_id}' disconnected."
    with pytest.raises(InvocationFailed) as failed:
        await ann.invoke("Other", bob.connection_id)
    assert str(failed.value.__cause__) == f"Connection '{bob.connection_id}' does not exist."


async def test_who_has_left_cannot_be_asked_by_disconnected() -> None:
    rig = Rig()
    client = await rig.player()
    await client.disconnect()
    assert rig.last_words == [f"Connection '{client.connection_id}' disconnected."]


async def test_calls_of_a_connection_run_one_after_the_other() -> None:
    rig = Rig()
    client, other = await rig.player("ann"), await rig.player("bob")
    held = asyncio.ensure_future(client.invoke("Hold", "a"))
    await client.until("held")
    assert [item async for item in client.stream("Pass", _words("x"))] == ["x"]  # streams run beside them
    quick = asyncio.ensure_future(client.invoke("Quick"))
    behind = asyncio.ensure_future(anext(client.stream("Pass", _words("y"))))
    assert await other.invoke("Quick") == "quick"
    assert not quick.done()
    assert not behind.done()
    rig.gate("a").set()
    assert [await held, await quick, await behind] == ["a", "quick", "y"]


async def test_with_two_permits_the_second_call_overtakes_and_the_third_waits() -> None:
    rig = Rig(maximum_parallel_invocations=2)
    client = await rig.player()
    calls = [asyncio.ensure_future(client.invoke("Hold", gate)) for gate in "abc"]
    assert await client.until("held", 2) == [["a"], ["b"]]
    rig.gate("b").set()
    assert await calls[1] == "b"
    assert await client.until("held", 3) == [["a"], ["b"], ["c"]]
    assert not calls[0].done()
    for gate in "ac":
        rig.gate(gate).set()
    assert [await call for call in calls] == ["a", "b", "c"]


async def test_the_next_call_begins_while_one_waits_for_a_client() -> None:
    client = await Rig().player()
    answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    client.on("Number", lambda: answer)
    asking = asyncio.ensure_future(client.invoke("Other", client.connection_id))
    await client.until("Number")
    assert await client.invoke("Quick") == "quick"
    answer.set_result(7)
    assert await asking == 7


async def test_a_stream_above_the_limit_is_refused_and_the_connection_stays() -> None:
    client = await Rig(maximum_streams=1).player()
    first = client.stream("Pass", _words("x"))
    with pytest.raises(InvocationFailed, match="too many streams"):
        await anext(first)
    assert await client.invoke("Quick") == "quick"


async def test_many_uploads_are_kept_apart() -> None:
    client = await Rig().player()
    words = [[f"{number}-{index}" for index in range(30)] for number in range(20)]

    async def passed(sent: list[str]) -> list[str]:
        return [item async for item in client.stream("Pass", _words(*sent))]

    assert await asyncio.gather(*map(passed, words)) == words


async def test_errors_of_clients_reach_the_caller_as_they_are() -> None:
    def refuse() -> int:
        raise HubError("not now")

    client = await Rig().player()
    client.on("Number", refuse)
    with pytest.raises(InvocationFailed, match=r"invoking 'Two' on the server\. HubException: not now$"):
        await client.invoke("Two")
    assert await client.invoke("Quick") == "quick"


async def _words(*words: str) -> AsyncIterator[str]:
    for word in words:
        yield word
