"""The conformance hub behind a service that holds its connections, as an ASGI application. Test use only.

| path | what |
|---|---|
| `/testhub/negotiate` | leads to the service; a token of `/token` is welcome and not needed, the query goes along |
| `/authorizedhub/negotiate` | the same for those who bring a token |
| `/api/upstream` | where the service tells of its clients |
| `/token?user=<id>` | a token |
| `/clientresult/<connection id>?target=<name>` | asks that client from outside of any hub method |
| `/release/<gate>` | opens a gate at which a hub method waits; answers whether any did |
| `/events/<connection id>?until=<event>` | what happened to a connection, as a JSON array; waits for the event named |

The hub is that of the conformance server without its streams, which services do not pass on.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from urllib.parse import parse_qs, urlencode

import msgspec

import hubwire
from hubwire.errors import ClientResultTimeout, ConnectionGone, ServiceRefused, Unauthorized
from hubwire.server.azure_signalr import AzureSignalR
from hubwire.server.requests import NO_PROXIES, bearer_token, make_request
from hubwire.testing.conformance_hub import ConformanceCalls, Journal
from hubwire.testing.conformance_tokens import ConformanceTokens
from hubwire.transports.asgi import AsgiMessage, AsgiReceive, AsgiSend, Exchange
from hubwire.transports.asgi_websocket import denial

_HUBS = ("testhub", "authorizedhub")
_MAXIMUM_WAIT_SECONDS = 30.0
_OF_NEGOTIATE = ("negotiateversion", "usestatefulreconnect")


class ConformanceServiceApp:
    """Negotiate, the upstream and the pages around them."""

    def __init__(self, connection_string: str, *, on_ready: Callable[[], None] = lambda: None) -> None:
        self._on_ready = on_ready
        self._tokens = ConformanceTokens()
        self._journal = Journal()
        self.hubs = hubwire.AzureHubs(AzureSignalR(connection_string))
        """Knows no connection; the service does."""
        for name in _HUBS:
            options = hubwire.HubOptions(detailed_errors=True)
            self.hubs.add(functools.partial(ConformanceCalls, self._journal), name=name, options=options)

    async def __call__(self, scope: AsgiMessage, receive: AsgiReceive, send: AsgiSend) -> None:
        match scope["type"]:
            case "http" if self.hubs.handles(scope["path"]):
                await self.hubs(scope, receive, send)
            case "http":
                await self._serve(scope, Exchange(receive, send))
            case "websocket":
                await receive()
                await denial(receive, send, scope.get("extensions")).answer(404, b"The service has the WebSockets")
            case "lifespan":
                await self.hubs(scope, receive, self._telling(send))

    def _telling(self, send: AsgiSend) -> AsgiSend:
        async def send_and_tell(message: AsgiMessage) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                self._on_ready()

        return send_and_tell

    async def _serve(self, scope: AsgiMessage, exchange: Exchange) -> None:
        first, _, second = scope["path"].strip("/").partition("/")
        query = parse_qs(scope["query_string"].decode("latin-1"))
        match first.lower(), second:
            case hub, "negotiate" if hub in _HUBS:
                await self._negotiate(hub, scope, exchange)
            case "token", "":
                await exchange.answer(200, self._tokens.sign(query.get("user", ["testuser"])[0], 60).encode())
            case "clientresult", connection_id:
                await _json(exchange, await self._client_result(connection_id, query.get("target", ["Result"])[0]))
            case "release", gate:
                await _json(exchange, self._journal.release(gate))
            case "events", connection_id:
                await _json(exchange, await self._events(connection_id, query.get("until", [""])[0]))
            case _:
                await exchange.answer(404, b"Not Found")

    async def _negotiate(self, hub: str, scope: AsgiMessage, exchange: Exchange) -> None:
        headers = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
        query_string = scope["query_string"].decode("latin-1")
        request = make_request("POST", scope["path"], query_string, headers, "", scope["scheme"], NO_PROXIES)
        try:
            principal = await self._tokens.verify(bearer_token(request), hub, request)
        except Unauthorized:
            if hub == "authorizedhub":
                await exchange.answer(401)
                return
            # Clients that start again without a token factory still send the last one, which the service has read.
            principal = hubwire.Principal()
        access = await self.hubs.negotiate(hub, user_id=principal.user_id, claims=principal.claims)
        more = [(name, value) for name, values in request.query.items() for value in values]
        more = [(name, value) for name, value in more if name.lower() not in _OF_NEGOTIATE]
        url = f"{access.url}&{urlencode(more)}" if more else access.url
        await _json(exchange, {"url": url, "accessToken": access.access_token})

    async def _client_result(self, connection_id: str, target: str) -> object:
        client = self.hubs.context("testhub").clients.client(connection_id)
        try:
            return {"result": await client.ask(target)}
        except (hubwire.HubError, ConnectionGone, ClientResultTimeout, ServiceRefused) as error:
            return {"error": str(error)}

    async def _events(self, connection_id: str, until: str) -> list[str]:
        try:
            async with asyncio.timeout(_MAXIMUM_WAIT_SECONDS):
                return await self._journal.until(connection_id, until)
        except TimeoutError:
            return self._journal.of(connection_id)


async def _json(exchange: Exchange, value: object) -> None:
    await exchange.answer(200, msgspec.json.encode(value), "application/json")
