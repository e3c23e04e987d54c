"""`HubServer`: hubs, their endpoint and their time, composed for one process or one of several; an ASGI application."""

from __future__ import annotations

import asyncio
import functools
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar, overload

from hubwire.clock import Clock, SystemClock
from hubwire.errors import BrokerUnavailable, LocalProtocolError
from hubwire.hub.context import HubContext
from hubwire.hub.contracts import ClientContract
from hubwire.hub.dispatcher import HubDispatcher, HubFactory, hub_class_of
from hubwire.hub.filters import HubFilter
from hubwire.hub.hub import Hub
from hubwire.model import ConnectRequest
from hubwire.observe import NullObserver, Observer
from hubwire.options import ConnectionOptions, HubOptions, ServerOptions
from hubwire.plane.nodes import NodeInfo
from hubwire.ports import DataPlane, HubHandler, TokenVerifier
from hubwire.server.admission import Route
from hubwire.server.answers import Refused
from hubwire.server.cluster import Cluster, ClusterNode
from hubwire.server.contexts import find_context
from hubwire.server.endpoint import Endpoint
from hubwire.server.hosted import Elsewhere, Hosted
from hubwire.server.hub_maker import HubMaker, cannot_open, hosted_as, unnamed
from hubwire.server.hubs_of_any_name import HubsOfAnyName, MadeHub
from hubwire.server.live_trace import LiveTrace
from hubwire.server.log_redaction import protect_logs
from hubwire.server.outboxes import Outboxes
from hubwire.server.peers import NOBODY, STAMP_HEADER, Peers
from hubwire.server.raw import RawHandler
from hubwire.server.raw_pump import HostedRaw, RawPump
from hubwire.server.redirect import ChooseRedirect, Redirection
from hubwire.server.requests import NO_PROXIES, TrustedProxies, fields_of, make_request
from hubwire.server.shutdown import drain, finished_within
from hubwire.server.sockets import Sockets
from hubwire.server.stateful import open_connection
from hubwire.server.table import requested_token
from hubwire.server.tasks import Tasks
from hubwire.server.timer_wheel import TimerWheel
from hubwire.server.tokens import KEY_BYTES, ConnectionTokens
from hubwire.transports.asgi import ABORT_STATE, AsgiMessage, AsgiReceive, AsgiSend, Exchange
from hubwire.transports.asgi_websocket import AsgiWebSocketTransport, denial
from hubwire.wire.codec import Codec
from hubwire.wire.protocols import hub_protocols

if TYPE_CHECKING:
    from hubwire.server.forwarder import Forwarder

ContractT = TypeVar("ContractT", bound=ClientContract)

LIFESPAN_STATE = "hubwire"
"""Where a running server stands in the lifespan state, for the fast lane to find it."""

_STOP_SECONDS = 5.0
"""How long a stop waits for sockets, for hub code that still runs, and once more when that is cancelled. 5 s: the
reference server's."""

