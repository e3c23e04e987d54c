"""The conformance server as an ASGI application: hubs, an echo of raw bytes, and the pages around them. Test use only.

| path | what |
|---|---|
| `/testhub` | the hub, all transports, detailed errors, stateful reconnect; a token is welcome and not needed |
| `/testhub-nowebsockets` | the same without WebSockets |
| `/testhub-websockets`, `/testhub-events`, `/testhub-polling` | the same with one transport each |
| `/limits` | the same with limits so small that each can be reached |
| `/outbox` | the same with little room for what a slow reader has not read, and all the time for it |
| `/paced` | the same with 20 messages a second, and 2 s over that |
| `/plain` | the same with the options that a hub has by itself: no details of errors, no stateful reconnect |
| `/parallel` | the same with two plain calls of a connection at once |
| `/minimum` | the same for negotiate version 1 and above |
| `/expiring` | the same for those who bring a token, until it expires |
| `/authorizedhub` | the same for those who bring a token |
| `/uncreatable` | a hub that cannot be made |
| `/echo` | raw connections: what comes goes back |
| `/scripted` | the same, up to `return` or `raise` |
| `/held?gate=<name>` | raw: not read until the gate opens; then it says how much there was up to a `.` |
| `/flooding` | raw: written to without end, once something has come |
| `/redirect` | negotiate leads to `/testHub?numRedirects=<n>`; with `?user=<id>` to `/authorizedhub`, token included |
| `/redirect-forever` | negotiate leads to itself |
| `/echoredirect` | answered with 307 to `/echo` |
| `/bad-negotiate` | negotiate answers 400 with a body |
| `/token?user=<id>&seconds=<life>` | a token |
| `/clientresult/<connection id>?target=<name>` | asks that client of `/testhub` from outside of any hub method |
| `/release/<gate>` | opens a gate at which a hub method waits; answers whether any did |
| `/process/<connection id>` | the number of the process that holds a connection, 0: none |
| `/events/<connection id>?until=<event>` | what happened to a connection, as a JSON array; waits for the event named |

Every negotiate sets the cookies `testCookie`, `testCookie2` and, expired, `expiredCookie`. Pages of any origin may read
the answers, credentials included.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import itertools
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import parse_qs, quote

import msgspec

import hubwire
from hubwire.clock import Clock
from hubwire.errors import ClientResultTimeout, ConnectionGone
from hubwire.testing.conformance_derived import DerivedHub, RawHandlers
from hubwire.testing.conformance_hub import AuthorizedHub, Journal, UncreatableHub
from hubwire.testing.conformance_peers import FROM_PEER, answer_while_asked, first_answer
from hubwire.testing.conformance_tokens import ConformanceTokens
from hubwire.transports.asgi import AsgiMessage, AsgiReceive, AsgiSend

TESTHUB = "/testhub"
ECHO = "/echo"
_ECHO_REDIRECT = "/echoredirect"

_DETAILED = hubwire.HubOptions(detailed_errors=True, stateful_reconnect=True)
LIMITS = hubwire.HubOptions(
    detailed_errors=True,
    stateful_reconnect=True,
    maximum_receive_message_bytes=1024,
    maximum_receive_frame_bytes=4096,
    outbox_limit_bytes=64 * 1024,
    stream_buffer_items=1,
    maximum_streams=2,
    stateful_reconnect_buffer_bytes=500,
    handshake_timeout_seconds=1,
    keep_alive_seconds=1,
    client_timeout_seconds=2,
    client_result_timeout_seconds=1,
    poll_timeout_seconds=1,
    disconnect_timeout_seconds=1,
    close_timeout_seconds=1,
    write_timeout_seconds=1,
)
"""Those of `/limits`."""
_MORE_HUBS = {
    "/testhub-nowebsockets": hubwire.HubOptions(
        detailed_errors=True, transports=frozenset({"ServerSentEvents", "LongPolling"})
    ),
    "/testhub-websockets": hubwire.HubOptions(detailed_errors=True, transports=frozenset({"WebSockets"})),
    "/testhub-events": hubwire.HubOptions(detailed_errors=True, transports=frozenset({"ServerSentEvents"})),
    "/testhub-polling": hubwire.HubOptions(detailed_errors=True, transports=frozenset({"LongPolling"})),
    "/limits": LIMITS,
    "/outbox": hubwire.HubOptions(detailed_errors=True, outbox_limit_bytes=64 * 1024, write_timeout_seconds=60),
    "/paced": hubwire.HubOptions(
        detailed_errors=True, messages_per_second=20, message_burst_seconds=1, message_rate_timeout_seconds=2
    ),
    "/plain": hubwire.HubOptions(),
    "/parallel": hubwire.HubOptions(detailed_errors=True, maximum_parallel_invocations=2),
    "/minimum": hubwire.HubOptions(detailed_errors=True, minimum_negotiate_version=1),
}
RAW_LIMITS = hubwire.ConnectionOptions(receive_buffer_bytes=1024, write_timeout_seconds=1, poll_timeout_seconds=1)
"""Those of `/held` and `/flooding`."""
AMPLE = hubwire.ServerOptions(
    # Every origin, because suites in browsers come from wherever their own server is. Never do this elsewhere.
    allowed_origins=None,
    drain_seconds=1.0,
)
SCARCE = dataclasses.replace(
    AMPLE,
    connect_timeout_seconds=1,
    maximum_connections=3,
    request_timeout_seconds=1,
    outbox_total_bytes=512 * 1024,
)
"""Those of a server that has little of everything."""

_MAXIMUM_WAIT_SECONDS = 30.0

Headers = list[tuple[bytes, bytes]]


async def echo(connection: hubwire.RawConnection) -> None:
    """Send back what comes."""
    async for data in connection:
        await connection.write(data)


class ConformanceApp:
    """Routes what is no hub's itself and gives everything else to `server`."""

    def __init__(
        self,
        *,
        on_ready: Callable[[], None] = lambda: None,
        clock: Clock | None = None,
        options: hubwire.ServerOptions = AMPLE,
        cluster: hubwire.Cluster | None = None,
        key: bytes | None = None,
    ) -> None:
        """Prepare one.

        Args:
            on_ready: called once the hubs run.
            key: of the tokens that it hands out; None: a random one. Several processes need the same.
        """
        self._on_ready = on_ready
        self.server = hubwire.HubServer(options, clock=clock, cluster=cluster)
        self._tokens = ConformanceTokens(clock=clock, key=key)
        self._journal = Journal()
        # Several processes count on by the one clock that they have in common.
        self._next_redirect = itertools.count(1).__next__ if cluster is None else time.monotonic_ns
        hub = functools.partial(DerivedHub, self._journal)
        welcome = self._tokens.optional
        self.server.add(hub, path=TESTHUB, name="testhub", options=_DETAILED, verifier=welcome)
        for path, hub_options in _MORE_HUBS.items():
            self.server.add(hub, path=path, name=path[1:], options=hub_options, verifier=welcome)
        self.server.add(
            hub,
            path="/expiring",
            name="expiring",
            options=hubwire.HubOptions(detailed_errors=True, close_on_expiration=True),
            verifier=self._tokens,
        )
        self.server.add(
            functools.partial(AuthorizedHub, self._journal),
            path="/authorizedhub",
            options=_DETAILED,
            verifier=self._tokens,
        )
        self.server.add(UncreatableHub, path="/uncreatable", options=_DETAILED)
        self.server.add_raw(echo, path=ECHO)
        raw = RawHandlers(self._journal)
        self.server.add_raw(raw.scripted, path="/scripted", name="scripted")
        self.server.add_raw(raw.held, path="/held", name="held", options=RAW_LIMITS)
        self.server.add_raw(raw.flooding, path="/flooding", name="flooding", options=RAW_LIMITS)
        self.server.add_redirect("/redirect", self._redirect)
        self.server.add_redirect("/redirect-forever", self._redirect_forever)

    async def _redirect(self, request: hubwire.ConnectRequest, principal: hubwire.Principal) -> hubwire.Redirect:
        user = request.query_value("user")
        if user is not None:
            return hubwire.Redirect(f"{_base_url(request)}/authorizedhub", self._tokens.sign(user, 60))
        return hubwire.Redirect(f"{_base_url(request)}/testHub?numRedirects={self._next_redirect()}")

    async def _redirect_forever(
        self, request: hubwire.ConnectRequest, principal: hubwire.Principal
    ) -> hubwire.Redirect:
        return hubwire.Redirect(f"{_base_url(request)}/redirect-forever")

    async def __call__(self, scope: AsgiMessage, receive: AsgiReceive, send: AsgiSend) -> None:
        match scope["type"]:
            case "http":
                await self._http(scope, receive, send)
            case "websocket" if _is_below(scope["path"], _ECHO_REDIRECT):
                await receive()
                await _deny_with_redirect(scope, send)
            case "lifespan":
                await self.server(scope, receive, self._telling(send))
            case _:
                await self.server(scope, receive, send)

    def _telling(self, send: AsgiSend) -> AsgiSend:
        async def send_and_tell(message: AsgiMessage) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                self._on_ready()

        return send_and_tell

    async def _http(self, scope: AsgiMessage, receive: AsgiReceive, send: AsgiSend) -> None:
        path: str = scope["path"]
        page = _Page(scope, receive, send)
        if path.endswith("/negotiate") and scope["method"] == "POST":
            send = _with_cookies(send, is_secure=scope["scheme"] == "https")
        if self.server.handles(path):
            await self.server(scope, receive, send)
        elif scope["method"] == "OPTIONS":
            await page.preflight()
        elif _is_below(path, _ECHO_REDIRECT):
            await page.answer(307, more=[(b"location", _redirected(scope))])
        elif path == "/bad-negotiate/negotiate":
            await page.answer(400, b"Some response from server")
        elif path == "/token":
            token = self._tokens.sign(page.query("user") or "testuser", float(page.query("seconds") or 60))
            await page.answer(200, token.encode())
        elif path.startswith("/clientresult/"):
            await page.json(await self._client_result(path.rpartition("/")[2], page.query("target") or "Result"))
        elif path.startswith("/events/"):
            events = self._events(path.rpartition("/")[2], page.query("until"))
            await page.json(await self._anywhere(page, events))
        elif path.startswith("/process/"):
            await page.json(await self._anywhere(page, self._process(path.rpartition("/")[2])))
        elif path.startswith("/release/"):
            await page.json(await self._anywhere(page, self._release(path.rpartition("/")[2])))
        elif path == "/":
            await page.answer(200, (__doc__ or "").encode())
        else:
            await page.answer(404, b"Not Found")

    async def _client_result(self, connection_id: str, target: str) -> Mapping[str, object]:
        client = self.server.context("testhub").clients.client(connection_id)
        try:
            return {"result": await client.ask(target)}
        except (hubwire.HubError, ConnectionGone, ClientResultTimeout) as error:
            return {"error": str(error)}

    async def _anywhere(self, page: _Page, own: Awaitable[object]) -> object:
        if page.is_from_peer:  # it asks several of us, and leaves when one has answered
            return await answer_while_asked(own, page.receive)
        return await first_answer(own, self.server.nodes, page.target)

    async def _process(self, connection_id: str) -> int:
        return os.getpid() if self._journal.of(connection_id) else 0

    async def _release(self, gate: str) -> bool:
        return self._journal.release(gate)

    async def _events(self, connection_id: str, until: str | None) -> list[str]:
        if until is None:
            return self._journal.of(connection_id)
        try:
            async with asyncio.timeout(_MAXIMUM_WAIT_SECONDS):
                return await self._journal.until(connection_id, until)
        except TimeoutError:
            return self._journal.of(connection_id)


