"""The checklist with signalrcore, a Python client of others: all transports, negotiate version 0, threads.

It speaks HTTP over sockets of its own, posts its handshake before the first poll, and takes the answers to its posts
for JSON unless they are empty.
"""

from __future__ import annotations

import os
import queue
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.error import HTTPError

import msgpack
import pytest
from compliance.checklist import shows
from compliance.conftest import Judged
from compliance.pages import page
from compliance.server import SLOWNESS
from signalrcore.hub_connection_builder import HubConnectionBuilder
from signalrcore.subject import Subject
from signalrcore.types import HttpTransportType, HubProtocolEncoding

WEBSOCKETS = ("WebSockets-json", "WebSockets-messagepack")
STREAMING = (*WEBSOCKETS, "ServerSentEvents-json")
EACH = (*STREAMING, "LongPolling-json")
TRANSPORTS = ("WebSockets-json", "ServerSentEvents-json", "LongPolling-json")
WAIT_SECONDS = 20 * SLOWNESS
TEXT = "你好，世界！"
THROWN = "An error occurred."
GUID = "00010203-0405-0607-0706-050403020100"


class Person:
    """A client, with calls that wait for their answer."""

    def __init__(self, url: str, over: str = "WebSockets-json", **options: Any) -> None:
        transport, protocol = over.split("-")
        self._completions: dict[str, queue.Queue[Any]] = {}
        self._between_messages = threading.Lock()
        self.opened: queue.Queue[None] = queue.Queue()
        self.closed: queue.Queue[None] = queue.Queue()
        builder = HubConnectionBuilder().with_url(url, {"transport": HttpTransportType(transport), **options})
        builder.with_hub_protocol(HubProtocolEncoding.binary if protocol == "messagepack" else HubProtocolEncoding.text)
        self.builder = builder
        self._made: Any = None

    @property
    def connection(self) -> Any:
        if self._made is None:
            self._made = self.builder.build()
            self._made.on_open(lambda: self.opened.put(None))
            self._made.on_close(lambda: self.closed.put(None))
            self._made.on_error(lambda message: self._completions[message.invocation_id].put(message))
        return self._made

    def start(self) -> None:
        self.connection.start()
        self.opened.get(timeout=WAIT_SECONDS)
        transport = self.connection.transport
        take = transport._on_message

        def take_one_by_one(messages: Any) -> Any:
            with self._between_messages:
                return take(messages)

        transport._on_message = take_one_by_one

    def stop(self) -> None:
        """Stop as the client does, but at once: it closes a socket that its other thread reads, which wakes nobody
        before the server's next message, a ping for example.
        """
        read = self._socket()
        same = None if read is None else socket.socket(fileno=os.dup(read.fileno()))
        stopping = threading.Thread(target=self.connection.stop)
        stopping.start()
        if same is not None:
            same.shutdown(socket.SHUT_RDWR)
            same.close()
        stopping.join(WAIT_SECONDS)
        assert not stopping.is_alive()
        self.closed.get(timeout=WAIT_SECONDS)
        if read is not None:
            read.close()  # which it forgets where it noticed the end first

    def lose_the_socket(self) -> None:
        """As when a network changes."""
        read = self._socket()
        assert read is not None
        read.shutdown(socket.SHUT_RDWR)
        read.close()

    def _socket(self) -> socket.socket | None:
        """What the other thread of the client reads; None: it polls."""
        read: socket.socket | None = getattr(self.connection.transport._client, "sock", None)
        return read

    def call(self, target: str, *arguments: Any) -> Any:
        """Invoke and return the completion, whether result or error."""
        # Known before the call, because its answer comes in another thread.
        invocation_id = f"call {len(self._completions)}"
        answer = self._completions[invocation_id] = queue.Queue()
        self.connection.invoke(target, list(arguments), answer.put, invocation_id)
        return answer.get(timeout=WAIT_SECONDS)

    def result(self, target: str, *arguments: Any) -> Any:
        completion = self.call(target, *arguments)
        assert completion.error is None
        return completion.result

    def inbox(self, target: str) -> queue.Queue[list[Any]]:
        """What the server calls `target` with."""
        received: queue.Queue[list[Any]] = queue.Queue()
        self.connection.on(target, received.put)
        return received

    def stream(self, target: str, *arguments: Any) -> tuple[list[Any], str | None]:
        """The items of a stream and its error."""
        items: list[Any] = []
        ended: queue.Queue[Any] = queue.Queue()
        # The client sends first and subscribes then; what comes in between would be lost.
        with self._between_messages:
            handler = self.connection.stream(target, list(arguments))
            handler.subscribe({"next": items.append, "complete": ended.put, "error": ended.put})
            self._completions[handler.invocation_id] = ended
        return items, ended.get(timeout=WAIT_SECONDS).error


