"""`AzureHubs`: hubs whose connections Azure SignalR Service, or a service like it, holds; an ASGI application.

The sibling of `HubServer`: the same hubs, filters and contexts. Events come in by the service's upstream requests,
messages go out by its REST API. Holds no connection and remembers none, so any process may answer for any of them.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Protocol, TypeVar, overload

from hubwire.azure.carried_claims import carried_claims
from hubwire.azure.client_url import checked_hub_name
from hubwire.azure.negotiate import ClientAccess
from hubwire.azure.upstream_endpoint import UpstreamAnswer, UpstreamEndpoint, UpstreamHub, UpstreamRequest
from hubwire.azure.upstream_headers import is_header_value
from hubwire.azure.upstream_signature import UpstreamSignatures
from hubwire.clock import Clock, SystemClock
from hubwire.errors import LocalProtocolError
from hubwire.hub.context import HubContext
from hubwire.hub.contracts import ClientContract
from hubwire.hub.dispatcher import HubDispatcher, HubFactory, hub_class_of
from hubwire.hub.failures import completion_error
from hubwire.hub.filters import HubFilter
from hubwire.hub.hub import Hub
from hubwire.observe import NullObserver, Observer
from hubwire.options import AzureHubsOptions, HubOptions
from hubwire.plane.nodes import NodeInfo
from hubwire.ports import DataPlane
from hubwire.server.azure_hub import AzureHub
from hubwire.server.azure_signalr import AzureSignalR
from hubwire.server.contexts import find_context
from hubwire.server.log_redaction import protect_logs
from hubwire.transports.asgi import AsgiMessage, AsgiReceive, AsgiSend
from hubwire.wire.protocols import hub_protocols

ContractT = TypeVar("ContractT", bound=ClientContract)


class ConnectionService(Protocol):
    """Where the connections are. `AzureSignalR` is one service, or several that act as one."""

    @property
    def keys(self) -> Sequence[str]:
        """The access keys of all its endpoints, as far as they are known, by which upstream requests are signed."""

    @property
    def unready_reason(self) -> str | None:
        """Why new clients cannot be sent there; None: they can."""

    def plane(self, hub: str, options: HubOptions | None = None) -> DataPlane:
        """Return the way out for one hub, given its name in lower case."""

    async def negotiate(
        self,
        hub: str,
        *,
        user_id: str | None = None,
        claims: Mapping[str, object] | None = None,
        lifetime_seconds: float | None = None,
        region: str | None = None,
    ) -> ClientAccess:
        """Let one client in, at whichever endpoint is best. Raises: ValueError for claims that do not fit."""

    async def start(self) -> None:
        """Get ready; needs a running loop."""

    async def stop(self) -> None:
        """Close what is open."""


class AzureHubs:
    """Hubs behind a service. Mount it in an ASGI application, or pass requests to `handle` yourself."""

    def __init__(
        self,
        service: ConnectionService | str,
        options: AzureHubsOptions | None = None,
        *,
        code: str | None = None,
        keys: Sequence[str] = (),
        observer: Observer | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Prepare without hubs.

        Args:
            service: where the connections are, or the connection string of the one service that has them, which needs
                the extra `azure`.
            code: a secret that the service's upstream address ends with, as `?code=...`. The signature of upstream
                requests says nothing about their content, so this is worth having. None: the signature decides alone.
            keys: access keys that sign upstream requests besides those that `service` knows: services that an identity
                lets us into sign with theirs all the same. Where no key is known, the code decides alone.

        Raises:
            ValueError: there is neither a key nor a code, or an endpoint cannot be used.
        """
        self.options = options or AzureHubsOptions()
        self.clock: Clock = clock or SystemClock()
        self.observer: Observer = observer or NullObserver()
        self._service = AzureSignalR(service) if isinstance(service, str) else service
        known = [*self._service.keys, *keys]
        self._endpoint = UpstreamEndpoint(
            UpstreamSignatures(known) if known else None,
            maximum_request_bytes=self.options.maximum_request_bytes,
            trusts_plain_claims=self.options.trusts_plain_claims,
            code=code,
        )
        self._planes: dict[str, DataPlane] = {}
        self._dispatchers: dict[str, HubDispatcher] = {}
        self._is_running = False

    # Hubs

    def add(
        self,
        hub: HubFactory,
        *,
        name: str | None = None,
        options: HubOptions | None = None,
        filters: Sequence[HubFilter] = (),
    ) -> None:
        """Register a hub; do so before the first request.

        Args:
            hub: a hub class, or a function without arguments that makes one with its dependencies.
            name: None: the class's.
            options: of these count `protocols`, `property_names`, `detailed_errors` and
                `client_result_timeout_seconds`; the rest is the service's.

        Raises:
            ValueError: the name is taken, or the service refuses it.
            TypeError: a method of the hub cannot be offered here, because it streams, or at all.
        """
        hub_options = options or HubOptions()
        name = name or hub_class_of(hub).__name__
        key = checked_hub_name(name)
        plane = self._service.plane(key, hub_options)
        dispatcher = HubDispatcher(hub, plane, filters, hub=name, property_names=hub_options.property_names)
        handler = AzureHub(name, dispatcher, dispatcher.method_name, self.observer, self.clock)
        codecs = hub_protocols(hub_options.protocols, hub_options.property_names)
        word = functools.partial(_word, dispatcher, hub_options.detailed_errors)
        self._endpoint.add(UpstreamHub(name, handler, codecs, word))
        self._planes[key] = plane
        self._dispatchers[key] = dispatcher

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
        """Return the data plane of a hub. Raises: KeyError."""
        return self._planes[name.lower()]

    async def negotiate(
        self,
        hub: str,
        *,
        user_id: str | None = None,
        claims: Mapping[str, object] | None = None,
        lifetime_seconds: float | None = None,
        region: str | None = None,
    ) -> ClientAccess:
        """Let one client into one hub: its answer to negotiate is `{"url": url, "accessToken": access_token}`.

        Identity and claims must come from a verified source: hubs believe them. Claims reach hub code with their
        types, and no value of them can be taken for another claim.

        Args:
            lifetime_seconds: of the token; None: the service's.
            region: where the client is, in the words of several endpoints.

        Raises:
            KeyError: the hub was not added.
            ValueError: the claims are too large, begin with `hubwire.`, or the user id cannot stand in a header.
        """
        key = self._dispatchers[hub.lower()].name.lower()
        if user_id is not None and not is_header_value(user_id):
            raise ValueError(
                "A user id is empty, or has spaces at its ends or control characters; behind the service it would "
                "arrive as another one. Choose other ids."
            )
        return await self._service.negotiate(
            key,
            user_id=user_id,
            claims=carried_claims(claims or {}),
            lifetime_seconds=lifetime_seconds,
            region=region,
        )

    # Life

    @property
    def is_running(self) -> bool:
        """Whether its lifespan is entered."""
        return self._is_running

    @property
    def is_ready(self) -> bool:
        """Whether new clients are well served: see `unready_reason`."""
        return self.unready_reason is None

    @property
    def unready_reason(self) -> str | None:
        """Why clients cannot be served now, for a readiness probe; None: they can."""
        if not self._is_running:
            return "the hubs do not run"
        return self._service.unready_reason

    @property
    def nodes(self) -> list[NodeInfo]:
        """Empty: processes behind a service know nothing of each other."""
        return []

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Answer and publish while inside. Leaving disturbs no client: their connections are the service's.

        Raises: LocalProtocolError: it runs already.
        """
        if self._is_running:
            raise LocalProtocolError("These AzureHubs run already; enter their lifespan once.")
        protect_logs()
        await self._service.start()
        self._is_running = True
        try:
            yield
        finally:
            self._is_running = False
            await self._service.stop()

    # Requests

    def handles(self, path: str) -> bool:
        """Whether this path is where the service sends its requests; the template may add more segments to it."""
        return f"{path}/".startswith(f"{self.options.upstream_path.rstrip('/')}/")

    async def handle(self, request: UpstreamRequest) -> UpstreamAnswer:
        """Answer one request of the service, for hosts without ASGI. Raises: LocalProtocolError outside of lifespan."""
        self._check_running()
        return await self._endpoint.handle(request)

    async def handle_checked(self, request: UpstreamRequest) -> UpstreamAnswer:
        """Answer one event whose sender the host has checked, as that of Azure Functions does for its triggers.

        Never call it with what came by HTTP: whoever sent that would be believed. Raises as `handle`.
        """
        self._check_running()
        return await self._endpoint.handle_checked(request)

    def _check_running(self) -> None:
        if not self._is_running:
            raise LocalProtocolError(
                "These AzureHubs do not run. A mounting application must enter `async with hubs.lifespan()` in its own "
                "lifespan."
            )

    async def __call__(self, scope: AsgiMessage, receive: AsgiReceive, send: AsgiSend) -> None:
        match scope["type"]:
            case "lifespan":
                await self._serve_lifespan(receive, send)
            case "http":
                await _send(send, await self._answer(scope, receive))
            case "websocket":
                await receive()  # websocket.connect
                await send({"type": "websocket.close", "code": 1000})  # before it is accepted: 403

    async def _answer(self, scope: AsgiMessage, receive: AsgiReceive) -> UpstreamAnswer:
        path: str = scope["path"]
        root: str = scope.get("root_path", "")
        if not self.handles(path) and not (root and path.startswith(root) and self.handles(path[len(root) :])):
            return UpstreamAnswer(404, b"Not Found", "text/plain")
        fields: dict[str, str] = {}
        for raw_name, raw_value in scope["headers"]:
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
            fields[name] = f"{fields[name]}, {value}" if name in fields else value
        self._check_running()
        request = UpstreamRequest(scope["method"], fields, b"", scope["query_string"].decode("latin-1"))
        refusal = self._endpoint.check_sender(request)
        if refusal is not None:  # nothing of what strangers send is kept
            return refusal
        body = await _read(receive, self.options.maximum_request_bytes)
        return await self._endpoint.handle_checked(replace(request, body=body))

    async def _serve_lifespan(self, receive: AsgiReceive, send: AsgiSend) -> None:
        await receive()  # lifespan.startup
        try:
            async with self.lifespan():
                await send({"type": "lifespan.startup.complete"})
                await receive()  # lifespan.shutdown
        except LocalProtocolError as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
        else:
            await send({"type": "lifespan.shutdown.complete"})


def _word(dispatcher: HubDispatcher, detailed: bool, error: BaseException, target: str) -> str:
    return completion_error(error, dispatcher.method_name(target) or target, detailed)


async def _read(receive: AsgiReceive, limit_bytes: int) -> bytes:
    """Read the body, and no more of it than shows that it is too large."""
    body = bytearray()
    while len(body) <= limit_bytes:
        message = await receive()
        if message["type"] != "http.request":  # the service has gone away; what has come is no whole message
            break
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    return bytes(body)


async def _send(send: AsgiSend, answer: UpstreamAnswer) -> None:
    fields = [(b"content-length", str(len(answer.body)).encode())]
    if answer.content_type is not None:
        fields.append((b"content-type", answer.content_type.encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": fields})
    await send({"type": "http.response.body", "body": answer.body})
