"""The plain lane against ASGI servers that misbehave; what it does on a real one stands in tests/server."""

from __future__ import annotations

import asyncio

import pytest

from hubwire.transports.asgi_websocket import AsgiWebSocketTransport, denial

from .asgi_doubles import Listener, Server, turns

DISCONNECT = {"type": "websocket.disconnect", "code": 1000}


async def test_text_and_bytes_are_one_stream() -> None:
    server = Server(
        {"type": "websocket.receive", "text": "ü"},
        {"type": "websocket.receive", "bytes": b"b", "text": None},
        DISCONNECT,
    )
    listener = Listener()
    await AsgiWebSocketTransport(server.receive, server.send).run(listener)
    assert listener.events[:3] == ["ü".encode(), b"b", "lost"]
    assert server.sent == [{"type": "websocket.accept"}]


@pytest.mark.parametrize(
    ("told", "event"),
    [
        ({"code": 1000}, "lost"),
        ({"code": 1005, "reason": ""}, "lost"),  # a close frame without a code, under uvicorn
        ({"code": 1005}, ConnectionResetError),  # no close frame, under uvicorn
        ({"code": 1006}, ConnectionResetError),
        ({}, ConnectionResetError),
    ],
)
async def test_the_server_tells_whether_the_end_was_proper(told: dict[str, object], event: object) -> None:
    server = Server({"type": "websocket.disconnect", **told})
    listener = Listener()
    await AsgiWebSocketTransport(server.receive, server.send).run(listener)
    assert listener.events[0] == event


async def test_a_send_that_fails_is_the_end() -> None:
    server, listener = Server(), Listener()
    transport = AsgiWebSocketTransport(server.receive, server.send)
    running = asyncio.create_task(transport.run(listener))
    await server.sent_something.wait()
    server.failure = OSError()
    transport.write(b"x")
    await running
    assert listener.events[0] is OSError
    assert listener.times_gone == 1


async def test_an_accept_that_fails_is_the_end_too() -> None:
    server, listener = Server(), Listener()
    server.failure = OSError()
    with pytest.raises(OSError):  # noqa: PT011 - the server's own error goes back to it
        await AsgiWebSocketTransport(server.receive, server.send).run(listener)
    assert listener.events == [ConnectionResetError]


async def test_a_slow_server_pauses_writers_and_close_comes_last() -> None:
    server, listener = Server(), Listener()
    transport = AsgiWebSocketTransport(server.receive, server.send)
    transport.is_binary = True
    running = asyncio.create_task(transport.run(listener))
    await server.sent_something.wait()
    server.may_send.clear()
    for _ in range(5):
        transport.write(b"x" * 20_000)
    assert listener.events == ["pause"]
    transport.close(1000)
    transport.write(b"too late")
    server.may_send.set()
    while server.sent[-1]["type"] != "websocket.close":
        server.sent_something.clear()
        await server.sent_something.wait()
    assert listener.events == ["pause", "resume"]
    assert server.sent[1:] == [
        *[{"type": "websocket.send", "bytes": b"x" * 20_000}] * 5,
        {"type": "websocket.close", "code": 1000},
    ]
    server.incoming.put_nowait(DISCONNECT)
    await running


async def test_a_send_that_waits_pauses_writers_however_little_it_sends() -> None:
    server, listener = Server(), Listener()
    transport = AsgiWebSocketTransport(server.receive, server.send)
    running = asyncio.create_task(transport.run(listener))
    await server.sent_something.wait()
    await turns()
    transport.write(b"quick")
    await turns()
    assert listener.events == []
    server.may_send.clear()
    transport.write(b"x")
    await turns()
    assert listener.events == ["pause"]
    server.may_send.set()
    await turns()
    assert listener.events == ["pause", "resume"]
    server.incoming.put_nowait(DISCONNECT)
    await running


async def test_abort_ends_at_once_and_drops_what_waits() -> None:
    server, listener = Server(), Listener()
    transport = AsgiWebSocketTransport(server.receive, server.send)
    running = asyncio.create_task(transport.run(listener))
    await server.sent_something.wait()
    server.may_send.clear()
    transport.write(b"never sent")
    transport.abort()
    await running
    assert listener.events == [ConnectionResetError]
    assert len(server.sent) == 1


async def test_a_paused_reader_is_not_fed() -> None:
    server, listener = Server({"type": "websocket.receive", "text": "x"}, DISCONNECT), Listener()
    transport = AsgiWebSocketTransport(server.receive, server.send)
    transport.pause_reading()
    running = asyncio.create_task(transport.run(listener))
    await server.sent_something.wait()
    await asyncio.sleep(0)
    assert listener.events == []
    transport.resume_reading()
    await running
    assert listener.events[:2] == [b"x", "lost"]


async def test_a_large_message_is_worked_off_in_turns_with_the_others() -> None:
    server, listener = Server({"type": "websocket.receive", "bytes": b"x" * 100_000}, DISCONNECT), Listener()
    transport = AsgiWebSocketTransport(server.receive, server.send)
    running = asyncio.create_task(transport.run(listener))
    await server.sent_something.wait()
    await turns(2)
    assert 1 <= len(listener.events) < 4
    transport.pause_reading()
    await turns()
    fed = len(listener.events)
    assert fed < 5
    transport.resume_reading()
    await running
    *pieces, lost = listener.events[: listener.events.index("lost") + 1]
    assert (lost, len(pieces) > fed) == ("lost", True)
    assert b"".join(each for each in pieces if isinstance(each, bytes)) == b"x" * 100_000


async def test_a_server_without_denial_responses_is_told_to_close() -> None:
    server = Server()
    await denial(server.receive, server.send, None).answer(401)
    assert server.sent == [{"type": "websocket.close", "code": 1008}]
