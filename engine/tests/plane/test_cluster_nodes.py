"""What only several nodes can do wrong: outages, nodes that die or stand still, answers that do not come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest
from engine.tests.brokers.redis_server import TIMEOUT_SECONDS, RedisServer, redis_server
from engine.tests.plane.clusters import Node, cluster

from hubwire.brokers.memory import MemoryBroker, MemoryExchange
from hubwire.brokers.redis import RedisBroker
from hubwire.errors import BrokerUnavailable, ClientResultTimeout, ConnectionGone, HubwireError, NodeTimeout
from hubwire.model import Audience, Connected, Member
from hubwire.options import BrokerOptions, ClusterOptions, HubOptions
from hubwire.plane.cluster import ClusterDataPlane
from hubwire.plane.envelope import Delivery, Question, pack
from hubwire.plane.questions import read_result
from hubwire.testing import FakeClock, MemoryLine, make_caller
from hubwire.wire.encoded import EncodedMessage
from hubwire.wire.messages import UNREADABLE, Invocation
from hubwire.wire.protocols import hub_protocols

IMPATIENT = BrokerOptions(health_check_seconds=0.05, maximum_backoff_seconds=0.1)


@pytest.fixture
def exchange() -> MemoryExchange:
    return MemoryExchange()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def nodes(exchange: MemoryExchange, clock: FakeClock) -> AsyncIterator[list[Node]]:
    async with cluster([MemoryBroker(exchange) for _ in range(3)], clock=clock) as nodes:
        yield nodes


async def attach(node: Node, connection_id: str, user_id: str | None = None, *groups: str) -> MemoryLine:
    line = MemoryLine(make_caller(user_id, connection_id=connection_id))
    reachable = node.plane.attach(line)
    if reachable is not None:
        await reachable
    for group in groups:
        await node.plane.add_to_group(group, Member.connection(connection_id))
    return line


def said(target: str) -> EncodedMessage:
    return EncodedMessage(Invocation(target, (1, "x")))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not condition():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0)


def targets(line: MemoryLine) -> list[str]:
    return [call.target for call in line.received]


# Ways of a message


async def test_all_lines_of_a_node_get_the_same_object_with_the_bytes_of_the_sender(nodes: list[Node]) -> None:
    lines = [await attach(nodes[1], f"c{number}") for number in range(3)]
    message = said("one")
    await nodes[0].plane.send(Audience.all(), message)
    await lines[2].until("one")
    (received,) = lines[0].posted
    assert all(line.posted == [received] for line in lines)
    for codec in hub_protocols(HubOptions().protocols, HubOptions().property_names).values():
        assert received.payloads[codec] == message.payload(codec)
        assert received.frame(codec) == message.frame(codec)


async def test_a_message_for_a_connection_held_here_does_not_leave_this_node(
    nodes: list[Node], exchange: MemoryExchange
) -> None:
    line = await attach(nodes[0], "a")
    exchange.limit_bytes = 0
    message = said("one")
    await nodes[0].plane.send(Audience.connection("a"), message)
    assert line.posted == [message]
    assert line.posted[0] is message


async def test_nothing_is_subscribed_that_nobody_needs(nodes: list[Node], exchange: MemoryExchange) -> None:
    before = set(exchange.subscribers)
    line = await attach(nodes[0], "a", "ann", "g", "h")
    other = await attach(nodes[0], "b", "ann", "g")
    assert {subject.split(b":", 2)[2] for subject in set(exchange.subscribers) - before} == {
        b"a:",
        b"c:a",
        b"c:b",
        b"g:g",
        b"g:h",
        b"u:ann",
    }
    await nodes[1].plane.remove_from_group("g", Member.user("ann"))
    nodes[0].plane.detach(line)
    assert {subject.split(b":", 2)[2] for subject in set(exchange.subscribers) - before} == {b"a:", b"c:b", b"u:ann"}
    nodes[0].plane.detach(other)
    assert set(exchange.subscribers) == before


async def test_what_one_codec_cannot_write_fails_for_its_receivers_as_on_one_node(nodes: list[Node]) -> None:
    line = await attach(nodes[1], "a")
    codecs = hub_protocols(HubOptions().protocols, HubOptions().property_names)
    await nodes[0].plane.send(Audience.all(), EncodedMessage(Invocation("big", (2**70,))))
    await line.until("big")
    (received,) = line.posted
    assert b"1180591620717411303424" in received.payload(codecs["json"])
    with pytest.raises(ValueError, match="no integers beyond 64 bits"):
        received.payload(codecs["messagepack"])


async def test_what_no_codec_can_write_is_known_by_every_receiver(nodes: list[Node]) -> None:
    line = await attach(nodes[1], "a")
    await nodes[0].plane.send(Audience.all(), EncodedMessage(Invocation("odd", (object(),))))
    await until(lambda: bool(line.posted))
    for codec in hub_protocols(HubOptions().protocols, HubOptions().property_names).values():
        with pytest.raises(ValueError, match="object"):
            line.posted[0].payload(codec)
    with pytest.raises(ValueError, match="object"):
        _ = line.posted[0].message


async def test_bytes_that_are_no_envelope_are_dropped(nodes: list[Node], caplog: pytest.LogCaptureFixture) -> None:
    line = await attach(nodes[0], "a")
    subject = nodes[0].plane.subjects.of(Audience.all())
    for payload in (b"", b"\x01", b"\x02" + pack(Delivery("n1", 0, (), {}, {}))[1:], b"\x01\xc1", b"\x01\x91\x63"):
        await nodes[1].broker.publish(subject, payload)
    await nodes[1].broker.publish([subject[0][:-2] + b"z:"], pack(Delivery("n1", 0, (), {}, {})))
    await nodes[1].plane.send(Audience.all(), said("after"))
    await line.until("after")
    assert targets(line) == ["after"]
    assert "run the same release on all nodes" in caplog.text


async def test_a_node_that_cannot_follow_does_not_hold_up_the_others(nodes: list[Node]) -> None:
    slow, quick = await attach(nodes[1], "slow"), await attach(nodes[2], "quick")
    turn = nodes[1].plane.local._turn  # what a long fan-out holds
    nodes[1].plane.local._under_way += 1
    async with turn:
        for number in range(50):
            await nodes[0].plane.send(Audience.all(), said(f"{number}"))
        await quick.until("49")
        assert slow.posted == []
    nodes[1].plane.local._under_way -= 1
    await slow.until("49")
    assert targets(slow) == [f"{number}" for number in range(50)]


async def test_many_messages_that_come_in_together_give_way_after_each_slice_of_receivers(nodes: list[Node]) -> None:
    for number in range(100):
        await attach(nodes[0], f"c{number}")
    delivery = Delivery("n1", 0, (), {}, {"json": "not looked at"})
    ways = [nodes[0].plane.received(b"a", b"", delivery) for _ in range(12)]
    assert [way is not None for way in ways] == ([False] * 4 + [True]) * 2 + [False] * 2
    for way in ways:
        if way is not None:
            await way


# Outages


async def test_during_an_outage_connections_held_here_are_served_and_others_are_refused_cleanly(
    nodes: list[Node], exchange: MemoryExchange
) -> None:
    plane = nodes[0].plane
    here, _ = await attach(nodes[0], "here", "ann", "g"), await attach(nodes[1], "there", "ann", "g")
    await plane.send(Audience.all(), said("on its way"))
    exchange.lose()
    newcomer = await attach(nodes[0], "newcomer", None, "g")
    await plane.send(Audience.connections(["here", "newcomer"]), said("here"))
    assert (targets(here), targets(newcomer)) == (["here"], ["here"])
    question = asyncio.create_task(plane.invoke("here", "Ask", ()))
    here.answer((await here.until_asked())[0].invocation_id, 7)
    assert await question == 7
    await plane.remove_from_group("g", Member.connection("here"))
    assert await plane.exists(Audience.user("ann"))
    here.posted.clear()
    refused = [
        plane.send(Audience.all(), said("x")),
        plane.send(Audience.group("g"), said("x")),
        plane.send(Audience.user("ann"), said("x")),
        plane.send(Audience.connections(["here", "there"]), said("x")),
        plane.close(Audience.all()),
        plane.close(Audience.connections(["here", "there"])),
        plane.add_to_group("h", Member.user("ann")),
        plane.add_to_group("h", Member.connection("there")),
        plane.remove_from_all_groups(Member.user("ann")),
        plane.exists(Audience.connection("there")),
        plane.invoke("there", "Ask", ()),
    ]
    for call in refused:
        with pytest.raises(BrokerUnavailable, match="Nothing of this call took effect") as caught:
            await call
        assert not caught.value.may_have_arrived
    assert here.posted == []
    assert here.closed is None
    exchange.restore()
    await nodes[1].plane.send(Audience.group("g"), said("after"))
    await newcomer.until("after")
    assert here.posted == []


async def test_an_outage_ends_requests_that_wait_for_answers(nodes: list[Node], exchange: MemoryExchange) -> None:
    line = await attach(nodes[1], "a")
    question = asyncio.create_task(nodes[0].plane.invoke("a", "Ask", ()))
    await line.until_asked()
    exchange.lose()
    with pytest.raises(BrokerUnavailable, match="not known whether") as caught:
        await question
    assert caught.value.may_have_arrived


async def test_what_waits_for_own_messages_goes_on_when_they_are_lost(
    nodes: list[Node], exchange: MemoryExchange
) -> None:
    line = await attach(nodes[0], "a")
    await nodes[0].plane.send(Audience.all(), said("lost"))
    sending = asyncio.create_task(nodes[0].plane.send(Audience.connection("a"), said("kept")))
    await asyncio.sleep(0)
    exchange.lose()
    await sending
    assert targets(line)[-1] == "kept"


class LateBroker(MemoryBroker):
    """What is subscribed to while it is late counts when the test says so."""

    def __init__(self, exchange: MemoryExchange) -> None:
        super().__init__(exchange)
        self.late: asyncio.Future[None] | None = None
        self.subjects: list[bytes] = []
        self.published = 0

    def subscribe(self, subject: bytes) -> None:
        if self.late is None:
            super().subscribe(subject)
        else:
            self.subjects.append(subject)

    def settled(self) -> Awaitable[None] | None:
        return None if self.late is None else asyncio.shield(self.late)

    def publish(self, subjects: Sequence[bytes], payload: bytes) -> Awaitable[int]:
        self.published += any(b"new" in subject for subject in subjects)
        return super().publish(subjects, payload)

    def catch_up(self) -> None:
        late, self.late = self.late, None
        for subject in self.subjects:
            super().subscribe(subject)
        if late is not None:
            late.set_result(None)


@pytest.mark.parametrize("question", ["exists", "members", "add_to_group"])
async def test_a_node_asks_about_a_hub_that_it_has_just_made_once_answers_can_reach_it(
    exchange: MemoryExchange, question: str
) -> None:
    late = LateBroker(exchange)
    async with cluster([late, MemoryBroker(exchange)]) as nodes:
        there = ClusterDataPlane(nodes[1].bus, "new")
        nodes[1].bus.add(there.subjects.hub, there)
        there.attach(MemoryLine(make_caller("ann", connection_id="a")))
        late.late = asyncio.get_running_loop().create_future()
        here = ClusterDataPlane(nodes[0].bus, "new")
        nodes[0].bus.add(here.subjects.hub, here)
        calls: dict[str, Callable[[], Awaitable[object]]] = {
            "exists": lambda: here.exists(Audience.all()),
            "members": lambda: here.members(Audience.all()),
            "add_to_group": lambda: here.add_to_group("g", Member.connection("a")),
        }
        asking = asyncio.ensure_future(calls[question]())
        for _ in range(20):
            await asyncio.sleep(0)
        assert late.published == 0
        late.catch_up()
        async with asyncio.timeout(TIMEOUT_SECONDS):
            assert await asking in (True, [Connected("a", "ann")], None)


class FullBroker(MemoryBroker):
    """Takes so many messages, and then none until there is room again."""

    room = 1_000

    def publish(self, subjects: Sequence[bytes], payload: bytes) -> Awaitable[int]:
        if not self.room:
            raise BrokerUnavailable("too much waits", may_have_arrived=False)
        self.room -= 1
        return super().publish(subjects, payload)


@pytest.mark.parametrize("call", ["send", "close"])
async def test_a_call_for_here_and_elsewhere_is_done_once_where_the_broker_takes_only_a_part_at_first(
    exchange: MemoryExchange, clock: FakeClock, call: str
) -> None:
    full = FullBroker(exchange)
    async with cluster([full, MemoryBroker(exchange)], clock=clock) as nodes:
        here, there = await attach(nodes[0], "here"), await attach(nodes[1], "there")
        await clock.until_sleeping(2)  # the directories
        # Nobody hears it, so that nothing but the mark can tell that it is over.
        exchange.subscribers.pop(nodes[0].plane.subjects.of(Audience.all())[0])
        await nodes[0].plane.send(Audience.all(), said("lost"))
        full.room = 1  # for what goes elsewhere, and not for the mark
        audience, plane = Audience.connections(["here", "there"]), nodes[0].plane
        calling = asyncio.create_task(plane.send(audience, said("x")) if call == "send" else plane.close(audience))
        await clock.until_sleeping(3)
        await until(lambda: bool(there.posted) or there.closed is not None)
        assert here.posted == []
        assert here.closed is None
        full.room = 1
        clock.advance(0.01)
        await calling
        if call == "send":
            assert (targets(here), targets(there)) == (["x"], ["x"])
        else:
            assert here.closed is not None


async def test_a_call_for_a_connection_held_here_waits_for_a_broker_that_takes_nothing(
    nodes: list[Node], exchange: MemoryExchange, clock: FakeClock
) -> None:
    line = await attach(nodes[0], "a")
    limit = exchange.limit_bytes
    await clock.until_sleeping(3)  # the directories
    # Nobody hears it, so that nothing but the mark can tell that it is over.
    exchange.subscribers.pop(nodes[0].plane.subjects.of(Audience.all())[0])
    await nodes[0].plane.send(Audience.all(), said("lost"))
    exchange.limit_bytes = 0
    sending = asyncio.create_task(nodes[0].plane.send(Audience.connection("a"), said("kept")))
    await clock.until_sleeping(4)
    clock.advance(0.01)
    await clock.until_sleeping(4)
    assert targets(line) == []
    exchange.limit_bytes = limit
    clock.advance(0.01)
    await sending
    assert targets(line) == ["kept"]


async def test_a_call_for_a_connection_held_here_goes_on_when_a_broker_that_took_nothing_is_lost(
    nodes: list[Node], exchange: MemoryExchange, clock: FakeClock
) -> None:
    line = await attach(nodes[0], "a")
    await clock.until_sleeping(3)  # the directories
    exchange.subscribers.pop(nodes[0].plane.subjects.of(Audience.all())[0])
    await nodes[0].plane.send(Audience.all(), said("lost"))
    exchange.limit_bytes = 0
    sending = asyncio.create_task(nodes[0].plane.send(Audience.connection("a"), said("kept")))
    await clock.until_sleeping(4)
    exchange.lose()
    clock.advance(0.01)
    await sending
    assert targets(line) == ["kept"]


# Requests


async def test_a_change_for_a_node_that_stands_still_is_told_in_time(clock: FakeClock) -> None:
    exchange = MemoryExchange()
    async with cluster([MemoryBroker(exchange) for _ in range(2)], clock=clock) as (node, _):
        exchange.subscribers.setdefault(node.plane.subjects.member(Member.user("ann")), {})[
            MemoryBroker(exchange)  # counted, and never answers
        ] = None
        await clock.until_sleeping(2)  # both directories
        adding = asyncio.create_task(node.plane.add_to_group("g", Member.user("ann")))
        await clock.until_sleeping(3)
        clock.advance(ClusterOptions().answer_timeout_seconds)
        with pytest.raises(NodeTimeout, match=r"^0 of 1 nodes answered within 5 s\. Try again") as caught:
            await adding
        assert (caught.value.answered, caught.value.expected) == (0, 1)


async def test_a_question_to_a_node_that_stands_still_ends_like_one_to_a_silent_client(clock: FakeClock) -> None:
    exchange = MemoryExchange()
    async with cluster([MemoryBroker(exchange) for _ in range(2)], clock=clock) as (node, _):
        subject = node.plane.subjects.member(Member.connection("a"))
        exchange.subscribers.setdefault(subject, {})[MemoryBroker(exchange)] = None
        await clock.until_sleeping(2)  # both directories
        asking = asyncio.create_task(node.plane.invoke("a", "Ask", (), 2))
        await clock.until_sleeping(3)
        clock.advance(2 + ClusterOptions().answer_timeout_seconds)
        with pytest.raises(ClientResultTimeout, match="within 2 s"):
            await asking


async def test_requests_that_wait_are_bounded() -> None:
    exchange = MemoryExchange()
    async with cluster([MemoryBroker(exchange) for _ in range(2)], ClusterOptions(maximum_requests=2)) as nodes:
        line = await attach(nodes[1], "a")
        asking = [asyncio.create_task(nodes[0].plane.invoke("a", "Ask", ())) for _ in range(2)]
        await line.until_asked(2)
        with pytest.raises(BrokerUnavailable, match=r"ClusterOptions\.maximum_requests \(2\)") as caught:
            await nodes[0].plane.exists(Audience.user("ann"))
        assert not caught.value.may_have_arrived
        for question in line.questions:
            line.answer(question.invocation_id)
        await asyncio.gather(*asking)
        assert not await nodes[0].plane.exists(Audience.user("ann"))


async def test_a_question_that_the_other_node_cannot_put_is_told_with_its_reason(nodes: list[Node]) -> None:
    await attach(nodes[1], "a")
    subject = nodes[0].plane.subjects.member(Member.connection("a"))

    def send(number: int) -> Awaitable[int]:
        return nodes[0].bus.publish([subject], Question("n0", number, "carrier pigeon", b"", None))

    (reply,) = await nodes[0].plane._requests.ask(b"", send, 5)
    assert (reply.outcome, reply.text) == ("failed", "KeyError: 'carrier pigeon'")
    with pytest.raises(HubwireError, match="could not ask it: KeyError"):
        read_result({}, reply, "a", "Ask")


@pytest.mark.parametrize("result", [UNREADABLE, [UNREADABLE]])
async def test_a_result_that_python_cannot_hold_stays_one(nodes: list[Node], result: object) -> None:
    line = await attach(nodes[1], "a")
    asking = asyncio.create_task(nodes[0].plane.invoke("a", "Ask", ()))
    line.answer((await line.until_asked())[0].invocation_id, result)
    assert await asking is UNREADABLE


async def test_arguments_that_nobody_can_write_are_refused_where_they_are_given(nodes: list[Node]) -> None:
    line = await attach(nodes[1], "a")
    with pytest.raises(TypeError):
        await nodes[0].plane.invoke("a", "Ask", (object(),))
    assert line.posted == []


# Nodes that end


async def test_the_questions_of_a_node_that_is_gone_are_forgotten_and_those_to_its_connections_end(
    nodes: list[Node], exchange: MemoryExchange
) -> None:
    await nodes[0].until_sees("n1", "n2")
    here, there = await attach(nodes[0], "here"), await attach(nodes[1], "there")
    elsewhere = await attach(nodes[2], "elsewhere")
    own = asyncio.create_task(nodes[1].plane.invoke("here", "Ask", ()))
    to_it = asyncio.create_task(nodes[0].plane.invoke("there", "Ask", ()))
    to_another = asyncio.create_task(nodes[0].plane.invoke("elsewhere", "Ask", ()))
    for line in (here, there, elsewhere):
        await line.until_asked()
    await nodes[1].broker.stop()  # as if it were killed
    nodes[0].bus.node_gone("n1")
    with pytest.raises(ConnectionGone, match="disconnected"):
        await to_it
    async with asyncio.timeout(TIMEOUT_SECONDS):
        await here.until_forgotten()
    elsewhere.answer(elsewhere.questions[0].invocation_id, "still here")
    assert await to_another == "still here"
    own.cancel()


async def test_the_connections_of_a_node_that_is_gone_are_nowhere(nodes: list[Node]) -> None:
    await attach(nodes[1], "a", "ann", "g")
    await nodes[1].broker.stop()
    for audience in (Audience.all(), Audience.user("ann"), Audience.group("g"), Audience.connection("a")):
        assert not await nodes[0].plane.exists(audience)
    await nodes[0].plane.add_to_group("h", Member.connection("a"))  # it is gone: done
    with pytest.raises(ConnectionGone, match="does not exist"):
        await nodes[0].plane.invoke("a", "Ask", ())


# Over Redis


async def test_messages_flow_again_in_order_after_redis_was_killed_under_traffic() -> None:
    async with (
        redis_server() as server,
        cluster([RedisBroker(server.url, IMPATIENT) for _ in range(2)]) as nodes,
    ):
        lines = [await attach(nodes[number], f"c{number}", "ann", "g") for number in range(2)]
        sent: list[str] = []
        refused = 0
        for turn in range(3):
            for number in range(200):
                target = f"{turn}.{number}"
                try:
                    await nodes[0].plane.send(Audience.group("g"), said(target))
                    sent.append(target)
                except BrokerUnavailable as error:
                    refused += not error.may_have_arrived
                    await asyncio.sleep(0)
                if number == 100:
                    await server.kill()
            await server.start()
            await until(lambda: all(node.broker.is_available for node in nodes))
        assert refused
        await nodes[0].plane.send(Audience.group("g"), said("end"))
        for line in lines:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await line.until("end")
            got = targets(line)[:-1]
            assert got == [target for target in sent if target in set(got)]  # in order, and nothing twice
            assert got[-1].startswith("2.")


async def test_groups_and_users_leave_nothing_in_redis() -> None:
    async with redis_server() as server, cluster([RedisBroker(server.url) for _ in range(2)]) as nodes:
        before = await server.channels()
        for turn in range(3):
            lines = [await attach(nodes[turn % 2], f"c{number}", f"u{number}", f"g{number}") for number in range(100)]
            assert len(await server.channels()) == len(before) + 301
            for line in lines:
                nodes[turn % 2].plane.detach(line)
            waiting = nodes[turn % 2].broker.settled()
            assert waiting is not None
            await waiting
            assert await server.channels() == before


async def test_a_node_that_stands_still_does_not_hold_up_the_others_and_is_cut_off_by_redis() -> None:
    limits = ("--client-output-buffer-limit", "pubsub 1mb 1mb 0")
    async with (
        redis_server(*limits) as server,
        cluster([RedisBroker(server.url, IMPATIENT) for _ in range(3)]) as nodes,
    ):
        quick, slow = await attach(nodes[1], "quick"), await attach(nodes[2], "slow")
        payload = EncodedMessage(Invocation("big", ("x" * 100_000,)))
        nodes[2].plane.local._under_way += 1
        async with nodes[2].plane.local._turn:  # its fan-out stands still, so it reads no more
            for _ in range(300):
                await nodes[0].plane.send(Audience.all(), payload)
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await quick.until("big", 300)
        nodes[2].plane.local._under_way -= 1
        await until(lambda: len(slow.posted) > 0)
        await until(lambda: nodes[2].broker.is_available)

        async def reaches_everybody() -> bool:
            await nodes[0].plane.send(Audience.all(), said("end"))
            return "end" in targets(slow)

        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not await reaches_everybody():  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        assert len(slow.posted) < 300


@pytest.fixture
async def server() -> AsyncIterator[RedisServer]:
    async with redis_server() as server:
        yield server


async def test_two_clusters_on_one_redis_do_not_hear_each_other(server: RedisServer) -> None:
    other = ClusterOptions(namespace="other")
    async with (
        cluster([RedisBroker(server.url)]) as (ours,),
        cluster([RedisBroker(server.url)], other) as (theirs,),
    ):
        a, b = await attach(ours, "a"), await attach(theirs, "b")
        await ours.plane.send(Audience.all(), said("ours"))
        await theirs.plane.send(Audience.all(), said("theirs"))
        await a.until("ours")
        await b.until("theirs")
        assert (targets(a), targets(b)) == (["ours"], ["theirs"])
        assert len(ours.directory.nodes) == 1
