"""`HubServer`: hubs, their endpoint and their time, composed for a single process; an ASGI application."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar, overload

from hubwire.clock import Clock, SystemClock
from hubwire.errors import LocalProtocolError
from hubwire.hub.context import HubContext
from hubwire.hub.contracts import ClientContract
from hubwire.hub.dispatcher import HubDispatcher, HubFactory
from hubwire.hub.filters import HubFilter
from hubwire.hub.hub import Hub
from hubwire.model import ConnectRequest
from hubwire.observe import NullObserver, Observer
from hubwire.options import ConnectionOptions, HubOptions, ServerOptions
from hubwire.plane.local import LocalDataPlane
from hubwire.plane.registry import Registry
from hubwire.ports import DataPlane, TokenVerifier
from hubwire.server.admission import Route
from hubwire.server.answers import Refused
from hubwire.server.endpoint import Endpoint
from hubwire.server.hosted import Hosted, HostedHub
from hubwire.server.log_redaction import protect_logs
from hubwire.server.raw import RawHandler
from hubwire.server.raw_pump import HostedRaw, RawPump
from hubwire.server.redirect import ChooseRedirect, Redirection
from hubwire.server.requests import TrustedProxies, make_request
from hubwire.server.shutdown import drain, finished_within
from hubwire.server.stateful import open_connection
from hubwire.server.tasks import Tasks
from hubwire.server.timer_wheel import TimerWheel
from hubwire.transports.asgi import ABORT_STATE, AsgiMessage, AsgiReceive, AsgiSend, Exchange
from hubwire.transports.asgi_websocket import AsgiWebSocketTransport, denial
from hubwire.wire.protocols import hub_protocols

ContractT = TypeVar("ContractT", bound=ClientContract)

LIFESPAN_STATE = "hubwire"
"""Where a running server stands in the lifespan state, for the fast lane to find it."""

_STOP_SECONDS = 5.0
"""How long a stop waits for sockets, for hub code that still runs, and once more when that is cancelled. 5 s: the
reference server's."""

_log = logging.getLogger("hubwire.server")


