"""Events as readers of the format see them; what the transport does on a socket stands in tests/server."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwire.transports.asgi import Exchange
from hubwire.transports.sse import ServerSentEventsTransport, event

from .asgi_doubles import GONE, REQUEST, Listener, Server, posted_input, turns


def read(stream: str) -> list[str]:
    """The data of each event, as the HTML standard reads them: CR, LF and CR LF all end a line."""
    found, data = [], None
    for line in stream.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        if line == "":
            if data is not None:
                found.append(data)
            data = None
        elif line.startswith("data:"):
            value = line.removeprefix("data:").removeprefix(" ")
            data = value if data is None else f"{data}\n{value}"
    return found


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        (b"{}\x1e", b"data: {}\x1e\r\n\r\n"),
        (b"a\nb", b"data: a\r\ndata: b\r\n\r\n"),
        (b"a\r\nb", b"data: a\r\ndata: b\r\n\r\n"),
        (b"a\n\nb\n", b"data: a\r\ndata: \r\ndata: b\r\ndata: \r\n\r\n"),
        (b"", b"data: \r\n\r\n"),
    ],
)
def test_an_event_has_a_line_of_data_for_each_line(text: bytes, encoded: bytes) -> None:
    assert event(text) == encoded


@given(st.lists(st.text(alphabet=st.sampled_from("ab: \r\n\x1eü\u2028"))))
def test_any_texts_are_read_as_they_were_but_for_their_line_ends(texts: list[str]) -> None:
    stream = b"".join(event(text.encode()) for text in texts).decode()
    assert read(stream) == [text.replace("\r\n", "\n").replace("\r", "\n") for text in texts]


class Open:
    """A transport whose answer has begun."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.listener = Listener()
        self.transport = ServerSentEventsTransport(Exchange(server.receive, server.send, server.abort), posted_input())
        self.running = asyncio.create_task(self.transport.run(self.listener))


async def opened() -> Open:
    events = Open(Server(REQUEST))
    await turns()
    assert events.server.body == b":\r\n"
    return events


async def test_what_waits_together_is_sent_together_an_event_for_each() -> None:
    events = await opened()
    events.transport.write(b"1")
    events.transport.write(b"2")
    await turns()
    assert events.server.sent[-1] == {
        "type": "http.response.body",
        "body": b"data: 1\r\n\r\ndata: 2\r\n\r\n",
        "more_body": True,
    }
    events.server.incoming.put_nowait(GONE)
    await events.running
    assert events.listener.events == ["lost", ConnectionResetError]
    assert events.listener.times_gone == 1


async def test_a_close_comes_behind_what_was_written_and_ends_the_answer() -> None:
    events = await opened()
    events.transport.write(b"1")
    events.transport.close(1000)
    events.transport.write(b"too late")
    await events.running
    assert events.server.body == b":\r\ndata: 1\r\n\r\n"
    assert events.server.sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
    assert events.listener.events[0] == "lost"
    assert events.server.times_aborted == 0
    assert events.transport.input.has_ended


async def test_a_send_that_waits_pauses_writers_and_abort_ends_it() -> None:
    events = await opened()
    events.server.may_send.clear()
    events.transport.write(b"never sent")
    await turns()
    assert events.listener.events == ["pause"]
    events.transport.abort()
    await events.running
    assert events.listener.events == ["pause", ConnectionResetError]
    assert events.server.times_aborted == 1
    assert events.server.body == b":\r\n"


async def test_a_send_that_fails_is_the_end() -> None:
    events = await opened()
    events.server.failure = OSError()
    events.transport.write(b"x")
    await events.running
    assert events.listener.events[0] is OSError


async def test_an_answer_that_cannot_even_begin_is_the_end_too() -> None:
    server = Server(REQUEST)
    server.failure = OSError()
    events = Open(server)
    with pytest.raises(OSError):  # noqa: PT011 - the server's own error goes back to it
        await events.running
    assert events.listener.events == [ConnectionResetError]
    assert events.transport.input.has_ended


async def test_what_was_posted_early_is_fed_once_the_answer_has_begun() -> None:
    server, posted = Server(REQUEST), posted_input()
    await posted.take(Server({"type": "http.request", "body": b"early"}).receive)
    server.may_send.clear()
    transport, listener = ServerSentEventsTransport(Exchange(server.receive, server.send), posted), Listener()
    running = asyncio.create_task(transport.run(listener))
    await turns()
    assert listener.events == []
    server.may_send.set()
    await turns()
    assert listener.events == [b"early"]
    server.incoming.put_nowait(GONE)
    await running
