"""The checklist with pysignalr, a Python client of others: WebSockets, negotiate version 0.

It builds objects from decoded messages and dies of a field that it does not know, so each test shows as well that we
send none.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgpack
import pytest
from compliance.checklist import shows
from compliance.conftest import Judged
from compliance.pages import page
from compliance.server import SLOWNESS
from pysignalr.client import SignalRClient
from pysignalr.exceptions import AuthorizationError
from pysignalr.exceptions import ConnectionError as NegotiateRefused
from pysignalr.messages import CompletionMessage
from pysignalr.protocol.json import JSONProtocol
from pysignalr.protocol.messagepack import MessagepackProtocol

BOTH = ("WebSockets-json", "WebSockets-messagepack")
JSON = ("WebSockets-json",)
WAIT_SECONDS = 20 * SLOWNESS
TEXT = "你好，世界！"
THROWN = "An error occurred."
GUID = "00010203-0405-0607-0706-050403020100"


class Person:
    """A connected client, with calls that wait for their answer."""

    def __init__(self, client: SignalRClient) -> None:
        self.client = client

    async def call(self, target: str, *arguments: Any) -> CompletionMessage:
        """Invoke and return the completion, whether result or error."""
        answer: asyncio.Future[CompletionMessage] = asyncio.get_running_loop().create_future()

        async def completed(message: Any) -> None:
            answer.set_result(message)

        await self.client.send(target, [*arguments], completed)
        return await asyncio.wait_for(answer, WAIT_SECONDS)

    async def result(self, target: str, *arguments: Any) -> Any:
        completion = await self.call(target, *arguments)
        assert completion.error is None
        return completion.result

    def inbox(self, target: str) -> asyncio.Queue[list[Any]]:
        """What the server calls `target` with."""
        received: asyncio.Queue[list[Any]] = asyncio.Queue()

        async def handle(arguments: list[Any]) -> None:
            received.put_nowait(arguments)

        self.client.on(target, handle)
        return received

    async def stream(self, target: str, *arguments: Any) -> tuple[list[Any], str | None]:
        """The items of a stream and its error."""
        items: list[Any] = []
        end: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()

        async def item(value: Any) -> None:
            items.append(value)

        async def ended(message: Any) -> None:
            if not end.done():
                end.set_result(message.error)

        await self.client.stream(target, [*arguments], item, ended, ended)
        return items, await asyncio.wait_for(end, WAIT_SECONDS)


@asynccontextmanager
async def connected(url: str, over: str = "WebSockets-json", **options: Any) -> AsyncIterator[Person]:
    """A client that runs until the end of the block."""
    protocol = MessagepackProtocol() if over.endswith("messagepack") else JSONProtocol()
    client = SignalRClient(url, protocol, **options)
    is_open = asyncio.Event()

    async def opened() -> None:
        is_open.set()

    async def failed(message: CompletionMessage) -> None:
        """Errors reach the call that they are of."""

    client.on_open(opened)
    client.on_error(failed)
    running = asyncio.create_task(client.run())
    opening = asyncio.create_task(is_open.wait())
    try:
        await asyncio.wait((running, opening), timeout=WAIT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            await running
        assert is_open.is_set()
        yield Person(client)
        assert not running.done(), "the client ended"
    finally:
        opening.cancel()
        running.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await running
        # The client leaves its socket to the garbage collector.
        socket = client._transport._ws
        if socket is not None:
            await socket.close()


async def received(inbox: asyncio.Queue[list[Any]]) -> list[Any]:
    return await asyncio.wait_for(inbox.get(), WAIT_SECONDS)


@shows("01", over=BOTH)
async def test_echo(judged: Judged, over: str) -> None:
    async with connected(f"{judged.url}/testhub", over) as person:
        assert await person.result("Echo", TEXT) == TEXT


@shows("02", over=BOTH)
async def test_echo_over_tls(judged: Judged, over: str) -> None:
    context = ssl.create_default_context(cafile=judged.certificate)
    async with connected(f"{judged.secure_url}/testhub", over, ssl=context) as person:
        assert await person.result("Echo", TEXT) == TEXT


@shows("03", over=BOTH)
async def test_a_send_is_not_answered(judged: Judged, over: str) -> None:
    async with connected(f"{judged.url}/testhub", over) as person:
        arguments: list[Any] = [THROWN]
        await person.client.send("ThrowException", arguments)  # an answer would raise in the client
        assert await person.result("Echo", TEXT) == TEXT


@shows("04", over=BOTH)
async def test_an_object_comes_back_with_its_names(judged: Judged, over: str) -> None:
    async with connected(f"{judged.url}/testhub", over) as person:
        inbox = person.inbox("CustomObject")
        await person.client.send("SendCustomObject", [{"Name": "test", "Value": 42}])
        assert await received(inbox) == [{"Name": "test", "Value": 42}]


@shows("05", over=BOTH)
async def test_stream(judged: Judged, over: str) -> None:
    async with connected(f"{judged.url}/testhub", over) as person:
        assert await person.stream("Stream") == (["a", "b", "c"], None)


@shows("07", over=BOTH)
async def test_a_method_raises(judged: Judged, over: str) -> None:
    async with connected(f"{judged.url}/testhub", over) as person:
        assert (await person.call("ThrowException", THROWN)).error == (
            f"An unexpected error occurred invoking 'ThrowException' on the server. InvalidOperationException: {THROWN}"
        )
        assert await person.result("Echo", TEXT) == TEXT


@shows("08", over=BOTH)
async def test_invoke_of_a_streaming_method(judged: Judged, over: str) -> None:
    async with connected(f"{judged.url}/testhub", over) as person:
        for target in ("EmptyStream", "Stream"):
            assert (await person.call(target)).error == (
                f"The client attempted to invoke the streaming '{target}' method with a non-streaming invocation."
            )


@shows("09", over=BOTH)
async def test_a_streaming_method_raises_at_the_call(judged: Judged, over: str) -> None:
    async with connected(f"{judged.url}/testhub", over) as person:
        error = (
            "An unexpected error occurred invoking 'StreamThrowException' on the server. "
            f"InvalidOperationException: {THROWN}"
        )
        assert await person.stream("StreamThrowException", THROWN) == ([], error)


@shows("10", over=BOTH)
async def test_stream_of_a_plain_method(judged: Judged, over: str) -> None:
    async with connected(f"{judged.url}/testhub", over) as person:
        error = "The client attempted to invoke the non-streaming 'Echo' method with a streaming invocation."
        assert await person.stream("Echo", "42") == ([], error)


@shows("13", over=BOTH)
async def test_every_type_there_and_back(judged: Judged, over: str) -> None:
    is_binary = over.endswith("messagepack")
    value = {
        "ByteArray": b"hello" if is_binary else "aGVsbG8=",
        "DateTime": msgpack.Timestamp(1017656415) if is_binary else "2002-04-01T10:20:15Z",
        "Guid": GUID,
        "IntArray": [1, 2, 3, 255],
        "String": "Hello, World!",
    }
    async with connected(f"{judged.url}/testhub", over) as person:
        assert await person.result("EchoComplexObject", value) == value


@shows("14", over=BOTH)
async def test_every_type_from_the_server(judged: Judged, over: str) -> None:
    is_binary = over.endswith("messagepack")
    async with connected(f"{judged.url}/testhub", over) as person:
        assert await person.result("SendComplexObject") == {
            "ByteArray": b"\1\2\3" if is_binary else "AQID",
            "DateTime": msgpack.Timestamp(946684800) if is_binary else "2000-01-01T00:00:00Z",
            "Guid": GUID,
            "IntArray": [1, 2, 3],
            "String": "hello world",
        }


@shows("15", over=BOTH)
async def test_upload(judged: Judged, over: str) -> None:
    async with connected(f"{judged.url}/testhub", over) as person:
        inbox = person.inbox("Item")
        # The client's uploads are not answered, so the method says what came.
        async with person.client.client_stream("StreamingTold") as stream:
            for part in ("Hello ", "world", "!"):
                await stream.send(part)
        assert [await received(inbox) for _ in range(3)] == [["Hello "], ["world"], ["!"]]


async def _asked(judged: Judged, person: Person) -> Any:
    connection_id = await person.result("GetCallerConnectionId")
    return await asyncio.to_thread(page, f"{judged.url}/clientresult/{connection_id}")


@shows("17", over=BOTH)
async def test_the_server_asks_the_client(judged: Judged, over: str) -> None:
    async with connected(f"{judged.url}/testhub", over) as person:

        async def answer(_: Any) -> int:
            return 10

        person.client.on("Result", answer)
        assert await _asked(judged, person) == {"result": 10}


@shows("18", over=BOTH)
async def test_the_asked_handler_throws(judged: Judged, over: str) -> None:
    async with connected(f"{judged.url}/testhub", over) as person:

        async def answer(_: Any) -> int:
            raise RuntimeError("from callback")

        person.client.on("Result", answer)
        assert await _asked(judged, person) == {"error": "from callback"}
        assert await person.result("Echo", TEXT) == TEXT


@shows("19", over=BOTH)
async def test_the_asked_client_has_no_handler(judged: Judged, over: str) -> None:
    async with connected(f"{judged.url}/testhub", over) as person:
        assert await _asked(judged, person) == {"error": "Client didn't provide a result."}


@shows("20", over=JSON)
async def test_a_token_in_the_headers(judged: Judged, over: str) -> None:
    # The client calls its token factory after the upgrade only, so applications give the header themselves.
    token = await asyncio.to_thread(page, f"{judged.url}/token?user=ann")
    headers = {"Authorization": f"Bearer {token}"}
    async with connected(f"{judged.url}/authorizedhub", over, headers=headers) as person:
        assert await person.result("GetUserId") == "ann"


@shows("21", over=JSON)
async def test_no_token(judged: Judged, over: str) -> None:
    with pytest.raises(AuthorizationError):
        async with connected(f"{judged.url}/authorizedhub", over):
            pass


@shows("23", over=JSON)
async def test_cookies_of_negotiate_come_back(judged: Judged, over: str) -> None:
    context = ssl.create_default_context(cafile=judged.certificate)
    url = judged.secure_url.replace("127.0.0.1", "localhost")  # it keeps no cookies of a bare address
    async with connected(f"{url}/testhub", over, ssl=context) as person:
        assert await person.result("GetCookie", "testCookie") == "testValue"
        assert await person.result("GetCookie", "testCookie2") == "testValue2"
        assert await person.result("GetCookie", "expiredCookie") is None


@shows("25")
async def test_negotiate_redirects_with_a_token(judged: Judged) -> None:
    # The client follows a redirect that carries a token, straight to the WebSocket.
    async with connected(f"{judged.url}/redirect?user=ann") as person:
        assert await person.result("GetUserId") == "ann"


@shows("31", over=JSON)
async def test_headers_reach_the_hub(judged: Judged, over: str) -> None:
    async with connected(f"{judged.url}/testhub", over, headers={"X-HEADER": "VALUE"}) as person:
        assert await person.result("GetHeader", "X-HEADER") == "VALUE"


@shows("34")
async def test_negotiate_answers_400(judged: Judged) -> None:
    with pytest.raises(NegotiateRefused) as raised:
        async with connected(f"{judged.url}/bad-negotiate"):
            pass
    assert raised.value.status == 400


async def test_pings_of_both_levels_pass_while_a_method_runs(judged: Judged) -> None:
    often: dict[str, Any] = {"ping_interval": 0.05, "signalr_ping_interval": 0.05}
    async with (
        connected(f"{judged.url}/testhub", **often) as person,
        connected(f"{judged.url}/testhub") as other,
    ):
        gate = await person.result("GetCallerConnectionId")
        held = asyncio.create_task(person.result("Hold", gate))
        with pytest.raises(TimeoutError):
            # Nothing that the client shows says that a ping was sent, so some time must pass.
            await asyncio.wait_for(asyncio.shield(held), 0.5)
        await asyncio.to_thread(page, f"{judged.url}/events/{gate}?until=holding")  # a gate opens for who waits at it
        assert await other.result("Release", gate) is True
        assert await held == gate
