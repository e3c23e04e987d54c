"""Polls against a server that waits, fails or loses its client at the worst moment; the rest stands in tests/server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hubwire.testing import FakeClock
from hubwire.transports.asgi import Exchange
from hubwire.transports.backlog import HIGH_WATER_BYTES
from hubwire.transports.long_polling import LongPollingTransport

from .asgi_doubles import GONE, REQUEST, Alarm, Listener, Server, posted_input, turns

POLL_SECONDS = 90.0
IDLE_SECONDS = 15.0


class Polled:
    """A connection that has had its first poll."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.alarm = Alarm()
        self.listener = Listener()
        self.times_over = 0
        self.transport = LongPollingTransport(
            posted_input(), self.clock, self.alarm, POLL_SECONDS, IDLE_SECONDS, self.over
        )

    def over(self) -> None:
        self.times_over += 1

    def begin(self) -> tuple[Server, asyncio.Task[None]]:
        server = Server(REQUEST)
        exchange = Exchange(server.receive, server.send, server.abort)
        return server, asyncio.create_task(self.transport.begin(self.listener, exchange))

    def poll(self) -> tuple[Server, asyncio.Task[None]]:
        server = Server(REQUEST)
        exchange = Exchange(server.receive, server.send, server.abort)
        return server, asyncio.create_task(self.transport.poll(exchange))

    def ring(self) -> None:
        """Let the time come that was asked for."""
        self.alarm.ring(self.clock)


async def opened() -> Polled:
    polled = Polled()
    server, task = polled.begin()
    await task
    assert (server.status, server.body, server.content_type) == (200, b"", b"application/octet-stream")
    assert polled.alarm.due == IDLE_SECONDS
    return polled


async def test_of_two_polls_that_wait_for_the_same_place_one_gets_409() -> None:
    polled = await opened()
    first, _ = polled.poll()
    await turns()
    (second, second_task), (third, third_task) = polled.poll(), polled.poll()
    await turns(20)
    assert (first.status, second.status, third.status) == (204, None, 409)
    assert third_task.done()
    polled.transport.write(b"x")
    await second_task
    assert (second.status, second.body) == (200, b"x")


async def test_a_poll_that_is_being_answered_is_waited_for_and_not_cut() -> None:
    polled = await opened()
    first, first_task = polled.poll()
    await turns()
    first.may_send.clear()
    polled.transport.write(b"1")
    await turns()
    second, second_task = polled.poll()
    polled.transport.write(b"2")
    await turns()
    assert (first.status, second.status) == (None, None)
    first.may_send.set()
    await first_task
    await second_task
    assert (first.status, first.body, second.status, second.body) == (200, b"1", 200, b"2")


async def test_data_for_a_poll_that_is_being_replaced_goes_to_the_new_one() -> None:
    polled = await opened()
    first, first_task = polled.poll()
    await turns()
    second, second_task = polled.poll()
    await asyncio.sleep(0)
    polled.transport.write(b"x")
    await first_task
    await second_task
    assert (first.status, second.status, second.body) == (204, 200, b"x")


async def test_what_a_client_that_leaves_has_not_been_sent_is_kept() -> None:
    polled = await opened()
    first, first_task = polled.poll()
    await turns()
    first.incoming.put_nowait(GONE)
    polled.transport.write(b"in the same turn")
    await first_task
    assert first.sent == []
    polled.transport.write(b" and later")
    second, second_task = polled.poll()
    await second_task
    assert second.body == b"in the same turn and later"


async def test_what_waits_is_kept_from_a_poll_whose_client_has_left_before_its_turn() -> None:
    polled = await opened()
    polled.transport.write(b"x")
    server, task = polled.poll()  # as when it had to wait for its token to be checked
    server.incoming.put_nowait(GONE)
    await task
    assert server.sent == []
    server, task = polled.poll()
    await task
    assert server.body == b"x"


async def test_so_is_the_end() -> None:
    polled = await opened()
    polled.transport.close(1000)
    server, task = polled.poll()
    server.incoming.put_nowait(GONE)
    await task
    assert (server.sent, polled.times_over) == ([], 0)
    server, task = polled.poll()
    await task
    await turns()
    assert (server.status, polled.times_over) == (204, 1)