@contextmanager
def connected(url: str, over: str = "WebSockets-json", **options: Any) -> Iterator[Person]:
    """A client that is open until the end of the block."""
    person = Person(url, over, **options)
    person.start()
    yield person
    person.stop()


@shows("01", over=EACH)
def test_echo(judged: Judged, over: str) -> None:
    with connected(f"{judged.url}/testhub", over) as person:
        assert person.result("Echo", TEXT) == TEXT


@shows("02", over=EACH)
def test_echo_over_tls(judged: Judged, over: str) -> None:
    context = ssl.create_default_context(cafile=judged.certificate)
    with connected(f"{judged.secure_url}/testhub", over, ssl_context=context) as person:
        assert person.result("Echo", TEXT) == TEXT


@shows("03", over=EACH)
def test_a_call_and_a_stop_behind_it(judged: Judged, over: str) -> None:
    with connected(f"{judged.url}/testhub", over) as person:
        connection_id = person.result("GetCallerConnectionId")
        person.connection.send("Echo", [TEXT])
    events = page(f"{judged.url}/events/{connection_id}?until=disconnected")
    assert events[0] == "connected"
    assert events[-1].startswith("disconnected")


@shows("04", over=EACH)
def test_an_object_comes_back_with_its_names(judged: Judged, over: str) -> None:
    with connected(f"{judged.url}/testhub", over) as person:
        inbox = person.inbox("CustomObject")
        person.connection.send("SendCustomObject", [{"Name": "test", "Value": 42}])
        assert inbox.get(timeout=WAIT_SECONDS) == [{"Name": "test", "Value": 42}]


@shows("05", over=STREAMING)
def test_stream(judged: Judged, over: str) -> None:
    with connected(f"{judged.url}/testhub", over) as person:
        assert person.stream("Stream") == (["a", "b", "c"], None)


@shows("07", over=EACH)
def test_a_method_raises(judged: Judged, over: str) -> None:
    with connected(f"{judged.url}/testhub", over) as person:
        assert person.call("ThrowException", THROWN).error == (
            f"An unexpected error occurred invoking 'ThrowException' on the server. InvalidOperationException: {THROWN}"
        )
        assert person.result("Echo", TEXT) == TEXT


@shows("08", over=EACH)
def test_invoke_of_a_streaming_method(judged: Judged, over: str) -> None:
    with connected(f"{judged.url}/testhub", over) as person:
        for target in ("EmptyStream", "Stream"):
            assert person.call(target).error == (
                f"The client attempted to invoke the streaming '{target}' method with a non-streaming invocation."
            )


@shows("09", over=EACH)
def test_a_streaming_method_raises_at_the_call(judged: Judged, over: str) -> None:
    with connected(f"{judged.url}/testhub", over) as person:
        error = (
            "An unexpected error occurred invoking 'StreamThrowException' on the server. "
            f"InvalidOperationException: {THROWN}"
        )
        assert person.stream("StreamThrowException", THROWN) == ([], error)


@shows("10", over=EACH)
def test_stream_of_a_plain_method(judged: Judged, over: str) -> None:
    with connected(f"{judged.url}/testhub", over) as person:
        error = "The client attempted to invoke the non-streaming 'Echo' method with a streaming invocation."
        assert person.stream("Echo", "42") == ([], error)


@shows("12", over=EACH)
def test_stop_and_start_again(judged: Judged, over: str) -> None:
    for _ in range(2):  # the client's object itself cannot be started twice
        with connected(f"{judged.url}/testhub", over) as person:
            inbox = person.inbox("Message")
            person.connection.send("InvokeWithString", [TEXT])
            assert inbox.get(timeout=WAIT_SECONDS) == [TEXT]


@shows("13", over=EACH)
def test_every_type_there_and_back(judged: Judged, over: str) -> None:
    is_binary = over.endswith("messagepack")
    value = {
        "ByteArray": b"hello" if is_binary else "aGVsbG8=",
        "DateTime": msgpack.Timestamp(1017656415) if is_binary else "2002-04-01T10:20:15Z",
        "Guid": GUID,
        "IntArray": [1, 2, 3, 255],
        "String": "Hello, World!",
    }
    with connected(f"{judged.url}/testhub", over) as person:
        assert person.result("EchoComplexObject", value) == value