class _Page:
    """One answer that is no hub's. Any page may read it."""

    def __init__(self, scope: AsgiMessage, receive: AsgiReceive, send: AsgiSend) -> None:
        self.receive = receive
        self._send = send
        query_string = scope["query_string"].decode("latin-1")
        self.target = f"{quote(scope['path'])}?{query_string}"
        self._query = parse_qs(query_string)
        asked: Mapping[bytes, bytes] = dict(scope["headers"])
        self.is_from_peer = FROM_PEER.encode() in asked
        """Whether another process of this server asks."""
        self._headers: Headers = [(b"vary", b"Origin"), (b"cache-control", b"no-store")]
        if b"origin" in asked:
            self._headers += [
                (b"access-control-allow-origin", asked[b"origin"]),
                (b"access-control-allow-credentials", b"true"),
            ]
        self._asked_headers = asked.get(b"access-control-request-headers", b"")

    def query(self, name: str) -> str | None:
        values = self._query.get(name)
        return values[0] if values else None

    async def answer(
        self,
        status: int,
        body: bytes = b"",
        content_type: bytes = b"text/plain; charset=utf-8",
        more: Headers | None = None,
    ) -> None:
        headers = [*self._headers, *(more or ())]
        if status != 204:
            headers += [(b"content-type", content_type), (b"content-length", str(len(body)).encode())]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    async def json(self, value: object) -> None:
        await self.answer(200, msgspec.json.encode(value), b"application/json")

    async def preflight(self) -> None:
        await self.answer(
            204,
            more=[
                (b"access-control-allow-methods", b"GET, POST, DELETE, OPTIONS"),
                (b"access-control-allow-headers", self._asked_headers),
            ],
        )


