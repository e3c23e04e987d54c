"""`SignalRService`: a service that holds clients for applications, compatible with Azure's; an ASGI application.

Composes what others know: the client endpoint, the REST data plane, the upstream and users' memberships. Clients come
by `/client/`, applications by `/api/`, operators by `/metrics` and `/livetrace`. Reads no file and no environment.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import replace

from hubwire.azure.access_keys import access_keys
from hubwire.azure.jwt import ClientTokens
from hubwire.azure.memberships import Memberships
from hubwire.azure.rest_errors import ErrorCode, RestError
from hubwire.azure.rest_server import RestServer
from hubwire.azure.rest_tokens import RestTokens
from hubwire.azure.upstream_forwarder import UpstreamForwarder
from hubwire.azure.upstream_signature import UpstreamSignatures
from hubwire.azure.upstream_templates import UpstreamTemplates
from hubwire.clock import Clock, SystemClock
from hubwire.errors import BrokerUnavailable, LocalProtocolError, StoreUnavailable, TooManyHubs
from hubwire.model import Caller
from hubwire.options import ServiceOptions
from hubwire.ports import DataPlane, IdentityTokens, MembershipStore
from hubwire.server.app import LIFESPAN_STATE, HubServer
from hubwire.server.cluster import Cluster
from hubwire.server.live_trace import LiveTrace
from hubwire.server.live_trace_endpoint import LiveTraceEndpoint
from hubwire.server.requests import Networks
from hubwire.server.rest import RestApplication
from hubwire.server.service_figures import ServiceFigures, prometheus_text
from hubwire.server.service_hub import ServiceHub
from hubwire.server.service_verifier import ServiceVerifier
from hubwire.server.traced import TracedDataPlane, TracedHandler, TracedHttp, TracedObserver
from hubwire.stores.sqlite import SqliteMembershipStore
from hubwire.transports.asgi import AsgiMessage, AsgiReceive, AsgiSend, Exchange
from hubwire.transports.asgi_websocket import denial
from hubwire.wire.relaying import relay_protocols

_CLIENT_PATH = "/client/"
_NO_SERVERS = (
    b"This service has the Serverless mode only: it takes no server connections of the app server SDK. Let the "
    b"application send by REST, and set an upstream for what clients call."
)

_GOING_AWAY = (("x-ms-error-code", ErrorCode.UNAVAILABLE.value), ("retry-after", "5"), ("connection", "close"))
"""Nothing was done, so that trying again is clean."""


class SignalRService:
    """One process of the service: an ASGI application, with the `HubServer` that `hubwire.run` asks for in `hubs`."""

    def __init__(
        self,
        keys: Sequence[str],
        base_urls: Sequence[str],
        *,
        upstream: UpstreamTemplates | None = None,
        store: MembershipStore | None = None,
        options: ServiceOptions | None = None,
        cluster: Cluster | None = None,
        identity: IdentityTokens | None = None,
        figures: ServiceFigures | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Prepare the service.

        Args:
            keys: its access keys, the primary one first; all of them count.
            base_urls: `https://host[:port]` of each address that tokens may be made for, the public one first.
            upstream: where events of clients go; may be replaced later. None: nowhere.
            store: of users' memberships in groups; started and stopped here. None: in memory, gone with the process.
            cluster: makes it one of several that act as one; then the store has to be a common one.
            identity: makes tokens for upstream templates that ask for a managed identity.
            figures: counts; give the same to `Cluster(figures=figures.numbers)`, so that each node tells of all.

        Raises: ValueError for keys, addresses or templates that make no sense.
        """
        self.options = options or ServiceOptions()
        self.clock: Clock = clock or SystemClock()
        server = replace(self.options.server, client_path=_CLIENT_PATH)
        self.figures = figures or ServiceFigures(maximum_connections=server.maximum_connections)
        self._keys = access_keys(keys)
        tokens = ClientTokens(self._keys, base_urls, clock=self.clock)
        self.live_trace = LiveTrace(self.options.live_trace, clock=self.clock, is_diagnostic=_is_diagnostic)
        """What happens, for operators who watch."""
        self.hubs = HubServer(
            server,
            verifier=ServiceVerifier(tokens),
            observer=TracedObserver(self.figures, self.live_trace),
            clock=self.clock,
            cluster=cluster,
        )
        """Holds the clients."""
        self.hubs.share_trace(self.live_trace)
        self.hubs.front = self
        self.hubs.before_drain = self._before_drain
        self._store = store or SqliteMembershipStore()
        memberships = Memberships(self._store, self._plane, clock=self.clock)
        self._forwarder = UpstreamForwarder(
            upstream or UpstreamTemplates(), UpstreamSignatures(self._keys), self.options.upstream, identity=identity
        )
        handler = TracedHandler(ServiceHub(memberships, self._forwarder), self.live_trace)
        self.hubs.add_any(
            lambda hub, plane: handler,
            options=self.options.hub,
            codecs=relay_protocols(self.options.hub.protocols),
            maximum_hubs=self.options.maximum_hubs,
        )
        rest_tokens = RestTokens(self._keys, base_urls, clock=self.clock)
        rest = RestServer(
            self._plane_for_rest,
            memberships,
            rest_tokens,
            tokens,
            options=self.options.rest,
            unready_reason=lambda: self.hubs.unready_reason,
        )
        self._rest = TracedHttp(RestApplication(rest, clock=self.clock), self.live_trace, clock=self.clock)
        self._live_trace = LiveTraceEndpoint(self.live_trace, rest_tokens.verify, clock=self.clock)
        self.around: Callable[[], AbstractAsyncContextManager[None]] = nullcontext
        """Entered while it runs, for whoever composes it."""
        self._operators = Networks(self.options.metrics_networks)
        self._unanswered = 0
        self._all_answered = asyncio.Event()

    # Changes while it runs

    def replace_keys(self, keys: Sequence[str]) -> None:
        """Let these access keys count from now on, and no others. Raises: ValueError, and nothing has changed."""
        self._keys.replace(keys)

    @property
    def upstream(self) -> UpstreamTemplates:
        """Where events go now."""
        return self._forwarder.templates

    def replace_upstream(self, templates: UpstreamTemplates) -> None:
        """Send events there from now on. Raises: ValueError, and nothing has changed."""
        self._forwarder.replace_templates(templates)

    # Life

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Serve while inside; leaving delivers what was accepted, then tells clients to come again.

        Raises: as `HubServer.lifespan`; StoreUnavailable.
        """
        async with AsyncExitStack() as stack:
            await self._store.start()
            stack.push_async_callback(self._store.stop)
            await self._forwarder.start()
            stack.push_async_callback(self._forwarder.stop)
            await stack.enter_async_context(self.around())
            await stack.enter_async_context(self.hubs.lifespan())
            yield

    # ASGI

    async def __call__(self, scope: AsgiMessage, receive: AsgiReceive, send: AsgiSend) -> None:
        match scope["type"]:
            case "lifespan":
                await self._serve_lifespan(scope, receive, send)
            case "http":
                await self._serve_http(scope, receive, send)
            case "websocket":
                await self._serve_websocket(scope, receive, send)

    async def _serve_http(self, scope: AsgiMessage, receive: AsgiReceive, send: AsgiSend) -> None:
        path: str = scope["path"]
        if path.startswith("/api/"):
            await self._serve_rest(scope, receive, send)
        elif self.hubs.handles(path):
            await self.hubs(scope, receive, send)
        elif self._live_trace.handles(path):
            await self._live_trace(scope, receive, send)
        elif path == "/metrics":
            await self._serve_metrics(scope, receive, send)
        elif _is_for_servers(path):
            await Exchange(receive, send).answer(404, _NO_SERVERS)
        else:
            await self._rest(scope, receive, send)

    async def _serve_rest(self, scope: AsgiMessage, receive: AsgiReceive, send: AsgiSend) -> None:
        if self.hubs.endpoint.is_draining:
            self.figures.rest_answered(503)
            await Exchange(receive, send).answer(503, b"The service is going away", "text/plain", _GOING_AWAY)
            return

        is_answered = False

        def note_answered() -> None:
            nonlocal is_answered
            if not is_answered:
                is_answered = True
                self._unanswered -= 1
                if not self._unanswered:
                    self._all_answered.set()

        async def count(message: AsgiMessage) -> None:
            if message["type"] == "http.response.start":
                self.figures.rest_answered(message["status"])
            await send(message)
            if message["type"] == "http.response.body":
                note_answered()  # a body that does not count may still be coming in

        self._unanswered += 1
        try:
            await self._rest(scope, receive, count)
        finally:
            note_answered()

    async def _serve_metrics(self, scope: AsgiMessage, receive: AsgiReceive, send: AsgiSend) -> None:
        exchange = Exchange(receive, send)
        if not self._is_operator(scope):
            await exchange.answer(403, b"Figures are told to ServiceOptions.metrics_networks alone.")
        elif scope["method"] not in ("GET", "HEAD"):
            await exchange.answer(405, b"", "text/plain", (("allow", "GET, HEAD"),))
        else:
            text = prometheus_text(self.figures.numbers(), self.hubs.nodes)
            body = b"" if scope["method"] == "HEAD" else text.encode()
            await exchange.answer(200, body, "text/plain; version=0.0.4; charset=utf-8")

    async def _serve_websocket(self, scope: AsgiMessage, receive: AsgiReceive, send: AsgiSend) -> None:
        if not _is_for_servers(scope["path"]):
            await self.hubs(scope, receive, send)
            return
        await receive()  # websocket.connect
        await denial(receive, send, scope.get("extensions")).answer(404, _NO_SERVERS)

    async def _serve_lifespan(self, scope: AsgiMessage, receive: AsgiReceive, send: AsgiSend) -> None:
        await receive()  # lifespan.startup
        try:
            async with self.lifespan():
                state = scope.get("state")
                if state is not None:
                    state[LIFESPAN_STATE] = self.hubs
                await send({"type": "lifespan.startup.complete"})
                await receive()  # lifespan.shutdown
        except (LocalProtocolError, BrokerUnavailable, StoreUnavailable) as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
        else:
            await send({"type": "lifespan.shutdown.complete"})

    # Inside

    def _plane(self, hub: str) -> DataPlane:
        plane = self.hubs.plane(hub)
        return TracedDataPlane(plane, hub, self.live_trace) if self.live_trace.is_watched else plane

    def _plane_for_rest(self, hub: str) -> DataPlane:
        try:
            return self._plane(hub)
        except TooManyHubs as error:
            raise RestError(429, ErrorCode.THROTTLED, str(error)) from error

    async def _before_drain(self) -> None:
        try:
            await self._until_answered()
        finally:  # also when that takes too long
            self.live_trace.stop()  # the server waits for the end of its streams, and would do so for ever

    async def _until_answered(self) -> None:
        """Return when no REST request is under way; from now on there come no more."""
        while self._unanswered:
            self._all_answered.clear()
            await self._all_answered.wait()

    def _is_operator(self, scope: AsgiMessage) -> bool:
        """Whether figures may be told. Who comes through a proxy that is not trusted could be anybody."""
        client = scope.get("client")
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        peer = client[0] if client else ""
        if "x-forwarded-for" in headers and peer not in self.hubs.proxies:
            return False
        address, _ = self.hubs.proxies.client(peer, headers, scope["scheme"])
        return address in self._operators


def _is_diagnostic(caller: Caller) -> bool:
    steering = caller.principal.steering
    return steering is not None and steering.is_diagnostic


def _is_for_servers(path: str) -> bool:
    return path == "/server" or path.startswith("/server/")
