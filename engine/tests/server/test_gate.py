"""How many newcomers are let in, and how fast: the counts by themselves, and the answers on both lanes."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from hubwire import HubOptions, ServerOptions
from hubwire.server import answers, gate
from hubwire.server.answers import Refused
from hubwire.server.gate import Gate
from hubwire.server.timer_wheel import TICK_SECONDS
from hubwire.testing import FakeClock

from .conftest import Client, Reply, Running, Serve, until
from .http_clients import listening, polling

STRANGER = "203.0.113.9"
FORWARDED = {"X-Forwarded-For": STRANGER}
PROXIED: dict[str, Any] = {"trusted_proxies": ("127.0.0.1",)}


def make(**options: Any) -> tuple[Gate, FakeClock]:
    clock = FakeClock()
    return Gate(ServerOptions(**options), clock), clock


def passes(gate: Gate, address: str) -> bool:
    try:
        gate.check(address)
    except Refused:
        return False
    return True


def count(gate: Gate, address: str, times: int = 100) -> int:
    """How many of these connects pass."""
    return sum(passes(gate, address) for _ in range(times))


# By itself


def test_an_address_has_its_burst_and_then_its_rate() -> None:
    gate, clock = make(address_connects_per_second=2, connect_burst_seconds=5)
    assert count(gate, STRANGER) == 10
    assert count(gate, "203.0.113.10") == 10
    clock.advance(3.0)
    assert count(gate, STRANGER) == 6


def test_all_together_have_a_rate_too_which_trusted_addresses_keep_as_well() -> None:
    gate, _ = make(connects_per_second=2, connect_burst_seconds=5)
    assert count(gate, STRANGER, 4) == 4
    assert count(gate, "127.0.0.1") == 6
    assert count(gate, "203.0.113.10") == 0


def test_what_all_together_refuse_is_not_taken_from_the_address() -> None:
    gate, clock = make(connects_per_second=1, address_connects_per_second=1, connect_burst_seconds=4)
    assert count(gate, "127.0.0.1") == 4
    assert count(gate, STRANGER) == 0
    clock.advance(4.0)
    assert count(gate, STRANGER) == 4


@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1", ""])
def test_trusted_addresses_have_no_limits_of_their_own(address: str) -> None:
    gate, _ = make(address_connects_per_second=1, connect_burst_seconds=1, maximum_connections_per_address=1)
    assert count(gate, address) == 100
    for _ in range(5):
        gate.check_room(address)
        gate.entered(address)
    gate.left(address)


@pytest.mark.parametrize(
    ("one", "other", "are_one"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::7", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:203.0.113.9", STRANGER, True),
        ("unknown", "unknown", True),
        ("x" * 64 + "y", "x" * 64 + "z", True),
        ("fe80::1%eth0", "fe80::2%eth0", True),
    ],
)
def test_what_makes_one_client(one: str, other: str, are_one: bool) -> None:
    gate, _ = make(address_connects_per_second=1, connect_burst_seconds=4)
    assert count(gate, one) == 4
    assert count(gate, other) == (0 if are_one else 4)


def test_no_more_addresses_are_remembered_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "MAXIMUM_ADDRESSES", 3)
    made, _ = make(address_connects_per_second=1, connect_burst_seconds=4)
    assert count(made, "10.0.0.0") == 4
    for number in range(1, 3):
        count(made, f"10.0.0.{number}")
    assert count(made, "10.0.0.0") == 0  # and is the latest now
    count(made, "10.0.0.3")
    assert made.remembered == 3
    assert count(made, "10.0.0.0") == 0
    assert count(made, "10.0.0.1") == 4  # was forgotten


def test_open_connections_of_an_address_are_counted_and_forgotten() -> None:
    gate, _ = make(maximum_connections_per_address=2)
    for _ in range(2):
        gate.check_room(STRANGER)
        gate.entered(STRANGER)
    with pytest.raises(Refused, match="429 Too many connections from your address"):
        gate.check_room(STRANGER)
    gate.check_room("203.0.113.10")
    gate.left(STRANGER)
    gate.check_room(STRANGER)
    gate.left(STRANGER)
    assert gate.remembered == 0


def test_limits_may_be_absent() -> None:
    gate, _ = make(
        maximum_connections_per_address=None, address_connects_per_second=None, maximum_lateness_seconds=None
    )
    gate.lateness.note(100.0)
    gate.lateness.note(100.0)
    assert count(gate, STRANGER, 5000) == 5000
    gate.entered(STRANGER)
    gate.check_room(STRANGER)
    gate.left(STRANGER)
    assert gate.remembered == 0


def test_those_who_are_refused_together_do_not_come_back_together() -> None:
    told = {int(answers.retry_after(0.5)[1]) for _ in range(500)}
    assert told == {1, 2, 3, 4, 5, 6}
    assert {int(answers.retry_after(5.0)[1]) for _ in range(500)} <= set(range(5, 11))


# On both lanes


def is_told_when_to_come_back(reply: Reply, status: int, body: bytes) -> bool:
    assert 1 <= int(reply.headers["retry-after"]) <= 20
    return (reply.status, reply.body) == (status, body)


FROM_ADDRESS = b"Too many connections from your address"


async def test_an_address_that_connects_too_fast_is_told_to_come_later(serve: Serve) -> None:
    options = ServerOptions(address_connects_per_second=1, connect_burst_seconds=4, **PROXIED)
    async with serve(options) as running, running.connected(**FORWARDED) as client:
        ids = await running.negotiate(**FORWARDED)
        second = await running.negotiate(**FORWARDED)
        assert (await running.upgrade(f"/sample?id={ids['connectionToken']}", **FORWARDED)).status == 101
        for reply in (
            await running.request("POST", "/sample/negotiate", **FORWARDED),
            await running.upgrade("/sample", **FORWARDED),
            await running.upgrade(f"/sample?id={second['connectionToken']}", **FORWARDED),
            await running.request("GET", f"/sample?id={second['connectionToken']}", **FORWARDED),
        ):
            assert is_told_when_to_come_back(reply, 429, FROM_ADDRESS)
        assert running.observer.refused == [429] * 4
        assert (await running.upgrade("/sample", **{"X-Forwarded-For": "203.0.113.10"})).status == 101
        assert (await running.upgrade("/sample")).status == 101  # the proxy itself is trusted
        assert (await client.invoke("Echo", "still here"))["result"] == "still here"
        running.clock.advance(1.0)
        assert (await running.upgrade(f"/sample?id={second['connectionToken']}", **FORWARDED)).status == 101


async def test_who_has_no_room_is_refused_before_the_token_is_looked_at(serve: Serve) -> None:
    class NeverAsked:
        async def verify(self, token: str | None, hub: str, request: object) -> Any:
            raise AssertionError("asked")

    options = ServerOptions(connects_per_second=1, connect_burst_seconds=4)
    async with serve(options, verifier=NeverAsked()) as running:
        while passes(running.hubs.endpoint.table.gate, ""):
            pass
        for reply in (await running.request("POST", "/sample/negotiate"), await running.upgrade("/sample")):
            assert is_told_when_to_come_back(reply, 429, b"Too many clients connect")


async def test_polls_posts_and_events_of_a_connection_are_no_connects(serve: Serve) -> None:
    options = ServerOptions(connects_per_second=1, connect_burst_seconds=4)
    async with serve(options) as running, polling(running) as one, listening(running) as two:
        for number in range(10):
            assert (await one.invoke("Echo", number))["result"] == number
            assert (await two.invoke("Echo", number))["result"] == number


async def test_an_address_with_too_many_connections_is_refused_until_one_ends(serve: Serve) -> None:
    options = ServerOptions(maximum_connections_per_address=2, **PROXIED)
    async with serve(options) as running, running.connected(**FORWARDED) as client:
        async with running.connected(**FORWARDED):
            ids = await running.negotiate(**FORWARDED)
            target = f"/sample?id={ids['connectionToken']}"
            assert is_told_when_to_come_back(await running.upgrade(target, **FORWARDED), 429, FROM_ADDRESS)
            assert is_told_when_to_come_back(await running.request("GET", target, **FORWARDED), 429, FROM_ADDRESS)
            assert (await running.upgrade("/sample", **{"X-Forwarded-For": "203.0.113.10"})).status == 101
        await until(lambda: running.hubs.connection_count == 1)
        assert (await running.upgrade(target, **FORWARDED)).status == 101
        assert (await client.invoke("Echo", 1))["result"] == 1
    assert running.hubs.endpoint.table.gate.remembered <= 2  # the rates of two addresses


# Twice the load


def overload(running: Running) -> None:
    """The loop was late twice in a row."""
    for _ in range(2):
        running.hubs.endpoint.table.gate.lateness.note(0.6)


async def calls_are_answered(client: Client) -> bool:
    return bool((await client.invoke("Echo", "still here"))["result"] == "still here")


async def test_under_overload_those_who_are_in_are_served_and_newcomers_are_refused(serve: Serve) -> None:
    async with serve() as running, running.connected() as client, polling(running) as polled:
        ids = await running.negotiate()
        overload(running)
        for round_ in range(3):
            for reply in (
                await running.request("POST", "/sample/negotiate"),
                await running.upgrade("/sample"),
                await running.upgrade(f"/sample?id={ids['connectionToken']}"),
                await running.request("GET", f"/sample?id={ids['connectionToken']}"),
            ):
                assert is_told_when_to_come_back(reply, 503, b"The server is overloaded")
            assert await calls_are_answered(client)
            assert (await polled.invoke("Echo", round_))["result"] == round_
        assert running.observer.refused == [503] * 12
        running.hubs.endpoint.table.gate.lateness.note(0.0)
        assert (await running.upgrade(f"/sample?id={ids['connectionToken']}")).status == 101


async def test_under_overload_a_connection_that_lost_its_socket_is_taken_up_again(serve: Serve) -> None:
    async with serve(hub_options=HubOptions(stateful_reconnect=True)) as running:
        ids = await running.negotiate("/sample/negotiate?negotiateVersion=1&useStatefulReconnect=true")
        target = f"/sample?id={ids['connectionToken']}"
        async with running.connected(target, handshake=None) as client:
            await client.send({"protocol": "json", "version": 2})
            assert await client.receive() == {}
            overload(running)
            assert (await running.upgrade(target)).status == 101


class Work:
    """What connections make the loop do: a fifth of a second each, in every turn that the wheel looks at."""

    def __init__(self, running: Running) -> None:
        self.wheel_slot = -1
        self.rounds = 0
        self._hubs = running.hubs
        self._turn_time = 0.0
        self._hubs.wheel._turn_time = lambda: self._turn_time  # what real work would do to real time
        self._hubs.wheel.schedule(self, 0.0)

    def tick(self, now: float) -> None:
        asyncio.get_running_loop().call_soon(self._do)
        self._hubs.wheel.schedule(self, now)

    async def until_round(self, number: int) -> None:
        """Return when the wheel has been told about so many."""
        await until(lambda: self.rounds >= number)
        await asyncio.sleep(0)

    def _do(self) -> None:
        self._turn_time += 0.2 * self._hubs.connection_count
        self.rounds += 1


async def test_twice_as_many_newcomers_as_the_loop_can_serve_are_refused_until_others_leave(serve: Serve) -> None:
    async with serve() as running, AsyncExitStack() as stack:
        work = Work(running)
        clients: list[Client] = []
        refused: list[int] = []
        for round_ in range(6):
            for _ in range(2):
                try:
                    clients.append(await stack.enter_async_context(running.connected()))
                except InvalidStatus as error:
                    refused.append(error.response.status_code)
            for client in clients:
                assert await calls_are_answered(client)
            running.clock.advance(TICK_SECONDS)
            await work.until_round(round_ + 1)
        # With the fourth the loop was late for the first time, with the sixth for the second.
        assert (len(clients), refused) == (6, [503] * 6)
        for client in clients[1:]:
            await client.socket.close()
        await until(lambda: running.hubs.connection_count == 1)
        running.clock.advance(TICK_SECONDS)
        await work.until_round(7)
        async with running.connected() as late:
            assert await calls_are_answered(late)
        assert await calls_are_answered(clients[0])