def _with_cookies(send: AsgiSend, *, is_secure: bool) -> AsgiSend:
    # Over HTTPS a page of another site must be able to send them back too.
    attributes = b"; Path=/" + (b"; SameSite=None; Secure" if is_secure else b"")
    cookies = (
        b"testCookie=testValue",
        b"testCookie2=testValue2",
        b"expiredCookie=doesntmatter; Expires=Thu, 01 Jan 2015 00:00:00 GMT",
    )

    async def send_with_cookies(message: AsgiMessage) -> None:
        if message["type"] == "http.response.start":
            added = [(b"set-cookie", cookie + attributes) for cookie in cookies]
            message = {**message, "headers": [*message.get("headers", ()), *added]}
        await send(message)

    return send_with_cookies


async def _deny_with_redirect(scope: AsgiMessage, send: AsgiSend) -> None:
    if "websocket.http.response" not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close"})
        return
    headers = [(b"location", _redirected(scope)), (b"content-length", b"0")]
    await send({"type": "websocket.http.response.start", "status": 307, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": b""})


def _redirected(scope: AsgiMessage) -> bytes:
    """The same request at the echo."""
    path: str = scope["path"]
    query: bytes = scope["query_string"]
    return ECHO.encode() + path[len(_ECHO_REDIRECT) :].encode() + (b"?" + query if query else b"")


def _is_below(path: str, place: str) -> bool:
    return path == place or path.startswith(place + "/")


def _base_url(request: hubwire.ConnectRequest) -> str:
    return f"{request.scheme}://{request.headers.get('host', '')}"
