"""Bodies of many requests as one stream: order, back-pressure, the end in the middle."""

from __future__ import annotations

import asyncio

from hubwire.testing import FakeClock
from hubwire.transports.backlog import HIGH_WATER_BYTES
from hubwire.transports.posted_input import Posted

from .asgi_doubles import GONE, SILENCE_SECONDS, Alarm, Listener, Server, posted_input, turns


def part(body: bytes, *, more: bool = False) -> dict[str, object]:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_bodies_are_handed_over_whole_and_one_after_the_other() -> None:
    posted, listener = posted_input(), Listener()
    posted.attach(listener)
    first, second = Server(part(b"a", more=True)), Server(part(b"x", more=True), part(b"y"))
    tasks = [asyncio.create_task(posted.take(each.receive)) for each in (first, second)]
    await turns()
    assert listener.events == [b"a"]  # the second waits for the first, which is not complete
    first.incoming.put_nowait(part(b"b"))
    assert [await task for task in tasks] == [Posted.TAKEN, Posted.TAKEN]
    assert listener.events == [b"a", b"b", b"x", b"y"]


async def test_a_large_body_is_handed_over_in_slices_with_turns_between() -> None:
    posted, listener = posted_input(), Listener()
    posted.attach(listener)
    task = asyncio.create_task(posted.take(Server(part(b"x" * 100_000)).receive))
    await turns(2)
    assert 1 <= len(listener.events) < 4
    assert await task is Posted.TAKEN
    assert b"".join(each for each in listener.events if isinstance(each, bytes)) == b"x" * 100_000
    assert all(isinstance(each, bytes) and len(each) <= 16 * 1024 for each in listener.events)


async def test_a_held_input_keeps_the_request_waiting_even_behind_its_last_byte() -> None:
    posted, listener = posted_input(), Listener()
    posted.attach(listener)
    posted.hold()
    task = asyncio.create_task(posted.take(Server(part(b"x")).receive))
    await turns()
    assert (listener.events, task.done()) == ([], False)
    posted.release()
    assert await task is Posted.TAKEN

    class Full(Listener):
        def feed(self, data: bytes) -> None:
            super().feed(data)
            other.hold()

    other, full = posted_input(), Full()
    other.attach(full)
    task = asyncio.create_task(other.take(Server(part(b"y")).receive))
    await turns()
    assert (full.events, task.done()) == ([b"y"], False)
    other.release()
    assert await task is Posted.TAKEN


async def test_early_bodies_wait_up_to_a_bound_and_come_first() -> None:
    posted, listener = posted_input(), Listener()
    assert await posted.take(Server(part(b"early")).receive) is Posted.TAKEN
    large = Server(part(b"x" * HIGH_WATER_BYTES, more=True), part(b"y" * HIGH_WATER_BYTES), part(b"never read"))
    task = asyncio.create_task(posted.take(large.receive))
    await turns(50)
    assert not task.done()
    assert large.incoming.qsize() == 2  # what is more than the bound is not even read
    posted.attach(listener)
    assert await task is Posted.TAKEN
    data = b"".join(each for each in listener.events if isinstance(each, bytes))
    assert data == b"early" + b"x" * HIGH_WATER_BYTES + b"y" * HIGH_WATER_BYTES


async def test_a_client_that_leaves_in_the_middle_breaks_its_body_and_not_the_next() -> None:
    posted, listener = posted_input(), Listener()
    posted.attach(listener)
    assert await posted.take(Server(part(b"a", more=True), GONE).receive) is Posted.BROKEN
    assert await posted.take(Server(part(b"b")).receive) is Posted.TAKEN
    assert listener.events == [b"a", b"b"]


async def test_a_body_that_brings_nothing_for_too_long_gives_its_turn_up() -> None:
    clock, alarm, listener = FakeClock(), Alarm(), Listener()
    posted = posted_input(clock, alarm)
    posted.attach(listener)
    silent = Server(part(b"a", more=True))
    first, second = (asyncio.create_task(posted.take(each.receive)) for each in (silent, Server(part(b"x"))))
    await turns()
    clock.advance(SILENCE_SECONDS - 1)
    silent.incoming.put_nowait(part(b"b", more=True))
    await turns()
    assert alarm.due == 2 * SILENCE_SECONDS - 1  # each piece has its own time
    alarm.ring(clock)
    assert [await first, await second] == [Posted.BROKEN, Posted.TAKEN]
    assert listener.events == [b"a", b"b", b"x"]
    assert alarm.due is None


async def test_a_held_body_is_given_its_time_when_it_is_wanted_again() -> None:
    alarm, listener = Alarm(), Listener()
    posted = posted_input(alarm=alarm)
    posted.attach(listener)
    posted.hold()
    task = asyncio.create_task(posted.take(Server(part(b"x" * 10)).receive))
    await turns()
    assert (alarm.due, task.done()) == (None, False)
    posted.release()
    assert await task is Posted.TAKEN


async def test_the_end_of_the_connection_ends_a_body_of_which_more_is_to_come() -> None:
    alarm = Alarm()
    posted = posted_input(alarm=alarm)
    tasks = [
        asyncio.create_task(posted.take(server.receive))
        for server in (Server(part(b"x", more=True)), Server(part(b"y", more=True)))
    ]
    await turns()
    posted.end()
    assert [await task for task in tasks] == [Posted.ENDED, Posted.ENDED]
    assert alarm.due is None


async def test_the_end_of_the_connection_ends_all_that_wait_and_all_that_come() -> None:
    for begin in (True, False):
        posted, listener = posted_input(), Listener()
        if begin:
            posted.attach(listener)
            posted.hold()
        tasks = [
            asyncio.create_task(posted.take(Server(part(b"x" * 100_000, more=True)).receive)),
            asyncio.create_task(posted.take(Server(part(b"y")).receive)),
        ]
        await turns(50)
        posted.end()
        assert [await task for task in tasks] == [Posted.ENDED, Posted.ENDED]
        assert await posted.take(Server(part(b"z")).receive) is Posted.ENDED
        assert listener.events == []
        posted.attach(listener)
        assert listener.events == []


async def test_a_body_that_ends_the_connection_with_its_last_byte_was_taken() -> None:
    class Ending(Listener):
        def feed(self, data: bytes) -> None:
            super().feed(data)
            posted.end()

    posted, listener = posted_input(), Ending()
    posted.attach(listener)
    assert await posted.take(Server(part(b"good-bye")).receive) is Posted.TAKEN
    assert listener.events == [b"good-bye"]
