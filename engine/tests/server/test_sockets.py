"""Accepted sockets are bounded on the fast lane's port: those that say nothing, and all together."""

from __future__ import annotations

import asyncio
import resource
import sys

import pytest

from hubwire import ServerOptions
from hubwire.server import sockets
from hubwire.server.sockets import Place, Sockets

from .conftest import TIMEOUT_SECONDS, Running, Serve, fast_lane_only, read_reply, until


class Silent:
    """A socket that says nothing."""

    def __init__(self) -> None:
        self.is_given_up = False

    def give_up(self) -> None:
        self.is_given_up = True


async def is_cut(reader: asyncio.StreamReader) -> bool:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        try:
            return await reader.read() == b""
        except ConnectionResetError:
            return True


def test_the_one_that_has_been_silent_longest_gives_its_place_up() -> None:
    silent = Sockets(ServerOptions(maximum_pending_sockets=2))
    one, two, three, four = (Silent() for _ in range(4))
    silent.wait(one)
    silent.wait(two)
    silent.leave(one)
    silent.wait(three)
    assert not two.is_given_up
    silent.wait(four)
    assert [each.is_given_up for each in (one, two, three, four)] == [False, True, False, False]


def test_above_the_limit_one_of_a_hundred_is_answered_and_the_rest_cut() -> None:
    few, many = Sockets(ServerOptions(maximum_sockets=1)), Sockets(ServerOptions(maximum_sockets=500))
    assert [few.place(range(count)) for count in (1, 2, 3)] == [Place.SERVED, Place.ANSWERED, Place.CUT]
    assert [many.place(range(count)) for count in (500, 501, 505, 506)] == [
        Place.SERVED,
        Place.ANSWERED,
        Place.ANSWERED,
        Place.CUT,
    ]


def test_what_is_passed_on_takes_the_place_of_a_socket() -> None:
    bounded = Sockets(ServerOptions(maximum_sockets=5))
    accepted, passed_on = set[int](), set[int]()
    bounded.count_passed_on(passed_on)
    accepted.update(range(3))
    assert bounded.place(accepted) is Place.SERVED
    passed_on.add(0)
    assert bounded.have_room()
    passed_on.add(1)
    assert not bounded.have_room()
    accepted.add(3)
    assert bounded.place(accepted) is Place.ANSWERED
    accepted.add(4)
    assert bounded.place(accepted) is Place.CUT
    passed_on.clear()
    assert bounded.place(accepted) is Place.SERVED
    assert not bounded.have_room()
    accepted.clear()
    assert bounded.have_room()


def test_without_an_option_most_descriptors_of_the_process_may_be_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1000, 4000))
    bounded = Sockets(ServerOptions())
    monkeypatch.setattr(resource, "getrlimit", lambda _: (2000, 4000))  # raised before the first socket came
    assert bounded.limit == 1900
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY,) * 2)
    assert sockets.descriptor_limit() == sys.maxsize
    assert bounded.limit == 1900


@pytest.mark.parametrize(("descriptors", "most"), [(64, 58), (1024, 924), (20_000, 19_600), (100_000, 98_000)])
def test_the_more_descriptors_the_smaller_the_share_that_is_kept(
    monkeypatch: pytest.MonkeyPatch, descriptors: int, most: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (descriptors, descriptors))
    assert Sockets(ServerOptions()).limit == most


async def accepted(running: Running, count: int) -> None:
    await until(lambda: len(running.server.server_state.connections) == count)


@fast_lane_only
async def test_silent_sockets_keep_nobody_out(serve: Serve) -> None:
    async with serve(ServerOptions(maximum_pending_sockets=2)) as running, running.connected() as client:
        streams = []
        for number in range(4):
            streams.append(await running.open())
            await accepted(running, min(number, 1) + 2)
        assert await is_cut(streams[0][0])
        assert await is_cut(streams[1][0])
        assert (await running.request("POST", "/sample/negotiate")).status == 200
        async with running.connected() as other:
            assert (await other.invoke("Echo", 1))["result"] == 1
        assert (await client.invoke("Echo", 2))["result"] == 2
        for _, writer in streams:
            writer.close()


@fast_lane_only
async def test_above_the_limit_requests_are_answered_with_503_and_more_sockets_are_cut(serve: Serve) -> None:
    async with serve(ServerOptions(maximum_sockets=2)) as running, running.connected() as client:
        served, writer = await running.open()
        await accepted(running, 2)
        answered, refused_writer = await running.open()
        await accepted(running, 3)
        cut, cut_writer = await running.open()
        assert await is_cut(cut)
        refused_writer.write(running.upgrade_head("/sample")[:-2])
        refused_writer.write(b"\r\n")
        async with asyncio.timeout(TIMEOUT_SECONDS):
            reply = await read_reply(answered)
        assert (reply.status, reply.phrase, reply.body) == (503, "Service Unavailable", b"Too many connections")
        assert 5 <= int(reply.headers["retry-after"]) <= 10
        assert await is_cut(answered)
        assert running.observer.refused == [503, 503]
        writer.write(running.head("POST", "/sample/negotiate", Content_Length="0"))
        async with asyncio.timeout(TIMEOUT_SECONDS):
            assert (await read_reply(served)).status == 200
        assert (await client.invoke("Echo", "still here"))["result"] == "still here"
        for each in (writer, refused_writer, cut_writer):
            each.close()


@fast_lane_only
async def test_a_socket_without_a_place_that_says_nothing_or_too_much_is_cut(serve: Serve) -> None:
    async with serve(ServerOptions(maximum_sockets=1)) as running:
        _, writer = await running.open()
        await accepted(running, 1)
        reader, chatty = await running.open()
        chatty.write(b"GET /sample HTTP/1.1\r\nX: " + b"x" * 70_000)
        assert await is_cut(reader)
        await accepted(running, 1)
        reader, silent = await running.open()
        await accepted(running, 2)
        running.clock.advance(15.5)
        assert await is_cut(reader)
        for each in (writer, chatty, silent):
            each.close()


@fast_lane_only
@pytest.mark.parametrize(
    ("method", "target", "is_refused_at_once"),
    [
        ("GET", "/sample", True),
        ("GET", "/Sample/?color=red", True),
        ("POST", "/sample/negotiate?negotiateVersion=1", True),
        ("GET", "/sample?id=one", False),
        ("GET", "/sample?ID=one", False),
        ("GET", "/sample?%69d=one", False),
        ("POST", "/sample?id=one", False),
        ("DELETE", "/sample?id=one", False),
        ("OPTIONS", "/sample/negotiate", False),
        ("GET", "/elsewhere", False),
        ("POST", "/elsewhere/negotiate", False),
    ],
)
async def test_under_overload_newcomers_are_refused_before_anything_is_taken_apart(
    serve: Serve, method: str, target: str, is_refused_at_once: bool
) -> None:
    async with serve() as running:
        running.hubs.endpoint.table.gate.lateness.note(1.0)
        running.hubs.endpoint.table.gate.lateness.note(1.0)
        for size in (10_000, 1) if method == "GET" else (10_000,):  # others go to uvicorn with their first bytes
            reader, writer = await running.open()
            head = running.head(method, target, Content_Length="0")
            for start in range(0, len(head), size):
                writer.write(head[start : start + size])
                await asyncio.sleep(0)
            async with asyncio.timeout(TIMEOUT_SECONDS):
                reply = await read_reply(reader)
            refused = (503, b"The server is overloaded", "close")
            assert ((reply.status, reply.body, reply.headers.get("connection")) == refused) is is_refused_at_once
            writer.close()