_Resolve = Callable[[AsgiMessage], tuple[Route, ConnectRequest]]

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
        cluster: Cluster | None = None,
    ) -> None:
        """Prepare a server without hubs.

        Args:
            verifier: checks the tokens of all hubs that are not given their own. None: everybody may connect.
            cluster: makes it one of several that act as one. None: it is alone.
        """
        self.options = options or ServerOptions()
        self.clock: Clock = clock or SystemClock()
        self.observer: Observer = observer or NullObserver()
        self.proxies = TrustedProxies(self.options.trusted_proxies)
        self.wheel = TimerWheel(self.clock, self._note_lateness)
        self.tasks = Tasks()
        self.sockets = Sockets(self.options)
        self._node = None if cluster is None else ClusterNode(cluster, self.clock, self.observer)
        self.forwarder: Forwarder | None = None
        """Passes on what belongs to other nodes; None: there are none that could be asked."""
        peers = None if self._node is None else self._node.peers
        if peers is None:
            peers = Peers("", secrets.token_bytes(KEY_BYTES), NOBODY)
        else:
            from hubwire.server.forwarder import Forwarder  # needs an HTTP client, the extra `cluster`

            self.forwarder = Forwarder(self.options, peers, self.clock, self.wheel, self.sockets)
        tokens = ConnectionTokens(peers.key, peers.node_id, self.clock, self.options.connect_timeout_seconds)
        self.endpoint = Endpoint(self.options, self.clock, self.observer, self.wheel, tokens, self.forwarder)
        self.outboxes = Outboxes(self.options.outbox_total_bytes)
        self._maker = HubMaker(self.clock, self.observer, self.wheel, self.tasks, self.outboxes, self._node)
        self.front: object = self
        """The application that is nothing else than this server: nobody looks at its requests before it does."""
        self.before_drain: Callable[[], Awaitable[None]] | None = None
        """Awaited before connections are closed at a stop, for what was accepted and is not with them yet."""
        self._verifier = verifier
        self._planes: dict[str, DataPlane] = {}
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
        hub_options = options or HubOptions()
        codecs = hub_protocols(hub_options.protocols, hub_options.property_names)
        made = self._maker.plane(name or hub_class_of(hub).__name__, hub_options, codecs)
        dispatcher = HubDispatcher(hub, made.plane, filters, hub=name, property_names=hub_options.property_names)
        hosted_hub = self._maker.hub(
            dispatcher.name, made.registry, dispatcher, dispatcher.method_name, hub_options, codecs
        )
        opening = functools.partial(open_connection, hosted_hub)
        hosted = hosted_as(dispatcher.name, hub_options, verifier or self._verifier, opening)
        self.endpoint.admission.add(hosted, path)
        made.join()
        self._planes[hosted.name.lower()] = made.plane
        self._dispatchers[hosted.name.lower()] = dispatcher

    def add_any(
        self,
        make: Callable[[str, DataPlane], HubHandler],
        *,
        options: HubOptions | None = None,
        verifier: TokenVerifier | None = None,
        codecs: Mapping[str, Codec] | None = None,
        maximum_hubs: int = 1_000,
    ) -> None:
        """Serve hubs of any other name at `ServerOptions.client_path`; do so before the server starts.

        A hub is made when somebody with a token for it connects, or `plane` is asked for it; its name comes in lower
        case. Hubs that nobody is connected to here are forgotten when there are too many.

        Args:
            make: called with the name and the data plane of each hub that is made; returns what takes its events.
            verifier: None: the server's.
            codecs: what handshakes may choose. None: what the options say.
            maximum_hubs: how many there may be at once; those above it are refused with 429.

        Raises: ValueError: there is no verifier, so anybody could make hubs, no client path, or it was done already.
        """
        hub_options = options or HubOptions()
        verifier = verifier or self._verifier
        admission = self.endpoint.admission
        if verifier is None or self.options.client_path is None or admission.any_name is not None:
            raise ValueError(
                "Hubs of any name need a verifier, so that not everybody makes some, and ServerOptions.client_path; "
                "they are added once."
            )
        hub_codecs = codecs or hub_protocols(hub_options.protocols, hub_options.property_names)

        def made_hub(name: str) -> MadeHub:
            made = self._maker.plane(name, hub_options, hub_codecs)
            hub = self._maker.hub(name, made.registry, make(name, made.plane), unnamed, hub_options, hub_codecs)
            made.join()
            hosted = hosted_as(name, hub_options, verifier, functools.partial(open_connection, hub))
            return MadeHub(hosted, made.plane, made.is_idle, made.forget)

        prototype = hosted_as("", hub_options, verifier, cannot_open)
        admission.any_name = HubsOfAnyName(prototype, made_hub, self.endpoint.connections, self.clock, maximum_hubs)

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
        raw = HostedRaw(name, options, handler, self.clock, self.observer, self.wheel, self.tasks, self.outboxes)
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
        return find_context(self._dispatchers, hub)

    def plane(self, name: str) -> DataPlane:
        """Return the data plane of a hub. One of any name is made if need be; then use it soon, do not keep it.

        Raises: KeyError; where hubs have any name instead TooManyHubs, and ValueError for a malformed one.
        """
        plane = self._planes.get(name.lower())
        if plane is not None:
            return plane
        if self.endpoint.admission.any_name is None:
            raise KeyError(name)
        return self.endpoint.admission.any_name.plane(name)

    def share_trace(self, trace: LiveTrace) -> None:
        """Let those who watch a live trace see what happens in all processes; do so before the server starts."""
        if self._node is not None:
            self._node.share(trace)

    @property
    def connection_count(self) -> int:
        """Connections of all hubs, those in their handshake included."""
        return len(self.endpoint.connections)

    # Life

    @property
    def is_running(self) -> bool:
        """Whether its lifespan is entered."""
        return self._is_running

    @property
    def is_ready(self) -> bool:
        """Whether new clients are well served here: see `unready_reason`."""
        return self.unready_reason is None

    @property
    def unready_reason(self) -> str | None:
        """Why new clients should go to another process, for a readiness probe; None: they may come."""
        if not self._is_running:
            return "the server does not run"
        if self.endpoint.is_draining:
            return "the server is going away"
        if self._node is not None and not self._node.is_available:
            return "the broker is away: clients of other nodes cannot be reached"
        return None

    @property
    def nodes(self) -> list[NodeInfo]:
        """The processes that live, this one first, as they announced themselves last; empty without a cluster."""
        return [] if self._node is None else self._node.directory.nodes

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Run timers and hub code while inside; leaving drains.

        Raises:
            LocalProtocolError: it runs already.
            BrokerUnavailable: the broker of the cluster cannot be reached.
        """
        if self._is_running:
            raise LocalProtocolError("This HubServer runs already; enter its lifespan once.")
        if self._node is not None:
            await self._node.start()
        self._is_running = True
        self.endpoint.is_draining = False
        protect_logs()
        wheel = asyncio.create_task(self.wheel.run())
        try:
            if self.forwarder is not None:
                await self.forwarder.start()
            yield
        finally:
            try:
                await self.drain()
                await self._finish()
            finally:
                wheel.cancel()
                await asyncio.gather(wheel, return_exceptions=True)
                if self.forwarder is not None:
                    await self.forwarder.stop()
                if not await finished_within(self.tasks.cancel(), _STOP_SECONDS, self.clock):
                    _log.error(
                        "%s calls of hub code go on although they were cancelled; they are left", len(self.tasks)
                    )
                self._is_running = False
                if self._node is not None:
                    await self._node.stop()

    async def drain(self) -> None:
        """Refuse new connections and end the present ones, over `ServerOptions.drain_seconds`. May be called twice."""
        self.endpoint.is_draining = True
        if not await finished_within(self._until_delivered(), _STOP_SECONDS, self.clock):
            _log.error("Some of what was accepted before the stop may not have been delivered")
        passed_on = () if self.forwarder is None else self.forwarder.running
        await drain([*self.endpoint.connections.values(), *passed_on], self.options.drain_seconds, self.clock)

    async def _until_delivered(self) -> None:
        """What was accepted is on its way to connections held here before the first of them is closed."""
        if self.before_drain is not None:
            await self.before_drain()
        if self._node is not None:
            await self._node.until_arrived()

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

    def _note_lateness(self, seconds: float) -> None:
        self.endpoint.table.gate.lateness.note(seconds)

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
                await self._serve_http(scope, receive, send, self._resolve)
            case "websocket":
                await self._serve_websocket(scope, receive, send, self._resolve)

    async def serve_peer(self, scope: AsgiMessage, receive: AsgiReceive, send: AsgiSend) -> None:
        """Serve a request with a peer's stamp. For the internal listener alone: elsewhere stamps do not count."""
        serve = self._serve_http if scope["type"] == "http" else self._serve_websocket
        await serve(scope, receive, send, self._resolve_peers)

    async def _serve_http(self, scope: AsgiMessage, receive: AsgiReceive, send: AsgiSend, resolve: _Resolve) -> None:
        self._require_running()
        exchange = Exchange(receive, send, scope.get("state", {}).get(ABORT_STATE), scope)
        try:
            route, request = resolve(scope)
        except Refused as refused:
            await exchange.answer(refused.status, refused.text.encode())
        else:
            await self.endpoint.serve(route, request, exchange)

    async def _serve_websocket(
        self, scope: AsgiMessage, receive: AsgiReceive, send: AsgiSend, resolve: _Resolve
    ) -> None:
        self._require_running()
        await receive()  # websocket.connect
        try:
            route, request = resolve(scope)
            admitted = await self.endpoint.admit(route, request)
            if isinstance(admitted, Elsewhere):
                if self.forwarder is not None:  # it was this that said so
                    await self.forwarder.relay(admitted, scope, receive, send)
                return
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
        except (LocalProtocolError, BrokerUnavailable) as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
        else:
            await send({"type": "lifespan.shutdown.complete"})

    def _require_running(self) -> None:
        if not self._is_running:
            raise LocalProtocolError(
                "This HubServer does not run. A mounting application must enter `async with server.lifespan()` "
                "in its own lifespan."
            )

    def read_peers(
        self, method: str, path: str, query_string: str, fields: Iterable[tuple[str, str]]
    ) -> tuple[Route, ConnectRequest]:
        """Return what a peer passes on, as its client sent it. Raises: Refused for one that no peer has stamped."""
        fields = list(fields)
        stamps = [value for name, value in fields if name.lower() == STAMP_HEADER]
        if self.forwarder is None or len(stamps) != 1:
            raise Refused(403)
        stamp = self.forwarder.read_stamp(stamps[0])
        fields = [(name, value) for name, value in fields if name.lower() != STAMP_HEADER]
        # Its proxies were looked through where it came in.
        request = make_request(method, path, query_string, fields, stamp.remote_address, stamp.scheme, NO_PROXIES)
        route = self.endpoint.admission.forwarded(stamp.hub)
        if route is None or stamp.method != method or stamp.token != requested_token(request):
            raise Refused(403)
        return route, request

    def _resolve_peers(self, scope: AsgiMessage) -> tuple[Route, ConnectRequest]:
        query_string = scope["query_string"].decode("latin-1")
        return self.read_peers(scope.get("method", "GET"), scope["path"], query_string, fields_of(scope["headers"]))

    def _resolve(self, scope: AsgiMessage) -> tuple[Route, ConnectRequest]:
        route = self._route(scope)
        if route is None:
            raise Refused(404, "Not Found")
        return route, self._request(scope)

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
            fields_of(scope["headers"]),
            client[0] if client else "",
            {"ws": "http", "wss": "https"}.get(scheme, scheme),
            self.proxies,
        )
