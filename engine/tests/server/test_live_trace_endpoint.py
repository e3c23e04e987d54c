"""The live trace over a real socket: who may watch, what comes in both formats, and how a stream ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import pytest
from engine.tests.server.conftest import TIMEOUT_SECONDS, until

from hubwire import HubServer
from hubwire.azure.rest_tokens import RestTokens
from hubwire.clock import Clock
from hubwire.options import LiveTraceOptions
from hubwire.server.live_trace import LiveTrace, TraceCategory, TraceFilter
from hubwire.server.live_trace_endpoint import EVENTS_PATH, PATH, LiveTraceEndpoint, read_filter
from hubwire.server.live_trace_page import PAGE
from hubwire.testing import FakeClock, make_caller
from hubwire.testing.serving import serving
from hubwire.transports.asgi import AsgiMessage, AsgiReceive, AsgiSend

KEY = "a key of thirty-two bytes or more"


class Service:
    """An endpoint that is served, and somebody who asks it."""

    def __init__(self, trace: LiveTrace, tokens: RestTokens, client: aiohttp.ClientSession) -> None:
        self.trace = trace
        self.client = client
        self._tokens = tokens

    def headers(self, path: str = EVENTS_PATH, accept: str = "*/*") -> dict[str, str]:
        return {"authorization": f"Bearer {self._tokens.sign(path)[0]}", "accept": accept}

    @asynccontextmanager
    async def watching(self, query: str = "", accept: str = "*/*") -> AsyncIterator[aiohttp.ClientResponse]:
        """Watch, once the stream has begun."""
        async with self.client.get(f"{EVENTS_PATH}{query}", headers=self.headers(accept=accept)) as answer:
            assert answer.status == 200, await answer.text()
            await answer.content.readuntil(b"\n")
            yield answer

    def happen(self, event: str, user_id: str = "ann") -> None:
        self.trace.tell_of_caller(make_caller(user_id, hub="chat"), TraceCategory.CONNECTIVITY, event, "It happened.")


@asynccontextmanager
async def served(options: LiveTraceOptions | None = None, clock: Clock | None = None) -> AsyncIterator[Service]:
    hubs, trace = HubServer(), LiveTrace(options, clock=clock)
    async with AsyncExitStack() as stack:
        signing: list[RestTokens] = []  # made once the port is known

        def verify(token: str | None, path: str) -> float:
            return signing[0].verify(token, path)

        endpoint = LiveTraceEndpoint(trace, verify, clock=clock)

        async def application(scope: AsgiMessage, receive: AsgiReceive, send: AsgiSend) -> None:
            await (hubs if scope["type"] == "lifespan" else endpoint)(scope, receive, send)

        address = await stack.enter_async_context(serving(hubs, application))
        signing.append(RestTokens([KEY], [address], clock=clock))
        client = await stack.enter_async_context(aiohttp.ClientSession(address))
        yield Service(trace, signing[0], client)
        trace.stop()


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with served() as service:
        yield service


async def next_line(answer: aiohttp.ClientResponse) -> dict[str, Any]:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not (line := (await answer.content.readuntil(b"\n")).strip()):
            continue
        read: dict[str, Any] = json.loads(line)
        return read


async def test_events_come_as_lines_of_json(service: Service) -> None:
    async with service.watching() as answer:
        assert answer.content_type == "application/x-ndjson"
        service.happen("ConnectionStarted")
        service.happen("ConnectionEnded")
        first = await next_line(answer)
        assert first["time"].endswith("Z")
        assert first["connectionId"].startswith("connection-")
        del first["time"], first["connectionId"]
        assert first == {
            "category": "connectivity",
            "event": "ConnectionStarted",
            "message": "It happened.",
            "hub": "chat",
            "userId": "ann",
            "address": "127.0.0.1",
            "transport": "memory",
        }
        assert (await next_line(answer))["event"] == "ConnectionEnded"


async def test_events_come_as_server_sent_events_for_who_asks_so(service: Service) -> None:
    async with service.watching(accept="text/event-stream") as answer:
        assert answer.content_type == "text/event-stream"
        service.happen("ConnectionStarted")
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not (line := await answer.content.readuntil(b"\n")).startswith(b"data: "):
                continue
        assert json.loads(line[6:])["event"] == "ConnectionStarted"


async def test_a_filter_counts(service: Service) -> None:
    async with service.watching("?hub=CHAT&user=bob&category=connectivity,http&category=messaging") as answer:
        service.happen("for ann")
        service.happen("for bob", "bob")
        assert (await next_line(answer))["event"] == "for bob"


async def test_what_was_lost_is_told_behind_what_was_not() -> None:
    async with served(LiveTraceOptions(buffer_events=2)) as service, service.watching() as answer:
        for number in range(5):
            service.happen(f"{number}")
        assert [(await next_line(answer)).get("event") for _ in range(2)] == ["0", "1"]
        assert await next_line(answer) == {"lost": 3}


async def test_a_quiet_stream_says_that_it_lives() -> None:
    async with served(LiveTraceOptions(alive_seconds=0.01)) as service, service.watching() as answer:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            assert await answer.content.readuntil(b"\n") == b"\n"


async def test_names_that_utf_8_has_no_place_for_are_shown_without(service: Service) -> None:
    async with service.watching() as answer:
        service.happen("odd", "a\ud800b")
        assert (await next_line(answer))["userId"] == "a?b"


@pytest.mark.parametrize("path", [None, "/livetrace", "/api/hubs/chat/:send"])
async def test_nobody_watches_without_a_token_for_this_address(service: Service, path: str | None) -> None:
    headers = {} if path is None else service.headers(path)
    async with service.client.get(EVENTS_PATH, headers=headers) as answer:
        assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert not service.trace.is_watched


async def test_a_stream_ends_with_its_token() -> None:
    clock = FakeClock()
    async with served(clock=clock) as service, service.watching() as answer:
        clock.advance(3600)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await answer.content.read()
        await until(lambda: not service.trace.is_watched)


async def test_a_stream_ends_when_the_service_stops(service: Service) -> None:
    async with service.watching() as answer:
        service.happen("the last")
        service.trace.stop()
        assert (await next_line(answer))["event"] == "the last"
        async with asyncio.timeout(TIMEOUT_SECONDS):
            assert await answer.content.read() == b""


async def test_who_leaves_watches_no_more(service: Service) -> None:
    async with service.watching():
        assert service.trace.is_watched
    await until(lambda: not service.trace.is_watched)


async def test_a_watcher_who_reads_nothing_costs_a_bounded_buffer() -> None:
    async with served(LiveTraceOptions(buffer_events=100)) as service, service.watching(), service.watching() as other:
        for _ in range(100):
            for _ in range(100):
                service.happen("x" * 1_000)
            await next_line(other)
        assert service.trace.is_watched


async def test_more_watchers_than_may_are_told_to_come_again() -> None:
    async with (
        served(LiveTraceOptions(maximum_watchers=1)) as service,
        service.watching(),
        service.client.get(EVENTS_PATH, headers=service.headers()) as answer,
    ):
        assert (answer.status, answer.headers["retry-after"]) == (429, "30")
        assert "maximum_watchers" in await answer.text()


@pytest.mark.parametrize(
    "query", ["?what=1", "?category=nothing", "?diagnostic=maybe", "?hub=a&hub=b", "?access_token=secret"]
)
async def test_a_question_that_makes_no_sense_is_answered_with_what_does(service: Service, query: str) -> None:
    async with service.client.get(EVENTS_PATH + query, headers=service.headers()) as answer:
        assert answer.status == 400
        text = await answer.text()
        assert text.startswith("The")
        assert "secret" not in text


async def test_the_page_needs_no_token_and_lets_nothing_else_run(service: Service) -> None:
    async with service.client.get(PATH) as answer:
        assert (answer.status, answer.content_type) == (200, "text/html")
        assert await answer.read() == PAGE
        assert answer.headers["content-security-policy"].startswith("default-src 'none'; connect-src 'self'; style-src")


async def test_other_methods_and_paths_are_refused(service: Service) -> None:
    async with service.client.post(EVENTS_PATH, headers=service.headers()) as answer:
        assert (answer.status, answer.headers["allow"]) == (405, "GET")
    async with service.client.get("/livetrace/other") as answer:
        assert answer.status == 404


def test_a_filter_is_read_from_a_query() -> None:
    assert read_filter({}) == TraceFilter()
    assert read_filter({"hub": [""], "user": [""], "connection": [""], "category": [""]}) == TraceFilter()
    assert read_filter({"hub": ["Chat"], "user": ["Ann"], "connection": ["a"], "diagnostic": ["true"]}) == TraceFilter(
        hub="chat", user_id="Ann", connection_id="a", is_diagnostic_only=True
    )
