"""Server-sent events (sheet 2.2): the bytes on the way."""

from __future__ import annotations

from compliance.checklist import shows
from compliance.raw.judge import Judge, call
from compliance.raw.peers import EventsPeer


@shows("events-headers")
async def test_the_answer_begins_at_once_and_asks_nobody_to_keep_it(judge: Judge) -> None:
    async with judge.opened("ServerSentEvents-json") as peer:  # `open` has read the comment that comes first
        assert isinstance(peer, EventsPeer)
        assert peer.head is not None
        headers = peer.head.headers
        assert headers["content-type"] == "text/event-stream"
        assert headers["cache-control"] == "no-cache,no-store"
        assert headers["pragma"] == "no-cache"
        assert headers["content-encoding"] == "identity"
        assert headers["x-accel-buffering"] == "no"
        assert "content-length" not in headers


@shows("events-accept")
async def test_the_media_type_is_found_among_others(judge: Judge) -> None:
    for accept in ("text/event-stream", "application/json, TEXT/Event-Stream;q=0.9, */*"):
        peer = judge.peer("ServerSentEvents-json", headers={"Accept": accept})
        await peer.negotiate()
        await peer.open()
        await peer.shake()


@shows("events-one-message-each")
async def test_each_message_is_an_event_of_its_own(judge: Judge) -> None:
    async with judge.connected("ServerSentEvents-json") as peer:  # `payload` insists on it
        await peer.send(*(call("SendToCaller", "Message", f"{number}\n\r\n{number}") for number in range(30)))
        for number in range(30):
            assert await peer.receive() == call("Message", f"{number}\n\r\n{number}")


@shows("events-lines")
async def test_lines_inside_of_data_become_lines_of_data(judge: Judge) -> None:
    peer = judge.peer("ServerSentEvents-json", "/echo")
    assert isinstance(peer, EventsPeer)
    await peer.negotiate()
    await peer.open()
    assert (await peer.post(b"one\ntwo\r\nthree\n\n\x1e")).status == 200
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        data += await peer.streams.chunk()
    assert data == b"data: one\r\ndata: two\r\ndata: three\r\ndata: \r\ndata: \x1e\r\n\r\n"


@shows("events-end")
async def test_the_server_ends_the_answer_properly(judge: Judge) -> None:
    async with judge.connected("ServerSentEvents-json") as peer:
        await peer.send({"type": 7})
        assert await peer.end() == [{"type": 7}]
        assert (await judge.request("POST", peer.target)).status == 404


@shows("events-post-before")
async def test_a_post_may_come_before_the_events_are_asked_for(judge: Judge) -> None:
    peer = judge.peer("ServerSentEvents-json")
    await peer.negotiate()
    await peer.send_bytes(peer.handshake())
    await peer.open()
    await peer.be_accepted()
    assert await peer.result("Echo", 1) == 1


@shows("app-finished", "app-raised")
async def test_the_answer_ends_with_the_application(judge: Judge) -> None:
    for word, last in ((b"return", b"last words"), (b"raise", None)):
        peer = judge.peer("ServerSentEvents-json", "/scripted")
        assert isinstance(peer, EventsPeer)
        await peer.negotiate()
        await peer.open()
        await peer.send_bytes(word)
        data = b""
        while chunk := await peer.streams.chunk():
            data += chunk
        assert data == (b"" if last is None else b"data: " + last + b"\r\n\r\n")
