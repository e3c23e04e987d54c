"""One process of a load test against our own server on a real socket: counts, never times."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import ClassVar

import pytest
from engine.tests.cli.bench.driving import carried_out, driven

import hubwire
from hubwire.cli.bench import connection as connection_module
from hubwire.cli.bench.connection import MAXIMUM_UNANSWERED, LoadConnection
from hubwire.cli.bench.histogram import Histogram
from hubwire.cli.bench.scenario import Load, Scenario
from hubwire.cli.bench.traffic import Progress
from hubwire.cli.bench_hub import PATH, BenchHub
from hubwire.clock import SystemClock
from hubwire.options import ServerOptions
from hubwire.server.app import HubServer
from hubwire.testing import serving

WAYS = [
    ("websockets", "json"),
    ("websockets", "messagepack"),
    ("sse", "json"),
    ("longpolling", "json"),
    ("longpolling", "messagepack"),
]


class ByHeader:
    """Believes everybody: a user is who says so."""

    async def verify(self, token: str | None, hub: str, request: hubwire.ConnectRequest) -> hubwire.Principal:
        return hubwire.Principal(user_id=token or request.headers.get("x-user"))


class WatchedHub(BenchHub):
    """The bench hub, and who is in it."""

    present: ClassVar[dict[str, tuple[str, str | None]]] = {}
    """Transport and user by connection."""
    good_byes: ClassVar[list[bool]] = []

    async def connected(self) -> None:
        self.present[self.context.connection_id] = (self.context.transport, self.context.user_id)

    async def disconnected(self, error: BaseException | None) -> None:
        del self.present[self.context.connection_id]
        self.good_byes.append(error is None)


@pytest.fixture
async def server() -> HubServer:
    WatchedHub.present.clear()
    WatchedHub.good_byes.clear()
    server = HubServer(verifier=ByHeader())
    server.add(WatchedHub, path=PATH)
    return server


@pytest.fixture
async def url(server: HubServer) -> AsyncIterator[str]:
    async with serving(server) as address:
        yield f"{address}{PATH}"


def small(url: str, load: Load, transport: str = "websockets", protocol: str = "json") -> Scenario:
    """Six connections, and five beats of each sender."""
    return Scenario(
        url,
        load=load,
        connections=6,
        ramp=1000,
        rate=20,
        size=64,
        warmup=0,
        duration=0.25,
        groups=2,
        items=3,
        transports=(transport,),
        protocols=(protocol,),
        headers=("X-User: {user}",),
    )


@pytest.mark.parametrize(("transport", "protocol"), WAYS)
@pytest.mark.parametrize(
    ("load", "sent", "arrivals_each"),
    [
        (Load.BROADCAST, 5, 6),
        (Load.GROUP, 10, 3),
        (Load.USER, 30, 1),
        (Load.ECHO, 30, 1),
        (Load.STREAM, 30, 3),
    ],
)
async def test_everything_that_is_sent_arrives(
    url: str, load: Load, sent: int, arrivals_each: int, transport: str, protocol: str
) -> None:
    counts, farewell = await carried_out(small(url, load, transport, protocol), arrivals_each)
    assert (counts.connected, counts.failed, counts.dropped) == (6, 0, 0)
    assert (counts.measured_sent, counts.measured_received) == (sent, sent * arrivals_each)
    assert farewell.errors == {}
    assert farewell.connect.count == 6
    assert sum(farewell.last.sent_to.values()) == sent
    if load in (Load.BROADCAST, Load.GROUP, Load.USER):
        shares = {(audience, number) for audience, number in farewell.last.sent_to.items()}
        assert set(farewell.last.arrivals) == shares  # every member got what was sent to its set
        assert sum(farewell.last.arrivals.values()) == 6


async def test_idle_connections_are_opened_and_kept(url: str) -> None:
    async with driven(replace(small(url, Load.IDLE), transports=("websockets", "sse", "longpolling"))) as drive:
        ready = await drive.until_ready()
        assert ready.members == {0: 6}
        assert (
            sorted(transport for transport, _ in WatchedHub.present.values())
            == ["LongPolling"] * 2 + ["ServerSentEvents"] * 2 + ["WebSockets"] * 2
        )
        farewell = await drive.farewell()
    assert farewell.last.counts.sent == 0
    assert farewell.last.open == 6


async def test_the_end_says_good_bye_and_leaves_nothing_at_the_server(url: str) -> None:
    async with driven(replace(small(url, Load.IDLE), transports=("websockets", "sse", "longpolling"))) as drive:
        await drive.until_ready()
    async with asyncio.timeout(30):
        while WatchedHub.present:  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0)
    assert WatchedHub.good_byes == [True] * 6


async def test_what_was_due_in_the_warm_up_does_not_count(url: str) -> None:
    async with driven(replace(small(url, Load.BROADCAST), warmup=0.25)) as drive:
        await drive.until_ready()
        drive.go()
        await drive.until_arrived(30)
        counts = (await drive.farewell()).last.counts
    assert (counts.sent, counts.measured_sent) == (10, 5)
    assert (counts.received, counts.measured_received) == (60, 30)


async def test_only_named_targets_count(url: str) -> None:
    async with driven(replace(small(url, Load.BROADCAST), targets=("Other",))) as drive:
        await drive.until_ready()
        drive.go()
        await drive.until_progress(measured_sent=5)
        assert (await drive.farewell()).last.counts.received == 0


async def test_names_of_targets_are_compared_as_clients_do(url: str) -> None:
    counts, _ = await carried_out(replace(small(url, Load.BROADCAST), targets=("reCEIVE",)), 6)
    assert counts.measured_received == 30


async def test_a_method_that_does_not_exist_is_an_error_with_the_servers_words(url: str) -> None:
    async with driven(replace(small(url, Load.ECHO), method="Nothing", senders=1)) as drive:
        await drive.until_ready()
        drive.go()
        await drive.until_progress(measured_sent=5, errors=5)
        farewell = await drive.farewell()
    assert farewell.last.counts.measured_received == 0
    ((kind, counted),) = farewell.errors.items()
    assert kind.startswith("call: Failed to invoke 'Nothing'")
    assert "Method does not exist" in counted.example
    assert counted.count == 5


async def test_a_group_that_cannot_be_joined_fails_its_connections(url: str) -> None:
    async with driven(replace(small(url, Load.GROUP), join_method="Nothing")) as drive:
        ready = await drive.until_ready()
        farewell = await drive.farewell()
    assert ready.members == {}
    assert farewell.last.counts.failed == 6
    assert [kind.partition(":")[0] for kind in farewell.errors] == ["join"]


async def test_a_server_that_refuses_is_counted_by_its_status(url: str) -> None:
    async with driven(small(f"{url}-elsewhere", Load.IDLE)) as drive:
        assert (await drive.until_ready()).members == {}
        farewell = await drive.farewell()
    assert farewell.last.counts.failed == 6
    assert {kind: each.count for kind, each in farewell.errors.items()} == {
        "connect: negotiate answered with status 404": 6
    }


async def test_a_websocket_that_is_refused_is_counted_by_its_status(url: str) -> None:
    async with driven(replace(small(f"{url}-elsewhere", Load.IDLE), skip_negotiation=True)) as drive:
        await drive.until_ready()
        farewell = await drive.farewell()
    assert {kind: each.count for kind, each in farewell.errors.items()} == {
        "connect: request answered with status 404": 6
    }


async def test_negotiation_can_be_skipped(url: str) -> None:
    counts, _ = await carried_out(replace(small(url, Load.ECHO), skip_negotiation=True), 1)
    assert counts.measured_received == 30


async def test_tokens_go_to_their_connections(url: str) -> None:
    tokens = tuple(f"user-{number}" for number in range(1, 7))
    async with driven(replace(small(url, Load.USER), headers=(), tokens=tokens)) as drive:
        await drive.until_ready()
        assert sorted(str(user) for _, user in WatchedHub.present.values()) == list(tokens)
        drive.go()
        await drive.until_arrived(30)


@pytest.mark.parametrize("transport", ["websockets", "sse", "longpolling"])
async def test_negotiate_may_send_connections_elsewhere_with_a_token(
    url: str, server: HubServer, transport: str
) -> None:
    async def choose(request: hubwire.ConnectRequest, principal: hubwire.Principal) -> hubwire.Redirect:
        return hubwire.Redirect(url, access_token="somebody")

    entry = HubServer()
    entry.add_redirect("/entry", choose)
    async with serving(entry) as address, driven(small(f"{address}/entry", Load.BROADCAST, transport)) as drive:
        await drive.until_ready()
        assert {user for _, user in WatchedHub.present.values()} == {"somebody"}
        drive.go()
        await drive.until_arrived(30)


@pytest.mark.parametrize("transport", ["websockets", "sse", "longpolling"])
async def test_connections_that_are_lost_come_back_into_their_groups(
    url: str, server: HubServer, transport: str
) -> None:
    async with driven(small(url, Load.GROUP, transport)) as drive:
        await drive.until_ready()
        for connection in list(server.endpoint.connections.values()):
            connection.abort()
        progress = await drive.until_progress(dropped=6, reconnects=6)
        assert progress.open == 6
        drive.go()
        await drive.until_arrived(30)
        farewell = await drive.farewell()
    assert farewell.last.counts.measured_received == 30
    assert sum(each.count for kind, each in farewell.errors.items() if kind.startswith("dropped")) == 6


async def test_connections_that_are_lost_may_stay_away(url: str, server: HubServer) -> None:
    async with driven(replace(small(url, Load.BROADCAST), reconnect=False)) as drive:
        await drive.until_ready()
        for connection in list(server.endpoint.connections.values()):
            connection.abort()
        await drive.until_progress(dropped=6)
        drive.go()
        await drive.until_progress(unsent=5)
        farewell = await drive.farewell()
    assert (farewell.last.counts.reconnects, farewell.last.counts.sent) == (0, 0)
    assert farewell.errors["unsent: the connection is away"].count == 5


class SlowHub(hubwire.Hub):
    """Answers when it is told to."""

    gate: asyncio.Event

    @hubwire.hub_method("Echo")
    async def echo(self, text: str) -> str:
        await type(self).gate.wait()
        return text


async def test_a_server_that_does_not_answer_gets_a_bounded_number_of_calls() -> None:
    SlowHub.gate = asyncio.Event()
    server = HubServer()
    server.add(SlowHub, path=PATH)
    async with serving(server) as address:
        scenario = replace(small(f"{address}{PATH}", Load.ECHO), senders=1, connections=1, rate=10_000, duration=0.2)
        async with driven(scenario) as drive:
            await drive.until_ready()
            drive.go()
            progress = await drive.until_progress(unsent=1000)
            assert progress.counts.measured_sent == MAXIMUM_UNANSWERED
            SlowHub.gate.set()
            await drive.until_arrived(MAXIMUM_UNANSWERED)
            farewell = await drive.farewell()
    assert farewell.last.counts.measured_sent + farewell.last.counts.unsent >= 2000
    assert [kind for kind in farewell.errors if "the server is behind" in kind]


async def test_a_server_that_does_not_read_gets_a_bounded_number_of_bytes(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "WRITE_LIMIT_BYTES", -1)
    async with driven(replace(small(url, Load.ECHO), senders=1)) as drive:
        await drive.until_ready()
        drive.go()
        await drive.until_progress(unsent=5)
        farewell = await drive.farewell()
    assert [kind for kind in farewell.errors if "the server does not read" in kind]


async def test_calls_under_way_when_a_connection_is_lost_are_errors() -> None:
    SlowHub.gate = asyncio.Event()
    server = HubServer()
    server.add(SlowHub, path=PATH)
    async with serving(server) as address:
        scenario = replace(small(f"{address}{PATH}", Load.ECHO), senders=1, connections=1)
        async with driven(scenario) as drive:
            await drive.until_ready()
            drive.go()
            await drive.until_progress(measured_sent=5)
            for connection in list(server.endpoint.connections.values()):
                connection.abort()
            await drive.until_progress(dropped=1)
            farewell = await drive.farewell()
        SlowHub.gate.set()
    assert farewell.errors["call: the connection was lost before the answer"].count == 5


async def test_latency_counts_from_when_a_message_was_due_and_a_stall_delays_no_other() -> None:
    SlowHub.gate = asyncio.Event()
    server = HubServer()
    server.add(SlowHub, path=PATH)
    clock = SystemClock()
    async with serving(server) as address:
        scenario = replace(small(f"{address}{PATH}", Load.ECHO), senders=1, connections=1)
        async with driven(scenario) as drive:
            await drive.until_ready()
            began = clock.monotonic()
            drive.go()
            await drive.until_progress(measured_sent=5)  # by their schedule, though none is answered
            stalled_us = (clock.monotonic() - began) * 1e6
            SlowHub.gate.set()
            await drive.until_arrived(5)
    latencies = [report.latency for report in drive.reports if isinstance(report, Progress)]
    latency = Histogram().merge(latencies)
    first, last = latency.maximum, latency.quantile(0.2)
    assert latency.count == 5
    assert first + 1000 >= stalled_us - 1e6 * 0.1  # due within the first beat
    assert last is not None
    assert last < first  # the others were due later, and waited less


async def test_what_comes_during_the_drain_is_no_part_of_the_rate() -> None:
    SlowHub.gate = asyncio.Event()
    server = HubServer()
    server.add(SlowHub, path=PATH)
    async with serving(server) as address:
        scenario = replace(small(f"{address}{PATH}", Load.ECHO), senders=1, connections=1)
        async with driven(scenario) as drive:
            await drive.until_ready()
            drive.go()
            await drive.until_sent()
            SlowHub.gate.set()  # only now, after the end
            await drive.until_arrived(5)
            counts = (await drive.farewell()).last.counts
    assert (counts.measured_sent, counts.measured_received, counts.received_in_time) == (5, 5, 0)


class CarelessHub(hubwire.Hub):
    """Leaves one client out, and sends to another twice."""

    @hubwire.hub_method("Broadcast")
    async def broadcast(self, text: str) -> None:
        others = sorted(WatchedHub.present)[1:]
        for each in (*others, others[0]):
            await self.clients.client(each).send("Receive", text)

    async def connected(self) -> None:
        WatchedHub.present[self.context.connection_id] = (self.context.transport, None)


async def test_arrivals_are_counted_at_each_connection() -> None:
    WatchedHub.present.clear()
    server = HubServer()
    server.add(CarelessHub, path=PATH)
    async with serving(server) as address, driven(small(f"{address}{PATH}", Load.BROADCAST)) as drive:
        await drive.until_ready()
        drive.go()
        await drive.until_arrived(30)  # as many as were expected
        farewell = await drive.farewell()
    assert farewell.last.arrivals == {(0, 0): 1, (0, 5): 4, (0, 10): 1}


class AskingHub(hubwire.Hub):
    """Asks whoever calls."""

    @hubwire.hub_method("Echo")
    async def echo(self, text: str) -> str:
        try:
            return str(await self.clients.caller.ask("Name", result_type=str))
        except hubwire.HubError as error:
            return str(error)


async def test_a_hub_that_asks_is_answered() -> None:
    server = HubServer()
    server.add(AskingHub, path=PATH)
    async with serving(server) as address:
        counts, farewell = await carried_out(replace(small(f"{address}{PATH}", Load.ECHO), senders=1), 1)
    assert counts.measured_received == 5
    assert farewell.errors == {}


async def test_a_server_with_room_for_some_gets_those() -> None:
    server = HubServer(options=ServerOptions(maximum_connections=4))
    server.add(hubwire.Hub, path=PATH)
    async with serving(server) as address, driven(small(f"{address}{PATH}", Load.IDLE)) as drive:
        ready = await drive.until_ready()
        farewell = await drive.farewell()
    assert ready.members == {0: 4}
    assert (farewell.last.counts.connected, farewell.last.counts.failed) == (4, 2)


async def test_a_server_that_lets_the_handshake_wait_costs_one_failure() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    listener = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        scenario = replace(small(f"http://127.0.0.1:{port}/hub", Load.IDLE), connections=1, connect_timeout=0.1)
        async with driven(scenario) as drive:
            assert (await drive.until_ready()).members == {}
            farewell = await drive.farewell()
    assert farewell.last.counts.failed == 1


async def test_a_finish_while_connections_are_being_made_ends_them(url: str) -> None:
    async with driven(replace(small(url, Load.IDLE), ramp=0.1)) as drive:
        farewell = await drive.farewell()
    assert farewell.last.counts.connected + farewell.last.counts.failed <= 6


async def test_a_connection_that_has_ended_takes_no_calls(url: str) -> None:
    async with driven(small(url, Load.IDLE)) as drive:
        connection = LoadConnection(0, drive.worker, SystemClock())
        assert not connection.is_open
        assert connection.call("Echo", ["x"], 0, is_stream=False) == "the connection is away"
        await connection.leave()
