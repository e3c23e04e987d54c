"""A hub whose connections a service holds: measures its calls and says what may be asked of clients within them.

Implements `HubHandler` around another one. Knows no HTTP.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence

from hubwire.azure.upstream_endpoint import TRANSPORT
from hubwire.clock import Clock
from hubwire.errors import HubwireError
from hubwire.hub.failures import is_expected
from hubwire.hub.ongoing import BEFORE_ASKING, Connecting, nothing
from hubwire.model import Caller
from hubwire.observe import Observer
from hubwire.ports import HubHandler
from hubwire.server.calls import is_stopped
from hubwire.session.events import EndReason
from hubwire.wire.messages import Invocation, StreamInvocation


class AzureHub:
    """One hub. Connections are counted by the events that arrive here, and nobody promises that all of them do."""

    __slots__ = ("_clock", "_handler", "_method_name", "_name", "_observer")

    def __init__(
        self,
        name: str,
        handler: HubHandler,
        method_name: Callable[[str], str | None],
        observer: Observer,
        clock: Clock,
    ) -> None:
        """Args:
        method_name: the registered spelling of a target, None: unknown.
        """
        self._name = name
        self._handler = handler
        self._method_name = method_name
        self._observer = observer
        self._clock = clock

    async def connected(self, caller: Caller) -> None:
        connecting = Connecting()  # the service reads nothing of the client before this has ended
        BEFORE_ASKING.set(connecting)
        try:
            await self._handler.connected(caller)
        except asyncio.CancelledError as error:
            raise _unless_stopped(error, caller, "connected") from error
        finally:
            connecting.is_over = True
        self._observer.connection_opened(self._name, TRANSPORT)

    async def invoke(
        self, caller: Caller, invocation: Invocation, uploads: Sequence[AsyncIterator[object]] = ()
    ) -> object:
        BEFORE_ASKING.set(nothing)  # answers go to the service, past the calls that wait there
        started = self._clock.monotonic()
        has_failed = False
        try:
            return await self._handler.invoke(caller, invocation, uploads)
        except asyncio.CancelledError as error:
            failure = _unless_stopped(error, caller, invocation.target)
            has_failed = True
            raise failure from error
        except Exception as error:
            has_failed = not is_expected(error)
            raise
        finally:
            name = self._method_name(invocation.target) or "unknown"
            self._observer.invocation_finished(self._name, name, self._clock.monotonic() - started, has_failed)

    def stream(
        self, caller: Caller, invocation: StreamInvocation, uploads: Sequence[AsyncIterator[object]] = ()
    ) -> AsyncGenerator[object, None]:
        return self._handler.stream(caller, invocation, uploads)

    def is_cancellable(self, target: str) -> bool:
        return False  # the service passes no cancel on

    async def disconnected(self, caller: Caller, error: BaseException | None) -> None:
        BEFORE_ASKING.set(nothing)
        reason = EndReason.CLIENT if error is None else EndReason.LOST  # the service tells no more
        self._observer.connection_closed(self._name, TRANSPORT, reason.value)
        try:
            await self._handler.disconnected(caller, error)
        except asyncio.CancelledError as failure:
            if is_stopped(failure, caller, "disconnected"):
                raise


def _unless_stopped(error: asyncio.CancelledError, caller: Caller, event: str) -> HubwireError:
    """What hub code has done that has awaited something cancelled: a failure like others, and logged.

    Raises: the cancellation itself, where it is meant for us.
    """
    if is_stopped(error, caller, event):
        raise error
    return HubwireError(f"{event} was cancelled by something that it awaited.")
