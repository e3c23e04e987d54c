"""The live trace by HTTP: a stream of events behind a token of the REST data plane, and a page that shows it.

An ASGI application for `/livetrace` (the page, which holds no secret and no event) and `/livetrace/events`.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import parse_qs

import msgspec

from hubwire.clock import Clock, SystemClock
from hubwire.errors import TooManyWatchers, Unauthorized
from hubwire.server.live_trace import LiveTrace, TraceCategory, TraceEvent, TraceFilter, TraceWatch, printable
from hubwire.server.live_trace_page import CONTENT_SECURITY_POLICY, PAGE
from hubwire.server.shutdown import finished_within
from hubwire.transports import sse
from hubwire.transports.asgi import AsgiMessage, AsgiReceive, AsgiSend, Exchange

PATH = "/livetrace"
EVENTS_PATH = "/livetrace/events"

JSON_LINES = "application/x-ndjson"

_HEAD = (("cache-control", "no-store"), ("x-accel-buffering", "no"))  # nginx would hold events back
_CATEGORIES = {category.value: category for category in TraceCategory}
_PARAMETERS = frozenset({"category", "hub", "user", "connection", "diagnostic"})

_encoder = msgspec.json.Encoder()


class LiveTraceEndpoint:
    """Serves one trace. Any other path is answered with 404."""

    def __init__(
        self, trace: LiveTrace, verify: Callable[[str | None, str], float], *, clock: Clock | None = None
    ) -> None:
        """Args:
        verify: checks a bearer token for a path and returns when it expires, in seconds since 1970; raises
            Unauthorized. `RestTokens.verify` does. A stream ends with its token, or with the key that has signed it.
        """
        self._trace = trace
        self._verify = verify
        self._clock: Clock = clock or SystemClock()

    def handles(self, path: str) -> bool:
        """Whether this path is one of its own."""
        return path in (PATH, EVENTS_PATH)

    async def __call__(self, scope: AsgiMessage, receive: AsgiReceive, send: AsgiSend) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"The live trace speaks HTTP only; mount it beside what serves {scope['type']!r}.")
        exchange = Exchange(receive, send)
        path: str = scope["path"]
        if not self.handles(path):
            await exchange.answer(404, b"There is nothing here; see /livetrace.")
        elif scope["method"] != "GET":
            await exchange.answer(405, b"The method here is GET.", fields=(("allow", "GET"),))
        elif path == PATH:
            fields = (("content-security-policy", CONTENT_SECURITY_POLICY), ("cache-control", "no-cache"))
            await exchange.answer(200, PAGE, "text/html; charset=utf-8", fields)
        else:
            await self._serve_events(exchange, scope)

    async def _serve_events(self, exchange: Exchange, scope: AsgiMessage) -> None:
        fields = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        verify = functools.partial(self._verify, _bearer_token(fields.get("authorization", "")), scope["path"])
        try:
            expires_at = verify()
        except Unauthorized:
            text = b"Send a token that an access key of this service has signed for this address."
            await exchange.answer(401, text, fields=(("www-authenticate", "Bearer"),))
            return
        try:
            wanted = read_filter(parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        except ValueError as error:
            await exchange.answer(400, str(error).encode())
            return
        is_sse = sse.MEDIA_TYPE in fields.get("accept", "")
        try:
            with self._trace.watch(wanted) as watch:
                seconds = expires_at - self._clock.time()
                await finished_within(self._pour_until_gone(exchange, watch, is_sse, verify), seconds, self._clock)
                await exchange.send(b"")
        except TooManyWatchers as error:
            await exchange.answer(429, str(error).encode(), fields=(("retry-after", "30"),))

    async def _pour_until_gone(
        self, exchange: Exchange, watch: TraceWatch, is_sse: bool, verify: Callable[[], float]
    ) -> None:
        await exchange.start(200, (("content-type", sse.MEDIA_TYPE if is_sse else JSON_LINES), *_HEAD))
        gone = asyncio.create_task(exchange.until_gone())
        pouring = asyncio.create_task(self._pour(exchange, watch, is_sse, verify))
        try:
            await asyncio.wait((gone, pouring), return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            pouring.cancel()
            await asyncio.gather(gone, pouring, return_exceptions=True)

    async def _pour(self, exchange: Exchange, watch: TraceWatch, is_sse: bool, verify: Callable[[], float]) -> None:
        """Write what happens, and a sign of life when nothing does, until the trace or the token ends."""
        quiet = b":\r\n\r\n" if is_sse else b"\n"
        await exchange.send(quiet, more=True)  # some clients see no answer before its first byte
        while True:
            taken: list[tuple[list[TraceEvent], int] | None] = []

            async def take(taken: list[tuple[list[TraceEvent], int] | None] = taken) -> None:
                taken.append(await watch.take())

            has_happened = await finished_within(take(), self._trace.options.alive_seconds, self._clock)
            try:
                verify()  # keys are replaced because others may know them
            except Unauthorized:
                return
            if not has_happened:
                await exchange.send(quiet, more=True)
            elif taken[0] is None:
                return
            else:
                events, lost = taken[0]
                texts = [_encoded(each) for each in events]
                if lost:
                    texts.append(_encoder.encode({"lost": lost}))
                data = b"".join(sse.event(text) if is_sse else text + b"\n" for text in texts)
                await exchange.send(data, more=True)


def read_filter(query: Mapping[str, Sequence[str]]) -> TraceFilter:
    """Read what a watcher wants to see. Raises: ValueError."""
    unknown = sorted(set(query) - _PARAMETERS)
    if unknown:
        raise ValueError(f"There is no parameter {unknown[0]!r}; the parameters are {', '.join(sorted(_PARAMETERS))}.")
    categories = [each for value in query.get("category", ()) for each in value.split(",") if each]
    if not set(categories) <= _CATEGORIES.keys():
        raise ValueError(f"The parameter category is none of {', '.join(_CATEGORIES)}.")
    diagnostic = _only(query, "diagnostic")
    if diagnostic not in (None, "", "true", "false"):
        raise ValueError("The parameter diagnostic is neither true nor false.")
    hub = _only(query, "hub")
    return TraceFilter(
        categories=frozenset(_CATEGORIES[each] for each in categories) or frozenset(TraceCategory),
        hub=hub.lower() if hub else None,
        user_id=_only(query, "user") or None,
        connection_id=_only(query, "connection") or None,
        is_diagnostic_only=diagnostic == "true",
    )


def _only(query: Mapping[str, Sequence[str]], name: str) -> str | None:
    values = query.get(name, ())
    if len(values) > 1:
        raise ValueError(f"The parameter {name} is given {len(values)} times; give it once.")
    return values[0] if values else None


def _bearer_token(authorization: str) -> str | None:
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def _encoded(event: TraceEvent) -> bytes:
    try:
        return _encoder.encode(event)
    except UnicodeEncodeError:
        return _encoder.encode(printable(event))