async def test_a_server_that_tells_by_an_error_that_the_client_left_loses_nothing_either() -> None:
    polled = await opened()
    first, first_task = polled.poll()
    await turns()
    first.failure = OSError()
    polled.transport.write(b"x")
    await first_task
    second, second_task = polled.poll()
    await second_task
    assert second.body == b"x"
    assert polled.transport._unsent.unsent_bytes == 0


async def test_a_server_whose_receive_fails_is_a_client_that_left() -> None:
    polled = await opened()

    async def fail() -> dict[str, object]:
        raise OSError

    server = Server()
    await polled.transport.poll(Exchange(fail, server.send))
    assert server.sent == []
    assert polled.alarm.due == IDLE_SECONDS


async def test_a_client_that_does_not_read_its_answer_is_paused_for_and_can_be_cut() -> None:
    polled = await opened()
    first, first_task = polled.poll()
    await turns()
    first.may_send.clear()
    polled.transport.write(b"x")
    await turns()
    # The head of an answer waits for the reader of the one before it: nothing is on its way yet.
    assert polled.listener.events == ["pause"]
    waiting, waiting_task = polled.poll()
    await turns()
    polled.transport.abort()
    await waiting_task
    assert waiting.status == 204
    assert first.times_aborted == 1
    await turns()
    assert polled.listener.events == ["pause", ConnectionResetError]
    assert (polled.listener.times_gone, polled.times_over, polled.alarm.due) == (1, 1, None)
    first.may_send.set()
    await first_task
    assert (polled.times_over, polled.alarm.due) == (1, None)


class WaitingBefore(Server):
    """As uvicorn: takes any data at once, and lets the next send wait until the client has taken that."""

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message.get("body"):
            self.may_send.clear()


async def test_an_answer_is_not_over_before_its_client_has_taken_it() -> None:
    polled = await opened()
    server = WaitingBefore(REQUEST)
    polled.transport.write(b"x")
    answering = asyncio.create_task(polled.transport.poll(Exchange(server.receive, server.send, server.abort)))
    await turns()
    assert (server.body, answering.done()) == (b"x", False)
    assert polled.listener.events == ["pause"]
    server.may_send.set()
    await answering
    assert polled.listener.events == ["pause", "resume"]
    assert (server.body, server.sent[-1]["more_body"]) == (b"x", False)
    assert polled.alarm.due == polled.clock.monotonic() + IDLE_SECONDS


async def test_a_client_that_does_not_read_its_first_answer_can_be_cut_too() -> None:
    polled = Polled()
    first, first_task = polled.begin()
    first.may_send.clear()
    await turns()
    assert polled.listener.events == ["pause"]
    waiting, waiting_task = polled.poll()
    await turns()
    polled.transport.abort()
    await waiting_task
    assert (waiting.status, first.times_aborted, polled.times_over) == (204, 1, 1)
    first.may_send.set()
    await first_task
    assert polled.alarm.due is None


async def test_last_words_that_are_polled_and_not_read_are_dropped_after_the_idle_time() -> None:
    polled = await opened()
    server, task = polled.poll()
    await turns()
    server.may_send.clear()
    polled.transport.write(b"last")
    polled.transport.close(1000)
    await turns()
    assert polled.listener.times_gone == 1  # nobody else watches the time any more
    assert polled.alarm.due == IDLE_SECONDS
    polled.ring()
    await turns()
    assert (server.times_aborted, polled.times_over) == (1, 1)
    server.may_send.set()
    await task
    assert polled.times_over == 1


async def test_the_end_of_a_polls_time_does_not_cut_the_answer_that_has_begun() -> None:
    polled = await opened()
    server, task = polled.poll()
    await turns()
    polled.clock.advance(POLL_SECONDS - 0.1)
    server.may_send.clear()
    polled.transport.write(b"x")
    await turns()
    assert polled.alarm.due == POLL_SECONDS - 0.1 + IDLE_SECONDS
    server.may_send.set()
    await task
    assert (server.status, server.body) == (200, b"x")


