"""The client's front: what applications call. Everything behind it is put together in `supervisor`."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, TypeVar, overload

from hubwire.client.calling import call, read_stream, tell
from hubwire.client.credentials import AccessToken
from hubwire.client.errors import NotConnected
from hubwire.client.handlers import Handler, Handlers
from hubwire.client.link import Link
from hubwire.client.negotiation import base_url
from hubwire.client.retry import RetryPolicy
from hubwire.client.settings import Settings
from hubwire.client.states import ConnectionState
from hubwire.client.supervisor import Callbacks, Supervisor
from hubwire.clock import Clock, SystemClock
from hubwire.hub.conversion import conversion_to
from hubwire.options import PropertyNames
from hubwire.wire.negotiation import TRANSFER_FORMATS

T = TypeVar("T")
F = TypeVar("F", bound=Handler)


class HubConnection:
    """A client of one SignalR hub, whoever serves it.

    ```python
    connection = HubConnection("https://example.com/chat", reconnect=AutomaticReconnect())

    @connection.on("ReceiveMessage")
    async def received(user: str, text: str) -> None:
        print(user, text)

    async with connection:
        await connection.invoke("SendMessage", "ann", "hello")
    ```

    Handlers run one after the other in the order of the server's calls, in a task of their own: they may take their
    time and may call the server. Results and items are as decoded, or converted to the type asked for.
    """

    def __init__(
        self,
        url: str,
        *,
        access_token: AccessToken = None,
        headers: Mapping[str, str] | None = None,
        transports: Sequence[str] = tuple(TRANSFER_FORMATS),
        protocol: str = "json",
        skip_negotiation: bool = False,
        stateful_reconnect: bool = False,
        reconnect: RetryPolicy | None = None,
        keep_alive_seconds: float = 15.0,
        server_timeout_seconds: float = 30.0,
        handshake_timeout_seconds: float = 15.0,
        http_timeout_seconds: float = 100.0,
        maximum_receive_message_bytes: int | None = 16 * 1024 * 1024,
        receive_pause_bytes: int = 1024 * 1024,
        receive_limit_bytes: int = 64 * 1024 * 1024,
        stateful_reconnect_buffer_bytes: int = 100_000,
        property_names: PropertyNames = PropertyNames.AS_DECLARED,
        ssl: ssl.SSLContext | bool = True,
        clock: Clock | None = None,
    ) -> None:
        """Prepare; nothing is sent before `start`.

        Args:
            url: The hub's address; its query goes with every request.
            access_token: A bearer token, or a function or coroutine function that makes one; asked at each connect,
                and once more when a request is refused with 401.
            headers: Sent with every request; they replace the client's own of the same name.
            transports: Which may be used, the best first. By default WebSockets, ServerSentEvents, LongPolling.
            protocol: `json` or `messagepack`.
            skip_negotiation: Open a WebSocket at once; there is no `connection_id` then.
            stateful_reconnect: Ask the server to keep the connection over a lost WebSocket.
            reconnect: When to try again after a loss, e.g. `AutomaticReconnect()`. None: never, as official clients.
            keep_alive_seconds: Silence of ours after which a ping is sent. 15 s: half of what servers tolerate.
            server_timeout_seconds: Silence of the server after which the connection is lost. 30 s: twice its pings.
            handshake_timeout_seconds: For the server's answer to the handshake.
            http_timeout_seconds: For the answer to any request. 100 s: the JavaScript client's.
            maximum_receive_message_bytes: Largest single message, None: unlimited. 16 MiB: servers have no limit for
                what they send, and a client must not be filled up.
            receive_pause_bytes: What may wait for handlers and readers of streams before reading pauses; it goes on
                while something awaits an answer. A server misses a long poll after 15 s.
            receive_limit_bytes: What may wait at most. Above it the stream that holds the most fails with
                `ReceiveBufferFull`, or the connection if the handlers hold more.
            stateful_reconnect_buffer_bytes: What may be unacknowledged before `send` waits. 100,000: the official
                clients'.
            property_names: How fields of dataclasses and Structs are spelled on the wire.
            ssl: The context for https, or False: believe any certificate.
            clock: For tests.

        Raises: ValueError for what makes no sense.
        """
        self._settings = Settings(
            url=base_url(url),
            access_token=access_token,
            headers=dict(headers or {}),
            transports=tuple(transports),
            protocol=protocol,
            skip_negotiation=skip_negotiation,
            stateful_reconnect=stateful_reconnect,
            reconnect=reconnect,
            keep_alive_seconds=keep_alive_seconds,
            server_timeout_seconds=server_timeout_seconds,
            handshake_timeout_seconds=handshake_timeout_seconds,
            http_timeout_seconds=http_timeout_seconds,
            maximum_receive_message_bytes=maximum_receive_message_bytes,
            receive_pause_bytes=receive_pause_bytes,
            receive_limit_bytes=receive_limit_bytes,
            stateful_reconnect_buffer_bytes=stateful_reconnect_buffer_bytes,
            property_names=property_names,
            ssl=ssl,
            clock=SystemClock() if clock is None else clock,
        )
        self._handlers = Handlers(property_names)
        self._callbacks = Callbacks()
        self._supervisor: Supervisor | None = None

    # Life

    @property
    def state(self) -> ConnectionState:
        """What the connection is doing."""
        return ConnectionState.DISCONNECTED if self._supervisor is None else self._supervisor.state

    @property
    def connection_id(self) -> str | None:
        """The server's name for this connection while it is connected; another one after each reconnect."""
        return None if self._supervisor is None else self._supervisor.connection_id

    async def start(self) -> None:
        """Connect. A first start is not tried again by itself.

        Raises: ConnectFailed; NotConnected unless it is disconnected; whatever `access_token` raises.
        """
        if self.state is not ConnectionState.DISCONNECTED:
            raise NotConnected("Cannot start a HubConnection that is not in the 'Disconnected' state.")
        self._supervisor = Supervisor(self._settings, self._handlers, self._callbacks)
        await self._supervisor.start()

    async def stop(self) -> None:
        """Take leave of the server. Calls under way fail, a handler that runs is cancelled, on_closed gets None."""
        if self._supervisor is not None:
            await self._supervisor.stop()

    async def __aenter__(self) -> HubConnection:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    # What the server may call

    @overload
    def on(self, target: str) -> Callable[[F], F]: ...
    @overload
    def on(self, target: str, handler: F) -> F: ...
    def on(self, target: str, handler: Handler | None = None) -> object:
        """Call this when the server calls `target`, in whatever case; as a decorator without `handler`.

        Arguments are converted to the annotated types; a call that does not fit is logged. What the handler returns
        answers a server that asks for a result, what it raises too, by its text. Of several handlers all are called,
        and one may return something other than None.

        Raises: TypeError for a function that cannot be called so.
        """
        if handler is None:
            return lambda function: self.on(target, function)
        self._handlers.add(target, handler)
        return handler

    def off(self, target: str, handler: Handler | None = None) -> None:
        """Call it no longer; without `handler` none of this target's."""
        self._handlers.remove(target, handler)

    def on_reconnecting(self, callback: F) -> F:
        """Call this, a function or coroutine function, with the error when the connection was lost and is sought."""
        self._callbacks.reconnecting.append(callback)
        return callback

    def on_reconnected(self, callback: F) -> F:
        """Call this with the new connection id when it is back. Groups are gone: join them again here."""
        self._callbacks.reconnected.append(callback)
        return callback

    def on_closed(self, callback: F) -> F:
        """Call this when a connection that was open has ended for good, with the error, or None if it was in order."""
        self._callbacks.closed.append(callback)
        return callback

    # What the server is asked

    @overload
    async def invoke(self, target: str, *arguments: object) -> Any: ...
    @overload
    async def invoke(self, target: str, *arguments: object, result_type: type[T]) -> T: ...
    @overload
    async def invoke(self, target: str, *arguments: object, result_type: Any) -> Any: ...
    async def invoke(self, target: str, *arguments: object, result_type: Any = Any) -> Any:
        """Call a hub method and return its result.

        Async iterators among the arguments are sent item by item, beside the call, until it ends. If this is cancelled,
        the server is told that nobody waits any more.

        Raises: InvocationError with the server's text; UnexpectedResult when the result is not of `result_type`;
            NotConnected, ConnectionClosed; TypeError, ValueError for arguments that cannot be written.
        """
        conversion = conversion_to(result_type, self._settings.property_names)
        return await call(self._link(), target, arguments, conversion)

    async def send(self, target: str, *arguments: object) -> None:
        """Call a hub method without wanting an answer; returns when the call, and uploads in it, are written.

        Raises: NotConnected, ConnectionClosed; TypeError, ValueError for arguments that cannot be written; what an
            upload raises.
        """
        await tell(self._link(), target, arguments)

    @overload
    def stream(self, target: str, *arguments: object) -> AsyncGenerator[Any, None]: ...
    @overload
    def stream(self, target: str, *arguments: object, item_type: type[T]) -> AsyncGenerator[T, None]: ...
    @overload
    def stream(self, target: str, *arguments: object, item_type: Any) -> AsyncGenerator[Any, None]: ...
    def stream(self, target: str, *arguments: object, item_type: Any = Any) -> AsyncGenerator[Any, None]:
        """Call a streaming hub method; the call is made when the first item is asked for.

        Closing the generator, or cancelling whoever reads it, cancels the stream at the server. To close it for certain
        where a loop is left early, use `contextlib.aclosing`.

        Raises: as `invoke`, at an item.
        """
        conversion = conversion_to(item_type, self._settings.property_names)
        return read_stream(self._link, target, arguments, conversion)

    def _link(self) -> Link:
        supervisor = self._supervisor
        if supervisor is None or supervisor.link is None or supervisor.state is not ConnectionState.CONNECTED:
            raise NotConnected("Cannot send data if the connection is not in the 'Connected' State.")
        return supervisor.link