@shows("14", over=EACH)
def test_every_type_from_the_server(judged: Judged, over: str) -> None:
    is_binary = over.endswith("messagepack")
    with connected(f"{judged.url}/testhub", over) as person:
        assert person.result("SendComplexObject") == {
            "ByteArray": b"\1\2\3" if is_binary else "AQID",
            "DateTime": msgpack.Timestamp(946684800) if is_binary else "2000-01-01T00:00:00Z",
            "Guid": GUID,
            "IntArray": [1, 2, 3],
            "String": "hello world",
        }


@shows("15", over=("WebSockets-json", "ServerSentEvents-json"))
def test_upload(judged: Judged, over: str) -> None:
    with connected(f"{judged.url}/testhub", over) as person:
        inbox = person.inbox("Item")
        subject = Subject()
        # The client's uploads are not answered, so the method says what came.
        person.connection.send("StreamingTold", subject)
        for part in ("Hello ", "world", "!"):
            subject.next(part)
        subject.complete()
        assert [inbox.get(timeout=WAIT_SECONDS) for _ in range(3)] == [["Hello "], ["world"], ["!"]]


def test_a_client_that_cannot_answer_is_not_waited_for_without_end(judged: Judged) -> None:
    with connected(f"{judged.url}/limits") as person:
        error = person.call("AskCaller", "Result").error
        assert "Invocation canceled by the server." in error


@shows("20", over=("WebSockets-json", "ServerSentEvents-json"))
def test_a_token_from_a_factory(judged: Judged, over: str) -> None:
    token = page(f"{judged.url}/token?user=ann")
    with connected(f"{judged.url}/authorizedhub", over, access_token_factory=lambda: token) as person:
        assert person.result("GetUserId") == "ann"


@shows("21", over=TRANSPORTS)
def test_no_token(judged: Judged, over: str) -> None:
    with pytest.raises(HTTPError) as raised:
        Person(f"{judged.url}/authorizedhub", over).start()
    assert (raised.value.code, raised.value.reason, raised.value.read()) == (401, "Unauthorized", b"")


@shows("24", over=("WebSockets-json", "WebSockets-messagepack", "ServerSentEvents-json"))
def test_automatic_reconnect(judged: Judged, over: str) -> None:
    person = Person(f"{judged.url}/testhub", over)
    person.builder.with_automatic_reconnect({"type": "raw", "keep_alive_interval": 10, "reconnect_interval": 1})
    reconnected: queue.Queue[None] = queue.Queue()
    person.connection.on_reconnect(lambda: reconnected.put(None))
    person.start()
    first = person.result("GetCallerConnectionId")
    person.lose_the_socket()
    reconnected.get(timeout=WAIT_SECONDS)
    assert person.result("GetCallerConnectionId") != first
    assert person.result("Echo", TEXT) == TEXT
    person.stop()


@shows("25")
def test_negotiate_redirects_with_a_token(judged: Judged) -> None:
    with connected(f"{judged.url}/redirect?user=ann") as person:
        assert person.result("GetUserId") == "ann"


@shows("26")
def test_skip_negotiation(judged: Judged) -> None:
    with connected(f"{judged.url}/testhub".replace("http", "ws"), skip_negotiation=True) as person:
        assert person.result("Echo", TEXT) == TEXT


@shows("30")
def test_long_polling_stops(judged: Judged) -> None:
    with connected(f"{judged.url}/testhub", "LongPolling-json") as person:
        connection_id = person.result("GetCallerConnectionId")
    page(f"{judged.url}/events/{connection_id}?until=disconnected")


@shows("31", over=("WebSockets-json", "ServerSentEvents-json"))
def test_headers_reach_the_hub(judged: Judged, over: str) -> None:
    with connected(f"{judged.url}/testhub", over, headers={"X-HEADER": "VALUE"}) as person:
        assert person.result("GetHeader", "X-HEADER") == "VALUE"


@shows("34")
def test_negotiate_answers_400(judged: Judged) -> None:
    with pytest.raises(HTTPError) as raised:
        Person(f"{judged.url}/bad-negotiate").start()
    assert (raised.value.code, raised.value.read()) == (400, b"Some response from server")