async def test_an_input_that_fails_when_it_is_joined_does_not_block_later_polls() -> None:
    class Failing(Listener):
        def feed(self, data: bytes) -> None:
            raise ValueError("on purpose")

    polled = Polled()
    polled.listener = Failing()
    await polled.transport.input.take(Server(REQUEST | {"body": b"early"}).receive)
    _, task = polled.begin()
    with pytest.raises(ValueError, match="on purpose"):
        await task
    assert not polled.transport.is_polled
    assert polled.alarm.due == IDLE_SECONDS


async def test_more_than_the_high_water_pauses_writers_until_it_is_polled() -> None:
    polled = await opened()
    polled.transport.write(b"x" * HIGH_WATER_BYTES)
    assert polled.listener.events == []
    polled.transport.write(b"y")
    assert polled.listener.events == ["pause"]
    server, task = polled.poll()
    await task
    assert server.body == b"x" * HIGH_WATER_BYTES + b"y"
    assert polled.listener.events == ["pause", "resume"]


async def test_a_poll_without_data_ends_after_its_time_and_the_idle_time_begins() -> None:
    polled = await opened()
    server, task = polled.poll()
    await turns()
    assert polled.alarm.due == POLL_SECONDS
    polled.ring()
    await task
    assert (server.status, server.body, server.content_type) == (200, b"", b"text/plain")
    assert polled.alarm.due == POLL_SECONDS + IDLE_SECONDS
    polled.ring()
    await turns()
    assert polled.listener.events == [ConnectionResetError]
    assert polled.times_over == 1


async def test_data_that_comes_with_the_end_of_a_polls_time_is_delivered() -> None:
    polled = await opened()
    server, task = polled.poll()
    await turns()
    polled.ring()
    polled.transport.write(b"x")
    await task
    assert (server.status, server.body) == (200, b"x")


async def test_the_last_data_comes_before_the_204() -> None:
    polled = await opened()
    polled.transport.write(b"last")
    polled.transport.close(1000)
    polled.transport.write(b"too late")
    await turns()
    assert polled.listener.events == ["lost"]  # the connection is over, its last words are not
    assert (polled.listener.times_gone, polled.times_over) == (1, 0)
    server, task = polled.poll()
    await task
    assert (server.status, server.body, polled.times_over) == (200, b"last", 0)
    server, task = polled.poll()
    await task
    await turns()
    assert (server.status, polled.times_over) == (204, 1)
    assert polled.listener.events == ["lost"]
    assert polled.alarm.due is None


async def test_last_words_that_nobody_polls_are_dropped_after_the_idle_time() -> None:
    polled = await opened()
    polled.transport.write(b"last")
    polled.transport.close(1000)
    polled.ring()
    await turns()
    assert polled.times_over == 1
    assert polled.listener.events == ["lost"]
    server, task = polled.poll()
    await task
    assert server.status == 204


@pytest.mark.parametrize(("code", "status"), [(1000, 204), (1011, 500)])
async def test_a_poll_in_which_the_application_ends_tells_how(code: int, status: int) -> None:
    polled = await opened()
    server, task = polled.poll()
    await turns()
    polled.transport.close(code)
    await task
    assert (server.status, server.body) == (status, b"")
    await turns()
    assert polled.times_over == 1


async def test_a_failure_that_was_put_into_words_is_told_by_them() -> None:
    polled = await opened()
    server, task = polled.poll()
    await turns()
    polled.transport.write(b"sorry")
    polled.transport.close(1011)
    await task
    assert (server.status, server.body) == (200, b"sorry")
    server, task = polled.poll()
    await task
    assert server.status == 204


async def test_terminating_ends_the_poll_drops_the_rest_and_is_a_proper_end() -> None:
    polled = await opened()
    server, task = polled.poll()
    await turns()
    polled.transport.terminate()
    polled.transport.terminate()
    await task
    await turns()
    assert server.status == 204
    assert polled.listener.events == ["lost"]
    assert (polled.listener.times_gone, polled.times_over) == (1, 1)


async def test_a_terminated_client_that_left_its_poll_before_is_no_obstacle() -> None:
    polled = await opened()
    server, task = polled.poll()
    await turns()
    server.incoming.put_nowait(GONE)
    await task
    assert server.sent == []
    polled.transport.write(b"dropped")
    polled.transport.terminate()
    await turns()
    assert polled.times_over == 1