class HubServer:
    """Serves hubs: mount it in an ASGI application, or run it by itself with `hubwire.run`."""

    def __init__(
        self,
        options: ServerOptions | None = None,
        *,
        verifier: TokenVerifier | None = None,
        observer: Observer | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Prepare a server without hubs.

        Args:
            verifier: checks the tokens of all hubs that are not given their own. None: everybody may connect.
        """
        self.options = options or ServerOptions()
        self.clock: Clock = clock or SystemClock()
        self.observer: Observer = observer or NullObserver()
        self.proxies = TrustedProxies(self.options.trusted_proxies)
        self.wheel = TimerWheel(self.clock)
        self.tasks = Tasks()
        self.endpoint = Endpoint(self.options, self.clock, self.observer, self.wheel)
        self._verifier = verifier
        self._planes: dict[str, LocalDataPlane] = {}
        self._dispatchers: dict[str, HubDispatcher] = {}
        self._is_running = False

    # Hubs

    def add(
        self,
        hub: HubFactory,
        *,
        path: str | None = None,
        name: str | None = None,
        options: HubOptions | None = None,
        filters: Sequence[HubFilter] = (),
        verifier: TokenVerifier | None = None,
    ) -> None:
        """Register a hub; do so before the server starts.

        Args:
            hub: a hub class, or a function without arguments that makes one with its dependencies.
            path: absolute path of its endpoint; None: only `ServerOptions.client_path` reaches it.
            name: None: the class's.
            verifier: None: the server's.

        Raises:
            ValueError: the name or path is taken or malformed, or the hub could not be reached.
            TypeError: a method of the hub cannot be offered.
        """
        registry = Registry()
        plane = LocalDataPlane(registry)
        hub_options = options or HubOptions()
        dispatcher = HubDispatcher(hub, plane, filters, hub=name, property_names=hub_options.property_names)
        hosted_hub = HostedHub(
            name=dispatcher.name,
            options=hub_options,
            codecs=hub_protocols(hub_options.protocols, hub_options.property_names),
            handler=dispatcher,
            method_name=dispatcher.method_name,
            registry=registry,
            clock=self.clock,
            observer=self.observer,
            wheel=self.wheel,
            tasks=self.tasks,
        )
        limit = hub_options.maximum_receive_message_bytes
        hosted = Hosted(
            name=dispatcher.name,
            options=hub_options,
            verifier=verifier or self._verifier,
            open=functools.partial(open_connection, hosted_hub),
            # A frame must at least hold the largest hub message.
            frame_limit_bytes=None if limit is None else max(limit, hub_options.maximum_receive_frame_bytes),
            allows_stateful_reconnect=hub_options.stateful_reconnect,
        )
        self.endpoint.admission.add(hosted, path)
        self._planes[hosted.name.lower()] = plane
        self._dispatchers[hosted.name.lower()] = dispatcher

    def add_raw(
        self,
        handler: RawHandler,
        *,
        path: str,
        name: str | None = None,
        options: ConnectionOptions | None = None,
        verifier: TokenVerifier | None = None,
    ) -> None:
        """Register a handler of raw connections: bytes, no hub. Do so before the server starts.

        Args:
            handler: runs for each connection, which is closed when it returns, as failed when it raises. A stop of the
                server ends its reading, later its writing, and cancels it where it still runs then.
            path: absolute path of its endpoint.
            name: names its connections in logs and figures, and to the verifier. None: the function's.
            verifier: None: the server's.

        Raises:
            ValueError: the name or path is taken or malformed.
        """
        name = name or str(getattr(handler, "__name__", type(handler).__name__))
        options = options or ConnectionOptions()
        raw = HostedRaw(name, options, handler, self.clock, self.observer, self.wheel, self.tasks)
        hosted = Hosted(
            name=name,
            options=options,
            verifier=verifier or self._verifier,
            open=functools.partial(RawPump, raw),
            frame_limit_bytes=options.maximum_receive_frame_bytes,
        )
        self.endpoint.admission.add(hosted, path)

    def add_redirect(
        self, path: str, choose: ChooseRedirect, *, name: str | None = None, verifier: TokenVerifier | None = None
    ) -> None:
        """Register a path whose negotiate sends clients to another address; other requests find nothing there.

        Args:
            choose: decides where one client goes.
            name: told to the verifier as the hub. None: the path.
            verifier: None: the server's.

        Raises:
            ValueError: the path is taken or malformed.
        """
        redirection = Redirection(name or path, verifier or self._verifier, choose)
        self.endpoint.admission.add_redirection(redirection, path)

    @overload
    def context(self, hub: type[Hub[ContractT]]) -> HubContext[ContractT]: ...
    @overload
    def context(self, hub: str) -> HubContext[ClientContract]: ...
    def context(self, hub: type[Hub[Any]] | str) -> HubContext[Any]:
        """Return the way to send to a hub's clients from outside.

        Raises: KeyError for a hub that was not added, or a class that was added twice (then give the name).
        """
        if isinstance(hub, str):
            return self._dispatchers[hub.lower()].context
        found = [each for each in self._dispatchers.values() if each.hub_class is hub]
        if len(found) != 1:
            raise KeyError(f"{hub.__qualname__} was added {len(found)} times; give the hub's name instead.")
        return found[0].context

    def plane(self, name: str) -> DataPlane:
        """Return the data plane of a hub. Raises: KeyError."""
        return self._planes[name.lower()]

    @property
    def connection_count(self) -> int:
        """Connections of all hubs, those in their handshake included."""
        return len(self.endpoint.connections)

    # Life

    @property
    def is_running(self) -> bool:
        """Whether its lifespan is entered."""
        return self._is_running

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Run timers and hub code while inside; leaving drains.

        Raises: LocalProtocolError when it runs already.
        """
        if self._is_running:
            raise LocalProtocolError("This HubServer runs already; enter its lifespan once.")
        self._is_running = True
        self.endpoint.is_draining = False
        protect_logs()
        wheel = asyncio.create_task(self.wheel.run())
        try:
            yield
        finally:
            try:
                await self.drain()
                await self._finish()
            finally:
                wheel.cancel()
                await asyncio.gather(wheel, return_exceptions=True)
                if not await finished_within(self.tasks.cancel(), _STOP_SECONDS, self.clock):
                    _log.error(
                        "%s calls of hub code go on although they were cancelled; they are left", len(self.tasks)
                    )
                self._is_running = False

    async def drain(self) -> None:
        """Refuse new connections and end the present ones, over `ServerOptions.drain_seconds`. May be called twice."""
        self.endpoint.is_draining = True
        await drain(list(self.endpoint.connections.values()), self.options.drain_seconds, self.clock)

    def begin_drain(self) -> None:
        """Drain without waiting for it, unless that has begun."""
        if self._is_running and not self.endpoint.is_draining:
            self.endpoint.is_draining = True
            self.tasks.start(self.drain())

    async def until_empty(self) -> None:
        """Wait for the clients to leave; whoever does not in time is cut off."""
        if not await finished_within(self.endpoint.until_empty(), _STOP_SECONDS, self.clock):
            for connection in list(self.endpoint.connections.values()):
                connection.abort()

    async def _finish(self) -> None:
        await self.until_empty()
        await finished_within(self.tasks.wait(), _STOP_SECONDS, self.clock)

    # Requests

    def handles(self, path: str) -> bool:
        """Whether this absolute path is a hub's or its negotiate."""
        return self.endpoint.admission.find(path) is not None

    def start(self, work: Coroutine[object, None, None]) -> None:
        """Run work of a connection. Raises: LocalProtocolError outside of the lifespan."""
        self._require_running()
        self.tasks.start(work)

    async def __call__(self, scope: AsgiMessage, receive: AsgiReceive, send: AsgiSend) -> None:
        match scope["type"]:
            case "lifespan":
                await self._serve_lifespan(scope, receive, send)
            case "http":
                self._require_running()
                exchange = Exchange(receive, send, scope.get("state", {}).get(ABORT_STATE))
                route = self._route(scope)
                if route is None:
                    await exchange.answer(404, b"Not Found")
                else:
                    await self.endpoint.serve(route, self._request(scope), exchange)
            case "websocket":
                await self._serve_websocket(scope, receive, send)

    async def _serve_websocket(self, scope: AsgiMessage, receive: AsgiReceive, send: AsgiSend) -> None:
        self._require_running()
        await receive()  # websocket.connect
        try:
            route = self._route(scope)
            if route is None:
                raise Refused(404, "Not Found")
            admitted = await self.endpoint.admit(route, self._request(scope))
        except Refused as refused:
            answer = refused.answer()
            exchange = denial(receive, send, scope.get("extensions"))
            await exchange.answer(answer.status, answer.body, answer.content_type, answer.headers)
            return
        transport = AsgiWebSocketTransport(receive, send)
        await transport.run(self.endpoint.open(admitted, transport))

    async def _serve_lifespan(self, scope: AsgiMessage, receive: AsgiReceive, send: AsgiSend) -> None:
        await receive()  # lifespan.startup
        try:
            async with self.lifespan():
                state = scope.get("state")
                if state is not None:
                    state[LIFESPAN_STATE] = self
                await send({"type": "lifespan.startup.complete"})
                await receive()  # lifespan.shutdown
        except LocalProtocolError as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
        else:
            await send({"type": "lifespan.shutdown.complete"})

    def _require_running(self) -> None:
        if not self._is_running:
            raise LocalProtocolError(
                "This HubServer does not run. A mounting application must enter `async with server.lifespan()` "
                "in its own lifespan."
            )

    def _route(self, scope: AsgiMessage) -> Route | None:
        path: str = scope["path"]
        route = self.endpoint.admission.find(path)
        root: str = scope.get("root_path", "")
        if route is None and root and path.startswith(root):
            route = self.endpoint.admission.find(path[len(root) :])  # mounted below a prefix
        return route

    def _request(self, scope: AsgiMessage) -> ConnectRequest:
        client = scope.get("client")
        scheme: str = scope["scheme"]
        return make_request(
            scope.get("method", "GET"),
            scope["path"],
            scope["query_string"].decode("latin-1"),
            ((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]),
            client[0] if client else "",
            {"ws": "http", "wss": "https"}.get(scheme, scheme),
            self.proxies,
        )
