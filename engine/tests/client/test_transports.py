"""Each transport by itself against a server that does what it should not, or just so."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import web

from hubwire.client import TransportFailed
from hubwire.client.credentials import Credentials
from hubwire.client.http import HttpClient
from hubwire.client.long_polling import LongPollingTransport
from hubwire.client.sse import ServerSentEventsTransport
from hubwire.client.transport import Transport
from hubwire.client.websocket import WebSocketTransport
from hubwire.testing import FakeClock

from .conftest import TIMEOUT_SECONDS, until
from .fake_server import EventStream, FakeServer, silence


@pytest.fixture
async def http(clock: FakeClock) -> AsyncIterator[HttpClient]:
    client = HttpClient(Credentials(None), {}, True, 50.0, clock)
    yield client
    await client.close()


async def received(transport: Transport) -> bytes | None:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        return await transport.receive()


KINDS: list[Callable[[HttpClient, int | None], Transport]] = [
    WebSocketTransport,
    ServerSentEventsTransport,
    LongPollingTransport,
]


@pytest.mark.parametrize("kind", KINDS)
async def test_one_that_was_never_opened_can_be_ended(
    http: HttpClient, kind: Callable[[HttpClient, int | None], Transport]
) -> None:
    transport = kind(http, None)
    with pytest.raises(TransportFailed):
        await transport.send(b"x", False)
    await transport.close()
    await transport.abort()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ending", ["close", "abort"])
async def test_an_end_wakes_who_waits_for_data(
    http: HttpClient, fake: FakeServer, kind: Callable[[HttpClient, int | None], Transport], ending: str
) -> None:
    if kind is ServerSentEventsTransport:
        fake.gets.append(EventStream())
    elif kind is LongPollingTransport:
        fake.gets.append(web.Response())
    transport = kind(http, None)
    await transport.open(f"{fake.url}?id=1")
    waiting = asyncio.ensure_future(transport.receive())
    await asyncio.sleep(0.01)  # whether it waits for a head or a body cannot be told from here; both must do
    await getattr(transport, ending)()
    async with asyncio.timeout(TIMEOUT_SECONDS):
        try:
            assert await waiting is None
        except TransportFailed:
            assert ending == "abort"


# WebSockets


async def test_frames_of_both_kinds_are_one_stream_of_bytes(http: HttpClient, fake: FakeServer) -> None:
    transport = WebSocketTransport(http, None)
    await transport.open(fake.url)
    socket = await fake.socket()
    await socket.send_text("ü")
    await socket.send_bytes(b"\x00\xff")
    assert [await received(transport), await received(transport)] == ["ü".encode(), b"\x00\xff"]
    await transport.send(b'{"type":6}\x1e', False)
    assert await socket.receive() == {"type": 6}
    await transport.close()
    assert await socket.closed() == 1000


async def test_the_end_of_a_socket_is_told_apart(http: HttpClient, fake: FakeServer) -> None:
    transport = WebSocketTransport(http, None)
    await transport.open(fake.url)
    await (await fake.socket()).close(1000)
    assert await received(transport) is None
    await transport.abort()
    await transport.open(fake.url)
    await (await fake.socket()).close(1011)
    with pytest.raises(TransportFailed, match=r"closed with status code: 1011 \(no reason given\)"):
        await received(transport)
    await transport.abort()
    await transport.open(fake.url)
    (await fake.socket()).drop()
    with pytest.raises(TransportFailed, match="lost"):
        await received(transport)
    with pytest.raises(TransportFailed):
        await transport.send(b"x", False)
    await transport.abort()


async def test_a_frame_over_the_limit_ends_the_socket(http: HttpClient, fake: FakeServer) -> None:
    transport = WebSocketTransport(http, 1)
    await transport.open(fake.url)
    socket = await fake.socket()
    sending = asyncio.ensure_future(socket.send_bytes(b"x" * (4 * 1024 * 1024 + 1)))
    with pytest.raises(TransportFailed, match="size"):
        await received(transport)
    await transport.abort()
    await asyncio.gather(sending, return_exceptions=True)


async def test_a_server_that_does_not_answer_a_close_frame_is_left(
    http: HttpClient, fake: FakeServer, clock: FakeClock
) -> None:
    transport = WebSocketTransport(http, None)
    await transport.open(fake.url)
    socket = await fake.socket()
    socket.stop_reading()
    closing = asyncio.ensure_future(transport.close())
    await clock.until_sleeping()
    clock.advance(5)
    await closing


# Server-Sent Events


async def test_events_come_one_by_one_and_what_is_sent_is_posted(http: HttpClient, fake: FakeServer) -> None:
    stream = EventStream()
    fake.gets.append(stream)
    transport = ServerSentEventsTransport(http, None)
    await transport.open(f"{fake.url}?id=1")
    assert fake.asked("GET")[0].headers["Accept"] == "text/event-stream"
    stream.send(b":\r\n\r\ndata: a\r\n\r\ndata: b\r\n\r\nda")
    assert [await received(transport), await received(transport)] == [b"a", b"b"]
    stream.send(b"ta: c\r\n\r\n")
    assert await received(transport) == b"c"
    await transport.send(b"out", False)
    assert await fake.posted.get() == b"out"
    assert fake.asked("POST")[0].query["id"] == "1"
    stream.end()
    assert await received(transport) is None
    await transport.close()


async def test_an_event_stream_that_breaks_off_is_lost(http: HttpClient, fake: FakeServer) -> None:
    stream = EventStream()
    fake.gets.append(stream)
    transport = ServerSentEventsTransport(http, None)
    await transport.open(fake.url)
    request = fake.asked("GET")[0]
    assert request.transport is not None
    request.transport.abort()
    with pytest.raises(TransportFailed):
        await received(transport)
    await transport.close()


async def test_an_event_over_the_limit_ends_the_stream(http: HttpClient, fake: FakeServer) -> None:
    stream = EventStream()
    fake.gets.append(stream)
    transport = ServerSentEventsTransport(http, 100)
    await transport.open(fake.url)
    stream.send(b"data: " + b"x" * 200)
    with pytest.raises(TransportFailed, match="too large"):
        await received(transport)
    await transport.close()
    stream.end()


@pytest.mark.parametrize(
    "answer", [web.Response(status=404), web.Response(text="hello"), web.Response(status=204), web.Response(status=409)]
)
async def test_what_is_no_event_stream_is_refused(http: HttpClient, fake: FakeServer, answer: web.Response) -> None:
    fake.gets.append(answer)
    with pytest.raises(TransportFailed, match=str(answer.status)) as caught:
        await ServerSentEventsTransport(http, None).open(fake.url)
    assert caught.value.status == answer.status


# Long polling


async def test_polls_follow_each_other_until_204(http: HttpClient, fake: FakeServer) -> None:
    fake.gets += [web.Response(), web.Response(body=b"a"), web.Response(), web.Response(body=b"b")]
    fake.gets.append(web.Response(status=204))
    transport = LongPollingTransport(http, None)
    await transport.open(f"{fake.url}?id=1")
    assert [await received(transport) for _ in range(3)] == [b"a", b"b", None]
    polls = fake.asked("GET")
    assert len(polls) == 5
    assert {request.query["id"] for request in polls} == {"1"}
    assert all("_" in request.query for request in polls)
    await transport.close()
    assert not fake.deleted.is_set()


async def test_a_poll_that_nobody_answers_is_made_again(http: HttpClient, fake: FakeServer, clock: FakeClock) -> None:
    fake.gets += [web.Response(), silence, web.Response(body=b"a")]
    transport = LongPollingTransport(http, None)
    await transport.open(fake.url)
    waiting = asyncio.ensure_future(transport.receive())
    await until(lambda: len(fake.asked("GET")) == 2)
    clock.advance(99)
    await asyncio.sleep(0)
    assert not waiting.done()
    clock.advance(1)
    assert await waiting == b"a"
    await transport.close()
    assert fake.deleted.is_set()


@pytest.mark.parametrize("status", [201, 400, 404, 500])
async def test_a_poll_that_is_refused_loses_the_connection(http: HttpClient, fake: FakeServer, status: int) -> None:
    fake.gets += [web.Response(), web.Response(status=status)]
    transport = LongPollingTransport(http, None)
    await transport.open(fake.url)
    with pytest.raises(TransportFailed, match=str(status)) as caught:
        await received(transport)
    assert caught.value.status == status
    assert await received(transport) is None
    await transport.close()


async def test_a_first_poll_that_is_refused_opens_nothing(http: HttpClient, fake: FakeServer) -> None:
    fake.gets.append(web.Response(status=404))
    with pytest.raises(TransportFailed, match="404"):
        await LongPollingTransport(http, None).open(fake.url)


async def test_a_poll_that_breaks_off_twice_loses_the_connection(http: HttpClient, fake: FakeServer) -> None:
    fake.gets += [web.Response(), silence, silence]
    transport = LongPollingTransport(http, None)
    await transport.open(fake.url)
    waiting = asyncio.ensure_future(transport.receive())
    for count in (2, 3):  # once it may have been an idle connection that the server had just given up
        await until(functools.partial(lambda expected: len(fake.asked("GET")) == expected, count))
        request = fake.asked("GET")[-1]
        assert request.transport is not None
        request.transport.abort()
    with pytest.raises(TransportFailed):
        await waiting
    await transport.close()


async def test_a_server_that_does_not_answer_a_delete_is_left(
    http: HttpClient, fake: FakeServer, clock: FakeClock
) -> None:
    fake.gets.append(web.Response())
    fake.answers_deletes = False
    transport = LongPollingTransport(http, None)
    await transport.open(fake.url)
    closing = asyncio.ensure_future(transport.close())
    await fake.deleted.wait()
    clock.advance(5)
    await closing


# Posting


async def test_what_is_sent_during_a_post_goes_with_the_next(http: HttpClient, fake: FakeServer) -> None:
    fake.gets.append(web.Response())
    transport = LongPollingTransport(http, None)
    await transport.open(fake.url)
    sends = [asyncio.ensure_future(transport.send(str(number).encode(), False)) for number in range(20)]
    await asyncio.gather(*sends)
    bodies = [fake.posted.get_nowait() for _ in range(fake.posted.qsize())]
    assert b"".join(bodies) == b"".join(str(number).encode() for number in range(20))
    assert len(bodies) < 20
    await transport.close()


async def test_a_post_goes_on_without_the_one_who_gave_up(http: HttpClient, fake: FakeServer) -> None:
    fake.gets.append(web.Response())
    transport = LongPollingTransport(http, None)
    await transport.open(fake.url)
    first = asyncio.ensure_future(transport.send(b"a", False))
    second = asyncio.ensure_future(transport.send(b"b", False))
    await asyncio.sleep(0)
    first.cancel()
    await second
    assert b"".join(fake.posted.get_nowait() for _ in range(fake.posted.qsize())) == b"ab"
    await transport.close()


@pytest.mark.parametrize("is_answered", [True, False])
async def test_a_post_that_fails_fails_all_that_wait_behind_it(
    http: HttpClient, fake: FakeServer, clock: FakeClock, is_answered: bool
) -> None:
    fake.gets.append(web.Response())
    fake.posts.append(web.Response(status=404) if is_answered else silence)
    transport = LongPollingTransport(http, None)
    await transport.open(fake.url)
    first = asyncio.ensure_future(transport.send(b"a", False))
    await until(lambda: fake.asked("POST"))
    second = asyncio.ensure_future(transport.send(b"b", False))
    await asyncio.sleep(0)
    if not is_answered:
        clock.advance(50)
    for send in (first, second):
        with pytest.raises(TransportFailed, match="sending failed"):
            await send
    assert len(fake.asked("POST")) == 1
    await transport.close()


async def test_an_end_fails_the_post_that_is_under_way(http: HttpClient, fake: FakeServer) -> None:
    fake.gets.append(web.Response())
    fake.posts.append(silence)
    transport = LongPollingTransport(http, None)
    await transport.open(fake.url)
    sending = asyncio.ensure_future(transport.send(b"a", False))
    await until(lambda: fake.asked("POST"))
    await transport.close()
    with pytest.raises(TransportFailed, match="closed"):
        await sending
    with pytest.raises(TransportFailed):
        await transport.send(b"b", False)


async def test_an_answer_without_an_end_is_read_up_to_a_limit(http: HttpClient, fake: FakeServer) -> None:
    stream = EventStream()
    stream.send(b"x" * 5000)
    fake.posts.append(stream)
    response = await http.request("POST", fake.url, body=b"", limit_bytes=1000)
    assert len(response.body) == 1000
    stream.end()


async def test_addresses_reach_the_server_as_they_are(http: HttpClient, fake: FakeServer) -> None:
    await http.request("POST", f"{fake.url}?a=%2B%20b&id=x%3D", limit_bytes=0)
    assert fake.requests[0].raw_path == "/hub?a=%2B%20b&id=x%3D"
