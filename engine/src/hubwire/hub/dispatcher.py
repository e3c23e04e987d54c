"""Runs the events of one hub's connections in hub objects: the `HubHandler` behind every hosting with sockets.

Knows no codec, socket or task; it is awaited by whoever owns them.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Sequence
from typing import Any, cast

from hubwire.errors import BindingError, MethodNotFound, StreamingMismatch
from hubwire.hub.binding import BoundMethod
from hubwire.hub.context import HubCallerContext, HubContext
from hubwire.hub.contracts import ClientContract, questions_of
from hubwire.hub.failures import is_expected, log_unexpected
from hubwire.hub.filters import ConnectedNext, DisconnectedNext, HubFilter, InvocationContext, InvokeNext
from hubwire.hub.hub import Hub, equip
from hubwire.hub.methods import methods_of
from hubwire.hub.streams import end, items_of
from hubwire.model import Caller, Features
from hubwire.options import PropertyNames
from hubwire.ports import DataPlane
from hubwire.wire.messages import Invocation, StreamInvocation

_log = logging.getLogger("hubwire.hub")

_Awaited = Coroutine[Any, Any, object]

HubFactory = Callable[[], Hub[Any]]
"""Makes a hub object for one call: a hub class, or a function without arguments that gives it its dependencies."""


class HubDispatcher:
    """Implements `HubHandler` for a hub class: a new hub object per call, filters around it, arguments bound."""

    def __init__(
        self,
        factory: HubFactory,
        plane: DataPlane,
        filters: Sequence[HubFilter] = (),
        *,
        hub: str | None = None,
        property_names: PropertyNames = PropertyNames.AS_DECLARED,
    ) -> None:
        """Check the hub and prepare its calls.

        Args:
            factory: called for each call. If it is neither a hub class nor a `functools.partial` of one, it is also
                called once here, to learn the class.
            hub: the hub's name; without it the class's.
            property_names: how fields of objects are named in what clients send.

        Raises: TypeError when a method of the hub cannot be offered, on this plane or at all.
        """
        self.hub_class = hub_class_of(factory)
        """What the factory makes."""
        self.name = hub or self.hub_class.__name__
        self.context: HubContext[ClientContract] = HubContext(plane, self.hub_class.client_contract, property_names)
        """The way in from outside."""
        self._factory = factory
        self._plane = plane
        self._property_names = property_names
        self._methods = {
            name.lower(): BoundMethod(method, property_names) for name, method in methods_of(self.hub_class).items()
        }
        self._cancellable = frozenset(name for name, method in self._methods.items() if method.is_cancellable)
        self._require_features()
        self._filters = tuple(filters)
        self._connected, self._invoke, self._disconnected = self._chain()

    def method_name(self, target: str) -> str | None:
        """The registered spelling of a target, None: there is no such method. For error texts and measurements."""
        method = self._methods.get(target.lower())
        return method.name if method else None

    def is_cancellable(self, target: str) -> bool:
        return bool(self._cancellable) and target.lower() in self._cancellable

    async def connected(self, caller: Caller) -> None:
        try:
            await self._connected(HubCallerContext(self._plane, caller))
        except Exception as error:
            if not is_expected(error):
                log_unexpected(error, caller, "connected")
            raise

    async def invoke(
        self, caller: Caller, invocation: Invocation, uploads: Sequence[AsyncIterator[object]] = ()
    ) -> object:
        method = self._methods.get(invocation.target.lower())
        if method is None:
            raise MethodNotFound(invocation.target)
        try:
            if method.is_streaming:
                raise StreamingMismatch(method.name, is_streaming=True)
            arguments = method.bind(invocation.arguments, uploads, len(invocation.stream_ids))
            hub = self._factory()
            equip(hub, self._plane, caller, self._property_names)
            if not self._filters:  # nobody would look at the context of the call
                function: Callable[..., Any] = method.function
                return await function(hub, *arguments)
            return await self._invoke(InvocationContext(hub.context, hub, method.name, arguments))
        except Exception as error:
            self._log_failure(error, caller, method)
            raise

    async def stream(
        self, caller: Caller, invocation: StreamInvocation, uploads: Sequence[AsyncIterator[object]] = ()
    ) -> AsyncGenerator[object, None]:
        method = self._methods.get(invocation.target.lower())
        if method is None:
            raise MethodNotFound(invocation.target)
        opened: list[AsyncIterator[object]] = []
        try:
            if not method.is_streaming:
                raise StreamingMismatch(method.name, is_streaming=False)
            arguments = method.bind(invocation.arguments, uploads, len(invocation.stream_ids))
            hub = self._factory()
            self._equip(hub, caller)
            proceed: InvokeNext = functools.partial(self._hub_stream, method, opened)
            for each in reversed(self._filters):
                proceed = functools.partial(_filter_stream, each, opened, proceed)
            items = await proceed(InvocationContext(hub.context, hub, method.name, arguments, True))
            async for item in items_of(items, method.name):
                yield item
        except Exception as error:
            self._log_failure(error, caller, method)
            raise
        finally:
            await self._end(opened, caller, method)

    async def disconnected(self, caller: Caller, error: BaseException | None) -> None:
        try:
            await self._disconnected(HubCallerContext(self._plane, caller), error)
        except Exception as failure:  # noqa: BLE001 - the connection is gone: nobody is left to be told but the log
            log_unexpected(failure, caller, "disconnected")

    def _require_features(self) -> None:
        """Fail now for what the plane cannot do. Raises: TypeError, also for results that cannot be converted."""
        for method in self._methods.values():
            if (method.is_streaming or method.upload_count) and Features.STREAMING not in self._plane.features:
                raise TypeError(
                    f"Hub method {method.name!r} of {self.name} streams and needs Features.STREAMING, which this way "
                    "of hosting has not; host the hub where its connections are held, or leave the method out."
                )

        contract = self.hub_class.client_contract
        for question in questions_of(contract):
            question.conversion(self._property_names)
            if Features.CLIENT_RESULTS not in self._plane.features:
                raise TypeError(
                    f"Client method {question.name!r} of {contract.__qualname__}, the contract of {self.name}, asks "
                    "for a result and needs Features.CLIENT_RESULTS, which this way of hosting has not; "
                    "let it return None."
                )

    def _chain(self) -> tuple[ConnectedNext, InvokeNext, DisconnectedNext]:
        """Put the filters around the hub once, so that a call builds no closures; a stream, which is rarer, does."""
        connected: ConnectedNext = self._hub_connected
        invoke: InvokeNext = self._hub_invoke
        disconnected: DisconnectedNext = self._hub_disconnected
        for each in reversed(self._filters):
            connected = functools.partial(_filter_connected, each, connected)
            invoke = functools.partial(_filter_invoke, each, invoke)
            disconnected = functools.partial(_filter_disconnected, each, disconnected)
        return connected, invoke, disconnected

    def _equip(self, hub: Hub[Any], caller: Caller) -> None:
        equip(hub, self._plane, caller, self._property_names)

    async def _hub_connected(self, context: HubCallerContext) -> None:
        hub = self._factory()
        self._equip(hub, context.caller)
        await hub.connected()

    async def _hub_invoke(self, call: InvocationContext) -> object:
        # Whether a method streams was found out at registration, and `invoke` is for those that do not.
        function: Callable[..., Any] = self._methods[call.method.lower()].function
        return await function(call.hub, *call.arguments)

    async def _hub_stream(
        self, method: BoundMethod, opened: list[AsyncIterator[object]], call: InvocationContext
    ) -> AsyncIterator[object]:
        value: object = method.function(call.hub, *call.arguments)
        if not method.is_generator:
            value = await cast(_Awaited, value)  # as above
        items = items_of(value, method.name)
        opened.append(items)
        return items

    async def _hub_disconnected(self, context: HubCallerContext, error: BaseException | None) -> None:
        hub = self._factory()
        self._equip(hub, context.caller)
        await hub.disconnected(error)

    async def _end(self, opened: list[AsyncIterator[object]], caller: Caller, method: BoundMethod) -> None:
        """End the iterators of a stream, the outermost first: `async for` leaves what it has not read through open."""
        ended: AsyncIterator[object] | None = None
        for items in reversed(opened):
            if items is ended:  # a filter without a `stream` of its own
                continue
            ended = items
            try:
                await end(items)
            except Exception as error:  # noqa: BLE001 - the stream is over: nobody is left to be told but the log
                log_unexpected(error, caller, method.name)

    def _log_failure(self, error: Exception, caller: Caller, method: BoundMethod) -> None:
        if not is_expected(error):
            log_unexpected(error, caller, method.name)
        elif isinstance(error, BindingError):
            # Clients get the reference server's text, which does not say which argument; developers need that.
            _log.debug("Call of %s.%s does not fit: %s", self.name, method.name, error.__cause__ or error)


async def _filter_connected(each: HubFilter, proceed: ConnectedNext, context: HubCallerContext) -> None:
    await each.connected(context, proceed)


async def _filter_invoke(each: HubFilter, proceed: InvokeNext, call: InvocationContext) -> object:
    return await each.invoke(call, proceed)


async def _filter_stream(
    each: HubFilter, opened: list[AsyncIterator[object]], proceed: InvokeNext, call: InvocationContext
) -> AsyncIterator[object]:
    """Both sides of a filter: nothing gets to `stream` that `invoke` has not let pass."""
    items = items_of(await each.invoke(call, proceed), call.method)
    opened.append(items)
    items = items_of(each.stream(call, items), call.method)
    opened.append(items)
    return items


async def _filter_disconnected(
    each: HubFilter, proceed: DisconnectedNext, context: HubCallerContext, error: BaseException | None
) -> None:
    await each.disconnected(context, error, proceed)


def hub_class_of(factory: HubFactory) -> type[Hub[Any]]:
    candidate: object = factory.func if isinstance(factory, functools.partial) else factory
    if not isinstance(candidate, type):
        candidate = type(factory())
    if not issubclass(candidate, Hub):
        raise TypeError(f"{candidate.__qualname__} is no hub; give a subclass of Hub, or a function that makes one.")
    return candidate
